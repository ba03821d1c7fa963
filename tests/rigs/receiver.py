"""A receiver of webhooks and chat messages on loopback that answers from a script.

It speaks HTTP/1.1 by hand, on plain sockets in a thread of its own, because its purpose is to
misbehave: to hang up before an answer, after one, or in its middle, which servers that behave
do not offer.

    with Receiver() as receiver:
        receiver.script(status(500), status(429, retry_after="7"), drop_before())
        ...POST to receiver.url...
        assert [r.header("webhook-id") for r in receiver.requests] == [...]

When the script is used up (or empty) every request is answered by `receiver.default`, 200 "ok".
"""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """A request as it came: header names as sent, the body's bytes."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What to do with one request. ``accepts``: it counts as taken in, whatever the sender sees.

    ``wait`` seconds pass before the answer; ``hang_up`` closes the connection ``before`` any
    answer or in the ``middle`` of it, or leaves it unfinished and ``never`` closes; ``padding``
    adds so many bytes to the body.
    """

    status: int = 200
    body: bytes = b"ok"
    headers: tuple[tuple[str, str], ...] = ()
    wait: float = 0
    hang_up: str = ""
    padding: int = 0
    accepts: bool = True


def status(code: int, body: str = "", **headers: str) -> Answer:
    """Answer with a status; ``retry_after="7"`` becomes ``Retry-After: 7``."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(code, body.encode(), named, accepts=200 <= code < 300)


def drop_before() -> Answer:
    """Hang up without taking the request in."""
    return Answer(hang_up="before", accepts=False)


def drop_after() -> Answer:
    """Take the request in, then hang up instead of saying so."""
    return Answer(hang_up="before", accepts=True)


def drop_in_the_middle() -> Answer:
    """Answer 200 and hang up before the body is complete."""
    return Answer(hang_up="middle")


def unending() -> Answer:
    """Answer 200 and leave the body unfinished, the connection open."""
    return Answer(hang_up="never")


def slow(seconds: float) -> Answer:
    """Answer 200 after a while; a long while is never, as closing the receiver ends it."""
    return Answer(wait=seconds)


def never() -> Answer:
    """Take the request and say nothing."""
    return Answer(wait=3600, accepts=False)


class Receiver:
    """The server. Requests are recorded when they are complete, before they are answered."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.default: Answer | Callable[[Request], Answer] = Answer()
        self._lock = threading.Condition()
        self._requests: list[Request] = []
        self._accepted: list[Request] = []
        self._script: deque[Answer] = deque()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((host, port))
        self.host, self.port = self._listener.getsockname()[:2]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:port``."""
        return f"http://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """An address to send to."""
        return f"{self.origin}/hook/T0/B0/secret-in-the-path"

    def script(self, *answers: Answer) -> None:
        """Answer the next requests so, one each."""
        with self._lock:
            self._script.extend(answers)

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every complete request so far."""
        with self._lock:
            return tuple(self._requests)

    @property
    def accepted(self) -> tuple[Request, ...]:
        """The requests it took in, whether or not the sender was told."""
        with self._lock:
            return tuple(self._accepted)

    def wait_for(self, count: int, timeout: float = 10) -> tuple[Request, ...]:
        """The requests, as soon as there are ``count`` of them."""
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._requests) >= count, timeout):
                raise TimeoutError(f"{len(self._requests)} of {count} requests came")
            return tuple(self._requests)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._listener.close()
        with self._lock:
            for connection in self._open:
                _shut(connection)
        self._thread.join(5)

    def _serve(self) -> None:
        threads: list[threading.Thread] = []
        self._listener.settimeout(0.05)  # closing a socket does not wake an accept() of it
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                break
            connection.settimeout(30)
            with self._lock:
                self._open.add(connection)
            thread = threading.Thread(target=self._converse, args=(connection,), daemon=True)
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join(5)

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                while (request := _read(stream)) is not None:
                    if not self._answer(connection, self._take(request)):
                        return
        except OSError:
            pass  # the other side hung up, or we are closing
        finally:
            with self._lock:
                self._open.discard(connection)

    def _take(self, request: Request) -> Answer:
        with self._lock:
            if self._script:
                answer = self._script.popleft()
            else:
                answer = self.default if isinstance(self.default, Answer) else self.default(request)
            self._requests.append(request)
            if answer.accepts:
                self._accepted.append(request)
            self._lock.notify_all()
        return answer

    def _answer(self, connection: socket.socket, answer: Answer) -> bool:
        """Answer; whether the connection may be used again."""
        if answer.wait and self._closing.wait(answer.wait):
            return False
        if answer.hang_up == "before":
            return False
        body = answer.body + b"x" * answer.padding
        missing = 10 if answer.hang_up else 0
        lines = [f"HTTP/1.1 {answer.status} X", f"Content-Length: {len(body) + missing}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        if answer.hang_up == "never":
            self._closing.wait(3600)
        return not answer.hang_up


def _read(stream: Any) -> Request | None:
    """The next request of a connection; None when the other side is done."""
    line = stream.readline(65536).decode("latin-1").split()
    if len(line) < 2:
        return None
    headers = []
    while (text := stream.readline(65536).decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = text.partition(":")
        headers.append((name, value.strip()))
    lengths = [int(v) for k, v in headers if k.lower() == "content-length"]
    size = lengths[0] if lengths else 0
    body = stream.read(size)
    return Request(line[0], line[1], tuple(headers), body) if len(body) == size else None


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it may be closed already
        connection.shutdown(socket.SHUT_RDWR)
