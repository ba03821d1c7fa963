"""RIG-HTTP: an origin server on loopback that does what its script says and logs what it was sent.

It runs in a thread of its own, so sync and async tests use it alike::

    with Origin() as origin:                            # or Origin("127.0.1.1", "127.0.1.2")
        origin.serve("/feed", Reply(body=b"<rss/>", headers={"ETag": '"1"'}))
        origin.serve("/feed", Reply(status=500), Reply(body=b"<rss/>"))   # in turn, the last stays
        origin.serve("/feed", Page(b"<rss/>", etag='"1"'))     # answers 304 to its own validators
        origin.serve("/feed", lambda request: Reply(...))      # decides for each request
        origin.serve("/slow", Raw(b"HTTP/1.1 200 OK\r\n", Pause(60)))     # any bytes at all
        fetch(origin.url("/feed"))
        assert origin.requests[0].header("If-None-Match") is None

A path without a script answers 404. Steps of `Raw`: bytes to send, `Pause(seconds)`, `RESET`;
an iterable of steps may be endless. After the last step the connection closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. ``at`` is ``time.time()``; ``local`` the address that was dialled,
    ``connection`` counts the connections of this origin from 1; ``raw`` is the head, untouched."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    raw: bytes
    body: bytes
    at: float
    local: tuple[str, int]
    peer: tuple[str, int]
    connection: int

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.decode("latin-1").partition("?")[0]

    def header(self, name: str) -> bytes | None:
        """The first header of that name, its bytes as sent; None when there is none."""
        wanted = name.lower().encode()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def names(self) -> set[str]:
        """The names of all headers, in lower case."""
        return {key.decode("latin-1").lower() for key, _ in self.headers}


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence for so many seconds; ends early when the client goes away or the origin stops."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is cut with RST."""


RESET = Reset()
Step = bytes | Pause | Reset


class Raw:
    """Steps played as they are; then the connection closes."""

    def __init__(self, *steps: Step, more: Iterable[Step] = ()) -> None:
        self._steps = steps
        self._more = more

    def steps(self) -> Iterator[Step]:
        """What to do, one after the other."""
        yield from self._steps
        yield from self._more


@dataclass(frozen=True, slots=True)
class Reply:
    """A well-formed answer. Content-Length is added unless given; a header given as a list is sent
    once for each value. ``delay`` is waited before the first byte."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str | bytes | list[str]] = field(default_factory=dict)
    delay: float = 0.0

    def steps(self) -> Iterator[Step]:
        """What to do, one after the other."""
        if self.delay:
            yield Pause(self.delay)
        yield self.head() + (b"" if self.status in {204, 304} else self.body)

    def head(self) -> bytes:
        """The status line and the headers."""
        known = {name.lower() for name in self.headers}
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}".encode()]
        for name, value in self.headers.items():
            lines += [_header(name, one) for one in (value if isinstance(value, list) else [value])]
        if "content-length" not in known and self.status not in {204, 304}:
            lines.append(_header("Content-Length", str(len(self.body))))
        if "date" not in known:
            lines.append(_header("Date", http_date(time.time())))
        return b"\r\n".join(lines) + b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Page:
    """A resource that changes now and then: 304 for its own current validators, else 200."""

    body: bytes
    etag: str | None = None
    last_modified: str | None = None
    headers: Mapping[str, str | bytes | list[str]] = field(default_factory=dict)

    def answer(self, request: Request) -> Reply:
        """The answer to this request, judged by If-None-Match, else If-Modified-Since."""
        own = {"ETag": self.etag, "Last-Modified": self.last_modified}
        headers = {**{name: value for name, value in own.items() if value}, **self.headers}
        asked_etag, asked_date = (
            request.header("If-None-Match"),
            request.header("If-Modified-Since"),
        )
        if asked_etag is not None:
            same = self.etag is not None and asked_etag.decode("latin-1") == self.etag
        else:
            same = asked_date is not None and asked_date.decode("latin-1") == self.last_modified
        return Reply(304, headers=headers) if same else Reply(200, self.body, headers)


Answer = Reply | Raw
Script = Answer | Page | Callable[[Request], Answer]


class Origin:
    """The server. Every address listens on the same port, chosen by the system."""

    def __init__(self, *addresses: str, tls: ssl.SSLContext | None = None) -> None:
        self.addresses = addresses or ("127.0.0.1",)
        self.port = 0
        self._tls = tls
        self._scripts: dict[str, list[Script]] = {}
        self._log: list[Request] = []
        self._connections = 0
        self._talking: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._open: dict[str, int] = {}
        self._most_parallel = 0
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="origin", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def url(self, path: str = "/", *, host: str | None = None) -> str:
        """The address of a path; ``host`` a name or another of the addresses."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{host or self.addresses[0]}:{self.port}{path}"

    def serve(self, path: str, *scripts: Script) -> None:
        """From now on ``path`` answers with the scripts in turn; the last one stays."""
        with self._lock:
            self._scripts[path] = list(scripts)

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in order of arrival."""
        with self._lock:
            return list(self._log)

    def requests_for(self, path: str) -> list[Request]:
        """The requests for one path."""
        return [request for request in self.requests if request.path == path]

    def clear(self) -> None:
        """Forget the requests; scripts stay."""
        with self._lock:
            self._log.clear()

    @property
    def connections(self) -> int:
        """How many connections were ever accepted."""
        with self._lock:
            return self._connections

    @property
    def most_parallel(self) -> int:
        """The most requests that were being answered at one address at one time."""
        with self._lock:
            return self._most_parallel

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - told to the test by __enter__
            self._failed = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        servers = []
        for address in self.addresses:
            server = await asyncio.start_server(
                self._connected, address, self.port, ssl=self._tls, limit=1 << 22
            )
            self.port = server.sockets[0].getsockname()[1]
            servers.append(server)
        self._ready.set()
        await self._stop.wait()
        # asyncio loses a connection that is being accepted while its server closes: accept no
        # more, let who was accepted arrive, and close after that.
        for server in servers:
            for listener in server.sockets:
                self._loop.remove_reader(listener.fileno())
        for _ in range(10):
            await asyncio.sleep(0)
        for writer in self._talking.values():
            writer.transport.abort()
        await asyncio.gather(*self._talking, return_exceptions=True)
        for server in servers:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._lock:
            self._connections += 1
            number = self._connections
        task = asyncio.current_task()
        assert task is not None
        self._talking[task] = writer
        try:
            with contextlib.suppress(
                OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            ):
                while await self._serve_one(reader, writer, number):
                    pass
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        finally:
            del self._talking[task]

    async def _serve_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        request = await _read(reader, writer, number)
        with self._lock:
            self._log.append(request)
            script = self._next_script(request.path)
            address = request.local[0]
            self._open[address] = self._open.get(address, 0) + 1
            self._most_parallel = max(self._most_parallel, self._open[address])
        try:
            answer = script.answer(request) if isinstance(script, Page) else script
            answer = answer if isinstance(answer, Reply | Raw) else answer(request)
            whole = await self._play(answer, reader, writer)
        finally:
            with self._lock:
                self._open[address] -= 1
        return whole and isinstance(answer, Reply) and _keeps_open(request, answer)

    def _next_script(self, path: str) -> Script:
        scripts = self._scripts.get(path) or [Reply(404, b"nothing here")]
        return scripts.pop(0) if len(scripts) > 1 else scripts[0]

    async def _play(
        self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        for step in answer.steps():
            match step:
                case Pause(seconds):
                    if not await self._paused(seconds, reader):
                        return False
                case Reset():
                    sock = writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
                    return False
                case bytes():
                    writer.write(step)
                    await writer.drain()
        return True

    async def _paused(self, seconds: float, reader: asyncio.StreamReader) -> bool:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if reader.at_eof() or reader.exception() is not None:
                return False
            await asyncio.sleep(min(left, 0.02))
        return True


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> Request:
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw[:-4].split(b"\r\n")
    method, target, _ = first.split(b" ", 2)
    pairs = tuple(
        (name, value.strip(b" \t")) for name, _, value in (x.partition(b":") for x in lines)
    )
    length = next((int(value) for name, value in pairs if name.lower() == b"content-length"), 0)
    return Request(
        method=method.decode("latin-1"),
        target=target,
        headers=pairs,
        raw=raw,
        body=await reader.readexactly(length),
        at=time.time(),
        local=writer.get_extra_info("sockname")[:2],
        peer=writer.get_extra_info("peername")[:2],
        connection=number,
    )


def _keeps_open(request: Request, reply: Reply) -> bool:
    asked = {request.header("connection"), reply.headers.get("Connection")}
    return not asked & {b"close", "close", b"Close", "Close"}


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unheard Of"


def _header(name: str, value: str | bytes) -> bytes:
    return name.encode() + b": " + (value.encode("latin-1") if isinstance(value, str) else value)


def http_date(timestamp: float) -> str:
    """The time as HTTP writes it: ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    return formatdate(timestamp, usegmt=True)


def chunked(*parts: bytes, end: bool = True) -> bytes:
    """The parts in chunked transfer coding, with or without the last chunk."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return framed + (b"0\r\n\r\n" if end else b"")


def zipped(body: bytes, **headers: str) -> Reply:
    """A 200 whose body travels gzipped."""
    return Reply(200, gzip.compress(body), {"Content-Encoding": "gzip", **headers})


def bomb(size: int, *, times: int = 1) -> bytes:
    """``size`` zero bytes, gzipped ``times`` times over, made without holding them."""
    packed = _zeros_gzipped(size)
    for _ in range(times - 1):
        packed = gzip.compress(packed)
    return packed


def _zeros_gzipped(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(size >> 20)]
    parts.append(packer.compress(bytes(size & ((1 << 20) - 1))))
    return b"".join([*parts, packer.flush()])
