"""One conditional GET: a feed's URL and what we know of it -> Fetched | NotModified | FetchFailed.

Redirects are followed by hand, since every hop is a decision: may this address be dialled, may it
be told the validators, may it see the operator's secrets. Validators are what the server sent,
byte for byte, and go back to the URL that sent them and to no other.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Literal

import httpx

from monitor import hints
from monitor.guard import FeedClient
from monitor.transport import DialBlocked, NameUnknown, TlsFailed
from monitor.unpack import BadBody, Unpacker
from monitor.urls import BadUrl, host_in, joined, origin, parsed, redacted


@dataclass(frozen=True, slots=True)
class Validators:
    """ETag and Last-Modified as the server sent them, byte for byte, always kept as a pair.

    ``url`` is the final URL that gave them; no other URL is ever sent them (A8).
    """

    url: str
    etag: bytes | None = None
    last_modified: bytes | None = None


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What to ask for. ``headers`` and ``auth`` are the operator's: for no other origin than that
    of ``url``. ``start`` is where to ask instead of there: a server named it, so it reaches no
    further than a redirect from ``url`` does."""

    url: str
    validators: Validators | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None
    start: str | None = None


@dataclass(frozen=True, slots=True)
class ServerHints:
    """What the response's headers say about when to come back. ``max_age``: already less Age."""

    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A 200 with its whole body, decompressed. ``moved_to``: where an unbroken chain of permanent
    redirects (301, 308) from where we asked led, else None. ``content_type`` is the header as
    one printable line. ``answered_at``: when the head of the answer was there."""

    url: str
    body: bytes
    content_type: str
    validators: Validators | None
    hints: ServerHints
    moved_to: str | None = None
    status: int = 200
    answered_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotModified:
    """A 304. ``validators``: a new pair, when the 304 carried one (A5)."""

    validators: Validators | None
    hints: ServerHints
    moved_to: str | None = None
    status: int = 304
    answered_at: datetime | None = field(default=None, compare=False)


FailureKind = Literal[
    "timeout",  # the total deadline
    "dns",
    "refused",  # or unreachable
    "tls",
    "dropped",  # the connection ended early
    "blocked",  # our guard refused to dial
    "redirects",  # too many, a circle, a downgrade, a bad Location
    "too_big",
    "protocol",  # not HTTP, or an encoding we did not ask for
    "status",  # any other status
    "rate_limited",  # 429, or 503 with Retry-After
    "gone",  # 410
]


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No usable answer. ``message`` is one clean line for the operator, without secrets.
    ``retry_at`` is the server's own Retry-After, as an aware UTC time; ``url`` is who said so."""

    kind: FailureKind
    message: str
    status: int | None = None
    retry_at: datetime | None = None
    url: str = field(default="", compare=False)


FetchResult = Fetched | NotModified | FetchFailed
Turn = Callable[[str], Awaitable[datetime | None]]
"""Waits until a host may be asked; says until when it wants no request, None where it does not."""

MAX_REDIRECTS = 5
MAX_BODY = 15 * 1024 * 1024
TIMEOUT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(seconds=60)
"""For the turns of one fetch, together."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


@lru_cache(maxsize=10_000)
def _parsed_before(url: str) -> httpx.URL:
    """The same few thousand URLs are asked again and again; reading one is a tenth of a poll."""
    return parsed(url)


async def fetch(
    client: FeedClient,
    request: FetchRequest,
    *,
    now: datetime,
    timeout: timedelta = TIMEOUT,  # noqa: ASYNC109 - one deadline over all hops is the promise
    max_body: int = MAX_BODY,
    turn: Turn | None = None,
) -> FetchResult:
    """Ask once, following redirects, and say what came back; never raises for what servers do.

    One deadline bounds everything: names, connections, hops and bodies. ``max_body`` bounds the
    decompressed body. ``now`` is when the request starts, aware UTC. ``turn`` waits until a host
    may be asked, before every request; that time is ours and not the server's, and has a bound of
    its own.
    """
    seconds = timeout.total_seconds()
    journey = _Journey(client, request, _Clock(now), max_body)
    try:
        async with asyncio.timeout(seconds) as deadline:
            return await journey.result(_Queue(turn, deadline) if turn else None)
    except TimeoutError:
        return journey.failed("timeout", f"no answer within {seconds:g} s")
    except _Ended as ended:
        return journey.failed(ended.kind, str(ended), ended.status, ended.retry_at)
    except BadBody as bad:
        return journey.failed(bad.kind, bad.message)
    except httpx.HTTPError as error:
        return journey.failed(_kind(error), str(error))


class _Ended(Exception):  # noqa: N818 - carries an outcome out of the depths of one fetch
    def __init__(
        self,
        kind: FailureKind,
        message: str,
        status: int | None = None,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_at = retry_at


class _Clock:
    """The time, counted on from when the fetch began."""

    def __init__(self, began: datetime) -> None:
        self._began = began
        self._loop = asyncio.get_running_loop()
        self._at = self._loop.time()

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._loop.time() - self._at)


class _Queue:
    """Where a fetch waits for its turns, while its deadline stands still."""

    def __init__(self, turn: Turn, deadline: asyncio.Timeout) -> None:
        self._turn = turn
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._patience = LONGEST_WAIT.total_seconds()

    async def wait(self, host: str) -> None:
        began = self._loop.time()
        due = self._deadline.when()
        self._deadline.reschedule(None)
        try:
            async with asyncio.timeout(self._patience):
                silent_until = await self._turn(host)
        except TimeoutError:
            wait = f"{LONGEST_WAIT.total_seconds():g} s"
            raise _Ended("timeout", f"others are asking {host}: no turn within {wait}") from None
        finally:
            waited = self._loop.time() - began
            self._patience -= waited
            if due is not None:
                self._deadline.reschedule(due + waited)
        if silent_until is not None:
            until = f"{silent_until:%Y-%m-%d %H:%M:%S} UTC"
            message = f"{host} wants no request before {until}"
            raise _Ended("rate_limited", message, retry_at=silent_until)


class _Journey:
    """One fetch, from the configured URL to an answer: which hop is asked by which door, and
    told what."""

    def __init__(
        self,
        client: FeedClient,
        request: FetchRequest,
        clock: _Clock,
        max_body: int,
    ) -> None:
        self._client = client
        self._request = request
        self._clock = clock
        self._max_body = max_body
        self._at_home = True  # every hop so far stayed within the configured origin
        self._answered_at: datetime | None = None
        self._permanent = True  # every redirect so far was permanent
        self._seen: list[str] = []

    async def result(self, queue: _Queue | None) -> FetchResult:
        url = self._first()
        while True:
            self._visit(url)
            if queue is not None:
                await queue.wait(host_in(url))
            response = await self._asked(url)
            self._answered_at = self._clock.now()
            try:
                if response.status_code not in _REDIRECTS:
                    return await self._judged(response)
                url = self._next(url, response)
            finally:
                await response.aclose()

    def _first(self) -> httpx.URL:
        try:
            url = _parsed_before(self._request.url)
            if self._request.start is None:
                return url
            start = _parsed_before(self._request.start)
        except BadUrl as bad:
            raise _Ended("protocol", str(bad)) from None
        self._at_home = origin(url) == origin(start)
        return start

    def _visit(self, url: httpx.URL) -> None:
        if str(url) in self._seen:
            raise _Ended("redirects", f"redirects in a circle, back to {redacted(str(url))}")
        if len(self._seen) > MAX_REDIRECTS:
            raise _Ended("redirects", f"more than {MAX_REDIRECTS} redirects")
        self._seen.append(str(url))

    async def _asked(self, url: httpx.URL) -> httpx.Response:
        client = self._client.configured if self._at_home else self._client.followed
        request = client.build_request("GET", url, headers=self._headers())
        return await client.send(request, stream=True)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        """Secrets only within the configured origin, conditions only for the URL that gave them."""
        headers: list[tuple[bytes, bytes]] = []
        if self._at_home:
            headers += [(name.encode(), value.encode()) for name, value in _own(self._request)]
        known = self._conditions()
        if known is not None and known.etag is not None:
            headers.append((b"If-None-Match", known.etag))
        if known is not None and known.last_modified is not None:
            headers.append((b"If-Modified-Since", known.last_modified))
        return headers

    def _conditions(self) -> Validators | None:
        known = self._request.validators
        return known if known is not None and known.url == self._seen[-1] else None

    def _next(self, url: httpx.URL, response: httpx.Response) -> httpx.URL:
        status = response.status_code
        target = _target(url, response)
        if url.scheme == "https" and target.scheme == "http":
            raise _Ended(
                "redirects",
                f"redirects from https down to {redacted(str(target))}, which is not followed",
                status,
            )
        self._permanent = self._permanent and status in _PERMANENT
        self._at_home = self._at_home and origin(url) == origin(target)
        return target

    async def _judged(self, response: httpx.Response) -> FetchResult:
        match response.status_code:
            case 200:
                return await self._fetched(response)
            case 304:
                return self._not_modified(response)
            case _:
                return self._refused(response)

    async def _fetched(self, response: httpx.Response) -> Fetched:
        raw = response.headers.raw
        codings = [v.decode("latin-1") for k, v in raw if k.lower() == b"content-encoding"]
        unpacker = Unpacker(codings, self._max_body)
        unpacker.expect(hints.first(raw, b"content-length") or b"")
        async for chunk in response.aiter_raw():
            unpacker.add(chunk)
        return Fetched(
            url=self._seen[-1],
            body=unpacker.body(),
            content_type=clean((hints.first(raw, b"content-type") or b"").decode("latin-1")),
            validators=_validators(self._seen[-1], raw),
            hints=ServerHints(hints.max_age(raw)),
            moved_to=self._moved_to(),
            answered_at=self._answered_at,
        )

    def _not_modified(self, response: httpx.Response) -> NotModified:
        known = self._conditions()
        if known is None:
            raise _Ended("protocol", "answered 304 to a request without conditions", 304)
        raw = response.headers.raw
        return NotModified(
            validators=_renewed(known, _validators(known.url, raw)),
            hints=ServerHints(hints.max_age(raw)),
            moved_to=self._moved_to(),
            answered_at=self._answered_at,
        )

    def _refused(self, response: httpx.Response) -> FetchFailed:
        status = response.status_code
        retry_at = hints.retry_at(response.headers.raw, self._clock.now())
        kind: FailureKind = "status"
        if status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.SERVICE_UNAVAILABLE and retry_at is not None
        ):
            kind = "rate_limited"
        elif status == HTTPStatus.GONE and self._permanent:
            kind = "gone"
        return self.failed(kind, f"answered {_spoken(status)}", status, retry_at)

    def failed(
        self,
        kind: FailureKind,
        message: str,
        status: int | None = None,
        retry_at: datetime | None = None,
    ) -> FetchFailed:
        """The failure in one line, which says where redirects had led when it happened."""
        if len(self._seen) > 1 and kind != "redirects":
            message = f"{message}, after a redirect to {redacted(self._seen[-1])}"
        url = self._seen[-1] if self._seen else ""
        return FetchFailed(kind, clean(message), status, retry_at, url)

    def _moved_to(self) -> str | None:
        return self._seen[-1] if self._permanent and len(self._seen) > 1 else None


def _own(request: FetchRequest) -> list[tuple[str, str]]:
    """The operator's headers, the password among them."""
    own = list(request.headers.items())
    if request.auth is not None:
        user, password = request.auth
        pair = b64encode(f"{user}:{password}".encode()).decode("ascii")
        own.append(("Authorization", f"Basic {pair}"))
    return own


def _target(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    status = response.status_code
    location: bytes = response.extensions.get("location", b"")
    if not location:
        raise _Ended("redirects", f"answered {_spoken(status)} without saying where to", status)
    try:
        return joined(url, location)
    except BadUrl as bad:
        raise _Ended("redirects", f"redirects to where we do not go: {bad}", status) from None


def _validators(url: str, headers: hints.Headers) -> Validators | None:
    """The pair this answer carries, whole: what it lacks is not filled from an older one (A3)."""
    pair = Validators(url, _sendable(headers, b"etag"), _sendable(headers, b"last-modified"))
    return None if pair.etag is None and pair.last_modified is None else pair


def _sendable(headers: hints.Headers, name: bytes) -> bytes | None:
    """The value, unless it holds what no header may: we could not give it back as it is."""
    value = hints.first(headers, name)
    return None if value is None or _FORBIDDEN.search(value) else value


def _renewed(known: Validators, told: Validators | None) -> Validators | None:
    """The new pair of a 304, None when it only repeats, whole or in part, what is known (A5)."""
    if told is None:
        return None
    same_etag = told.etag in {None, known.etag}
    same_date = told.last_modified in {None, known.last_modified}
    return None if same_etag and same_date else told


def _kind(error: httpx.HTTPError) -> FailureKind:
    match error:
        case DialBlocked():
            return "blocked"
        case NameUnknown():
            return "dns"
        case TlsFailed():
            return "tls"
        case httpx.ConnectError():
            return "refused"
        case httpx.TimeoutException():
            return "timeout"
        case httpx.ReadError():
            return "dropped"
        case _:
            return "protocol"


def _spoken(status: int) -> str:
    """``404 Not Found``, in our words: a server's own reason is not repeated."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def clean(text: str) -> str:
    """One line of at most 500 printable characters, whatever a server wrote."""
    return "".join(c if c.isprintable() else " " for c in text[:500]).strip()
