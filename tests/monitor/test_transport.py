"""httpx over aiohttp: bytes go out and come back as they are, and failures keep their kind."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import httpx
import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from rigs.names import Names
from rigs.origin import RESET, Origin, Pause, Raw, Reply, Request, chunked

from monitor.fetch import Fetched, FetchFailed, FetchRequest, FetchResult, Validators, fetch
from monitor.guard import Clients, Guard, _Resolver, open_clients
from monitor.transport import Limits, Transport, _translated

NOW = datetime.datetime(2026, 11, 22, 19, 46, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Session:
    """The clients of one configuration, for tests that are not async."""

    runner: asyncio.Runner
    clients: Clients

    def fetch(self, url: str, validators: Validators | None = None) -> FetchResult:
        request = FetchRequest(url, validators)
        return self.runner.run(fetch(self.clients.feeds, request, now=NOW))

    def post(self, url: str, **how: Any) -> httpx.Response:
        return self.runner.run(self.clients.alerts.post(url, **how))


@contextmanager
def opened(*, names: Names | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Session]:
    clients = open_clients(
        contact="desk@example.org",
        allow_private=["127.0.0.0/8"],
        lookup=names,
        tls=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
    with asyncio.Runner() as runner:
        session = Session(runner, runner.run(clients.__aenter__()))
        try:
            yield session
        finally:
            runner.run(clients.__aexit__(None, None, None))


@pytest.fixture
def session() -> Iterator[Session]:
    with opened() as found:
        yield found


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


# A header value as RFC 9110, 5.5 allows it: visible ASCII and any byte from 0x80, blanks inside.
VISIBLE = st.sampled_from([*range(0x21, 0x7F), *range(0x80, 0x100)])
INNER = st.sampled_from([0x09, 0x20, *range(0x21, 0x7F), *range(0x80, 0x100)])
VALUES = st.builds(
    lambda first, middle, last: bytes([first, *middle, last]),
    VISIBLE,
    st.lists(INNER, max_size=20),
    VISIBLE,
)


def test_validators_come_and_go_byte_for_byte(origin: Origin, session: Session) -> None:
    """A2: opaque, whatever the bytes are."""

    @settings(max_examples=100, deadline=None)
    @given(VALUES, VALUES)
    def both_ways(etag: bytes, date: bytes) -> None:
        url = origin.url("/feed")
        origin.serve("/feed", Reply(200, b"<rss/>", {"ETag": etag, "Last-Modified": date}))
        first = session.fetch(url)
        assert isinstance(first, Fetched)
        assert first.validators == Validators(url, etag, date)
        session.fetch(url, first.validators)
        asked = origin.requests[-1]
        assert asked.header("If-None-Match") == etag
        assert asked.header("If-Modified-Since") == date

    both_ways()


@pytest.mark.parametrize(
    "etag",
    [
        b'"abc"', b'W/"abc"', b"abc", b'w/"x"', b'"a""b"', b"*", b'"\xe9t\xe9"', b'"\xff\xfe"',
        b'"\xf0\x9f\x98\x80"', b'"\xc3"', b'"a\tb c"', b'"a,b;c=d"', b"-1", b'""',
    ],
)  # fmt: skip
def test_validators_of_the_wild_come_and_go_byte_for_byte(
    origin: Origin, session: Session, etag: bytes
) -> None:
    origin.serve("/feed", Reply(200, b"<rss/>", {"ETag": etag}))
    first = session.fetch(origin.url("/feed"))
    assert isinstance(first, Fetched)
    session.fetch(origin.url("/feed"), first.validators)
    assert origin.requests[-1].header("If-None-Match") == etag


def test_a_connection_is_good_for_more_requests_after_odd_bytes(
    origin: Origin, session: Session
) -> None:
    origin.serve("/feed", Reply(200, b"<rss/>"))
    url = origin.url("/feed")
    for etag in (b'"\xe9"', b'"plain"', b'"\xff"'):
        session.fetch(url, Validators(url, etag))
    assert [request.header("If-None-Match") for request in origin.requests] == [
        b'"\xe9"',
        b'"plain"',
        b'"\xff"',
    ]
    assert origin.connections == 1


@pytest.mark.parametrize(
    "target",
    [
        "/a%2Fb", "/a%2fb", "/%41", "/a+b", "/a;b=c", "/a?x=%20&y=+", "/?q=a%26b", "/a//b/",
        "/a=b,c", "/caf%E9", "/a?url=https://other.example/x?y=1", "/~x!$'()*", "/a?x=%7e%7E",
    ],
)  # fmt: skip
def test_a_url_is_asked_as_it_is_written(origin: Origin, session: Session, target: str) -> None:
    session.fetch(origin.url(target))
    assert origin.requests[-1].target == target.encode()


def test_a_request_says_what_we_want_and_nothing_more(origin: Origin, session: Session) -> None:
    """A20 to A22: no cookie, no referrer, no cache-buster, an honest name, only gzip."""
    origin.serve("/feed", Reply(200, b"<rss/>", {"Set-Cookie": "a=b; Path=/"}))
    session.fetch(origin.url("/feed"))
    session.fetch(origin.url("/feed"))
    expected = (
        "GET /feed HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{origin.port}\r\n"
        "User-Agent: wirewatch/0.1.0 (+desk@example.org)\r\n"
        "Accept: application/atom+xml, application/rss+xml, application/feed+json, "
        "application/rdf+xml;q=0.9, application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, "
        "*/*;q=0.1\r\n"
        "Accept-Encoding: gzip\r\n\r\n"
    )
    assert [request.raw.decode() for request in origin.requests] == [expected, expected]
    assert origin.connections == 1


def test_a_fresh_connection_that_is_cut_is_not_tried_again(
    origin: Origin, session: Session
) -> None:
    for answer in (Raw(), Raw(RESET)):
        origin.clear()
        origin.serve("/feed", answer)
        assert session.fetch(origin.url("/feed")) == FetchFailed(
            "dropped", "the connection ended early"
        )
        assert len(origin.requests) == 1


def test_a_kept_connection_gone_stale_is_tried_once_more(origin: Origin, session: Session) -> None:
    def answer(request: Request) -> Reply | Raw:
        again = sum(1 for other in origin.requests if other.connection == request.connection) > 1
        return Raw() if again else Reply(200, b"<rss/>")

    origin.serve("/feed", answer)
    for _ in range(3):
        assert isinstance(session.fetch(origin.url("/feed")), Fetched)
    assert [request.connection for request in origin.requests] == [1, 1, 2, 2, 3]


def test_a_post_is_never_sent_twice(origin: Origin, session: Session) -> None:
    origin.serve("/hook", Reply(200), Raw())
    assert session.post(origin.url("/hook"), content=b"1").status_code == 200
    with pytest.raises(httpx.ReadError):
        session.post(origin.url("/hook"), content=b"2")
    assert [request.body for request in origin.requests] == [b"1", b"2"]


def test_a_post_carries_its_bytes_and_headers(origin: Origin, session: Session) -> None:
    origin.serve("/hook", Reply(200))
    body = "Xi и 普京".encode() + bytes(range(256))
    session.post(
        origin.url("/hook"),
        content=body,
        headers={"Content-Type": "application/json", "webhook-id": "x"},
    )
    sent = origin.requests[-1]
    assert sent.body == body
    assert sent.header("Content-Type") == b"application/json"
    assert sent.header("Content-Length") == str(len(body)).encode()
    assert sent.header("webhook-id") == b"x"
    assert sent.names() == {
        "host", "user-agent", "accept", "accept-encoding", "content-type", "content-length",
        "webhook-id",
    }  # fmt: skip


def test_a_post_may_say_a_title_in_any_script(origin: Origin, session: Session) -> None:
    origin.serve("/hook", Reply(200))
    title = "Си в Пекине".encode()
    session.post(origin.url("/hook"), content=b"{}", headers={"Title": title})
    assert origin.requests[-1].header("Title") == title
    assert origin.requests[-1].body == b"{}"
    with pytest.raises(httpx.LocalProtocolError):
        session.post(origin.url("/hook"), content=b"{}", headers={"Title": b"\xff"})


def test_a_password_in_a_webhook_url_is_sent_as_basic_auth(
    origin: Origin, session: Session
) -> None:
    origin.serve("/hook", Reply(200))
    session.post(origin.url("/hook").replace("://", "://user:p%40ss@"), content=b"")
    assert origin.requests[-1].header("Authorization") == b"Basic dXNlcjpwQHNz"
    assert b"p%40ss" not in origin.requests[-1].raw


def test_of_an_answer_to_an_alert_a_bounded_part_is_read(origin: Origin, session: Session) -> None:
    origin.serve("/big", Reply(200, b"a" * 3_000_000))
    answer = session.post(origin.url("/big"), content=b"{}")
    assert answer.status_code == 200
    assert answer.content == b"a" * 262_144


def test_an_answer_to_an_alert_without_end_is_a_good_answer(
    origin: Origin, session: Session
) -> None:
    endless = (chunked(b"a" * 10_000, end=False) for _ in range(10_000))
    origin.serve("/on", Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", more=endless))
    assert session.post(origin.url("/on"), content=b"{}").status_code == 200


@pytest.mark.parametrize("location", [b"http:\\\\x", b"http://[", b"\xff", b"//:99999/"])
def test_a_location_that_is_no_url_is_nobodys_problem(
    origin: Origin, session: Session, location: bytes
) -> None:
    origin.serve("/hook", Reply(302, headers={"Location": location}))
    assert session.post(origin.url("/hook"), content=b"{}").status_code == 302


def test_megabytes_of_cookies_are_not_read(origin: Origin, session: Session) -> None:
    cookies = [f"{number}={'a' * 30_000}; Path=/" for number in range(100)]
    origin.serve("/feed", Reply(200, b"<rss/>", {"Set-Cookie": cookies}))
    for _ in range(2):
        assert isinstance(session.fetch(origin.url("/feed")), Fetched)
    assert origin.requests[-1].header("Cookie") is None


def test_a_packed_answer_to_an_alert_stays_packed(origin: Origin, session: Session) -> None:
    """Whoever reads it would unpack a bomb."""
    origin.serve("/hook", Reply(200, b"\x1f\x8b...", {"Content-Encoding": "gzip"}))
    assert session.post(origin.url("/hook"), content=b"{}").content == b"\x1f\x8b..."


@pytest.mark.parametrize(
    "head",
    [
        b"garbage\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"a" * 100_000 + b"\r\n\r\n",
    ],
    ids=[
        "garbage", "version", "status", "length", "two lengths", "negative", "colon", "1 MB header",
        "10,000 headers", "reason",
    ],
)  # fmt: skip
def test_what_is_not_http_is_refused(origin: Origin, session: Session, head: bytes) -> None:
    origin.serve("/feed", Raw(head, Pause(5)))
    assert session.fetch(origin.url("/feed")) == FetchFailed("protocol", "the answer is not HTTP")


def test_a_chunk_that_is_not_one_is_refused(origin: Origin, session: Session) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    origin.serve("/feed", Raw(head + b"nonsense\r\n"))
    result = session.fetch(origin.url("/feed"))
    assert isinstance(result, FetchFailed)
    assert result.kind in {"protocol", "dropped"}


def test_limits_of_time_are_told_as_httpx_would(origin: Origin) -> None:
    origin.serve("/slow", Raw(b"HTTP/1.1 200 OK\r\n", Pause(20)))
    origin.serve("/stops", Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Pause(20)))

    async def run() -> None:
        guard = Guard(["127.0.0.1"])
        transport = Transport(
            _Resolver(guard),
            guard.open_socket,
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            Limits(connect=5, silence=0.05),
        )
        async with httpx.AsyncClient(transport=transport) as client:
            for path in ("/slow", "/stops"):
                with pytest.raises(httpx.ReadTimeout):
                    await client.get(origin.url(path))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (aiohttp.ServerDisconnectedError(), httpx.ReadError),
        (aiohttp.ClientPayloadError(), httpx.ReadError),
        (ConnectionResetError(), httpx.ReadError),
        (ssl.SSLError(), httpx.ReadError),
        (TimeoutError(), httpx.TimeoutException),
        (aiohttp.ConnectionTimeoutError(), httpx.ConnectTimeout),
        (aiohttp.SocketTimeoutError(), httpx.ReadTimeout),
        (aiohttp.InvalidURL("x"), httpx.UnsupportedProtocol),
        (UnicodeError("label too long"), httpx.LocalProtocolError),
    ],
)
def test_every_failure_is_one_that_callers_of_httpx_catch(
    raised: Exception, told: type[httpx.HTTPError]
) -> None:
    with pytest.raises(told) as caught, _translated():
        raise raised
    assert isinstance(caught.value, httpx.TransportError)
    assert str(caught.value)


# Certificates ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(*certificates: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for certificate in certificates:
        certificate.configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    assert context.verify_mode == ssl.CERT_REQUIRED
    return context


def ask_tls(
    server: ssl.SSLContext, authority: trustme.CA, host: str = "feeds.example"
) -> FetchResult:
    names = Names(feeds_example=["127.0.0.1"], other_example=["127.0.0.1"])
    with (
        Origin(tls=server) as origin,
        opened(names=names, tls=client_context(authority)) as session,
    ):
        origin.serve("/feed", Reply(200, b"<rss/>"))
        result = session.fetch(origin.url("/feed", host=host))
        assert isinstance(result, Fetched) or not origin.requests
        return result


def test_a_certificate_for_the_name_is_good(authority: trustme.CA) -> None:
    server = server_context(authority.issue_cert("feeds.example"))
    assert isinstance(ask_tls(server, authority), Fetched)


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
def test_a_certificate_for_another_name_is_refused(authority: trustme.CA, host: str) -> None:
    server = server_context(authority.issue_cert("feeds.example"))
    assert ask_tls(server, authority, host) == FetchFailed(
        "tls", f"the certificate is not for {host}"
    )


def test_an_expired_certificate_is_refused(authority: trustme.CA) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    server = server_context(authority.issue_cert("feeds.example", not_after=past))
    assert ask_tls(server, authority) == FetchFailed(
        "tls", "the certificate of feeds.example has expired"
    )


def test_a_certificate_of_tomorrow_is_refused(authority: trustme.CA) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)
    later = soon + datetime.timedelta(days=2)
    certificate = authority.issue_cert("feeds.example", not_before=soon, not_after=later)
    assert ask_tls(server_context(certificate), authority) == FetchFailed(
        "tls", "the certificate of feeds.example is not valid yet"
    )


def test_an_authority_we_do_not_know_is_refused(authority: trustme.CA) -> None:
    server = server_context(trustme.CA().issue_cert("feeds.example"))
    assert ask_tls(server, authority) == FetchFailed(
        "tls", "the certificate of feeds.example is signed by an authority we do not know"
    )


def test_a_self_signed_certificate_is_refused(authority: trustme.CA, tmp_path: Any) -> None:
    lonely = trustme.CA()
    pem = tmp_path / "lonely.pem"
    pem.write_bytes(lonely.private_key_pem.bytes() + lonely.cert_pem.bytes())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    assert ask_tls(server, authority) == FetchFailed(
        "tls", "the certificate of feeds.example is self-signed"
    )


@contextmanager
def one_connection(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server for one connection, blocking and without asyncio; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                serve(connection)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def ask_once(serve: Callable[[socket.socket], None], authority: trustme.CA) -> FetchResult:
    names = Names(feeds_example=["127.0.0.1"])
    with (
        one_connection(serve) as port,
        opened(names=names, tls=client_context(authority)) as session,
    ):
        result = session.fetch(f"https://feeds.example:{port}/")
    assert isinstance(result, FetchFailed)
    return replace(result, message=result.message.replace(str(port), "PORT"))


def test_tls_that_is_too_old_is_refused(authority: trustme.CA) -> None:
    server = server_context(authority.issue_cert("feeds.example"))
    server.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old TLS is what this test is about
        server.minimum_version = ssl.TLSVersion.TLSv1
        server.maximum_version = ssl.TLSVersion.TLSv1_1
    assert ask_once(
        lambda plain: server.wrap_socket(plain, server_side=True).close(), authority
    ) == (FetchFailed("tls", "TLS with feeds.example failed: tlsv1 alert protocol version"))


def test_https_to_a_server_that_speaks_http_is_a_tls_failure(authority: trustme.CA) -> None:
    def answer(plain: socket.socket) -> None:
        plain.recv(1000)
        plain.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert ask_once(answer, authority) == FetchFailed(
        "tls", "TLS with feeds.example failed: wrong version number"
    )


def test_a_server_that_hangs_up_during_the_handshake_is_told_as_that(authority: trustme.CA) -> None:
    assert ask_once(lambda plain: plain.close(), authority) == FetchFailed(
        "refused", "port PORT of feeds.example hung up while the connection was made"
    )


def test_two_names_on_one_address_never_share_a_connection(authority: trustme.CA) -> None:
    """The certificate of the one was checked, not of the other."""
    server = server_context(authority.issue_cert("feeds.example"))
    names = Names(feeds_example=["127.0.0.1"], other_example=["127.0.0.1"])
    with (
        Origin(tls=server) as origin,
        opened(names=names, tls=client_context(authority)) as session,
    ):
        origin.serve("/feed", Reply(200, b"<rss/>"))
        assert isinstance(session.fetch(origin.url("/feed", host="feeds.example")), Fetched)
        assert isinstance(session.fetch(origin.url("/feed", host="other.example")), FetchFailed)
        assert len(origin.requests) == 1


def test_a_webhook_with_a_bad_certificate_is_told_in_words(authority: trustme.CA) -> None:
    server = server_context(authority.issue_cert("feeds.example"))
    names = Names(other_example=["127.0.0.1"])
    with (
        Origin(tls=server) as origin,
        opened(names=names, tls=client_context(authority)) as session,
    ):
        with pytest.raises(httpx.ConnectError) as caught:
            session.post(origin.url("/hook", host="other.example"), content=b"{}")
        assert str(caught.value) == "the certificate is not for other.example"
