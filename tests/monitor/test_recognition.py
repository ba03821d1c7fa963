"""One article is one item and one alert, whatever keys, links and feeds it comes with (B12)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rigs.archive import NOW, Archive

from monitor.identity import KEY_VERSION
from monitor.item import Item

H = timedelta(hours=1)
CONFIG = """\
contact: desk@example.org
feeds:
  world: https://news.example/rss
  asia: {url: "https://feeds.news.example/asia", tags: [asia]}
  blog: https://blog.example/rss
channels:
  desk: {type: console}
defaults: {send: [desk]}
"""
RULES = "rules: {gas: gas, ships: ship*, asian: 'feed:asia AND gas'}\n"
LONG = " ".join(f"word{n} of the report" for n in range(30))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Three feeds, two of one site, that were never polled."""
    return Archive(tmp_path_factory.mktemp("fresh"), CONFIG, RULES)


@pytest.fixture(scope="module")
def polled(fresh: Archive, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    archive = fresh.copied_to(tmp_path_factory.mktemp("polled"))
    for feed in ("world", "asia", "blog"):
        archive.poll(feed, now=NOW - H)
    return archive


@pytest.fixture
def archive(polled: Archive, tmp_path: Path) -> Archive:
    """The three feeds after their first polls."""
    return polled.copied_to(tmp_path)


def item(guid: str, title: str = "Gas again", url: str = "", **texts: Any) -> Item:
    url = url or f"https://news.example/{guid}"
    return Item(f"g:{guid}", KEY_VERSION, guid, title, url, **texts)


def rows(archive: Archive, question: str) -> list[Any]:
    with closing(sqlite3.connect(archive.etc / "wirewatch.db")) as connection:
        return connection.execute(question).fetchall()


def told(archive: Archive) -> list[str]:
    """Which rules' alerts were queued, in their order."""
    return [rule for (rule,) in rows(archive, "SELECT rule FROM deliveries ORDER BY rowid") if rule]


def items(archive: Archive) -> int:
    return int(rows(archive, "SELECT count(*) FROM items")[0][0])


@pytest.mark.parametrize(
    "link",
    [
        "https://news.example/a",
        "http://www.news.example/a/",
        "https://news.example/a?utm_source=rss&utm_campaign=x",
        "https://news.example/a?PHPSESSID=abc#1",
    ],
)
def test_b12_another_guid_with_the_same_link_is_the_same_item(archive: Archive, link: str) -> None:
    archive.poll("world", item("a"), now=NOW)
    again = archive.poll("world", item("b", url=link), now=NOW + H)
    assert (again.new, again.again, again.hits) == (0, 1, 0)
    assert (items(archive), told(archive)) == (1, ["gas"])
    assert archive.poll("world", item("b", url=link), now=NOW + 2 * H).again == 0


def test_b12_a_guid_made_anew_at_each_poll_tells_once(archive: Archive) -> None:
    for n in range(12):
        window = [
            item(f"{name}-{n}", name, f"https://news.example/{name}") for name in ("gas", "x")
        ]
        archive.poll("world", *window, now=NOW + n * H)
    assert (items(archive), told(archive)) == (2, ["gas"])


@pytest.mark.parametrize(
    ("later", "text", "same"),
    [
        (47 * H, LONG, True),
        (47 * H, LONG + " indeed", True),
        (49 * H, LONG, False),
        (47 * H, LONG.replace("report", "story"), False),
        (47 * H, "Read more", False),
    ],
)
def test_b12_the_same_title_and_text_within_two_days_is_the_same_item(
    archive: Archive, later: timedelta, text: str, *, same: bool
) -> None:
    before = item("a", summary=text if "word" not in text else LONG, published=NOW)
    archive.poll("world", before, now=NOW)
    after = item("b", url="https://news.example/gas/b", summary=text, published=NOW + later)
    archive.poll("world", after, now=NOW + later)
    assert (items(archive), len(told(archive))) == ((1, 1) if same else (2, 2))


def test_b12_a_short_text_must_be_the_same_and_bear_the_same_time(archive: Archive) -> None:
    short: dict[str, Any] = {"summary": "Prices rose.", "published": NOW}
    archive.poll("world", item("a", **short), now=NOW)
    archive.poll("world", item("b", url="https://news.example/2/b", **short), now=NOW + H)
    assert items(archive) == 1
    other = short | {"published": NOW + H}
    archive.poll("world", item("c", url="https://news.example/2/c", **other), now=NOW + H)
    assert items(archive) == 2


def test_what_stands_beside_an_item_is_another_whatever_it_says(archive: Archive) -> None:
    one, other = (item(guid, summary=LONG, published=NOW) for guid in "ab")
    archive.poll("world", one, now=NOW)
    archive.poll("world", other, one, now=NOW + H)
    assert (items(archive), told(archive)) == (2, ["gas", "gas"])


def test_a_page_that_several_entries_link_to_identifies_nothing(archive: Archive) -> None:
    page = "https://news.example/live"
    notes = [item(f"n{n}", f"Gas note {n} about {'xyz'[n] * 9}", page) for n in range(3)]
    archive.poll("world", *notes[:2], now=NOW)
    archive.poll("world", *notes[1:], now=NOW + H)
    archive.poll("asia", notes[0], now=NOW + 2 * H)
    assert items(archive) == 4
    assert told(archive).count("gas") == 4


def test_a_home_page_identifies_nothing(archive: Archive) -> None:
    for n, title in enumerate(("Gas is dear", "No gas left")):
        archive.poll("world", item(f"n{n}", title, "https://news.example/"), now=NOW + n * H)
    assert (items(archive), told(archive)) == (2, ["gas", "gas"])


def test_a_page_that_shows_another_article_later_is_another_item(archive: Archive) -> None:
    page = "https://news.example/warning"
    storm = item("1", "Gas leak in the harbour", page, summary="Stay inside", published=NOW)
    archive.poll("world", storm, now=NOW)
    snow = item("2", "Heavy snowfall: no gas", page, summary="Roads closed", published=NOW + H)
    archive.poll("world", snow, now=NOW + H)
    assert (items(archive), told(archive)) == (2, ["gas", "gas"])


def test_a_rewritten_article_under_another_guid_is_an_edit(archive: Archive) -> None:
    page = "https://news.example/talks"
    archive.poll("world", item("t#0", "Talks about gas begin", page, published=NOW), now=NOW)
    edit = item("t#1", "Talks about gas end, ships sail", page, published=NOW + H)
    done = archive.poll("world", edit, now=NOW + H)
    assert (done.again, done.hits, told(archive)) == (1, 1, ["gas", "ships"])
    assert rows(archive, "SELECT title, edited_at IS NULL FROM items") == [(edit.title, 0)]


def test_b12_the_same_guid_with_new_content_is_an_update(archive: Archive) -> None:
    archive.poll("world", item("a", "Gas flows", published=NOW), now=NOW)
    done = archive.poll("world", item("a", "Wholly other words", published=NOW + H), now=NOW + H)
    assert (done.edited, items(archive), told(archive)) == (1, 1, ["gas"])


def test_b12_a_guid_used_again_for_another_article_is_a_new_item(archive: Archive) -> None:
    def top(title: str, url: str, at: datetime) -> Item:
        return item("top", title, f"https://news.example/{url}", published=at)

    first = top("Gas flows again", "a", NOW)
    second = top("No gas, ministers say", "b", NOW + H)
    archive.poll("world", first, now=NOW)
    assert archive.poll("world", second, now=NOW + H).new == 1
    assert (items(archive), told(archive)) == (2, ["gas", "gas"])
    for n in range(2, 8):  # caches that disagree show now the one, now the other
        archive.poll("world", (first, second)[n % 2], now=NOW + n * H)
    assert (items(archive), told(archive)) == (2, ["gas", "gas"])
    unseen = "SELECT count(*) FROM items WHERE id NOT IN (SELECT item_id FROM sightings)"
    assert rows(archive, unseen) == [(0,)]


def test_one_article_in_three_feeds_is_one_item_and_one_alert(archive: Archive) -> None:
    link = "https://news.example/gas"
    archive.poll("world", item("w1", url=link), now=NOW)
    archive.poll("asia", item("a1", url=f"{link}?at_medium=RSS"), now=NOW + H)
    archive.poll("blog", item("b1", url=link), now=NOW + 2 * H)
    assert (items(archive), told(archive)) == (1, ["gas", "asian"])
    assert rows(archive, "SELECT count(*), count(DISTINCT item_id) FROM sightings") == [(3, 1)]


def test_what_only_the_second_feed_says_is_a_hit_of_the_same_item(archive: Archive) -> None:
    link = "https://news.example/gas"
    world = item("w", url=link, summary="Short.")
    asia = item("a", url=link, summary="Longer, with ships.")
    archive.poll("world", world, now=NOW)
    archive.poll("asia", asia, now=NOW + H)
    assert (items(archive), told(archive)) == (1, ["gas", "ships", "asian"])
    for n in range(2, 6):
        assert archive.poll("world", world, now=NOW + n * H).edited == 0
        assert archive.poll("asia", asia, now=NOW + n * H).edited == 0
    assert rows(archive, "SELECT summary FROM items") == [("Short.",)]


def test_an_edit_in_a_second_feed_is_judged_by_what_that_feed_said(archive: Archive) -> None:
    link = "https://news.example/gas"
    archive.poll("world", item("w", url=link, summary="Short."), now=NOW)
    archive.poll("asia", item("a", url=link, summary="Longer."), now=NOW + H)
    done = archive.poll("asia", item("a", url=link, summary="Ships."), now=NOW + 2 * H)
    assert (done.edited, told(archive)) == (1, ["gas", "asian", "ships"])
    assert rows(archive, "SELECT summary, edited_at FROM items") == [("Short.", None)]


def test_a_rule_newer_than_the_item_is_not_hit_by_another_feed(archive: Archive) -> None:
    link = "https://news.example/gas"
    archive.poll("world", item("w", "Gas and oil", link), now=NOW)
    archive.rules("rules: {gas: gas, oil: oil}\n")
    archive.poll("asia", item("a", "Gas and oil", link), now=NOW + H)
    assert told(archive) == ["gas"]


def test_a_comment_that_links_to_an_article_is_an_article_of_its_own(archive: Archive) -> None:
    link = "https://news.example/gas"
    archive.poll("world", item("w", "Gas flows again", link), now=NOW)
    archive.poll("blog", item("b", "What the gas deal hides", link), now=NOW + H)
    assert (items(archive), told(archive)) == (2, ["gas", "gas"])


def test_an_agencys_report_in_two_papers_is_two_items(archive: Archive) -> None:
    report: dict[str, Any] = {"summary": LONG, "published": NOW}
    archive.poll("world", item("w", **report), now=NOW)
    archive.poll("blog", item("b", url="https://blog.example/gas", **report), now=NOW)
    assert items(archive) == 2


def test_an_article_told_twice_in_one_document_is_one_item(archive: Archive) -> None:
    link = "https://news.example/gas"
    twins = [item("1", url=link), item("2", url=f"{link}#1", summary="With ships.")]
    done = archive.poll("world", *twins, now=NOW)
    assert (done.new, done.again, items(archive), told(archive)) == (1, 1, 1, ["gas", "ships"])
    assert archive.poll("world", *twins, now=NOW + H).again == 0


def test_two_new_keys_of_one_stored_item_make_one_hit(archive: Archive) -> None:
    link = "https://news.example/gas"
    archive.poll("world", item("1", url=link), now=NOW)
    changed = [item(guid, url=link, summary="With ships.") for guid in ("2", "3")]
    archive.poll("world", *changed, now=NOW + H)
    assert (items(archive), told(archive)) == (1, ["gas", "ships"])


def test_a_title_that_many_items_have_identifies_nothing(archive: Archive) -> None:
    for n in range(7):
        text: dict[str, Any] = {"summary": f"{LONG} {'abcdefg'[n]}", "published": NOW + n * H}
        others = [item(f"beside{m}", f"Other {m}") for m in range(n)]
        archive.poll("world", *others, item(f"n{n}", "Gas today", **text), now=NOW + n * H)
    assert len(told(archive)) < 7  # the second is taken for the first
    archive.poll("world", *(item(f"m{n}", "Gas today") for n in range(5)), now=NOW + 8 * H)
    before = len(told(archive))
    archive.poll("world", item("last", "Gas today", summary=LONG, published=NOW), now=NOW + 9 * H)
    assert len(told(archive)) == before + 1


def test_what_another_feeds_first_window_held_is_told_when_it_is_news_here(
    fresh: Archive, tmp_path: Path
) -> None:
    archive = fresh.copied_to(tmp_path)
    archive.poll("world", now=NOW)
    news = item("a", url="https://news.example/gas", published=NOW + H / 2)
    old = item("b", "Gas of old", "https://news.example/old", published=NOW - 20 * H)
    archive.poll("asia", news, old, now=NOW + H)
    assert told(archive) == []
    archive.poll("world", news, old, now=NOW + 2 * H)
    assert told(archive) == ["gas"]
    assert sorted(rows(archive, "SELECT rule, untold FROM hits")) == [
        ("asian", "baseline"),
        ("asian", "baseline"),
        ("gas", ""),
        ("gas", "baseline"),
    ]


def test_b13_a_first_window_of_known_items_tells_nobody(fresh: Archive, tmp_path: Path) -> None:
    archive = fresh.copied_to(tmp_path)
    window = [item(str(n), f"Gas {n}") for n in range(30)]
    archive.poll("world", *window, now=NOW)
    done = archive.poll("asia", *[replace(one, key=f"{one.key}x") for one in window], now=NOW)
    assert (done.new, done.again, told(archive)) == (0, 30, [])
