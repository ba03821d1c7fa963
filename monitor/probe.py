"""Asking a URL once for somebody who looks on: every hop with its headers, and what the answer is.

Through the same guarded clients, limits and parser as a poll; nothing is remembered. Requests to
one host are as far apart here as they are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import httpx

from monitor.addresses import Allowance, allowance
from monitor.config import Config
from monitor.fetch import TIMEOUT, Fetched, FetchRequest, FetchResult, fetch
from monitor.guard import Clients, open_clients
from monitor.parse import ParseResult, ParserPool, ParseTask
from monitor.urls import BadUrl, host_of

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Hop:
    """One request and its answer's head, None where none came. ``seconds``: until it was there."""

    url: str
    sent: Headers
    status: int | None = None
    received: Headers = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of asking. ``parsed`` is None when there was no body to parse."""

    hops: tuple[Hop, ...]
    answer: FetchResult
    parsed: ParseResult | None
    asked_at: datetime
    seconds: float
    parse_seconds: float = 0.0


class Prober:
    """Asks one URL after the other, with a pause between two of one host."""

    def __init__(self, clients: Clients, pool: ParserPool, config: Config) -> None:
        self._clients = clients
        self._pool = pool
        self._pause = config.host_pause
        self._allowed: Allowance = allowance(config.allow_private)
        self._asked: dict[str, float] = {}
        self._hops: list[Hop] = []
        self._began = 0.0
        # The first document would be charged with the start of its worker.
        self._warm = asyncio.ensure_future(pool.parse(ParseTask(b"", "")))
        for client in (clients.feeds.configured, clients.feeds.followed):
            client.event_hooks = {"request": [self._sent], "response": [self._received]}

    async def look(
        self,
        request: FetchRequest,
        *,
        lang: str = "",
        source: str = "",
        timeout: timedelta = TIMEOUT,  # noqa: ASYNC109 - handed on to fetch, which promises one deadline
    ) -> Probe:
        """Ask, and parse what came."""
        probe = await self.ask(request, timeout=timeout)
        if not isinstance(probe.answer, Fetched):
            return probe
        task = ParseTask(
            body=probe.answer.body,
            url=probe.answer.url,
            content_type=probe.answer.content_type,
            lang=lang,
            source=source,
            now=datetime.now(UTC),
        )
        await self._warm
        began = _clock()
        parsed = await self._pool.parse(task)
        return replace(probe, parsed=parsed, parse_seconds=_clock() - began)

    async def close(self) -> None:
        """Do not leave a worker behind that was started for a document which never came."""
        self._warm.cancel()
        await asyncio.gather(self._warm, return_exceptions=True)

    async def ask(self, request: FetchRequest, *, timeout: timedelta = TIMEOUT) -> Probe:  # noqa: ASYNC109 - as above
        """Ask, and leave what came as it is."""
        host = _host(request.start or request.url)
        await self._wait(host)
        self._hops, self._began = [], _clock()
        now = datetime.now(UTC)
        answer = await fetch(self._clients.feeds, request, now=now, timeout=timeout)
        for one in {host, *(_host(hop.url) for hop in self._hops)}:
            self._asked[one] = _clock()
        return Probe(tuple(self._hops), answer, None, now, _clock() - self._began)

    async def _wait(self, host: str) -> None:
        last = self._asked.get(host)
        if last is not None and not self._allowed.owns(host):
            await asyncio.sleep(max(0.0, last + self._pause.total_seconds() - _clock()))

    async def _sent(self, request: httpx.Request) -> None:
        self._hops.append(Hop(str(request.url), tuple(request.headers.raw)))

    async def _received(self, response: httpx.Response) -> None:
        location: bytes = response.extensions.get("location", b"")
        told = tuple(response.headers.raw)
        if location and not any(name.lower() == b"location" for name, _ in told):
            told += ((b"Location", location),)
        self._hops[-1] = replace(
            self._hops[-1],
            status=response.status_code,
            received=told,
            seconds=_clock() - self._began,
        )


def _host(url: str) -> str:
    try:
        return host_of(url)
    except BadUrl:  # which fetch says
        return ""


def _clock() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def prober(config: Config) -> AsyncIterator[Prober]:
    """A prober of this configuration: its contact, its private hosts, its pauses."""
    async with (
        open_clients(contact=config.contact, allow_private=config.allow_private) as clients,
        ParserPool(workers=1) as pool,
    ):
        probing = Prober(clients, pool, config)
        try:
            yield probing
        finally:
            await probing.close()
