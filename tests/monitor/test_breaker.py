"""Old articles that come again as new ones are held, told of, and never lost (B12, B14)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rigs.archive import NOW, Archive
from rigs.command import Done, run_here

from monitor.breaker import HOLD, Window, is_dated_before, is_news, judge
from monitor.identity import KEY_VERSION
from monitor.item import Item
from monitor.settle import Recorded
from monitor.store import ClaimedDelivery

H = timedelta(hours=1)
DAY = timedelta(days=1)
LATER = max(NOW, datetime.now(UTC)) + DAY  # than whatever a command has written by its own clock

# The decision ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "verdict"),
    [
        (Window(items=20, new=11, known_again=0, old=6), "republished"),
        (Window(items=20, new=20, known_again=20, old=20), "republished"),
        (Window(items=20, new=20, known_again=0, old=11), "republished"),
        (Window(items=20, new=10, known_again=0, old=10), "usual"),  # not more than half
        (Window(items=9, new=9, known_again=0, old=9), "gap"),  # too few to be a flood
        (Window(items=9, new=9, known_again=1, old=9), "usual"),
        (Window(items=20, new=20, known_again=0, old=0), "gap"),  # nothing says that it is old
        (Window(items=20, new=20, known_again=0, old=10), "gap"),  # not most of it
        (Window(items=20, new=3, known_again=0, old=3), "usual"),
        (Window(items=20, new=0, known_again=0, old=0, edited=11), "republished"),
        (Window(items=20, new=5, known_again=0, old=0, edited=6), "republished"),
        (Window(items=20, new=0, known_again=0, old=0, edited=10), "usual"),
        (Window(items=0, new=0, known_again=0, old=0), "usual"),
    ],
)
def test_b14_what_is_said_of_a_window(window: Window, verdict: str) -> None:
    assert judge(window) == verdict


@pytest.mark.parametrize(
    ("published", "old", "news"),
    [
        (NOW - 2 * H, True, False),
        (NOW - H / 2, False, True),  # caches and slow editors bring items late
        (NOW + H, False, True),
        (None, False, False),
        (datetime(2026, 11, 22, tzinfo=UTC), False, True),  # a date alone stands for its day
        (datetime(2026, 11, 21, tzinfo=UTC), True, False),
    ],
)
def test_what_a_date_says(published: datetime | None, *, old: bool, news: bool) -> None:
    assert is_dated_before(published, NOW) is old
    assert is_news(published, NOW) is news
    assert not is_dated_before(published, None)


# What is held ----------------------------------------------------------------------------------

CONFIG = """\
contact: desk@example.org
feeds: {world: "https://news.example/rss"}
channels: {desk: {type: console}, chat: {type: slack, url: "https://chat.example/hook"}}
defaults: {send: [desk]}
notify: [desk]
"""
RULES = """\
rules:
  gas: {match: gas, send: [desk, chat]}
  oil: oil
  quake: {match: quake, severity: critical}
"""
TOLD = """\
SELECT rule, channel, kind, state FROM deliveries WHERE rule != '' ORDER BY rule, channel, kind"""


def item(guid: str, title: str, published: datetime | None = None, site: str = "news") -> Item:
    url = f"https://{site}.example/{guid}"
    return Item(f"g:{guid}", KEY_VERSION, guid, title, url, published=published)


def window(n: int, site: str = "news", *, dated: bool = True) -> list[Item]:
    """Articles of the last ``n`` days, the oldest last."""
    return [
        item(f"{site}-{day}", f"{site} day {day}", NOW - day * DAY if dated else None, site)
        for day in range(1, n + 1)
    ]


@pytest.fixture(scope="module")
def polled(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    archive = Archive(tmp_path_factory.mktemp("polled"), CONFIG, RULES)
    archive.poll("world", *window(15), now=NOW - H)
    return archive


@pytest.fixture
def archive(polled: Archive, tmp_path: Path) -> Archive:
    """A feed that showed its first window an hour ago."""
    return polled.copied_to(tmp_path)


def rows(archive: Archive, question: str) -> list[Any]:
    with closing(sqlite3.connect(archive.etc / "wirewatch.db")) as connection:
        return connection.execute(question).fetchall()


def republish(archive: Archive, *more: Item, now: datetime = NOW) -> Recorded:
    """The feed shows another site's archive: two articles about gas, one about oil."""
    strange = window(12, "moved")
    titles = {2: "Gas of old", 3: "Gas of yore", 4: "Oil of old"}
    for at, title in titles.items():
        strange[at] = item(f"o{at}", title, NOW - at * DAY, "moved")
    return archive.poll("world", *more, *strange, now=now)


def claimed(archive: Archive, now: datetime) -> list[ClaimedDelivery]:
    with archive.store() as store:
        leases = {"desk": H, "chat": H}
        return store.claim_deliveries("me", now, leases, {"desk": 50, "chat": 50})


def test_old_news_is_held_and_news_of_now_and_critical_hits_are_not(archive: Archive) -> None:
    done = republish(
        archive,
        item("now", "Gas is dear today", NOW),
        item("q", "A quake of old", NOW - 9 * DAY, "moved"),
    )
    assert (done.held, done.hits, done.queued) == (3, 5, 3)
    assert rows(archive, TOLD) == [
        ("gas", "chat", "digest", "held"),
        ("gas", "chat", "hit", "due"),
        ("gas", "desk", "digest", "held"),
        ("gas", "desk", "hit", "due"),
        ("oil", "desk", "digest", "held"),
        ("quake", "desk", "hit", "due"),
    ]


def test_the_operator_is_told_which_feed_how_many_until_when_and_what_to_type(
    archive: Archive, root: Path
) -> None:
    republish(archive)
    (event,) = rows(archive, "SELECT subject, message FROM events WHERE name = 'feed_republished'")
    subject, message = event
    assert subject == "world"
    assert message == (
        "feed 'world' seems to have republished old items: 12 of 12 are new or edited, 12 of these "
        "known or dated before the last good poll; 3 hits are held until 2026-11-22 14:00 UTC and "
        "then sent as one digest a rule; to send them now: wirewatch feeds release world; to drop "
        "them: wirewatch feeds release world --drop"
    )
    assert message in " ".join((root / "docs" / "feeds.md").read_text().split())
    told = "SELECT count(*) FROM deliveries WHERE kind = 'event' AND channel = 'desk'"
    assert rows(archive, told) == [(1,)]


def test_what_nobody_decided_about_goes_out_after_two_hours_as_one_digest_a_rule(
    archive: Archive,
) -> None:
    republish(archive)
    assert [c.kind for c in claimed(archive, NOW + HOLD - H / 60)] == ["event"]
    sent = claimed(archive, NOW + HOLD)
    assert sorted((c.rule, c.channel, c.title) for c in sent) == [
        ("gas", "chat", "2 hits of gas"),
        ("gas", "desk", "2 hits of gas"),
        ("oil", "desk", "1 hit of oil"),
    ]
    data = json.loads(next(c.alert for c in sent if c.rule == "gas"))["data"]
    assert (data["count"], data["more"]) == (2, 0)
    assert [hit["item"]["title"] for hit in data["hits"]] == ["Gas of old", "Gas of yore"]


def test_what_is_republished_in_pieces_is_still_one_digest(archive: Archive) -> None:
    republish(archive)
    later = [item(f"p{n}", f"Gas piece {n}", NOW - (20 + n) * DAY, "third") for n in range(30)]
    assert archive.poll("world", *later, now=NOW + H).held == 30
    digests = rows(archive, TOLD)
    assert digests.count(("gas", "desk", "digest", "held")) == 1
    sent = claimed(archive, NOW + HOLD)
    data = json.loads(next(c.alert for c in sent if (c.rule, c.channel) == ("gas", "chat")))["data"]
    assert (data["count"], len(data["hits"]), data["more"]) == (32, 25, 7)
    assert data["hits"][0]["item"]["title"] == "Gas of old"
    carried = "SELECT count(*) FROM delivery_hits WHERE channel = 'chat'"
    assert rows(archive, carried) == [(32,)]


def test_the_same_articles_under_other_guids_are_known_and_nothing_is_held(
    archive: Archive,
) -> None:
    archive.poll("world", item("g", "Gas", NOW), *window(15), now=NOW)
    moved = [
        Item(f"g:{one.guid}x", 1, f"{one.guid}x", one.title, one.url, published=one.published)
        for one in (item("g", "Gas", NOW), *window(15))
    ]
    done = archive.poll("world", *moved, now=NOW + H)
    assert (done.new, done.again, done.held) == (0, 16, 0)
    assert rows(archive, "SELECT count(*) FROM events WHERE name = 'feed_republished'") == [(0,)]


def test_titles_known_from_before_make_a_window_without_dates_a_republished_one(
    archive: Archive,
) -> None:
    again = [
        Item(f"g:new{n}", 1, f"new{n}", one.title, f"https://news.example/new/{n}", "Gas, too.")
        for n, one in enumerate(window(15))
    ]
    done = archive.poll("world", *again, now=NOW)
    assert (done.new, done.held) == (15, 15)


def test_old_articles_edited_all_at_once_are_held_and_one_edit_is_told(archive: Archive) -> None:
    edited = [replace(one, summary="Now with gas") for one in window(15)]
    assert archive.poll("world", *edited[:1], *window(15)[1:], now=NOW).queued == 2
    done = archive.poll("world", *edited, now=NOW + H)
    assert (done.edited, done.held, done.queued) == (14, 14, 0)


def test_undated_entries_that_all_change_are_told_as_they_change(tmp_path: Path) -> None:
    archive = Archive(tmp_path, CONFIG, RULES)
    levels = window(12, dated=False)
    archive.poll("world", *levels, now=NOW - H)
    done = archive.poll("world", *[replace(one, summary="Gas!") for one in levels], now=NOW)
    assert (done.edited, done.held, done.hits) == (12, 0, 12)


def test_a_window_that_is_all_new_without_dates_is_a_gap_and_told(archive: Archive) -> None:
    strange = [item(f"n{n}", f"Gas {n}", site="moved") for n in range(12)]
    done = archive.poll("world", *strange, now=NOW)
    assert (done.held, done.hits) == (0, 12)
    assert rows(archive, "SELECT count(*) FROM events WHERE name = 'feed_republished'") == [(0,)]


def test_many_articles_since_a_long_silence_are_news(archive: Archive) -> None:
    now = NOW + 3 * DAY
    since = [item(f"n{n}", f"Gas {n}", now - n * H) for n in range(20)]
    done = archive.poll("world", *since, now=now)
    assert (done.held, done.hits) == (0, 20)


def test_b13_the_first_window_is_a_baseline_and_holds_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path, CONFIG, RULES)
    done = republish(archive)
    assert (done.held, done.queued) == (0, 0)
    assert rows(archive, "SELECT DISTINCT untold FROM hits") == [("baseline",)]


def test_a_feed_whose_url_was_changed_does_not_shout_the_other_sites_archive(
    archive: Archive,
) -> None:
    path = archive.etc / "wirewatch.yaml"
    path.write_text(path.read_text().replace("news.example", "moved.example"))
    done = republish(archive, item("now", "Gas is dear today", NOW))
    assert (done.held, done.queued) == (3, 2)
    assert rows(archive, "SELECT count(*), url FROM feeds") == [(1, "https://moved.example/rss")]


def test_articles_that_a_sister_feed_has_just_shown_are_no_archive(tmp_path: Path) -> None:
    sisters = CONFIG.replace("{world: ", "{asia: 'https://feeds.news.example/asia', world: ")
    archive = Archive(tmp_path, sisters, RULES)
    for feed in ("world", "asia"):
        archive.poll(feed, *window(3), now=NOW - 5 * H)
    fresh = [item(f"n{n}", f"Gas {n}", NOW) for n in range(12)]
    archive.poll("asia", *fresh, now=NOW)
    done = archive.poll("world", *fresh, now=NOW)
    assert (done.again, done.held, done.queued) == (12, 0, 0)
    assert rows(archive, "SELECT count(*) FROM events WHERE name = 'feed_republished'") == [(0,)]


# What the operator can do ----------------------------------------------------------------------


def release(archive: Archive, *words: str) -> Done:
    return run_here(["feeds", "release", *words, "-c", str(archive.etc)])


def test_release_sends_what_is_held_now(archive: Archive) -> None:
    republish(archive)
    done = release(archive, "world")
    assert (done.code, done.out) == (
        0,
        "3 hits of feed 'world' are sent now; watch them with: wirewatch deliveries\n",
    )
    assert {state for *_, state in rows(archive, TOLD)} == {"due"}
    assert len(claimed(archive, LATER)) == 4
    audit = "SELECT subject, message FROM events WHERE name = 'held_released'"
    assert rows(archive, audit) == [
        ("world", "3 hits held for feed 'world' released by an operator")
    ]
    assert rows(archive, "SELECT held_until FROM feeds") == [(None,)]


def test_drop_sends_nothing_and_leaves_a_trace(archive: Archive) -> None:
    republish(archive, item("now", "Gas is dear today", NOW))
    done = release(archive, "world", "--drop")
    assert (done.code, done.out) == (0, "3 hits of feed 'world' are dropped\n")
    assert [row for row in rows(archive, TOLD) if row[2] == "digest"] == [
        ("gas", "chat", "digest", "dropped"),
        ("gas", "desk", "digest", "dropped"),
        ("oil", "desk", "digest", "dropped"),
    ]
    untold = "SELECT untold, count(*) FROM hits GROUP BY untold ORDER BY untold"
    assert rows(archive, untold) == [("", 1), ("dropped", 3)]
    assert {c.kind for c in claimed(archive, LATER)} == {"hit", "event"}
    audit = "SELECT message FROM events WHERE name = 'held_dropped'"
    assert rows(archive, audit) == [("3 hits held for feed 'world' dropped by an operator",)]


def test_where_nothing_is_held_release_says_so(archive: Archive) -> None:
    done = release(archive, "world")
    assert (done.code, done.out) == (0, "nothing is held for feed 'world'\n")
    assert rows(archive, "SELECT count(*) FROM events WHERE name LIKE 'held%'") == [(0,)]


def test_a_feed_that_is_not_there_is_named_with_the_next_step(archive: Archive) -> None:
    done = release(archive, "word")
    assert (done.code, done.err) == (2, "no feed 'word'; all of them: wirewatch feeds\n")


def why(archive: Archive, title: str) -> str:
    (item_id,) = rows(archive, f"SELECT id FROM items WHERE title = '{title}'")[0]
    return run_here(["why", item_id, "gas", "-c", str(archive.etc)]).out


def test_why_says_until_when_a_hit_is_held_and_that_it_was_dropped(archive: Archive) -> None:
    republish(archive)
    told = why(archive, "Gas of old")
    assert "  desk: held, 0 tries, until 2026-11-22 14:00:00 UTC\n" in told
    assert told.endswith("a hit; chat: held, desk: held\n")
    release(archive, "world", "--drop")
    assert why(archive, "Gas of old").endswith(
        "a hit; nobody was told: its feed republished old items, and an operator dropped these "
        "hits\n"
    )
    listed = run_here(["hits", "--rule", "gas", "-c", str(archive.etc)])
    assert "dropped" in listed.out


def test_why_says_that_an_item_came_under_another_guid(archive: Archive) -> None:
    one = item("a", "Gas", NOW)
    archive.poll("world", one, now=NOW)
    archive.poll("world", replace(one, key="g:b"), now=NOW + H)
    told = why(archive, "Gas")
    assert "  feed world: seen 2026-11-22 12:00:00 UTC\n" in told
    assert "  feed world: seen 2026-11-22 13:00:00 UTC, under another guid\n" in told
