"""httpx at every call site, aiohttp underneath: one request in, one answer out, nothing more.

Chose: a transport of our own on ``aiohttp.ClientSession``. Instead of: httpx's own pool, or the
package httpx-aiohttp. Because: a third of the CPU for an unchanged poll; failures keep their
kind; URLs are not quoted a second time.

A transport follows no redirects, keeps no cookies, reads no proxy from the environment,
decompresses nothing and dials only what its guard lets through.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
from aiohappyeyeballs import AddrInfoType, SocketFactoryType
from aiohttp.abc import AbstractResolver
from yarl import URL

from monitor.addresses import Blocked


class DialBlocked(httpx.ConnectError):
    """The guard refused the address; the text says why, for the operator."""


class NameUnknown(httpx.ConnectError):
    """The host name could not be looked up."""


class TlsFailed(httpx.ConnectError):
    """The server's certificate or its TLS is not acceptable; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one transport bears.

    ``connect`` and ``silence``: seconds until connected, and without a byte; None where the
    caller sets a total deadline. ``answer``: bytes of a body that are read, the rest is left
    unread; None where the caller counts. ``per_host``: connections to one host at a time.
    """

    connect: float | None = None
    silence: float | None = None
    answer: int | None = None
    per_host: int = 4


class Transport(httpx.AsyncBaseTransport):
    """An httpx transport over one aiohttp session; make it inside the running loop."""

    def __init__(
        self,
        resolver: AbstractResolver,
        socket_factory: SocketFactoryType,
        tls: ssl.SSLContext,
        limits: Limits,
    ) -> None:
        self._limits = limits
        # httpx would read a Location even where nobody follows it, and raise what is no HTTPError.
        # Whoever reads a bounded body does not unpack with care: a packed one stays packed.
        self._hidden = {b"location", b"content-encoding"} if limits.answer else {b"location"}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=resolver,
                socket_factory=_counted(socket_factory),
                ssl=tls,
                use_dns_cache=False,
                limit=0,  # the scheduler decides how many polls run
                limit_per_host=limits.per_host,
                keepalive_timeout=5,
            ),
            request_class=_ExactRequest,
            middlewares=(_once,),
            cookie_jar=_NoCookies(),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=limits.connect, sock_read=limits.silence
            ),
            auto_decompress=False,
            trust_env=False,
            max_field_size=32768,
            max_headers=512,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask once. ``Location`` is not among the headers but in ``extensions["location"]``.

        Raises:
            httpx.TransportError: whatever went wrong; `DialBlocked`, `NameUnknown` and
                `TlsFailed` where the caller may want to know.
        """
        dialled = _dialled.set([])
        body = await request.aread() or None
        encoding = "latin-1" if body is None else "utf-8"  # see _ExactRequest
        try:
            with _translated():
                answer = await self._session.request(
                    request.method,
                    _target(request.url),
                    headers=[
                        (name.decode("ascii"), value.decode(encoding))
                        for name, value in request.headers.raw
                    ],
                    data=body,
                    allow_redirects=False,
                )
        finally:
            _dialled.reset(dialled)
        return self._response(answer)

    def _response(self, answer: aiohttp.ClientResponse) -> httpx.Response:
        return httpx.Response(
            answer.status,
            headers=[pair for pair in answer.raw_headers if pair[0].lower() not in self._hidden],
            stream=_Body(answer, self._limits.answer),
            extensions={"location": _location(answer)},
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()


def _location(answer: aiohttp.ClientResponse) -> bytes:
    if not 300 <= answer.status < 400:
        return b""
    values = (value for name, value in answer.raw_headers if name.lower() == b"location")
    return next(values, b"")


class _NoCookies(aiohttp.DummyCookieJar):
    """Keeps none and reads none: an answer may carry megabytes of them."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Nothing is taken."""


def _target(url: httpx.URL) -> URL:
    """The URL in aiohttp's terms, put together from parts: host and port are read by one parser
    only. A user and password inside the URL are httpx's to send."""
    host = url.raw_host.decode("ascii")
    path, _, query = url.raw_path.decode("ascii").partition("?")
    return URL.build(
        scheme=url.scheme,
        host=f"[{host}]" if ":" in host else host,
        port=url.port,
        path=path,
        query_string=query,
        encoded=True,
    )


_dialled: ContextVar[list[AddrInfoType]] = ContextVar("dialled")
"""What the request under way had to dial: nothing, where it went over a kept connection."""


def _counted(socket_factory: SocketFactoryType) -> SocketFactoryType:
    def made(info: AddrInfoType) -> socket.socket:
        _dialled.get().append(info)
        return socket_factory(info)

    return made


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Ask a server that hangs up a second time only where a kept connection had gone stale:
    aiohttp would ask again in any case, and the publisher would see two requests for one."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if _dialled.get():
            raise aiohttp.ClientPayloadError(str(error)) from error
        raise


class _Body(httpx.AsyncByteStream):
    """The body as it travelled, at most ``limit`` bytes of it."""

    def __init__(self, answer: aiohttp.ClientResponse, limit: int | None) -> None:
        self._answer = answer
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._limit
        with _translated():
            async for chunk in self._answer.content.iter_any():
                if left is None:
                    yield chunk
                    continue
                yield chunk[:left]
                left -= len(chunk)
                if left <= 0:
                    return

    async def aclose(self) -> None:
        self._answer.release()


class _ExactRequest(aiohttp.ClientRequest):
    """Sends header values byte for byte.

    aiohttp takes text and writes UTF-8; an ETag or a date in any other encoding could not be
    given back as it came (A2). Without a body, values come here as Latin-1 text, one character a
    byte; where one is not ASCII, what aiohttp writes is turned back into these bytes. With a body,
    values are UTF-8 from the start: these requests are ours alone.
    """

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        protocol = conn.protocol
        if self.body or all(value.isascii() for value in self.headers.values()):
            return await super().send(conn)
        plain = protocol.transport
        protocol.transport = _Latin1(plain)
        try:
            return await super().send(conn)
        finally:
            protocol.transport = plain


class _Latin1:
    """An asyncio transport whose ``write`` takes UTF-8 and sends Latin-1."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def write(self, data: bytes) -> None:
        self._plain.write(data.decode("utf-8").encode("latin-1"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)


@contextmanager
def _translated() -> Iterator[None]:
    """What aiohttp raises, as httpx would have."""
    try:
        yield
    except aiohttp.ClientError as error:
        raise _as_httpx(error) from error
    except TimeoutError as error:
        raise httpx.TimeoutException("no answer in time") from error
    except OSError as error:
        raise httpx.ReadError("the connection ended early") from error
    except ValueError as error:  # aiohttp's word for a URL or header it will not send
        raise httpx.LocalProtocolError(str(error)) from error


def _as_httpx(error: aiohttp.ClientError) -> httpx.TransportError:
    if isinstance(error, aiohttp.ClientConnectorError):
        return _as_connect_error(error)
    match error:
        case aiohttp.ConnectionTimeoutError():
            return httpx.ConnectTimeout("no connection in time")
        case aiohttp.ServerTimeoutError():
            return httpx.ReadTimeout("no answer in time")
        case aiohttp.InvalidURL():
            return httpx.UnsupportedProtocol("this is not a URL we ask")
        case aiohttp.ClientResponseError():
            return httpx.RemoteProtocolError("the answer is not HTTP")
        case _:
            return httpx.ReadError("the connection ended early")


def _as_connect_error(error: aiohttp.ClientConnectorError) -> httpx.ConnectError:
    match error:
        case aiohttp.ClientConnectorError(os_error=Blocked() as blocked):
            return DialBlocked(str(blocked))
        case aiohttp.ClientConnectorDNSError():
            return NameUnknown(_lookup_fault(error))
        case aiohttp.ClientConnectorCertificateError():
            return TlsFailed(certificate_fault(error.certificate_error, error.host))
        case aiohttp.ClientSSLError():
            return TlsFailed(_tls_fault(error))
        case _:
            return httpx.ConnectError(_connect_fault(error))


def _lookup_fault(error: aiohttp.ClientConnectorDNSError) -> str:
    if error.os_error.errno in {socket.EAI_NONAME, socket.EAI_NODATA}:
        return f"no such host name: {error.host}"
    return f"the host name {error.host} could not be looked up just now"


_CERTIFICATE_FAULTS = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by a self-signed authority we do not know",
    20: "is signed by an authority we do not know",
    21: "is signed by an authority we do not know",
    23: "has been revoked",
}
"""OpenSSL's X509_V_ERR_ numbers that operators meet."""


def certificate_fault(error: Exception, host: str) -> str:
    """What is wrong with a certificate, in one line."""
    code = getattr(error, "verify_code", 0)
    if code in {62, 64}:
        return f"the certificate is not for {host}"
    fault = _CERTIFICATE_FAULTS.get(code)
    if fault is None:
        return (
            f"the certificate of {host} was refused: {getattr(error, 'verify_message', 'broken')}"
        )
    return f"the certificate of {host} {fault}"


def _tls_fault(error: aiohttp.ClientSSLError) -> str:
    reason = str(getattr(error.os_error, "reason", "") or "broken handshake")
    return f"TLS with {error.host} failed: {reason.replace('_', ' ').lower()}"


def _connect_fault(error: aiohttp.ClientConnectorError) -> str:
    where = f"port {error.port} of {error.host}"
    if isinstance(error.os_error, ConnectionResetError | BrokenPipeError):
        return f"{where} hung up while the connection was made"
    match error.os_error.errno:
        case errno.ECONNREFUSED:
            return f"{where} refuses connections"
        case errno.EMFILE | errno.ENFILE:
            return "too many open files here; raise LimitNOFILE"
        case _:
            return f"{where} cannot be reached"
