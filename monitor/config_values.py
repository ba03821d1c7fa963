"""Texts of the configuration -> values: each function converts one, or raises `WrongValueError`.

Pure, and in the words of someone who edits YAML: what is wrong, and what to write instead.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from itertools import islice
from typing import Literal, cast
from zoneinfo import ZoneInfo, available_timezones

from rules.source import is_visible

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PERIOD = re.compile(r"(?:\d{1,6}(?:\.\d{1,3})?(?:ms|[smhdw]))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])", re.ASCII)
_SPOKEN = re.compile(r"(\d{1,6})\s*(sec|min|hour|hr|day|week)[a-z]*\.?", re.IGNORECASE | re.ASCII)
_LONGEST = timedelta(days=3660)
_HOUR, _MONTH = timedelta(hours=1), timedelta(days=30)
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)
_LANG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
SEVERITIES = ("low", "normal", "high", "critical")
LOG_LEVELS = ("debug", "info", "warning", "error")
_PLAIN_URL = re.compile(
    r"https?://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,9}[a-z]{2,63}(?::80|:443)?"
    r"(?:/[A-Za-z0-9._~/-]{0,500})?(?:\?[A-Za-z0-9._~/=&-]{0,500})?"
)
_STRANGE = re.compile(r"""[\\\x00-\x20\x7f-\xa0\u2000-\u200f\u2028-\u202f\u3000<>"^`{|}]""")
_OURS = {
    "accept-encoding": "wirewatch accepts only encodings whose size it can bound",
    "connection": "the connection is wirewatch's",
    "content-length": "a feed is fetched without a body",
    "host": "it follows from the url",
    "if-modified-since": "wirewatch sends what the server gave it",
    "if-none-match": "wirewatch sends what the server gave it",
    "transfer-encoding": "a feed is fetched without a body",
    "user-agent": "it names wirewatch and your contact:",
}


class WrongValueError(Exception):
    """A value cannot be used. ``offset``: at which of its characters, None for the whole."""

    def __init__(self, message: str, hint: str = "", offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.offset = offset


def shown(text: str) -> str:
    """A text as it may stand in a message: one line, of bounded length."""
    clean = "".join(c if c.isprintable() else "\ufffd" for c in text[:80])
    return clean if len(text) <= 60 else f"{clean[:60]}…"


def path(text: str) -> str:
    """A path or a pattern of paths."""
    if not text.isprintable():
        raise WrongValueError(f"'{shown(text)}' holds signs that no path here may have")
    return text


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean …?`` for the nearest of the known names, empty when none is near."""
    alike = (entry for entry in known if abs(len(entry) - len(name)) <= 3)
    spelled = {entry.lower(): entry for entry in islice(alike, 2_000)}
    near = get_close_matches(name[:80].lower(), spelled, n=1, cutoff=0.6)
    return f"did you mean {spelled[near[0]]}?" if near else ""


def period(text: str) -> timedelta:
    """``10m``, ``1h30m``, ``90s``, ``7d``."""
    if _PERIOD.fullmatch(text):
        parts = _PART.findall(text)
        total = sum((float(number) * _UNITS[unit] for number, unit in parts), timedelta())
        if total > _LONGEST:
            raise WrongValueError(f"'{shown(text)}' is longer than ten years")
        return total
    spoken = _SPOKEN.fullmatch(text.strip())
    if spoken:
        short = f"{spoken[1]}{spoken[2][0].lower()}"
        raise WrongValueError(f"'{shown(text)}' is not a period", f"write {short}")
    if text.isdecimal():
        example = f"{text[:6]}s, {text[:6]}m or {text[:6]}h"
        raise WrongValueError(f"'{shown(text)}' has no unit", f"write {example}")
    raise WrongValueError(f"'{shown(text)}' is not a period", "write it as 30s, 10m, 6h or 7d")


def every(text: str) -> timedelta:
    """How often a feed is polled: any period from one second."""
    value = period(text)
    if value < timedelta(seconds=1):
        raise WrongValueError(f"'{text}' is too often", "a feed is polled at most every 1s")
    return value


def some_time(text: str) -> timedelta:
    """A period that is not nothing."""
    value = period(text)
    if not value:
        raise WrongValueError(f"'{text}' is no time at all", "write it as 30s, 10m, 6h or 7d")
    return value


def absent(text: str) -> timedelta:
    """How long no hit may come."""
    value = period(text)
    if not _HOUR <= value <= _MONTH:
        raise WrongValueError(f"'{shown(text)}' is not between 1h and 30d", "write it as 24h")
    return value


def first_poll(text: str) -> Literal["baseline", "alert"] | timedelta:
    """What is told of the items of a first poll."""
    if text in ("baseline", "alert"):
        return cast("Literal['baseline', 'alert']", text)
    try:
        return some_time(text)
    except WrongValueError:
        message = f"'{shown(text)}' is not a way to begin"
        hint = "write baseline, alert, or a period such as 24h"
        raise WrongValueError(message, hint) from None


def boolean(text: str) -> bool:
    """``yes`` or ``no``, in the usual spellings."""
    lower = text.lower()
    if lower in ("yes", "true", "on"):
        return True
    if lower in ("no", "false", "off"):
        return False
    raise WrongValueError(f"'{shown(text)}' is neither yes nor no")


def number(text: str) -> float:
    """A plain decimal number from 1."""
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text, re.ASCII) or float(text) < 1:
        raise WrongValueError(f"'{shown(text)}' is not a number from 1", "write it as 2 or 1.5")
    return float(text)


def severity(text: str) -> Literal["low", "normal", "high", "critical"]:
    """How much an alert matters."""
    return cast("Literal['low', 'normal', 'high', 'critical']", _one_of(text, SEVERITIES))


def repeat(text: str) -> str:
    """Which hits of a story are told."""
    return _one_of(text, ("each", "story"))


def log_level(text: str) -> str:
    """A level of the log, in the spelling of the logger."""
    return _one_of(text.lower(), LOG_LEVELS).upper()


def _one_of(text: str, words: tuple[str, ...]) -> str:
    if text in words:
        return text
    hint = nearest(text, words) or f"write {', '.join(words[:-1])} or {words[-1]}"
    raise WrongValueError(f"'{shown(text)}' is not known here", hint)


def words(text: str) -> str:
    """A text for people: one visible line."""
    return _visible(text, 500)


def word(text: str) -> str:
    """A label, such as a tag."""
    return _visible(text, 100)


def _visible(text: str, longest: int) -> str:
    if not text.strip():
        raise WrongValueError("a text was expected, nothing is here")
    if len(text) > longest:
        raise WrongValueError(f"'{shown(text)}' is longer than {longest} characters")
    if not is_visible(text):
        raise WrongValueError(f"'{shown(text)}' holds signs that cannot be seen", "write one line")
    return text


def note(text: str) -> str:
    """A remark of any number of lines."""
    if len(text) > 10_000:
        raise WrongValueError("a note of more than 10,000 characters")
    return text


def template(text: str) -> str:
    """What a channel's messages say, in the operator's words."""
    from alerts.template import Template  # noqa: PLC0415 - few have one, and Jinja2 is large

    try:
        Template(text)
    except ValueError as error:
        raise WrongValueError(f"not a template: {error}") from None
    return text


def contact(text: str) -> str:
    """Who is behind the requests: an address or a page. Stands in a header of every request."""
    hint = "write an email address or a web page, such as desk@example.org"
    if not (text.isascii() and text.isprintable()) or len(text) > 200:
        raise WrongValueError(f"'{shown(text)}' cannot stand in a header", hint)
    if any(sign in text for sign in "()\\;") or not re.search(r"[^@\s]@[^@\s]|https?://\S", text):
        raise WrongValueError(f"'{shown(text)}' is not a contact", hint)
    return text


def feed_url(text: str) -> str:
    """The address of a feed: http or https, without user name, one that may be asked."""
    if _PLAIN_URL.fullmatch(text):
        return text
    strange = _STRANGE.search(text)
    if strange:
        message = f"the URL holds {_sign(strange[0])}"
        raise WrongValueError(message, "write it with %-signs", strange.start())
    scheme, separator, rest = text.partition("://")
    if scheme.lower() not in ("http", "https"):
        hint = f"write https:// {'in its place' if separator else 'before it'}"
        raise WrongValueError(f"'{shown(text)}' is neither http:// nor https://", hint)
    if "@" in re.split(r"[/?#]", rest, maxsplit=1)[0]:
        hint = "write auth: {user: …, password: …}"
        raise WrongValueError("a user name does not belong into the URL of a feed", hint)
    _require_askable(text)
    return text


def _require_askable(url: str) -> None:
    """Whatever is not as plain as most is judged by the very parser that will ask it."""
    from monitor.urls import BadUrl, normalised  # noqa: PLC0415 - takes a tenth of a second

    try:
        normalised(url)
    except BadUrl as error:
        raise WrongValueError(str(error)) from None


def _sign(char: str) -> str:
    return f"U+{ord(char):04X}" if char.isspace() or not char.isprintable() else f"'{char}'"


def private_host(text: str) -> str:
    """A host, address or network, as ``allow_private`` takes it."""
    try:
        return str(ipaddress.ip_network(text, strict=True) if "/" in text else _address(text))
    except ValueError as error:
        if "/" in text:
            hint = "write it as 10.0.0.0/8"
            if "host bits" in str(error):
                hint = f"write {ipaddress.ip_network(text, strict=False)}"
            raise WrongValueError(f"'{shown(text)}' is not a network", hint) from None
    if not _HOST.fullmatch(text) or len(text) > 253:
        message = f"'{shown(text)}' is not a host, address or network"
        raise WrongValueError(message, "write localhost, 127.0.0.1 or 10.0.0.0/8")
    return text.lower().rstrip(".")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))


def language(text: str) -> str:
    """A language tag, such as ``id`` or ``en-GB``."""
    if not _LANG.fullmatch(text):
        raise WrongValueError(f"'{shown(text)}' is not a language", "write it as id, en or en-GB")
    return text


def header_name(text: str) -> str:
    """The name of a header that an operator may add to a request."""
    if not _TOKEN.fullmatch(text):
        raise WrongValueError(f"'{shown(text)}' is not the name of a header")
    if text.lower() in _OURS:
        raise WrongValueError(f"{text} cannot be set", _OURS[text.lower()])
    return text


def header_value(text: str) -> str:
    """The value of a header: visible ASCII."""
    if not (text.isascii() and text.isprintable()):
        raise WrongValueError("a header holds visible ASCII signs only")
    return text.strip()


def timezone(text: str) -> ZoneInfo:
    """A time zone by its name."""
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        hint = nearest(text, available_timezones()) or "write it as Asia/Jakarta or UTC"
        raise WrongValueError(f"no time zone is called '{shown(text)}'", hint) from None


def until(text: str, zone: ZoneInfo) -> datetime:
    """A moment; a day alone counts to its end in ``zone``."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            day = date.fromisoformat(text)
            return datetime.combine(day + timedelta(days=1), time(), zone)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        hint = "write it as 2026-12-31 or 2026-12-31 18:00"
        raise WrongValueError(f"'{shown(text)}' is not a date", hint) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def database(text: str) -> str:
    """The path of an SQLite file, written as an SQLAlchemy URL."""
    scheme, separator, path = text.partition(":///")
    hint = "write it as sqlite:///wirewatch.db"
    if text.startswith("postgres"):
        raise WrongValueError("PostgreSQL is not available in this version", hint)
    if scheme != "sqlite" or not separator or not path or path == ":memory:":
        raise WrongValueError(f"'{shown(text)}' is not a database", hint)
    if "?" in path or "#" in path or not path.isprintable():
        raise WrongValueError(f"'{shown(text)}' holds signs that no path here may have", hint)
    return path
