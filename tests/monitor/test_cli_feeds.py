"""`wirewatch feeds`: how feeds are doing, everything about one, and what an operator may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rigs.command import Done, run_here
from rigs.feedbook import NOT_MODIFIED, Feedbook, window

from monitor.cli.feeds import days, sparkline
from monitor.fetch import FetchFailed, ServerHints
from monitor.item import FeedHints

M = timedelta(minutes=1)
H = timedelta(hours=1)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Feedbook]:
    """Feeds with a past that ends now."""
    names = {"one": "", "two": "every: 10m", "gone": ""}
    start = datetime.now(UTC).replace(microsecond=0) - 4 * H
    with Feedbook(tmp_path, names, start=start) as book:
        hints = FeedHints(ttl=2 * H, skip_hours=frozenset({3}), skip_days=frozenset({6}))
        book.poll(window("a", "b"), hints=ServerHints(1 * H))
        book.poll(window("a"), "two")
        book.poll(FetchFailed("gone", "answered 410 Gone", 410), "gone")
        book.polls([window("b", "c", hints=hints)], 2 * H, hints=ServerHints(12 * H))
        yield book


def wirewatch(book: Feedbook, *words: str) -> Done:
    return run_here([*words, "-c", str(book.folder)])


def test_a32_the_listing_says_state_rhythm_polls_and_why_then(book: Feedbook) -> None:
    done = wirewatch(book, "feeds")
    assert (done.code, done.err) == (0, "")
    head, gone, one, two = done.out.splitlines()
    assert head.split("  ")[0] == "feed"
    assert gone.split()[:2] == ["gone", "gone"]
    assert gone.endswith("never      410 Gone: not polled any more · answered 410 Gone")
    assert one.split()[:3] == ["one", "ok", "15m"]
    assert "█" in one
    assert one.split("ago")[-1].split()[0] == "in"
    assert one.endswith(" max-age 43200")
    assert two.split()[:3] == ["two", "ok", "10m"]


def test_a32_one_name_tells_everything(book: Feedbook) -> None:
    book.store.block_host("one.example", book.now + 20 * H)
    done = wirewatch(book, "feeds", "one")
    assert done.code == 0
    lines = dict(line.rstrip().split("  ", 1) for line in done.out.splitlines() if "  " in line)
    facts = {name: value.strip() for name, value in lines.items()}
    assert facts["url"] == "https://one.example/feed"
    assert facts["validators"] == 'ETag "1"'
    assert facts["wishes"] == "ttl 2h, skipHours 3 GMT, skipDays Sun"
    assert facts["items"].startswith("3, the newest ")
    assert facts["14 days"].endswith(" · 1 new, 1 of them today") or "0 of them" in done.out
    until = f"{book.now + 20 * H:%Y-%m-%d %H:%M:%S} UTC"
    assert f"Retry-After of one.example until {until}" in facts["next poll"]
    polls = [line.split() for line in done.out.splitlines() if " 200 " in line]
    assert [poll[-5:-2] for poll in polls] == [["ok", "2", "1"], ["ok", "2", "2"]]


def test_a32_the_same_as_json(book: Feedbook) -> None:
    (fact,) = [
        json.loads(line) for line in wirewatch(book, "feeds", "one", "--json").out.splitlines()
    ]
    assert fact["why"] == "max-age 43200"
    assert fact["skip_days"] == [6]
    assert [poll["new"] for poll in fact["polls"]] == [1, 2]
    assert sum(fact["new_by_day"]) == 1
    listed = [json.loads(line) for line in wirewatch(book, "feeds", "--json").out.splitlines()]
    assert [other["name"] for other in listed] == ["gone", "one", "two"]
    assert listed[1].items() <= fact.items()


def test_a17_where_a_feed_has_moved_and_what_happened_to_it_is_shown(book: Feedbook) -> None:
    book.polls([NOT_MODIFIED] * 4, 10 * H, "two", moved_to="https://new.example/feed")
    out = wirewatch(book, "feeds", "two").out
    assert (
        "moved to    https://new.example/feed, and is asked there; write that into its url" in out
    )
    assert "feed 'two' has moved for good to https://new.example/feed" in out
    book.polls([NOT_MODIFIED], 10 * H, "two", moved_to="https://x.example/s?token=abc")
    out = wirewatch(book, "feeds", "two").out
    assert "moving      1 time since" in out
    assert "token" not in out


def test_a11_refresh_never_undercuts_what_the_server_or_politeness_say(book: Feedbook) -> None:
    done = wirewatch(book, "feeds", "refresh", "one")
    assert done.code == 0
    assert done.out.startswith("feed 'one' is polled in ")
    assert "the soonest that its server may be asked" in done.out
    row = book.row("one")
    assert row.next_poll_at >= row.not_before
    done = wirewatch(book, "feeds", "refresh", "two")
    assert done.out == "feed 'two' is polled now; see: wirewatch feeds two\n"
    assert book.row("two").next_poll_at <= datetime.now(UTC)
    done = wirewatch(book, "feeds", "refresh", "gone")
    assert (done.code, done.err) == (
        1,
        "feed 'gone' is gone; try it again with: wirewatch feeds revive gone\n",
    )


def test_a19_a_feed_that_is_gone_is_revived_by_hand_and_no_other(book: Feedbook) -> None:
    done = wirewatch(book, "feeds", "revive", "gone")
    assert (done.code, done.out) == (
        0,
        "feed 'gone' is polled again; see how it does with: wirewatch feeds gone\n",
    )
    row = book.row("gone")
    assert (row.state, row.next_poll_why) == ("new", "revived")
    assert row.next_poll_at <= datetime.now(UTC)
    assert book.told()[-1] == ("feed_revived", "feed 'gone' revived by an operator")
    done = wirewatch(book, "feeds", "revive", "one")
    assert (done.code, done.err) == (1, "feed 'one' is not gone, it is ok: wirewatch feeds one\n")
    done = wirewatch(book, "feeds", "revive", "other")
    assert (done.code, done.err) == (2, "no feed 'other'; all of them: wirewatch feeds\n")


def test_a_sparkline_has_a_bar_for_each_count_and_a_dot_for_none() -> None:
    assert sparkline([0, 1, 4, 8]) == "·▁▄█"
    assert sparkline([0, 0]) == "··"
    assert sparkline([]) == ""
    assert sparkline([1000, 1]) == "█▁"


def test_the_days_of_the_sparkline_end_today() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    counts = days({"2026-11-22": 3, "2026-11-09": 1, "2026-11-08": 9}, now)
    assert counts == [1, *[0] * 12, 3]
