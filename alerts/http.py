"""One POST to a chat service or a webhook, and what its answer means in general.

A channel whose service has a dialect of its own reads the `Reply` first and leaves the rest to
`settle`.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from alerts.channel import PermanentFailure, Receipt, TemporaryFailure
from alerts.text import clean, cut

LARGEST_ANSWER = 64 * 1024
LONGEST_READ = 3.0  # seconds for a body, of which only a refusal's first words matter
LONGEST_PAUSE = timedelta(days=30)  # what is asked beyond that is a mistake of the service
PAUSE_GATEWAY = timedelta(seconds=10)  # for a gateway that does not reach its service (C7)
PAUSE_UNTOLD = timedelta(seconds=60)  # a service that asks for silence without saying how long

_PERMANENT = {
    400: "refused the alert as malformed",
    401: "does not accept our credentials; check url and secret",
    403: "forbids us to send; check url and secret",
    404: "knows no such address; check url",
    405: "takes no POST; check url",
    413: "found the alert too large",
    422: "refused the alert's content",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A service's answer. ``text`` is at most 64 kB of it."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def told(self) -> Mapping[str, Any]:
        """The answer as a JSON object; empty when it is anything else."""
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def excerpt(self) -> str:
        """A few words of the answer for the operator, on one line."""
        return cut(clean(re.sub(r"<[^<>]{0,200}>", " ", self.text[:2000])), 160)


async def post_json(
    http: httpx.AsyncClient,
    url: str,
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
) -> Reply:
    """`post` a JSON object.

    Raises:
        TemporaryFailure, PermanentFailure: as `post`.
    """
    content = json.dumps(body, ensure_ascii=False).encode()
    kind = {"content-type": "application/json; charset=utf-8"}
    return await post(http, url, content, {**kind, **(headers or {})}, method=method)


async def post(
    http: httpx.AsyncClient,
    url: str,
    content: bytes,
    headers: Mapping[str, str],
    *,
    method: str = "POST",
) -> Reply:
    """Send once, by POST unless ``method`` says otherwise, and read at most 64 kB of the answer.

    Raises:
        TemporaryFailure: there was no answer.
        PermanentFailure: the URL cannot be asked.
    """
    place = origin(url)
    asked = {"accept-encoding": "identity", **headers}
    try:
        async with http.stream(method, url, content=content, headers=asked) as response:
            return Reply(
                response.status_code, response.headers, _without(url, await _read(response))
            )
    except httpx.TimeoutException as error:
        raise TemporaryFailure(f"{place} did not answer in time") from error
    except httpx.ConnectError as error:
        raise TemporaryFailure(f"cannot connect to {place}{_because(error)}") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise PermanentFailure(f"{place} is not an address that can be asked") from error
    except httpx.HTTPError as error:
        raise TemporaryFailure(f"{place} ended the connection without an answer") from error


async def _read(response: httpx.Response) -> str:
    """The start of the body. The status has come, so it counts, even if the body breaks off or
    does not end."""
    body = bytearray()
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(LONGEST_READ):
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) >= LARGEST_ANSWER:
                    break
    return bytes(body[:LARGEST_ANSWER]).decode("utf-8", "replace")


def _without(url: str, text: str) -> str:
    """``text`` without ``url``, which may hold a secret and which some services repeat."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    for secret in (url, target, parts.path, parts.query):
        if len(secret) > 3:
            text = text.replace(secret, "(our address)")
    return text


def _because(error: Exception) -> str:
    told = cut(clean(str(error)), 160)
    return f": {told}" if told else ""


def origin(url: str) -> str:
    """``https://host:port``: all of a URL that may be shown, as the rest may hold secrets."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the address"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def silence(
    reply: Reply, url: str, now: datetime, seconds: object = None
) -> TemporaryFailure | None:
    """A 429 in the dialect of a service that says in the body for how many ``seconds`` it wants no
    message; the header counts too, and the longer of the two. None for any other answer."""
    if reply.status != 429:
        return None
    asked = [retry_after(reply.headers.get("retry-after"), now)]
    if isinstance(seconds, int | float) and 0 <= seconds < math.inf:
        asked.append(retry_after(str(math.ceil(min(seconds, 1e9))), now))
    until = max((at for at in asked if at), default=now + PAUSE_UNTOLD)
    told = f"{origin(url)} answered 429: too many requests"
    return TemporaryFailure(told, retry_at=until, blocks=True)


def settle(reply: Reply, url: str, now: datetime) -> Receipt:
    """What an answer means where the service says no more than HTTP does.

    Raises:
        TemporaryFailure: a server error, a redirect (never followed), or a request for silence.
        PermanentFailure: the alert was refused; 401 and 410 stop the channel.
    """
    status, place = reply.status, origin(url)
    if 200 <= status < 300:
        return Receipt(str(status))
    told = f"{place} answered {status}"
    retry_at = retry_after(reply.headers.get("retry-after"), now)
    if status == 429:
        raise TemporaryFailure(
            f"{told}: too many requests", retry_at=retry_at or now + PAUSE_UNTOLD, blocks=True
        )
    if 300 <= status < 400:
        raise TemporaryFailure(
            f"{told}, a redirect, which is not followed; put the address it leads to into url"
        )
    if status == 410:
        raise PermanentFailure(f"{told}: the address is gone for good", disables=True)
    said = f" ({reply.excerpt})" if reply.excerpt else ""
    if 400 <= status < 500 and status not in {408, 421, 423, 425}:
        meaning = _PERMANENT.get(status, "refused the alert")
        raise PermanentFailure(f"{told}: it {meaning}{said}", disables=status == 401)
    if status in {502, 504} and retry_at is None:  # whoever stands before it cannot reach it
        retry_at = now + PAUSE_GATEWAY
    raise TemporaryFailure(f"{told}{said}", retry_at=retry_at, blocks=retry_at is not None)


def retry_after(value: str | None, now: datetime) -> datetime | None:
    """When a Retry-After header lets us come back: seconds or an HTTP date (RFC 9110, 10.2.3).

    Never before ``now``; None when it is absent or unreadable. Fractions of seconds, which some
    services send, are rounded up.
    """
    text = (value or "").strip()
    if not text:
        return None
    if re.fullmatch(r"\d{1,18}(\.\d{0,9})?", text, re.ASCII):
        pause = timedelta(seconds=min(math.ceil(float(text)), LONGEST_PAUSE.total_seconds()))
        return now + pause
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None  # what the parser of dates raises depends on where it stumbles
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max(at, now), now + LONGEST_PAUSE)
