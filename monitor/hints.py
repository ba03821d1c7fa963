"""What a server's headers say about time: how long an answer stays fresh, when to come back.

Pure; header values as bytes, ``now`` passed in. What cannot be read says nothing: no header of a
server may raise here, nor make us ask sooner than without it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

Headers = Sequence[tuple[bytes, bytes]]

_LONGEST = 2**31
"""Seconds: larger numbers are read as this many (RFC 9111, 1.2.2)."""

_SILENCE = timedelta(days=3650)
"""A longer Retry-After is read as this: dates end at the year 9999."""

_DIRECTIVE = re.compile(r'\s*([^\s=,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*))?\s*(?:,|$)')


def first(headers: Headers, name: bytes) -> bytes | None:
    """The value of the first header with that lower-case name, None when absent or empty."""
    return next((value for key, value in headers if key.lower() == name and value), None)


def max_age(headers: Headers) -> timedelta | None:
    """How long the answer stays fresh from now on: max-age, else Expires, less Age.

    None where nothing is said, and where no-cache or no-store say that the answer is never
    fresh: these do not mean "come sooner".
    """
    directives = _directives(headers)
    if "no-cache" in directives or "no-store" in directives:
        return None
    lifetime = _seconds(directives["max-age"]) if "max-age" in directives else _expires(headers)
    if lifetime is None:
        return None
    age = _seconds((first(headers, b"age") or b"0").decode("latin-1")) or 0
    return timedelta(seconds=max(0, lifetime - age))


def retry_at(headers: Headers, now: datetime) -> datetime | None:
    """The moment before which the server wants no request, in UTC; None when it did not say.

    Seconds count from now. A date counts from the server's own Date, so that a wrong clock on
    either side does not matter.
    """
    values = [value for key, value in headers if key.lower() == b"retry-after"]
    waits = [wait for value in values if (wait := _wait(value, headers, now)) is not None]
    if not waits:
        return None
    return now.astimezone(UTC) + min(max(*waits, timedelta(0)), _SILENCE)


def _wait(value: bytes, headers: Headers, now: datetime) -> timedelta | None:
    text = value.decode("latin-1").strip()
    seconds = _seconds(text)
    if seconds is not None:
        return timedelta(seconds=seconds)
    until = http_date(text)
    if until is None:
        return None
    return until - (_date(headers, b"date") or now)


def http_date(text: str) -> datetime | None:
    """One of the three forms of RFC 9110, 5.6.7, in UTC; None for anything else."""
    try:
        found = parsedate_to_datetime(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found


def _directives(headers: Headers) -> dict[str, str]:
    """Cache-Control, of several equal directives the first; ``name`` -> argument without quotes."""
    text = ",".join(
        value.decode("latin-1") for key, value in headers if key.lower() == b"cache-control"
    )
    found: dict[str, str] = {}
    for name, argument in _DIRECTIVE.findall(text[:4096]):
        found.setdefault(name.lower(), argument.strip('"'))
    return found


def _seconds(text: str) -> int | None:
    """Digits as seconds, clamped; a fraction counts as the next whole second."""
    match = re.fullmatch(r"\s*(\d+)(\.\d+)?\s*", text, re.ASCII)
    if match is None:
        return None
    digits = match[1].lstrip("0")
    whole = _LONGEST if len(digits) > 10 else int(digits or "0")
    return min(_LONGEST, whole + bool(match[2]))


def _expires(headers: Headers) -> int | None:
    expires = _date(headers, b"expires")
    date = _date(headers, b"date") if expires is not None else None
    if expires is None or date is None:
        return None
    return min(_LONGEST, max(0, int((expires - date).total_seconds())))


def _date(headers: Headers, name: bytes) -> datetime | None:
    value = first(headers, name)
    return None if value is None else http_date(value.decode("latin-1"))
