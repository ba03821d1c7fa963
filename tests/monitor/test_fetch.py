"""One fetch against a real origin: what goes out, what comes back, what no server can do to us."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from rigs.names import Names
from rigs.origin import RESET, Origin, Page, Pause, Raw, Reply, Step, bomb, chunked, zipped

from monitor.fetch import (
    Fetched,
    FetchFailed,
    FetchRequest,
    FetchResult,
    NotModified,
    ServerHints,
    Validators,
    fetch,
)
from monitor.guard import FeedClient, Resolve, open_clients

NOW = datetime(2026, 11, 22, 19, 46, tzinfo=UTC)
ODD = "is neither a host name nor an address in its usual form"
USER = "the URL holds a user or password; these belong under auth:"
FEED = b"<rss version='2.0'><channel><title>News</title></channel></rss>"


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin("127.0.0.1", "127.0.0.2") as server:
        yield server


@pytest.fixture(autouse=True)
def _forget(origin: Origin) -> None:
    origin.clear()


def ask(
    request: FetchRequest | str,
    *,
    timeout: float = 30,
    max_body: int = 15 * 1024 * 1024,
    lookup: Resolve | None = None,
    tls: ssl.SSLContext | None = None,
    public: bool = False,
) -> FetchResult:
    """One fetch with clients of its own; ``public``: as if loopback were the open internet, so
    that redirects between hosts can be followed at all."""

    async def run() -> FetchResult:
        async with open_clients(
            contact="desk@example.org",
            allow_private=["127.0.0.0/8"],
            lookup=lookup,
            tls=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ) as clients:
            client = clients.feeds
            if public:
                client = FeedClient(client.configured, client.configured)
            return await fetch(
                client,
                FetchRequest(request) if isinstance(request, str) else request,
                now=NOW,
                timeout=timedelta(seconds=timeout),
                max_body=max_body,
            )

    return asyncio.run(run())


def failure(request: FetchRequest | str, **how: Any) -> tuple[str, str]:
    """The kind and the message of a fetch that must fail."""
    result = ask(request, **how)
    assert isinstance(result, FetchFailed), result
    return result.kind, result.message


def fetched(request: FetchRequest | str, **how: Any) -> Fetched:
    """A fetch that must succeed."""
    result = ask(request, **how)
    assert isinstance(result, Fetched), result
    return result


def test_a_feed_comes_back_whole_with_its_validators(origin: Origin) -> None:
    origin.serve("/feed", Page(FEED, '"1"', headers={"Content-Type": "application/rss+xml"}))
    url = origin.url("/feed")
    assert ask(url) == Fetched(
        url, FEED, "application/rss+xml", Validators(url, b'"1"'), ServerHints()
    )


def test_an_unchanged_feed_is_asked_conditionally_and_answers_304(origin: Origin) -> None:
    origin.serve("/feed", Page(FEED, '"1"', "Sun, 22 Nov 2026 19:00:00 GMT"))
    url = origin.url("/feed")
    first = ask(url)
    assert isinstance(first, Fetched)
    assert ask(FetchRequest(url, first.validators)) == NotModified(None, ServerHints())
    asked = origin.requests_for("/feed")[-1]
    assert asked.header("If-None-Match") == b'"1"'
    assert asked.header("If-Modified-Since") == b"Sun, 22 Nov 2026 19:00:00 GMT"


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (204, "status", "answered 204 No Content"),
        (403, "status", "answered 403 Forbidden"),
        (404, "status", "answered 404 Not Found"),
        (410, "gone", "answered 410 Gone"),
        (429, "rate_limited", "answered 429 Too Many Requests"),
        (500, "status", "answered 500 Internal Server Error"),
        (503, "status", "answered 503 Service Unavailable"),
        (799, "status", "answered 799"),
    ],
)
def test_any_other_status_is_a_failure_in_plain_words(
    origin: Origin, status: int, kind: str, message: str
) -> None:
    origin.serve("/feed", Reply(status))
    result = ask(origin.url("/feed"))
    assert isinstance(result, FetchFailed)
    assert (result.kind, result.message, result.status) == (kind, message, status)


# Validators --------------------------------------------------------------------------------------


def test_a_new_pair_replaces_the_old_one_whole(origin: Origin) -> None:
    """A3: what the new answer lacks is not filled from the old one."""
    url = origin.url("/feed")
    old = Validators(url, b'"1"', b"Sun, 22 Nov 2026 19:00:00 GMT")
    origin.serve("/feed", Reply(200, FEED, {"Last-Modified": "Sun, 22 Nov 2026 20:00:00 GMT"}))
    assert fetched(FetchRequest(url, old)).validators == Validators(
        url, None, b"Sun, 22 Nov 2026 20:00:00 GMT"
    )


@pytest.mark.parametrize("headers", [{}, {"ETag": ""}, {"ETag": " ", "Last-Modified": ""}])
def test_an_answer_without_validators_leaves_none(origin: Origin, headers: dict[str, str]) -> None:
    url = origin.url("/feed")
    origin.serve("/feed", Reply(200, FEED, headers))
    assert fetched(FetchRequest(url, Validators(url, b'"1"'))).validators is None


LATER = "Sun, 22 Nov 2026 20:00:00 GMT"
OLD = (b'"1"', b"Sun, 22 Nov 2026 19:00:00 GMT")


@pytest.mark.parametrize(
    ("told", "renewed"),
    [
        ({}, None),
        ({"ETag": '"1"', "Last-Modified": "Sun, 22 Nov 2026 19:00:00 GMT"}, None),
        ({"ETag": '"1"'}, None),
        ({"Last-Modified": "Sun, 22 Nov 2026 19:00:00 GMT"}, None),
        ({"ETag": '"2"'}, (b'"2"', None)),
        ({"Last-Modified": LATER}, (None, LATER.encode())),
        ({"ETag": '"1"', "Last-Modified": LATER}, (b'"1"', LATER.encode())),
    ],
)
def test_a_304_with_new_validators_brings_them(
    origin: Origin, told: dict[str, str], renewed: tuple[bytes | None, bytes | None] | None
) -> None:
    """A5; repeating what is known, whole or in part, is nothing new."""
    url = origin.url("/feed")
    origin.serve("/feed", Reply(304, headers=told))
    expected = None if renewed is None else Validators(url, *renewed)
    assert ask(FetchRequest(url, Validators(url, *OLD))) == NotModified(expected, ServerHints())


def test_a_304_that_nobody_asked_for_is_a_failure(origin: Origin) -> None:
    origin.serve("/feed", Reply(304))
    assert failure(origin.url("/feed")) == (
        "protocol",
        "answered 304 to a request without conditions",
    )


def test_a_validator_that_no_header_may_hold_is_not_kept(origin: Origin) -> None:
    """It could never be given back; the other one of the pair can."""
    url = origin.url("/feed")
    origin.serve("/feed", Reply(200, FEED, {"ETag": b'"\x1b1"', "Last-Modified": LATER}))
    found = fetched(url)
    assert found.validators == Validators(url, None, LATER.encode())
    assert isinstance(ask(FetchRequest(url, found.validators)), Fetched)


def test_validators_go_only_to_the_url_that_gave_them(origin: Origin) -> None:
    """A8: they belong to the final URL, not to the feed."""
    origin.serve("/feed", Reply(302, headers={"Location": "/other"}))
    origin.serve("/other", Page(FEED, '"b"'))
    url, other = origin.url("/feed"), origin.url("/other")
    ask(FetchRequest(url, Validators(url, b'"a"')))
    assert [request.header("If-None-Match") for request in origin.requests] == [b'"a"', None]

    origin.clear()
    first = fetched(url)
    assert first.validators == Validators(other, b'"b"')
    again = ask(FetchRequest(url, first.validators))
    assert isinstance(again, NotModified)
    assert [request.header("If-None-Match") for request in origin.requests[2:]] == [None, b'"b"']


def test_validators_of_a_url_the_feed_no_longer_has_are_not_sent(origin: Origin) -> None:
    origin.serve("/feed", Page(FEED, '"1"'))
    fetched(FetchRequest(origin.url("/feed"), Validators(origin.url("/old"), b'"1"')))
    assert origin.requests[0].header("If-None-Match") is None


# Redirects ---------------------------------------------------------------------------------------


def chain(origin: Origin, *statuses: int) -> str:
    """``/0`` redirects to ``/1`` with the first status and so on; the last is the feed."""
    for number, status in enumerate(statuses):
        origin.serve(f"/{number}", Reply(status, headers={"Location": f"/{number + 1}"}))
    origin.serve(f"/{len(statuses)}", Page(FEED, '"1"'))
    return origin.url("/0")


@pytest.mark.parametrize(
    ("statuses", "moved"),
    [
        ([301], True),
        ([308], True),
        ([301, 308, 301], True),
        ([302], False),
        ([303], False),
        ([307], False),
        ([301, 302], False),
        ([302, 301], False),
        ([301] * 5, True),
    ],
)
def test_a_feed_has_moved_when_every_redirect_was_permanent(
    origin: Origin, statuses: list[int], moved: bool
) -> None:
    """A17: and the final URL is where relative links and validators belong."""
    url, last = chain(origin, *statuses), origin.url(f"/{len(statuses)}")
    found = fetched(url)
    assert found.url == last
    assert found.validators == Validators(last, b'"1"')
    assert found.moved_to == (last if moved else None)
    again = ask(FetchRequest(url, found.validators))
    assert again == NotModified(None, ServerHints(), found.moved_to)


def test_a18_a_sixth_redirect_is_one_too_many(origin: Origin) -> None:
    assert failure(chain(origin, *[302] * 6)) == ("redirects", "more than 5 redirects")
    assert len(origin.requests) == 6


@pytest.mark.parametrize("back", ["/0", "/1", "/0#again"])
def test_a18_a_circle_is_noticed_at_once(origin: Origin, back: str) -> None:
    origin.serve("/0", Reply(302, headers={"Location": "/1"}))
    origin.serve("/1", Reply(302, headers={"Location": back}))
    path = back.removesuffix("#again")
    assert failure(origin.url("/0")) == (
        "redirects",
        f"redirects in a circle, back to {origin.url(path)}",
    )
    assert len(origin.requests) == 2


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("file:///etc/passwd", "the URL begins with file, not with http or https"),
        ("gopher://x/", "the URL begins with gopher, not with http or https"),
        ("//user:pw@x/", USER),
        ("http://2130706433/", f"2130706433 {ODD}"),
        ("http:\\\\x", "the URL holds a backslash or a control character"),
        ("http://[", f"%5b {ODD}"),
    ],
)  # fmt: skip
def test_a_location_we_do_not_follow_is_told(origin: Origin, location: str, message: str) -> None:
    origin.serve("/feed", Reply(302, headers={"Location": location}))
    assert ask(origin.url("/feed")) == FetchFailed(
        "redirects", f"redirects to where we do not go: {message}", 302
    )


@pytest.mark.parametrize("headers", [{}, {"Location": ""}, {"Location": " "}])
def test_a_redirect_to_nowhere_is_told(origin: Origin, headers: dict[str, str]) -> None:
    origin.serve("/feed", Reply(302, headers=headers))
    assert ask(origin.url("/feed")) == FetchFailed(
        "redirects", "answered 302 Found without saying where to", 302
    )


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_https_never_goes_down_to_http_but_up_is_fine(
    origin: Origin, authority: trustme.CA
) -> None:
    """A18"""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    with Origin(tls=server) as secure:
        secure.serve("/feed", Reply(301, headers={"Location": origin.url("/down?token=geheim")}))
        secure.serve("/up", Reply(200, FEED))
        assert failure(secure.url("/feed"), tls=client, public=True) == (
            "redirects",
            f"redirects from https down to {origin.url('/down')}?…, which is not followed",
        )
        assert origin.requests == []
        origin.serve("/feed", Reply(301, headers={"Location": secure.url("/up")}))
        assert fetched(origin.url("/feed"), tls=client, public=True).moved_to == secure.url("/up")


def test_secrets_never_leave_the_configured_origin(origin: Origin) -> None:
    """A18. F4: nor do they come back to it by way of another."""
    with Origin() as other:
        origin.serve("/feed", Reply(307, headers={"Location": "/same"}))
        origin.serve("/same", Reply(307, headers={"Location": other.url("/away")}))
        other.serve("/away", Reply(307, headers={"Location": origin.url("/back")}))
        origin.serve("/back", Reply(200, FEED))
        request = FetchRequest(
            origin.url("/feed"), headers={"X-Api-Key": "geheim"}, auth=("désk", "pässwort")
        )
        fetched(request, public=True)
        home = {request.path: request for request in origin.requests}
        assert home["/feed"].header("Authorization") == b"Basic ZMOpc2s6cMOkc3N3b3J0"
        assert home["/feed"].header("X-Api-Key") == b"geheim"
        assert home["/same"].header("X-Api-Key") == b"geheim"
        for stranger in (other.requests[0], home["/back"]):
            assert not stranger.names() & {"x-api-key", "authorization", "cookie", "referer"}


def test_the_operators_headers_replace_ours(origin: Origin) -> None:
    origin.serve("/feed", Reply(200, FEED))
    own = {"User-Agent": "Rédaction/1", "accept": "text/xml"}
    fetched(FetchRequest(origin.url("/feed"), headers=own))
    raw = origin.requests[0].raw.lower()
    assert raw.count(b"user-agent:") == raw.count(b"accept:") == 1
    assert origin.requests[0].header("User-Agent") == "Rédaction/1".encode()


def test_a_header_that_would_split_the_request_is_not_sent(origin: Origin) -> None:
    own = {"X": "a\r\nInjected: b"}
    kind, message = failure(FetchRequest(origin.url("/feed"), headers=own))
    assert kind == "protocol"
    assert message.isprintable()
    assert origin.requests == []


def test_the_body_of_a_redirect_is_not_read(origin: Origin) -> None:
    body = bomb(50 << 20)
    headers = {"Location": "/feed", "Content-Encoding": "gzip"}
    origin.serve("/moved", Reply(302, body, headers))
    origin.serve("/feed", Reply(200, FEED))
    assert fetched(origin.url("/moved")).body == FEED


# Statuses and what they say about time -----------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "rate_limited"), (503, "rate_limited"), (500, "status"), (403, "status")],
)
def test_a_retry_after_is_kept_whatever_the_status(origin: Origin, status: int, kind: str) -> None:
    origin.serve("/feed", Reply(status, headers={"Retry-After": "3600"}))
    result = ask(origin.url("/feed"))
    assert isinstance(result, FetchFailed)
    assert result.kind == kind
    assert result.retry_at is not None
    # Counted from the answer, which came a moment after the request.
    assert timedelta(0) <= result.retry_at - NOW - timedelta(hours=1) < timedelta(seconds=20)


def test_a_retry_after_counts_from_the_answer_not_from_the_request(origin: Origin) -> None:
    origin.serve("/feed", Reply(429, headers={"Retry-After": "10"}, delay=0.2))
    result = ask(origin.url("/feed"))
    assert isinstance(result, FetchFailed)
    assert result.retry_at is not None
    assert result.retry_at >= NOW + timedelta(seconds=10.2)


@pytest.mark.parametrize(("redirect", "kind"), [(301, "gone"), (302, "status")])
def test_a_410_means_gone_only_where_no_temporary_redirect_led_to_it(
    origin: Origin, redirect: int, kind: str
) -> None:
    origin.serve("/feed", Reply(redirect, headers={"Location": "/gone"}))
    origin.serve("/gone", Reply(410))
    assert failure(origin.url("/feed")) == (
        kind,
        f"answered 410 Gone, after a redirect to {origin.url('/gone')}",
    )


def test_freshness_is_told_for_a_feed_and_for_a_304(origin: Origin) -> None:
    url = origin.url("/feed")
    told = {"Cache-Control": "max-age=600", "Age": "100"}
    origin.serve("/feed", Page(FEED, '"1"', headers=told))
    found = fetched(url)
    assert found.hints == ServerHints(timedelta(seconds=500))
    assert ask(FetchRequest(url, found.validators)) == NotModified(
        None, ServerHints(timedelta(seconds=500))
    )


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"text/xml; charset=utf-8", "text/xml; charset=utf-8"),
        (b"text/xml;\xe9\x9b\x1b", "text/xml;é"),
        (b"text/xml;\tname=\xe9\x85", "text/xml; name=é"),
        (b"a" * 3000, "a" * 500),
    ],
)
def test_a_content_type_is_one_clean_line(origin: Origin, sent: bytes, told: str) -> None:
    origin.serve("/feed", Reply(200, FEED, {"Content-Type": sent}))
    assert fetched(origin.url("/feed")).content_type == told


# Bodies ------------------------------------------------------------------------------------------


def test_a_gzipped_feed_is_unpacked(origin: Origin) -> None:
    origin.serve("/feed", zipped(FEED * 1000))
    assert fetched(origin.url("/feed")).body == FEED * 1000
    assert origin.requests[0].header("Accept-Encoding") == b"gzip"


def test_a_chunked_feed_is_put_together(origin: Origin) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    origin.serve("/feed", Raw(head, chunked(FEED[:5], FEED[5:])))
    assert fetched(origin.url("/feed")).body == FEED


def test_a_feed_whose_length_nobody_told_ends_with_the_connection(origin: Origin) -> None:
    origin.serve("/feed", Raw(b"HTTP/1.0 200 OK\r\n\r\n", FEED))
    assert fetched(origin.url("/feed")).body == FEED


@pytest.mark.parametrize("length", [0, 1])
def test_an_empty_body_is_a_body(origin: Origin, length: int) -> None:
    origin.serve("/feed", Reply(200, b"x" * length))
    assert fetched(origin.url("/feed")).body == b"x" * length


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            Reply(200, bomb(100 << 20), {"Content-Encoding": "gzip"}),
            ("too_big", "the body unpacks to more than 100 times its size"),
        ),
        (
            Reply(200, bomb(100 << 20, times=2), {"Content-Encoding": "gzip, gzip"}),
            ("protocol", "the body is packed more than once, which is not accepted"),
        ),
        (
            Reply(200, bomb(1 << 20), {"Content-Encoding": ["gzip", "x-gzip"]}),
            ("protocol", "the body is packed more than once, which is not accepted"),
        ),
        (
            Reply(200, b"x", {"Content-Encoding": "br"}),
            ("protocol", "the body is packed as br, which was not asked for"),
        ),
        (
            Raw(CHUNKED, more=(chunked(bytes(65536), end=False) for _ in range(10_000))),
            ("too_big", "the body is larger than 15 MiB"),
        ),
        (
            Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"<rss>", Pause(20)),
            ("too_big", "the body is larger than 15 MiB"),
        ),
        (
            Reply(200, gzip.compress(FEED)[:-5], {"Content-Encoding": "gzip"}),
            ("dropped", "the body ended early: its gzip data is not complete"),
        ),
        (
            # The length lies: only the beginning of the gzip data belongs to the answer.
            Raw(OK + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + gzip.compress(FEED)),
            ("protocol", "the answer is not HTTP"),
        ),
        (
            Reply(200, b"<rss/>", {"Content-Encoding": "gzip"}),
            ("protocol", "the body is not the gzip data it claims to be"),
        ),
    ],
    ids=["bomb", "twice", "two lines", "br", "endless", "announced", "cut", "lies", "plain"],
)  # fmt: skip
def test_a_body_that_would_hurt_is_refused_and_costs_little_memory(
    origin: Origin, answer: Reply | Raw, expected: tuple[str, str]
) -> None:
    """B3."""
    origin.serve("/feed", answer)
    tracemalloc.start()
    try:
        assert failure(origin.url("/feed")) == expected
        assert tracemalloc.get_traced_memory()[1] < 50 * 1024 * 1024
    finally:
        tracemalloc.stop()


# Time --------------------------------------------------------------------------------------------


def trickle(*parts: bytes) -> Iterator[Step]:
    for part in parts:
        yield part
        yield Pause(0.02)


def endless(part: bytes) -> Iterator[Step]:
    while True:
        yield part
        yield Pause(0.02)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: Raw(Pause(60)),
        lambda: Raw(OK, Pause(60)),
        lambda: Raw(more=trickle(*(bytes([byte]) for byte in OK * 100))),
        lambda: Raw(OK + b"Content-Length: 5000\r\n\r\n", more=endless(b"x")),
        lambda: Raw(CHUNKED, more=endless(b"1\r\nx\r\n")),
        lambda: Raw(OK + b"\r\n", more=endless(b" ")),
        lambda: Raw(more=endless(b"HTTP/1.1 103 Early Hints\r\n\r\n")),
        lambda: Reply(302, headers={"Location": "/feed?again"}, delay=0.2),
    ],
    ids=["mute", "half", "slow head", "slow body", "chunks", "no length", "hints", "hops"],
)  # fmt: skip
def test_one_deadline_ends_every_kind_of_slowness(
    origin: Origin, answer: Callable[[], Reply | Raw]
) -> None:
    """B4: trickling beats a timeout for silence, and hops one for each request."""
    origin.serve("/feed", answer())
    kind, message = failure(origin.url("/feed"), timeout=0.3)
    assert kind == "timeout"
    assert message.startswith("no answer within 0.3 s")


def test_a_name_server_that_does_not_answer_ends_at_the_deadline() -> None:
    """D16."""

    async def hangs(host: str, port: int) -> list[Any]:
        await asyncio.sleep(60)
        return []

    assert failure("http://feeds.example/", timeout=0.1, lookup=hangs) == (
        "timeout",
        "no answer within 0.1 s",
    )


def test_a_listener_that_accepts_nobody_ends_at_the_deadline() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), socket.socket() as second:
            second.setblocking(False)
            with suppress(BlockingIOError):
                second.connect(("127.0.0.1", port))
            assert failure(f"http://127.0.0.1:{port}/", timeout=0.2) == (
                "timeout",
                "no answer within 0.2 s",
            )


def test_a_deadline_after_a_redirect_says_where_it_had_led(origin: Origin) -> None:
    origin.serve("/feed", Reply(302, headers={"Location": "/slow?token=geheim"}))
    origin.serve("/slow", Raw(Pause(60)))
    assert failure(origin.url("/feed"), timeout=0.2) == (
        "timeout",
        f"no answer within 0.2 s, after a redirect to {origin.url('/slow')}?…",
    )


def test_cancelling_a_fetch_is_not_an_outcome(origin: Origin) -> None:
    origin.serve("/feed", Raw(Pause(60)))

    async def run() -> None:
        async with open_clients(contact="x@example.org", allow_private=["127.0.0.1"]) as clients:
            task = asyncio.create_task(
                fetch(clients.feeds, FetchRequest(origin.url("/feed")), now=NOW)
            )
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())


# Everything else that goes wrong -----------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Raw(),
        Raw(b"HTTP/1.1 200 OK\r\n", RESET),
        Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
        Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
    ],
    ids=["no answer", "reset in the head", "body cut", "chunk cut"],
)
def test_a_connection_that_ends_early_is_told_as_that(origin: Origin, answer: Raw) -> None:
    origin.serve("/cut", answer)
    assert failure(origin.url("/cut")) == ("dropped", "the connection ended early")


def test_nobody_listening_is_told_with_the_port() -> None:
    assert failure("http://127.0.0.1:1/") == ("refused", "port 1 of 127.0.0.1 refuses connections")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://feeds.example/", "the URL begins with ftp, not with http or https"),
        ("http://u:geheim@feeds.example/", USER),
        ("not a url", "the URL holds a blank, a backslash or a control character"),
    ],
)  # fmt: skip
def test_a_url_nobody_could_ask_is_a_failure_not_an_exception(url: str, message: str) -> None:
    assert failure(url) == ("protocol", message)


def test_no_failure_tells_a_secret(origin: Origin) -> None:
    """E14."""
    origin.serve("/feed", Reply(500))
    for url in (
        origin.url("/feed?token=geheim"),
        "http://127.0.0.1:1/geheim?token=geheim",
        "http://10.0.0.1/geheim?token=geheim",
        "http://u:geheim@feeds.example/geheim",
        "http://nobody.invalid/geheim?token=geheim",
    ):
        request = FetchRequest(url, headers={"X": "geheim"}, auth=("geheim", "geheim"))
        assert "geheim" not in failure(request, lookup=Names())[1]


HEADS = st.one_of(
    st.sampled_from(
        [b"HTTP/1.1 200 OK", b"HTTP/1.1 304 X", b"HTTP/1.0 302 ", b"HTTP/1.1 429 \xff"]
    ),
    st.binary(max_size=20),
)
NAMES = st.sampled_from(
    [
        b"Location", b"Content-Encoding", b"Content-Length", b"Content-Type", b"ETag", b"Date",
        b"Transfer-Encoding", b"Retry-After", b"Cache-Control", b"Set-Cookie", b"Connection",
        b"Upgrade", b"Link", b"\xff",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [b"gzip", b"chunked", b"5", b"http:\\\\x", b"http://[", b"//", b"\xff", b"a\tb"]
    ),
)


def test_whatever_a_server_answers_a_fetch_gives_a_result(origin: Origin) -> None:
    @settings(max_examples=60, deadline=None)
    @given(HEADS, st.lists(st.tuples(NAMES, TEXTS), max_size=5), st.binary(max_size=40))
    def check(first: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        origin.serve("/feed", Raw(first + b"\r\n" + head + b"\r\n" + body))
        url = origin.url("/feed")
        result = ask(FetchRequest(url, Validators(url, b'"1"')), timeout=10)
        assert isinstance(result, Fetched | NotModified | FetchFailed)
        if isinstance(result, FetchFailed):
            assert result.message.isprintable()

    check()
