"""JSON Feed 1.0 and 1.1: what the specification says of each field, and documents that break (B10).

What becomes of a whole document is in the golden pairs of ``test_parse_feeds``.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.feedreader import read
from monitor.item import FeedHints, NotAFeed, Parsed, ParseTask
from monitor.language import Detector

NOW = datetime(2026, 11, 23, tzinfo=UTC)
VERSION = "https://jsonfeed.org/version/1.1"
OPEN = f'{{"version": "{VERSION}", "items": ['


def parse(body: str) -> Any:
    task = ParseTask(body.encode("utf-8", "surrogatepass"), "https://a.example/feed.json", now=NOW)
    return read(task, Detector(lambda _: ("", 0.0)))


def feed(*items: object, **more: object) -> str:
    return json.dumps({"version": VERSION, "title": "News", "items": items, **more})


def only(**fields: object) -> Any:
    """The one item of a feed that holds it."""
    result = parse(feed({"id": "1", "title": "T", **fields}))
    assert isinstance(result, Parsed)
    (item,) = result.items
    return item


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("https://jsonfeed.org/version/1", "json1"),
        ("https://jsonfeed.org/version/1.0", "json1"),
        ("http://www.jsonfeed.org/version/1.1/", "json11"),
        ("https://jsonfeed.org/version/1.2", "json12"),
    ],
)
def test_versions_of_the_first_generation_are_read(version: str, name: str) -> None:
    assert parse(feed({"id": "1", "title": "T"}, version=version)).version == name


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"id": "x-1"}, "g:x-1"),
        ({"id": 12}, "g:12"),
        ({"id": 1.5}, "g:1.5"),
        ({"id": ""}, "l:https://a.example/1"),
        ({"id": None}, "l:https://a.example/1"),
        ({"id": True}, "l:https://a.example/1"),
        ({"id": ["1"]}, "l:https://a.example/1"),
        ({}, "l:https://a.example/1"),
    ],
)
def test_an_id_is_a_text_or_a_number_and_without_one_the_link_counts(
    given: dict[str, Any], key: str
) -> None:
    result = parse(feed({"url": "https://a.example/1", "title": "T", **given}))
    assert [item.key for item in result.items] == [key]


def test_the_link_is_the_items_own_before_the_one_it_writes_about() -> None:
    assert only(url="/own", external_url="https://b.example/").url == "https://a.example/own"
    assert only(external_url="https://b.example/").url == "https://b.example/"
    assert only(url="javascript:x", external_url="https://b.example/").url == ""


def test_text_goes_before_html_and_either_is_enough() -> None:
    assert only(content_text="a <b> c", content_html="<p>d</p>").summary == "a <b> c"
    assert only(content_html="<p>d &amp; e</p><script>f()</script>").summary == "d & e"
    both = only(summary="short", content_html="<p>long</p>")
    assert (both.summary, both.content) == ("short", "long")


def test_authors_are_those_of_the_item_else_of_the_feed_in_both_versions() -> None:
    assert only(authors=[{"name": "A"}, {"name": "B"}], author={"name": "C"}).author == "A, B"
    assert only(author={"name": "C"}).author == "C"
    assert only(authors="A").author == ""
    result = parse(feed({"id": "1", "title": "T"}, authors=[{"name": "Desk"}]))
    assert result.items[0].author == "Desk"


@pytest.mark.parametrize(
    ("published", "modified", "shown"),
    [
        ("2026-11-22T10:00:00-05:00", "2026-11-22T20:00:00Z", "2026-11-22T15:00:00+00:00"),
        ("2026-11-22T10:00:00.123456789Z", None, "2026-11-22T10:00:00.123456+00:00"),
        ("yesterday", "2026-11-22T20:00:00Z", "2026-11-22T20:00:00+00:00"),
        (None, "2026-11-22 20:00:00 +0100", "2026-11-22T19:00:00+00:00"),
        ("2999-01-01T00:00:00Z", "2026-11-22T20:00:00Z", "2026-11-22T20:00:00+00:00"),
        ("2027-01-01T00:00:00Z", None, NOW.isoformat()),
        (17, [], None),
    ],
)
def test_the_date_is_when_it_was_published_else_when_it_was_changed(
    published: object, modified: object, shown: str | None
) -> None:
    """B15"""
    at = only(date_published=published, date_modified=modified).published
    assert (at and at.isoformat()) == shown


def test_a_feed_that_has_ended_or_goes_on_elsewhere_says_so() -> None:
    result = parse(feed({"id": "1", "title": "T"}, expired=True, next_url="?page=2", feed_url="x"))
    assert result.bozo == "the feed says that it has ended"
    assert result.hints == FeedHints(
        next_page="https://a.example/feed.json?page=2", self_url="https://a.example/x"
    )
    assert parse(feed({"id": "1", "title": "T"}, expired="no", next_url="file:///x")).hints == (
        FeedHints()
    )


def test_every_cut_of_a_feed_gives_its_whole_items_and_no_half_title() -> None:
    """B8"""
    items = [{"id": str(n), "title": f'Story {n} "}}]"', "tags": [{}, "x"]} for n in range(12)]
    text = feed(*items)
    ends = [text.index(json.dumps(item)) + len(json.dumps(item)) for item in items]
    for at in random.Random(2).sample(range(1, len(text) - 1), 150):
        result = parse(text[:at])
        whole = [item["title"] for item, end in zip(items, ends, strict=True) if end <= at]
        if not whole:
            assert isinstance(result, NotAFeed)
            continue
        assert [item.title for item in result.items] == whole
        assert result.bozo == f"the JSON is broken after item {len(whole)}"
        assert result.cut == (not text[:at].endswith("}"))


def test_what_breaks_in_the_middle_is_not_taken_for_a_cut() -> None:
    """Asking again for the whole document at every poll would not mend it."""
    text = feed({"id": "1", "title": "One"}, {"id": "2", "title": "Two"}).replace('"Two"', "Two")
    result = parse(text)
    assert ([item.title for item in result.items], result.cut) == (["One"], False)
    assert result.bozo == "the JSON is broken after item 1"


@pytest.mark.parametrize(
    "text",
    [
        OPEN + "[" * 200_000,
        OPEN + '{"a":' * 200_000,
        OPEN + "," * 1_000_000,
        OPEN.replace('"items"', '"x": {"items"') + "{}, {",
        '{"items": [{"id": "1", "title": "T"}, {',
    ],
)
def test_what_breaks_before_its_first_item_is_no_feed(text: str) -> None:
    assert isinstance(parse(text), NotAFeed)
