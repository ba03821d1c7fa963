"""The guard: every connection the daemon opens was looked up once, checked, and only then dialled.

A name is resolved once; every address of the answer is judged, one bad address refuses the name;
what is dialled is the address that was judged, so a second DNS answer changes nothing. The socket
is made by the guard too: a URL that spells an address never meets a resolver.

Who wrote the URL decides how far it reaches: what the operator configured may go to any port and
to what ``allow_private`` names; what a redirect names may go to public addresses on web ports.
These have pools of their own, since a pooled connection remembers nobody's permission.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import unicodedata
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohappyeyeballs
import httpx
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from monitor import __version__
from monitor.addresses import (
    WEB_PORTS,
    Allowance,
    Blocked,
    address_of,
    allowance,
    is_public,
    kind,
)
from monitor.transport import Limits, Transport

__all__ = ["Blocked", "Clients", "FeedClient", "Guard", "Lookup", "open_clients", "user_agent"]

_MOST_ADDRESSES = 8
"""More addresses than this of one name are checked but not tried."""

Resolve = Callable[[str, int], Awaitable[list[AddrInfoType]]]


class Guard:
    """Lets connections out to public addresses and to what ``allow_private`` names.

    ``redirected``: judges where a server sent us, which has to be public and on a web port.
    ``lookup`` answers like `socket.getaddrinfo`; by default threads of its own do.

    Raises:
        ValueError: for an entry of ``allow_private`` that is no host, address or network.
    """

    def __init__(
        self,
        allow_private: Sequence[str] = (),
        *,
        redirected: bool = False,
        lookup: Resolve | None = None,
    ) -> None:
        self._allowed = Allowance() if redirected else allowance(allow_private)
        self._redirected = redirected
        self._lookup = lookup or Lookup()
        self._trusts_all = False

    @property
    def named_hosts(self) -> frozenset[str]:
        """The hosts that ``allow_private`` names: `trusting` is for these."""
        return self._allowed.hosts

    def trusting(self) -> Guard:
        """The guard for hosts the operator named: whatever address these have is meant."""
        other = Guard(lookup=self._lookup)
        other._trusts_all = True
        return other

    async def resolve(self, host: str, port: int) -> list[AddrInfoType]:
        """The addresses of a host, every one of them checked; the order is the system's.

        Raises:
            Blocked: when any address may not be dialled.
            OSError: when there is no address.
        """
        found = await self._lookup(host, port)
        for info in found:
            self._check(info, host)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return list(found[:_MOST_ADDRESSES])

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for one address, checked again: the last gate before a connection.

        Raises:
            Blocked: when the address may not be dialled.
        """
        self._check(info)
        family, sort, protocol, _, _ = info
        return socket.socket(family, sort, protocol)

    async def dial(self, host: str, port: int) -> socket.socket:
        """A connected, non-blocking socket, for protocols other than HTTP; the caller's deadline
        bounds it.

        Raises:
            Blocked: when any address of the host may not be dialled.
            OSError: when the host has no address or nobody answers there.
        """
        guard = self.trusting() if self._allowed.names(host) else self
        return await aiohappyeyeballs.start_connection(
            await guard.resolve(host, port),
            happy_eyeballs_delay=0.25,
            socket_factory=guard.open_socket,
        )

    def _check(self, info: AddrInfoType, host: str = "") -> None:
        if self._trusts_all:
            return
        text, port = str(info[4][0]), int(info[4][1])
        try:
            address = address_of(text)
        except ValueError:
            raise Blocked(f"{text!r} is not an address") from None
        if self._allowed.covers(address):
            return
        where = f"{host} ({text})" if host and host != text else text
        if not is_public(address):
            raise Blocked(f"{where} is {kind(address)}; {self._advice()}")
        if self._redirected and port not in WEB_PORTS:
            raise Blocked(f"{where} port {port} is no web port; {self._advice()}")

    def _advice(self) -> str:
        if self._redirected:
            return "a redirect is not followed there; configure that URL itself if it is meant"
        return "name the host in allow_private if it is meant"


class Lookup:
    """`socket.getaddrinfo` in a few threads of its own, so that a name server that does not
    answer holds up neither other work nor the end of the program.

    Chose: daemon threads. Instead of: an executor, which is waited for at exit. Because: a lookup
    cannot be cancelled and may take half a minute.
    """

    def __init__(
        self,
        *,
        threads: int = 16,
        getaddrinfo: Callable[..., Iterable[Any]] = socket.getaddrinfo,
    ) -> None:
        self._most = threads
        self._getaddrinfo = getaddrinfo
        self._started = 0
        self._idle = threading.Semaphore(0)
        self._waiting: queue.SimpleQueue[_Question] = queue.SimpleQueue()

    async def __call__(self, host: str, port: int) -> list[AddrInfoType]:
        """The answer, or the OSError the system gave."""
        loop = get_running_loop()
        question = _Question(host, port, loop, loop.create_future())
        self._waiting.put(question)
        self._have_a_thread()
        return await question.answer

    def _have_a_thread(self) -> None:
        if self._idle.acquire(blocking=False) or self._started >= self._most:
            return
        self._started += 1
        threading.Thread(target=self._work, name="dns", daemon=True).start()

    def _work(self) -> None:
        while True:
            question = self._next()
            if not question.answer.cancelled():
                question.settle(self._ask(question.host, question.port))

    def _next(self) -> _Question:
        try:
            return self._waiting.get_nowait()
        except queue.Empty:
            self._idle.release()
            return self._waiting.get()

    def _ask(self, host: str, port: int) -> list[AddrInfoType] | OSError:
        try:
            return list(
                self._getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            )
        except OSError as error:
            return error
        except (UnicodeError, ValueError):  # a label too long, a NUL
            return socket.gaierror(socket.EAI_NONAME, "not a host name")


@dataclass(frozen=True, slots=True)
class _Question:
    host: str
    port: int
    loop: AbstractEventLoop
    answer: Future[list[AddrInfoType]]

    def settle(self, result: list[AddrInfoType] | OSError) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile: nobody is waiting
            self.loop.call_soon_threadsafe(self._settle, result)

    def _settle(self, result: list[AddrInfoType] | OSError) -> None:
        if self.answer.done():
            return
        if isinstance(result, OSError):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class _Resolver(AbstractResolver):
    """aiohttp's question put to the guard."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=found,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, protocol, _, address in await self._guard.resolve(host, port)
            if family in {socket.AF_UNSPEC, found}
        ]

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class FeedClient:
    """Two doors for polling: ``configured`` for URLs the operator wrote, ``followed`` for where
    redirects lead. `monitor.fetch.fetch` picks; nobody else asks with these."""

    configured: httpx.AsyncClient
    followed: httpx.AsyncClient


@dataclass(frozen=True, slots=True)
class Clients:
    """Everything that may open a connection, for one configuration.

    ``feeds`` is for `monitor.fetch.fetch`. ``alerts`` posts to configured endpoints: no
    redirects, no cookies, at most 256 KiB of an answer are read. ``dial`` gives connected sockets.
    """

    feeds: FeedClient
    alerts: httpx.AsyncClient
    dial: Callable[[str, int], Awaitable[socket.socket]]


_POLLING = Limits()
_SENDING = Limits(connect=10, silence=30, answer=256 * 1024, per_host=10)

_ACCEPT_FEEDS = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1"
)


@asynccontextmanager
async def open_clients(
    *,
    contact: str,
    allow_private: Sequence[str] = (),
    lookup: Resolve | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Clients]:
    """The clients of one configuration, open inside the ``async with``; open new ones on reload.

    ``lookup`` and ``tls`` are for tests: how names are resolved, whom to trust.

    Raises:
        ValueError: for an entry of ``allow_private`` that is no host, address or network.
    """
    lookup = lookup or Lookup()
    tls = tls or ssl.create_default_context()
    written = Guard(allow_private, lookup=lookup)
    public = Guard(redirected=True, lookup=lookup)
    ours = {"User-Agent": user_agent(contact)}
    polling = {**ours, "Accept": _ACCEPT_FEEDS, "Accept-Encoding": "gzip"}
    sending = {**ours, "Accept": "*/*", "Accept-Encoding": "identity"}
    async with AsyncExitStack() as stack:
        configured = await stack.enter_async_context(_client(written, tls, _POLLING, polling))
        followed = await stack.enter_async_context(_client(public, tls, _POLLING, polling))
        alerts = await stack.enter_async_context(_client(written, tls, _SENDING, sending))
        yield Clients(FeedClient(configured, followed), alerts, written.dial)


def _client(
    guard: Guard, tls: ssl.SSLContext, limits: Limits, headers: dict[str, str]
) -> httpx.AsyncClient:
    """A client whose every connection the guard allows."""

    def transport(guard: Guard) -> Transport:
        return Transport(_Resolver(guard), guard.open_socket, tls, limits)

    client = _Client(
        transport=transport(guard),
        mounts={f"all://{host}": transport(guard.trusting()) for host in guard.named_hosts},
        follow_redirects=False,
        trust_env=False,
        timeout=None,
    )
    client.headers = httpx.Headers(headers)
    del client.headers["connection"]  # httpx adds it; HTTP/1.1 means keep-alive by itself
    return client


class _NoCookies(httpx.Cookies):
    """Keeps none and reads none: an answer may carry megabytes of them."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Nothing is taken."""


class _Client(httpx.AsyncClient):
    """An httpx client without cookies."""

    _none = _NoCookies()

    @property
    def cookies(self) -> httpx.Cookies:
        """Empty for ever."""
        return self._none

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        raise TypeError(f"this client keeps no cookies: {type(cookies).__name__} refused")


def user_agent(contact: str) -> str:
    """How we introduce ourselves: ``wirewatch/0.1.0 (+desk@example.org)``."""
    ascii_only = unicodedata.normalize("NFKD", contact).encode("ascii", "ignore").decode()
    plain = "".join(c for c in ascii_only if c.isprintable() and c not in "()\\")
    return f"wirewatch/{__version__} (+{plain.strip()})"
