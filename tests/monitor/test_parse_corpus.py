"""Every document of the corpora: no exception, none that takes long, keys that stay the same.

They are read through one pool, whole and cut at random places.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import feedparser
import pytest

from monitor import clean
from monitor.item import NotAFeed, Parsed, ParseFailed, ParseResult, ParseTask
from monitor.parse import ParserPool

# One worker of pytest-xdist reads the corpora once for all tests (with --dist loadgroup).
pytestmark = [pytest.mark.corpus, pytest.mark.xdist_group("corpora")]
URL = "https://corpus.example/feed.xml"
Read = Callable[[list[bytes]], list[ParseResult]]


@pytest.fixture(scope="module")
def documents(corpora: Path) -> dict[str, bytes]:
    """Every file of the feed corpora, by its path."""
    folder = corpora / "feeds"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("_")
    }


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    """What a pool with its usual limits makes of bodies."""
    with asyncio.Runner() as runner:
        pool = ParserPool(workers=2)

        async def all_of(bodies: list[bytes]) -> list[ParseResult]:
            return await asyncio.gather(*(pool.parse(ParseTask(body, URL)) for body in bodies))

        yield lambda bodies: runner.run(all_of(bodies))
        runner.run(pool.close())


@pytest.fixture(scope="module")
def results(documents: dict[str, bytes], read: Read) -> dict[str, ParseResult]:
    return dict(zip(documents, read(list(documents.values())), strict=True))


def test_every_document_is_a_feed_or_said_not_to_be_one(results: dict[str, ParseResult]) -> None:
    kinds = [type(result) for result in results.values()]

    assert [name for name, result in results.items() if isinstance(result, ParseFailed)] == []
    assert kinds.count(Parsed) > 3_500
    assert kinds.count(NotAFeed) > 50


def test_every_captured_feed_gives_items_with_titles_and_links(
    results: dict[str, ParseResult],
) -> None:
    captured = [result for name, result in results.items() if name.startswith("captured/")]

    assert len(captured) >= 10
    for feed in captured:
        assert isinstance(feed, Parsed)
        assert len(feed.items) >= 10
        assert not feed.cut
        assert all(item.title and item.url.startswith("http") for item in feed.items)


def test_no_item_comes_twice_and_every_text_is_fit_to_store(
    results: dict[str, ParseResult],
) -> None:
    for name, feed in results.items():
        if not isinstance(feed, Parsed):
            continue
        keys = [item.key for item in feed.items]
        assert len(set(keys)) == len(keys), name
        for item in feed.items:
            assert 2 < len(item.key) <= 202, name
            assert (len(item.title), len(item.summary)) <= (1_000, 64_000), name
            assert item.summary != item.content or not item.content, name
            for text in (item.title, item.summary, item.content, item.author, *item.tags):
                assert text == clean.plain(text), name


def test_the_same_bytes_give_the_same_items(
    documents: dict[str, bytes], results: dict[str, ParseResult], read: Read
) -> None:
    some = random.Random(2).sample(list(documents), 300)

    assert read([documents[name] for name in some]) == [results[name] for name in some]


def test_our_way_of_driving_feedparser_finds_what_feedparser_finds(
    documents: dict[str, bytes], results: dict[str, ParseResult]
) -> None:
    """`monitor.feedxml` uses names that feedparser does not document: this tells when they move."""
    compared = 0
    for name in random.Random(4).sample(list(results), 800):
        feed, body = results[name], documents[name]
        if not isinstance(feed, Parsed) or feed.bozo or not body.isascii():
            continue
        if feed.version.startswith("json"):
            continue
        theirs = feedparser.parse(
            _Stream(body),
            response_headers={"content-type": "application/xml"},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
        if theirs.bozo:
            continue
        compared += 1
        assert theirs.version in (feed.version, ""), name
        assert len(theirs.entries) == len(feed.items) + feed.dropped, name
        guids = {entry.get("id", "").strip() for entry in theirs.entries}
        assert {item.guid for item in feed.items} <= guids | {""}, name
    assert compared > 400


class _Stream:
    """A body as feedparser takes it without opening anything."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self) -> bytes:
        return self._body


def test_a_cut_document_gives_whole_items_only(
    documents: dict[str, bytes], results: dict[str, ParseResult], read: Read
) -> None:
    """B8: never half a title; and what is whole has the key it has in the whole document."""
    chance = random.Random(8)
    feeds = {name: r for name, r in results.items() if isinstance(r, Parsed) and r.items}
    names = [*chance.sample(list(feeds), 120), *(n for n in feeds if n.startswith("captured/"))]
    cuts = [documents[name][: chance.randrange(len(documents[name]))] for name in names]

    for name, cut in zip(names, read(cuts), strict=True):
        assert not isinstance(cut, ParseFailed), name
        if isinstance(cut, Parsed):
            whole = feeds[name]
            known = {(item.title, item.summary, item.content) for item in whole.items}
            assert {(i.title, i.summary, i.content) for i in cut.items} <= known, name
            if not _shares_guids(whole):
                assert {i.key for i in cut.items} <= {i.key for i in whole.items}, name


def _shares_guids(feed: Parsed) -> bool:
    """Where guids are shared, an item's key depends on which others are there."""
    return any(re.match(r"[gl]:.* [lh]:|[gl]:#", item.key) for item in feed.items)
