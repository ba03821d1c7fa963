"""One fetch against a real origin: what goes out, what comes back, what no server can do to us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from rigs.origin import RESET, Origin, Page, Pause, Raw, Reply

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
from monitor.guard import FeedClient, open_clients

NOW = datetime(2026, 11, 22, 19, 46, tzinfo=UTC)
FEED = b"<rss version='2.0'><channel><title>News</title></channel></rss>"


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@asynccontextmanager
async def feeds() -> AsyncIterator[FeedClient]:
    async with open_clients(contact="desk@example.org", allow_private=["127.0.0.0/8"]) as clients:
        yield clients.feeds


def ask(*requests: FetchRequest | str, timeout: float = 30, **limits: int) -> list[FetchResult]:
    """Ask one after the other with one client."""

    async def run() -> list[FetchResult]:
        async with feeds() as client:
            return [
                await fetch(
                    client,
                    FetchRequest(request) if isinstance(request, str) else request,
                    now=NOW,
                    timeout=timedelta(seconds=timeout),
                    **limits,
                )
                for request in requests
            ]

    return asyncio.run(run())


def ask_one(request: FetchRequest | str, timeout: float = 30, **limits: int) -> FetchResult:
    return ask(request, timeout=timeout, **limits)[0]


def failure(request: FetchRequest | str, timeout: float = 30, **limits: int) -> tuple[str, str]:
    """The kind and the message of a fetch that must fail."""
    result = ask_one(request, timeout=timeout, **limits)
    assert isinstance(result, FetchFailed)
    return result.kind, result.message


def test_a_feed_comes_back_whole_with_its_validators(origin: Origin) -> None:
    origin.serve("/feed", Page(FEED, '"1"', headers={"Content-Type": "application/rss+xml"}))
    url = origin.url("/feed")
    assert ask_one(url) == Fetched(
        url, FEED, "application/rss+xml", Validators(url, b'"1"'), ServerHints()
    )


def test_an_unchanged_feed_is_asked_conditionally_and_answers_304(origin: Origin) -> None:
    origin.serve("/feed", Page(FEED, '"1"', "Sun, 22 Nov 2026 19:00:00 GMT"))
    url = origin.url("/feed")
    first = ask_one(url)
    assert isinstance(first, Fetched)
    assert ask_one(FetchRequest(url, first.validators)) == NotModified(None, ServerHints())
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
    result = ask_one(origin.url("/feed"))
    assert isinstance(result, FetchFailed)
    assert (result.kind, result.message, result.status) == (kind, message, status)


def test_silence_ends_at_the_deadline(origin: Origin) -> None:
    origin.serve("/slow", Raw(b"HTTP/1.1 200 OK\r\n", Pause(60)))
    assert failure(origin.url("/slow"), timeout=0.2) == ("timeout", "no answer within 0.2 s")


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
