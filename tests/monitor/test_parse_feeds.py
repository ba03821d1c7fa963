"""Golden pairs: each feed in ``tests/data/feeds`` and, in the JSON beside it, what it becomes.

A value that is its field's default is left out there.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.feedreader import read
from monitor.item import NotAFeed, Parsed, ParseTask
from monitor.language import Detector

FEEDS = Path(__file__).parent.parent / "data" / "feeds"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
URL = "https://feeds.example/news/feed.xml"


def no_guess(text: str) -> tuple[str, float]:
    return "", 0.0


def parse(body: bytes, *, url: str = URL, content_type: str = "", lang: str = "") -> Any:
    """What the worker makes of a body."""
    task = ParseTask(body=body, url=url, content_type=content_type, lang=lang, now=NOW)
    return read(task, Detector(no_guess))


def as_json(value: Any) -> Any:
    """Plain values, without those that are a field's default."""
    if is_dataclass(value):
        shown = ((f, getattr(value, f.name)) for f in fields(value))
        return {f.name: as_json(v) for f, v in shown if f.default is MISSING or v != f.default}
    match value:
        case tuple():
            return [as_json(one) for one in value]
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
    return value


@pytest.mark.parametrize(
    "feed", sorted(path for path in FEEDS.iterdir() if path.suffix != ".json"), ids=lambda p: p.name
)
def test_a_feed_becomes_what_is_written_beside_it(feed: Path) -> None:  # B15, B17, B21, B24
    result = parse(feed.read_bytes())

    assert as_json(result) == json.loads(feed.with_suffix(".json").read_text("utf-8"))


def test_a_feed_in_a_strict_and_in_a_lenient_reading_has_the_same_items() -> None:
    """B24: one day the document is well-formed and the next it is not; its items stay the same."""
    for name in ("rss20-texts.xml", "atom10-types.xml", "rdf-rss10.xml", "links.xml"):
        body = (FEEDS / name).read_bytes().rstrip()
        strict, lenient = parse(body), parse(body + b"<x:y/>")
        assert not strict.bozo
        assert lenient.bozo
        assert lenient.items == strict.items


def test_a_moved_feed_keeps_its_keys() -> None:  # B11
    for feed in FEEDS.glob("*.xml"):
        here = parse(feed.read_bytes(), url="http://old.example/rss")
        there = parse(feed.read_bytes(), url="https://new.example/feeds/1.xml")
        assert [item.key for item in here.items] == [item.key for item in there.items]


def test_the_operators_language_counts_where_the_entry_says_none() -> None:
    body = b"<rss version='2.0'><channel><language>en</language><item><title>Harga gas</title>"
    body += b"</item></channel></rss>"

    assert parse(body).items[0].lang == "en"
    assert parse(body, lang="id").items[0].lang == "id"


def test_a_name_given_to_something_else_spoils_nothing() -> None:
    odd = "".join(
        f"<{name}>x</{name}><{name} a='b'/>"
        for name in ("links", "authors", "title_detail", "summary_detail", "published_parsed", "id")
    )
    body = f"<rss version='2.0'><channel><links>x</links><item><title>Kept</title>{odd}"
    result = parse(f"{body}</item></channel></rss>".encode())

    assert [item.title for item in result.items] == ["Kept"]


@pytest.mark.parametrize("field", ["title", "description", "author", "category", "source"])
def test_a_field_of_any_size_is_capped(field: str) -> None:  # B19
    text = "word " * 100_000
    body = f"<rss version='2.0'><channel><item><{field}>{text}</{field}><link>http://a.example/"
    (item,) = parse(f"{body}</link></item></channel></rss>".encode()).items

    sizes = (len(item.title), len(item.summary), len(item.author), len(item.source))
    assert all(size <= cap for size, cap in zip(sizes, (1_000, 64_000, 200, 200), strict=True))
    assert sum(map(len, item.tags)) <= 200
    assert max(*sizes, sum(map(len, item.tags))) >= 199


def test_only_the_first_ten_thousand_entries_are_read_and_the_rest_is_counted() -> None:
    entries = b"".join(b"<item><guid>%d</guid><title>t</title></item>" % n for n in range(10_003))
    result = parse(b"<rss version='2.0'><channel>" + entries + b"</channel></rss>")

    assert (len(result.items), result.dropped, result.cut) == (10_000, 3, False)
    assert result.items[-1].guid == "9999"


def test_a_hundred_categories_are_enough() -> None:
    many = b"".join(b"<category>c%d</category>" % number for number in range(500))
    body = b"<rss version='2.0'><channel><item><title>t</title>" + many
    (item,) = parse(body + b"</item></channel></rss>").items

    assert len(item.tags) == 100


NOT_FEEDS = {
    "an empty body": b"",
    "an empty body ": b" \r\n\0",
    'an HTML page titled "Just a moment..."': (
        b"<!DOCTYPE html><html lang=en><head><title>Just a moment...</title></head><body>"
        b"<noscript>Enable JavaScript and cookies to continue</noscript></body></html>"
    ),
    'a login page titled "Sign in & read on"': (
        b"<html><head><title>Sign in &amp; read on</title></head><body><form>"
        b"<input name=p type='password'></form></body></html>"
    ),
    "an HTML page without a title": b"<p>Service unavailable</p>",
    "JSON with error, code": b'{"error": "not found", "code": 404}',
    "a JSON list": b'["a"]',
    "broken JSON": b'{"a": ',
    "broken JSON ": b'{"a": ' * 50_000,
    "an empty JSON object": b"{}",
    "a JSON Feed that is broken": b'{"version": "https://jsonfeed.org/version/1.1", "items": [{',
    'a JSON Feed we cannot read (version "https://jsonfeed.org/version/2")': (
        b'{"version": "https://jsonfeed.org/version/2", "items": []}'
    ),
    'a JSON Feed we cannot read (version "https://jsonfeed.org/version/1")': (
        b'{"version": "https://jsonfeed.org/version/1", "items": {"0": {"id": "1"}}}'
    ),
    "an OPML list of feeds": b"<?xml version='1.0'?><opml version='2.0'><body/></opml>",
    "an XML document of <catalogue>": b"<!-- > --><catalogue><url/></catalogue>",
    'text that begins "Not found"': b"Not found\n",
    "binary data": bytes(range(256)) * 4,
    'an XML document that reads a file or address (entity "x")': (
        b"<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
        b"<rss version='2.0'><channel><item><title>&x;</title></item></channel></rss>"
    ),
    'an XML document that reads a file or address (entity "p")': (
        b"<!-- <x --><!DOCTYPE rss [<!ENTITY % p SYSTEM 'http://127.0.0.1/x.dtd'> %p;]>"
        b"<rss version='2.0'><channel><item><title>t</title></item></channel></rss>"
    ),
    'an XML bomb (entity "b")': (
        b"<!DOCTYPE rss [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
        b"<rss version='2.0'><channel><item><title>&b;</title></item></channel></rss>"
    ),
    'an XML bomb (entity "q")': (
        b"<!DOCTYPE rss [<!ENTITY q '" + b"A" * 50_000 + b"'>]>"
        b"<rss version='2.0'><channel><item><title>&q;&q;&q;</title></item></channel></rss>"
    ),
}


@pytest.mark.parametrize(("looks_like", "body"), NOT_FEEDS.items(), ids=list(NOT_FEEDS))
def test_what_is_not_a_feed_is_named_and_never_taken_for_nothing_new(
    looks_like: str, body: bytes
) -> None:  # B5, B9
    assert parse(body) == NotAFeed(looks_like.strip())


def test_an_html_page_that_speaks_of_feeds_is_a_page() -> None:
    body = b"<html><body><pre><rss version='2.0'><item><title>x</title></item></rss></pre></body>"

    assert parse(body) == NotAFeed("an HTML page without a title")


def test_declarations_of_characters_are_harmless() -> None:
    body = (
        "<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY nbsp '&#160;'><!ENTITY eacute 'é'>]>"
        "<rss version='2.0'><channel><item><title>Caf&eacute;&nbsp;noir</title></item>"
        "</channel></rss>"
    )

    assert [item.title for item in parse(body.encode()).items] == ["Café noir"]


def test_an_empty_feed_is_a_feed() -> None:
    result = parse(b"<rss version='2.0'><channel><title>Quiet</title></channel></rss>")

    assert isinstance(result, Parsed)
    assert (result.title, result.items, result.cut) == ("Quiet", (), False)


def test_a_feed_without_an_end_keeps_its_whole_items_and_says_it_was_cut() -> None:  # B8
    body = b"<rss version='2.0'><channel><item><title>Whole</title></item>"

    result = parse(body)

    assert ([item.title for item in result.items], result.cut) == (["Whole"], True)


def test_a_feed_that_repeats_an_item_gives_it_once() -> None:  # B12
    entry = b"<item><guid>1</guid><title>t</title></item>"
    result = parse(b"<rss version='2.0'><channel>" + entry * 3 + b"</channel></rss>")

    assert (len(result.items), result.dropped) == (1, 2)
