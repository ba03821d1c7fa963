"""When an entry under a new key is an item known before: the decision, without a database (B12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rigs.archive import NOW

from monitor.item import Item
from monitor.repair import (
    Candidate,
    Place,
    Repaired,
    differs,
    marks_in,
    marks_of,
    repaired,
    text_of,
    titles_alike,
)

H = timedelta(hours=1)
HERE = Place("here", "news.example")
LONG = " ".join(f"word{n}" for n in range(60))
CHINESE = "習近平星期二上午在北京歡迎來訪的普京會談持續了近三個小時兩國代表團簽署了二十份文件" * 2


def item(guid: str = "b", **values: Any) -> Item:
    values = {"title": "Gas again", "url": f"https://news.example/{guid}"} | values
    return Item(key=f"g:{guid}", key_version=1, guid=guid, **values)


def stored(of: Item, **values: Any) -> Candidate:
    """What the store has of an item that our own feed had first, six hours ago."""
    marks = marks_of(of)
    known: dict[str, Any] = {
        "item_id": of.key,
        "feed_id": "here",
        "feed": "here",
        "host": "news.example",
        "canonical": marks.canonical,
        "title_key": marks.title_key,
        "title": of.title,
        "text": text_of(of.summary, of.content),
        "published": of.published,
        "first_seen": NOW - 6 * H,
    }
    return Candidate(**known | values)


def repair(new: list[Item], *candidates: Candidate, place: Place = HERE) -> Repaired:
    return repaired(new, marks_in(new, new), candidates, place, NOW)


def is_same(new: Item, old: Candidate, place: Place = HERE) -> bool:
    return repair([new], old, place=place).known == {new.key: old}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Gas prices rise again", "Gas prices rise again, say ministers", True),
        ("Gas prices rise again", "GAS PRICES ROSE AGAIN", True),
        ("Gas prices rise ag…", "Gas prices rise again, say both ministers", True),
        ("Gas", "Gas prices rise again, say both ministers", False),
        ("習近平會見普京", "習近平會見普京於北京", True),
        ("Gas prices rise again", "Harbour pilots walk out", False),
        ("Gas", "", False),
        ("", "", False),
    ],
)
def test_an_edit_of_a_title_is_told_from_another_title(
    one: str, other: str, *, alike: bool
) -> None:
    assert titles_alike(one, other) is alike


@pytest.mark.parametrize(
    ("text", "other", "different"),
    [
        ("The ministers of both countries met", "Ministers of both countries have met", False),
        ("The ministers of both countries met", "A storm has closed the harbour of Odesa", True),
        (CHINESE, CHINESE[:60], False),
        (CHINESE, "教宗星期日在羅馬為數千名信徒主持彌撒並祝福世界各地的孩子", True),
        ("", "", True),
    ],
)
def test_texts_without_common_words_are_of_different_articles(
    text: str, other: str, *, different: bool
) -> None:
    assert differs("One", f"One\n{text}", item(title="Quite another", summary=other)) is different


def test_a_text_without_spaces_is_compared_by_pairs_of_letters() -> None:
    old = item("a", summary=CHINESE, published=NOW)
    assert is_same(item(summary=CHINESE, published=NOW + H), stored(old))
    assert not is_same(item(summary=CHINESE[::-1], published=NOW + H), stored(old))


@pytest.mark.parametrize("by", ["link", "title"])
def test_what_more_than_four_items_have_identifies_nothing(by: str) -> None:
    texts: dict[str, Any] = {"summary": LONG, "published": NOW - H}
    shared: dict[str, Any] = {"url": "https://news.example/live"} if by == "link" else {}
    olds = [stored(item(f"a{n}", **texts, **shared), item_id=str(n)) for n in range(5)]
    assert repair([item(**texts, **shared)], *olds[:4]).known
    assert not repair([item(**texts, **shared)], *olds).known


def test_of_several_candidates_that_of_the_own_feed_is_taken() -> None:
    link = {"url": "https://news.example/gas"}
    own, other = stored(item("a", **link)), stored(item("c", **link), feed_id="other")
    for candidates in ((own, other), (other, own)):
        assert repair([item(**link)], *candidates).known["g:b"] is own


@pytest.mark.parametrize(
    ("host", "feed_host", "same"),
    [
        ("feeds.news.example", "rss.news.example", True),
        ("feeds.service.example", "feeds.service.example", False),
        ("feeds.service.example", "news.example", False),
    ],
)
def test_one_site_is_told_by_the_links_and_by_the_feeds_where_there_are_none(
    host: str, feed_host: str, *, same: bool
) -> None:
    texts: dict[str, Any] = {"summary": LONG, "published": NOW - H}
    place = Place("here", host)
    if same:
        old = stored(item("a", url="", **texts), host=feed_host, feed_id="other")
        assert is_same(item(url="", **texts), old, place)
    else:  # two papers may keep their feeds at one service
        there = {"host": feed_host, "feed_id": "other"}
        old = stored(item("a", url="https://other.example/a", **texts), **there)
        assert not is_same(item(**texts), old, place)


def test_a_site_that_moves_takes_its_feeds_articles_along() -> None:
    texts: dict[str, Any] = {"summary": LONG, "published": NOW - H}
    assert is_same(item(url="https://new.example/b", **texts), stored(item("a", **texts)))


def test_untitled_notes_about_one_page_are_different_notes() -> None:
    link: dict[str, Any] = {"url": "https://elsewhere.example/report", "title": ""}
    old = stored(item("a", summary="Worth a look: the gas figures", published=NOW - H, **link))
    note = item(summary="Their harbour chapter disappoints", published=NOW, **link)
    assert not is_same(note, old)
    assert not is_same(note, stored(item("a", **link), host="blog.example", feed_id="other"))


def test_a_link_shared_within_the_document_is_no_mark_whatever_its_spelling() -> None:
    shared = [
        item("a", title="One", url="https://news.example/live?utm_source=a"),
        item("b", title="Two", url="https://news.example/live?utm_source=b"),
        item("c", title="Three"),
    ]
    marks = marks_in(shared, shared)
    assert [marks[one.key].canonical for one in shared] == ["", "", "news.example/c"]


def test_what_is_looked_at_is_bounded_and_past_it_nothing_is_guessed() -> None:
    crowd = [item(f"n{n}", title=f"Gas {n // 50}", published=NOW) for n in range(300)]
    olds = [
        stored(item(f"o{n}", title=f"Gas {n}", published=NOW - H), item_id=str(n)) for n in range(6)
    ]
    late = item("late", title="Ships", url="https://news.example/x", summary=LONG, published=NOW)
    linked = item("linked", title="Something else", url="https://news.example/y")
    candidates = [
        *olds,
        stored(item("s", title="Ships", summary=LONG, published=NOW), item_id="s"),
        stored(item("y", title="Oil", url="https://news.example/y"), item_id="y"),
    ]
    assert set(repair([late, linked], *candidates).known) == {"g:late", "g:linked"}
    assert set(repair([*crowd, late, linked], *candidates).known) == {"g:linked"}


words = st.sampled_from(["", "Gas", "Gas again", "Oil", "管道", LONG])
hosts = st.sampled_from(["news.example", "rss.news.example", "blog.example", "127.0.0.1", ""])
pages = st.sampled_from(["", "a", "b?utm_source=x", "a#1", "c/"])
sites = st.sampled_from(
    ["https://news.example/", "http://www.news.example/", "https://blog.example/"]
)
urls = st.just("") | st.builds(str.__add__, sites, pages)
times = st.none() | st.integers(-90, 90).map(lambda n: NOW + n * H)
entries = st.builds(
    item, st.text("abc", max_size=2), title=words, url=urls, summary=words, published=times
)
olds = st.builds(stored, entries, item_id=st.text("xy", max_size=2), host=hosts)


@settings(max_examples=60)
@given(
    st.lists(entries, max_size=8, unique_by=lambda one: one.key),
    st.lists(olds, max_size=8),
    st.sets(st.text("xy", max_size=2), max_size=2),
)
def test_nobody_is_taken_for_what_shares_neither_link_nor_title(
    new: list[Item], candidates: list[Candidate], beside: set[str]
) -> None:
    found = repair(new, *candidates, place=Place("here", "news.example", beside))
    marks = marks_in(new, new)
    for key, candidate in found.known.items():
        shared = {candidate.canonical, candidate.title_key} & {
            marks[key].canonical,
            marks[key].title_key,
        }
        assert shared - {""}
    for twin, first in found.twins.items():
        assert marks[twin] == marks[first]
        assert first not in found.twins
        assert first not in found.known
