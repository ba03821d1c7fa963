"""The catalogue's rows on parsing that no other test shows, each named by its id."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.bombs import documents

from monitor.feedreader import read
from monitor.item import Item, Parsed, ParseTask
from monitor.language import Detector

ROOT = Path(__file__).resolve().parent.parent.parent
URL = "https://feeds.example/news/feed.xml"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def items(body: bytes | str, **others: Any) -> tuple[Item, ...]:
    """The items of a feed."""
    body = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    result = read(ParseTask(body, URL, now=NOW, **others), Detector(lambda text: ("", 0.0)))
    assert isinstance(result, Parsed), result
    return result.items


def rss(*entries: str) -> str:
    inside = "".join(f"<item>{entry}</item>" for entry in entries)
    return f"<rss version='2.0'><channel>{inside}</channel></rss>"


# What a process that parses opens and dials, told by the interpreter's own hooks.
WATCHED = """
import sys
sys.path.insert(0, sys.argv[1])
from monitor.feedreader import read
from monitor.item import ParseTask
from monitor.language import Detector
detector = Detector(lambda text: ("", 0.0))
bodies = sys.stdin.buffer.read().split(b"\\0--\\0")
def all_read():
    for body in bodies:
        for more in (b"", b"<x:y/>"):
            read(ParseTask(body + more, "https://a.example/"), detector)
all_read()
seen = []
sys.addaudithook(lambda event, arguments: seen.append(f"{event} {arguments!r:.200}")
                 if event.startswith(("open", "socket.", "urllib", "subprocess", "os.")) else None)
all_read()
print(seen)
"""


def test_no_document_makes_the_parser_open_or_dial_anything(tmp_path: Path) -> None:  # B1, B5, E4
    secret = tmp_path / "secret.xml"
    secret.write_text(rss("<title>secret</title>"))
    leaks = [str(secret), secret.as_uri(), "http://127.0.0.1:9/x", "ftp://127.0.0.1/x"]
    hostile = [
        body for leak in leaks for name, body in documents(leak.encode()).items() if "ext" in name
    ]
    bodies = [*map(str.encode, leaks), *hostile, rss("<title>t</title>").encode()]

    watched = subprocess.run(
        [sys.executable, "-I", "-c", WATCHED, str(ROOT)],
        input=b"\0--\0".join(bodies),
        capture_output=True,
        check=True,
    )

    assert len(hostile) == 12
    assert watched.stdout.decode().strip() == "[]"


def test_texts_of_every_encoding_come_back_from_the_database_as_they_went_in(
    corpora: Path,
) -> None:  # B6, B7
    paths = sorted((corpora / "feeds" / "feedparser" / "encoding").glob("*.xml"))
    texts = [text for path in paths for text in _texts_of(path.read_bytes())]

    assert len(texts) > 50
    assert _stored(texts) == texts


def _texts_of(body: bytes) -> list[str]:
    result = read(ParseTask(body, URL), Detector(lambda text: ("", 0.0)))
    if not isinstance(result, Parsed):
        return []
    return [result.title, *(text for item in result.items for text in (item.title, item.summary))]


def _stored(texts: list[str]) -> list[str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (text TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [(text,) for text in texts])
        return [text for (text,) in connection.execute("SELECT text FROM t ORDER BY rowid")]


UNSEEN = [
    *("\0", "\x07", "\x1b[31m", "\x7f", "\x1f", "\u2028", "\u2029", "\u200b", "\u2060"),
    *("\u202a", "\u202d", "\u202e", "\u2066", "\u2069", "\ufeff", "\ufffe", "\uffff"),
    *("&#0;", "&#7;", "&#x1b;", "&#x202e;", "&#x2028;", "&#8203;", "&#xD83D;", "&#xFFFF;"),
]


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
@pytest.mark.parametrize("end", ["", "<x:y/>"], ids=["strict", "lenient"])
def test_nothing_unseen_stays_in_a_title_an_author_or_a_tag(unseen: str, end: str) -> None:  # B7
    word = f"Pu{unseen}tin"
    entry = f"<title>{word}</title><author>{word}</author><category>{word}</category>"
    (item,) = items(rss(entry) + end)

    for text in (item.title, item.author, *item.tags):
        assert text.replace(" ", "").replace("[31m", "") == "Putin"
        assert text.isprintable()


@given(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=40))
def test_a_guid_is_compared_character_by_character(guid: str) -> None:  # B11
    written = guid.replace("&", "&amp;").replace("<", "&lt;")
    guids = (f"<guid isPermaLink='false'>{start}{written}</guid>" for start in "aA")
    found = items(rss(*(f"{one}<title>t {number}</title>" for number, one in enumerate(guids))))

    assert len({item.key for item in found}) == 2


def test_an_item_is_known_by_its_guid_else_its_link_else_its_words() -> None:  # B11
    words = "<title>Xi met Putin</title><description>In Beijing.</description>"
    link = "<link>https://a.example/1</link>"
    guid = "<guid isPermaLink='false'>g-1</guid>"
    other = "<title>Edited</title><description>Later.</description>"
    keys = [items(rss(entry))[0].key for entry in (guid + link + words, guid + other)]
    assert keys == ["g:g-1", "g:g-1"]

    keys = [items(rss(entry))[0].key for entry in (link + words, link + other)]
    assert keys == ["l:https://a.example/1"] * 2

    first, again, edited = (items(rss(entry))[0].key for entry in (words, words, other))
    assert first == again != edited
    assert first.startswith("h:")


DATES = [
    ("Sun, 22 Nov 2026 19:46:00 +0800", "2026-11-22T11:46:00+00:00"),
    ("Mon, 22 Nov 2026 19:46:00 GMT", "2026-11-22T19:46:00+00:00"),  # it was a Sunday
    ("22 Nov 26 19:46 EST", "2026-11-23T00:00:00+00:00"),  # not later than now
    ("22 Nov 2026", "2026-11-22T00:00:00+00:00"),
    ("2026-11-22T19:46:00+08:00", "2026-11-22T11:46:00+00:00"),
    ("2026-11-22T11:46:00.123456Z", "2026-11-22T11:46:00+00:00"),
    ("2026-11-22 11:46:00", "2026-11-22T11:46:00+00:00"),
    ("2026-11-22", "2026-11-22T00:00:00+00:00"),
    ("Fri, 01 Jan 2049 00:00:00 GMT", "2026-11-23T00:00:00+00:00"),
    *(
        (bad, None)
        for bad in ("", "yesterday", "99999-01-01T00:00:00Z", "0001-01-01", "9999-99-99")
    ),
    *((bad, None) for bad in ("Thu, 01 Jan 1970 00:00:00 GMT", "9" * 5_000, "-1", "1e999")),
]


@pytest.mark.parametrize(("written", "shown"), DATES, ids=lambda value: str(value)[:40])
def test_a_date_is_shown_where_it_can_be_believed_and_is_nobodys_key(
    written: str, shown: str | None
) -> None:  # B15
    (item,) = items(rss(f"<title>t</title><pubDate>{written}</pubDate>"))

    assert (item.published.isoformat() if item.published else None) == shown
    assert item.key == items(rss("<title>t</title>"))[0].key


@pytest.mark.parametrize(
    ("bases", "link", "url"),
    [
        ("xml:base='https://b.example/x/'", "story", "https://b.example/x/story"),
        ("xml:base='/y/'", "story", "https://feeds.example/y/story"),
        ("", "/story", "https://feeds.example/story"),
        ("xml:base='javascript:x/'", "/story", "https://feeds.example/story"),
        ("", "JaVaScRiPt:alert(1)", ""),
        ("", "data:text/html,x", ""),
        ("", "file:///etc/passwd", ""),
        ("", "http://bücher.example./ä", "http://xn--bcher-kva.example/%C3%A4"),
        ("", "http://[2001:db8::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("", "http://user@a.example/", ""),
    ],
)
def test_a_link_is_resolved_and_of_the_web_or_nothing(
    bases: str, link: str, url: str
) -> None:  # B16, B20
    feed = "<feed xmlns='http://www.w3.org/2005/Atom' {}><entry><title>t</title><link href='{}'/>"
    (item,) = items((feed + "</entry></feed>").format(bases, link))

    assert item.url == url


TEXTS = [
    ("type='text'", "AT&amp;T &lt;b>", "AT&T <b>"),
    ("type='text'", "&amp;amp;", "&amp;"),
    ("type='html'", "AT&amp;amp;T &lt;b>bold&lt;/b>", "AT&T bold"),
    ("type='html'", "&amp;lt;b&amp;gt;", "<b>"),
    ("type='html'", "<![CDATA[<p>one</p><p>two</p>]]>", "one two"),
    ("type='html'", "<![CDATA[a &amp;lt; b]]>", "a &lt; b"),
    ("type='xhtml'", "<div xmlns='http://www.w3.org/1999/xhtml'>a <b>b</b> &lt;</div>", "a b <"),
    ("type='text/plain' mode='base64'", "UHV0aW4=", "Putin"),
    ("", " two\n lines ", "two lines"),
]


@pytest.mark.parametrize(("attributes", "written", "text"), TEXTS)
def test_entities_are_decoded_once_and_types_respected(
    attributes: str, written: str, text: str
) -> None:  # B17
    feed = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title {}>{}</title></entry></feed>"

    assert items(feed.format(attributes, written))[0].title == text


def test_nothing_that_acts_is_left_of_documents_made_to_act(corpora: Path) -> None:  # B18
    folder = corpora / "feeds" / "feedparser" / "wellformed" / "sanitize"
    paths = sorted(folder.glob("*.xml"))
    acting = ("<script", "<style", "<iframe", "<object", "<embed", "<applet", "onerror=", "onload=")

    assert len(paths) > 700
    for path in paths:
        for text in _texts_of(path.read_bytes()):
            assert not any(word in text.lower() for word in acting), path.name


ARTICLE = "<title>Xi met Putin</title><link>https://a.example/1</link>"
ABOUT = "<description>In Beijing.</description>"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
ATOM = (
    "<title>Xi met Putin</title><link rel='alternate' type='text/html' href='https://a.example/1'/>"
)
FORMATS = {
    "rss090": f"<r:RDF xmlns:r='{RDF}' xmlns='http://my.netscape.com/rdf/simple/0.9/'>"
    f"<channel/><item>{ARTICLE}{ABOUT}</item></r:RDF>",
    "rss091u": f"<rss version='0.91'><channel><item>{ARTICLE}{ABOUT}</item></channel></rss>",
    "rss092": f"<rss version='0.92'><channel><item>{ARTICLE}{ABOUT}</item></channel></rss>",
    "rss20": f"<rss version='2.0'><channel><item>{ARTICLE}{ABOUT}</item></channel></rss>",
    "rss10": f"<r:RDF xmlns:r='{RDF}' xmlns='http://purl.org/rss/1.0/'>"
    f"<channel/><item r:about='https://a.example/1'>{ARTICLE}{ABOUT}</item></r:RDF>",
    "atom03": "<feed version='0.3' xmlns='http://purl.org/atom/ns#'>"
    f"<entry>{ATOM}<summary>In Beijing.</summary></entry></feed>",
    "atom10": "<feed xmlns='http://www.w3.org/2005/Atom'>"
    f"<entry>{ATOM}<summary>In Beijing.</summary></entry></feed>",
}


@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize("end", ["", "<undeclared:x/>"], ids=["strict", "lenient"])
def test_every_format_gives_the_same_item(version: str, end: str) -> None:  # B21
    body = FORMATS[version].replace("</entry>", "<z>unknown</z></entry>")
    result = read(ParseTask((body + end).encode(), URL), Detector(lambda text: ("", 0.0)))

    assert isinstance(result, Parsed)
    assert result.version == version
    ((title, url, summary),) = [(item.title, item.url, item.summary) for item in result.items]
    assert (title, url, summary) == ("Xi met Putin", "https://a.example/1", "In Beijing.")


DIGEST = """
import hashlib, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from monitor.feedreader import read
from monitor.item import ParseTask
from monitor.language import Detector
from monitor.parse_wire import result_to_bytes
detector = Detector(lambda text: ("", 0.0))
print(json.dumps([hashlib.sha256(result_to_bytes(
    read(ParseTask(path.read_bytes(), "https://a.example/"), detector))).hexdigest()
    for path in sorted(Path(sys.argv[2]).glob("*.xml"))]))
"""


def test_the_same_bytes_give_the_same_items_under_any_hash_seed(corpora: Path) -> None:  # B22
    folder = corpora / "feeds" / "captured"
    digests = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", DIGEST, str(ROOT), str(folder)],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            ).stdout
        )
        for seed in ("1", "2")
    ]

    assert len(digests[0]) > 10
    assert digests[0] == digests[1]
