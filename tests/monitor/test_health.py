"""How a feed is doing, what of it is remembered, and what operators are told.

A number such as A17 names the requirement of the catalogue that a test shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rigs.feedbook import NOT_MODIFIED, PAIR, START, Feedbook, item, window

from monitor.fetch import FetchFailed, ServerHints, Validators
from monitor.health import (
    gap_in,
    gap_told,
    is_probe_due,
    longest_after,
    roughly,
    silence_allowed,
    state_of_failed,
)
from monitor.item import FeedHints, NotAFeed, Parsed, ParseFailed
from monitor.recent import PollNote, last_window, noted, notes
from monitor.schedule import NEVER
from monitor.settle import Answer, Unchanged

M = timedelta(minutes=1)
H = timedelta(hours=1)
D = timedelta(days=1)
NEW_PLACE = "https://new.example/feed"


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Feedbook]:
    with Feedbook(tmp_path) as book:
        yield book


def test_a17_one_captive_301_changes_nothing(book: Feedbook) -> None:
    book.poll(window("a"))
    book.now += 1 * H
    book.poll(window("a"), moved_to="https://hotel.example/login")
    assert book.row().state == "moved"
    book.polls([window("a")] * 30, 1 * H)
    row = book.row()
    assert (row.state, row.asked_url, row.moved_to, row.host) == ("ok", None, None, "one.example")
    assert book.told() == []


def test_a17_a_301_counts_after_three_same_answers_over_a_day(book: Feedbook) -> None:
    book.polls([window("a")] * 24, 1 * H, moved_to=NEW_PLACE)
    row = book.row()
    assert (row.state, row.asked_url) == ("moved", None)
    book.polls([NOT_MODIFIED], 1 * H, moved_to=NEW_PLACE)
    row = book.row()
    assert (row.state, row.asked_url, row.host) == ("ok", NEW_PLACE, "new.example")
    assert row.url == "https://one.example/feed"
    assert book.told() == [
        (
            "feed_moved",
            (
                f"feed 'one' has moved for good to {NEW_PLACE} and is asked there from now on; "
                f"write that into its url, and it keeps its history"
            ),
        )
    ]
    book.polls([NOT_MODIFIED] * 3, 1 * H)
    assert book.row().asked_url == NEW_PLACE
    assert len(book.told()) == 1


def test_a17_two_answers_over_a_week_are_not_enough(book: Feedbook) -> None:
    book.polls([window("a")] * 2, 7 * D, moved_to=NEW_PLACE)
    assert book.row().asked_url is None
    book.polls([window("a")], 1 * H, moved_to=NEW_PLACE)
    assert book.row().asked_url == NEW_PLACE


def test_a17_another_target_starts_over(book: Feedbook) -> None:
    book.polls([window("a")] * 24, 1 * H, moved_to=NEW_PLACE)
    book.polls([window("a")] * 20, 1 * H, moved_to="https://third.example/")
    assert book.row().asked_url is None


def test_a17_a_reload_keeps_where_the_feed_has_moved_to(book: Feedbook) -> None:
    book.polls([window("a")] * 26, 1 * H, moved_to=NEW_PLACE)
    book.reload({"one": "every: 1h"})
    row = book.row()
    assert (row.asked_url, row.host) == (NEW_PLACE, "new.example")


def test_a17_the_way_back_is_confirmed_like_the_way_there(book: Feedbook) -> None:
    book.polls([window("a")] * 26, 1 * H, moved_to=NEW_PLACE)
    book.polls([window("a")] * 26, 1 * H, moved_to="https://one.example/feed")
    row = book.row()
    assert (row.asked_url, row.host) == (None, "one.example")
    assert book.told()[-1] == (
        "feed_moved",
        "feed 'one' has moved back: it is asked at its configured URL again",
    )


def test_a17_a_new_place_that_fails_for_a_day_is_given_up(book: Feedbook) -> None:
    book.polls([window("a")] * 26, 1 * H, moved_to=NEW_PLACE)
    book.polls([NotAFeed("an HTML page")] * 24, 1 * H)
    assert book.row().asked_url == NEW_PLACE
    book.polls([NotAFeed("an HTML page")], 1 * H)
    row = book.row()
    assert (row.asked_url, row.host) == (None, "one.example")
    assert row.next_poll_at <= book.now + 70 * M
    assert book.told()[-1] == (
        "feed_moved_back",
        (
            "feed 'one' fails where it had moved to (not a feed: an HTML page): it is asked at its "
            "configured URL again"
        ),
    )


def test_a19_a_410_of_the_new_place_sends_us_back_at_once(book: Feedbook) -> None:
    book.polls([window("a")] * 26, 1 * H, moved_to=NEW_PLACE)
    book.polls([FetchFailed("gone", "answered 410 Gone", 410)], 1 * H)
    row = book.row()
    assert (row.state, row.asked_url) == ("failing", None)
    assert row.next_poll_at <= book.now + 70 * M


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (FetchFailed("status", "answered 401", 401), "blocked"),
        (FetchFailed("status", "answered 403", 403), "blocked"),
        (FetchFailed("rate_limited", "answered 429", 429), "blocked"),
        (FetchFailed("status", "answered 451", 451), "blocked"),
        (FetchFailed("blocked", "10.0.0.1 is private"), "blocked"),
        (FetchFailed("status", "answered 404", 404), "failing"),
        (FetchFailed("rate_limited", "answered 503", 503), "failing"),
        (FetchFailed("dns", "no such host"), "failing"),
        (ParseFailed("memory", "too much"), "failing"),
        (NotAFeed("an HTML page"), "not_a_feed"),
        (FetchFailed("gone", "answered 410", 410), "gone"),
    ],
)
def test_a19_each_failure_has_its_state(
    answer: FetchFailed | NotAFeed | ParseFailed, state: str, book: Feedbook
) -> None:
    assert state_of_failed(answer) == state
    book.poll(answer)
    assert book.row().state == state


def test_a15_retry_after_silences_the_host_that_said_it(tmp_path: Path) -> None:
    with Feedbook(tmp_path, {"one": "", "two": ""}) as book:
        said = FetchFailed(
            "rate_limited", "429", 429, START + 3 * H, "https://two.example/elsewhere"
        )
        book.poll(said)
        assert book.store.blocked_hosts(START) == {"two.example": START + 3 * H}
        assert book.row().next_poll_at >= START + 3 * H
        book.store.block_host("two.example", START + 1 * H)
        assert book.store.blocked_hosts(START) == {"two.example": START + 3 * H}
        claimed = book.store.claim_feeds("x", START + 2 * H, 1 * H, 10, timedelta())
        assert [row.name for row in claimed] == []
        claimed = book.store.claim_feeds("x", START + 4 * H, 1 * H, 10, timedelta())
        assert {row.name for row in claimed} == {"one", "two"}


def test_a15_a_clock_that_goes_back_takes_the_silence_of_a_host_with_it(book: Feedbook) -> None:
    book.poll(FetchFailed("rate_limited", "429", 429, START + 3 * H, "https://one.example/feed"))
    book.store.follow_clock_back(START - 10 * D, 1 * H)
    assert book.store.blocked_hosts(START - 10 * D) == {"one.example": START - 10 * D + 3 * H}
    assert book.row().next_poll_at <= START - 10 * D + 4 * H


def test_a11_a_clock_that_is_set_on_brings_no_poll_forward(book: Feedbook) -> None:
    book.poll(window("a"), hints=ServerHints(2 * H))
    book.store.block_host("one.example", START + 3 * H)
    before = book.row()
    moved = book.store.follow_clock_on(START + 10 * M + 365 * D, 365 * D, H)
    row = book.row()
    assert moved == 1
    for name in ("next_poll_at", "not_before", "last_request_at"):
        assert getattr(row, name) == getattr(before, name) + 365 * D
    assert book.store.blocked_hosts(START) == {"one.example": START + 365 * D + 3 * H}
    book.poll(FetchFailed("gone", "answered 410 Gone", 410))
    book.store.follow_clock_on(START, 365 * D, H)
    assert book.row().next_poll_at == NEVER


DATED = ("last_good_at", "last_new_at", "failing_since", "unchanged_since", "gap_at", "moved_since")


def dated(book: Feedbook, now: datetime) -> None:
    """A feed of which everything is known since ``now``."""
    row = book.row()
    book.store.settle_feed(row.id, last_request_at=now, **dict.fromkeys(DATED, now))


def test_a_clock_that_was_a_year_ahead_keeps_no_trouble_from_being_told(book: Feedbook) -> None:
    book.poll(window("a"))
    dated(book, START + 365 * D)
    book.store.follow_clock_back(START, 1 * H)
    row = book.row()
    assert {getattr(row, name) for name in DATED} == {START}


def test_a_clock_that_is_set_on_a_year_makes_no_feed_silent_or_broken_for_a_year(
    book: Feedbook,
) -> None:
    book.poll(window("a"))
    dated(book, START)
    book.store.follow_clock_on(START + 365 * D, 365 * D, H)
    row = book.row()
    assert {getattr(row, name) for name in DATED} == {START + 365 * D}


def test_a_new_feed_does_not_wait_for_the_year_that_a_wrong_clock_showed(tmp_path: Path) -> None:
    with Feedbook(tmp_path, start=START + 365 * D) as book:
        book.store.follow_clock_back(START, 1 * H)
        assert book.row().next_poll_at == START
        assert book.row().created_at == START


def test_a9_a_server_that_ignores_conditions_is_asked_less_often(book: Feedbook) -> None:
    book.poll(window("a"))
    for minutes in (17, 28, 39, 50, 61):
        book.polls([Unchanged("unchanged")], minutes * M, status=200)
    assert book.row().next_poll_why == "adaptive 1h"


def test_a16_the_interval_of_a_feed_that_said_429_is_raised_and_recovers_slowly(
    book: Feedbook,
) -> None:
    limited = FetchFailed("rate_limited", "answered 429", 429)
    waits = []
    answers: list[Answer] = [window("a"), limited, *[window("a")] * 5]
    for answer in answers:
        book.now += 1 * H
        book.poll(answer)
        waits.append(book.row().next_poll_why)
    assert waits[1:] == [
        *["slowed after 429, 1h"] * 5,
        "adaptive 15m",
    ]


def test_a23_wishes_of_the_document_are_remembered_across_304s_and_failures(
    book: Feedbook,
) -> None:
    hints = FeedHints(ttl=3 * H, sy=2 * H)
    book.poll(window("a", hints=hints))
    book.polls([NOT_MODIFIED], 3 * H)
    assert book.row().next_poll_why == "ttl 3h"
    book.polls([FetchFailed("timeout", "no answer within 30 s")], 3 * H)
    assert book.row().next_poll_at >= book.now + 3 * H
    book.polls([window("a", "b", hints=FeedHints(sy=2 * H))], 3 * H)
    assert book.row().next_poll_why == "sy:update 2h"
    book.polls([window("a", "b")], 2 * H)
    assert book.row().next_poll_why.startswith("adaptive ")


def test_a23_skipped_hours_and_days_are_said_and_remembered(book: Feedbook) -> None:
    hints = FeedHints(skip_hours=frozenset(range(13, 24)))
    book.now += 50 * M
    book.poll(window("a", hints=hints))
    assert book.row().next_poll_why == "skipHours until 00:00 GMT"
    book.polls([NOT_MODIFIED], 5 * M)
    assert book.row().next_poll_why == "skipHours until 00:00 GMT"
    book.polls([window("a", hints=FeedHints(skip_days=frozenset({6})))], 5 * M)
    assert book.row().next_poll_why == "skipDays until Mon 00:00 GMT"


def test_a14_what_max_age_allows_counts_from_the_answer(book: Feedbook) -> None:
    answered = book.now - 20 * timedelta(seconds=1)
    book.poll(window("a"), hints=ServerHints(2 * H), answered_at=answered)
    row = book.row()
    assert row.not_before == answered + 2 * H
    assert row.next_poll_why == "max-age 7200"


def test_a_probe_that_finds_news_under_the_same_validators_shows_that_they_lie(
    book: Feedbook,
) -> None:
    book.poll(window("a"))
    book.polls([NOT_MODIFIED] * 5, 1 * H)
    book.now += 1 * H
    book.poll(window("a", "b"), probe=True)
    row = book.row()
    assert (row.state, row.validators_lie, row.validators_url) == ("validators_lie", True, None)
    assert row.next_poll_why == "no validators, 1h"
    assert book.told() == [
        (
            "validators_lie",
            (
                "feed 'one' answered 304 although it had changed: it is asked without validators "
                "from now on, at most hourly unless its every says otherwise"
            ),
        )
    ]
    book.polls([window("b", "c")], 1 * H)
    row = book.row()
    assert (row.validators_lie, row.etag) == (True, None)
    assert len(book.told()) == 1


@pytest.mark.parametrize("before", [10 * M, 70 * M], ids=["after it", "begun before it"])
def test_a_probe_that_finds_news_since_the_last_304_proves_nothing(
    book: Feedbook, before: timedelta
) -> None:
    book.poll(window("a"))
    book.polls([NOT_MODIFIED] * 5, 1 * H)
    book.now += 1 * H
    fresh = replace(window("a"), items=(item("b", book.now - before), item("a")))
    book.poll(fresh, probe=True, validators=Validators(PAIR.url, b'"2"'))
    row = book.row()
    assert (row.state, row.validators_lie, row.etag) == ("ok", False, b'"2"')


def test_a_probe_that_finds_what_was_there_at_the_last_304_shows_a_lie(book: Feedbook) -> None:
    book.poll(window("a"))
    book.polls([NOT_MODIFIED] * 5, 1 * H)
    book.now += 1 * H
    hidden = replace(window("a"), items=(item("b", book.now - 3 * H), item("a")))
    book.poll(hidden, probe=True, validators=Validators(PAIR.url, b'"2"'))
    assert book.row().validators_lie


def test_a_feed_is_probed_once_a_day_when_it_is_silent_for_far_longer_than_its_rhythm() -> None:
    def due(silent: timedelta, rhythm: timedelta | None, probed: timedelta | None = None) -> bool:
        return is_probe_due(
            START,
            unchanged_since=START - silent,
            probed_at=None if probed is None else START - probed,
            rhythm=rhythm,
        )

    assert not due(23 * H, 10 * M)
    assert due(25 * H, 10 * M)
    assert not due(25 * H, 3 * H)
    assert due(31 * H, 3 * H)
    assert not due(6 * D, None)
    assert due(8 * D, None)
    assert not due(8 * D, None, probed=23 * H)
    assert due(8 * D, None, probed=24 * H)
    assert not is_probe_due(START, unchanged_since=None, probed_at=None, rhythm=1 * H)


def test_a28_a_window_without_a_known_item_is_a_gap_told_once_while_gaps_go_on(
    book: Feedbook,
) -> None:
    book.poll(window("a", "b"))
    book.polls([window("c", "d")], 3 * H)
    row = book.row()
    assert (row.state, row.next_poll_why) == ("gap", "adaptive 5m")
    book.polls([window("e", "f")], 3 * H)
    assert book.told() == [
        (
            "gap",
            (
                "feed 'one' has a gap between 2026-11-22 12:00 and 2026-11-22 15:00 UTC: none of "
                "its 2 items is known, how many are missing is not known; it is polled more "
                "often now"
            ),
        )
    ]
    book.polls([window("e", "f")] * 25, 1 * H)
    assert book.row().state == "ok"


def test_a28_what_is_no_gap(book: Feedbook) -> None:
    book.poll(window("a", "b"))
    book.polls([window("b", "c")], 3 * H)  # a known one is left
    book.polls([window()], 3 * H)  # nothing at all
    book.polls([window("d")], 3 * H)  # after nothing
    book.polls([window("e", "f", hints=FeedHints(complete=True))], 3 * H)  # its whole history
    book.polls([window("g", "h")], 3 * H, bridged=True)  # older pages led back
    assert book.told() == []


def test_a28_dates_tell_how_many_may_be_missing() -> None:
    last = START - 3 * H
    items = [item(str(n), START - n * 10 * M) for n in range(6)]
    gap = gap_in(items, last, START)
    assert gap is not None
    assert (gap.since, gap.until, gap.missing) == (last, START - 50 * M, 12)
    assert gap_told("one", gap, 6, why="every 1h") == (
        "feed 'one' has a gap between 2026-11-22 09:00 and 2026-11-22 11:10 UTC: none of its 6 "
        "items is known, about 12 may be missing; poll it more often: shorten its every"
    )
    assert gap_told("one", gap, 6, why="no validators, 1h").endswith(
        "; it offers no validators and is polled at most hourly; every: polls it more often"
    )
    assert gap_told("one", gap, 6, why="max-age 86400").endswith(
        "; it cannot be polled earlier: max-age 86400"
    )
    assert gap_in(items, START - 50 * M, START) is None  # the window reaches back far enough


def test_a28_a_window_that_begins_where_the_last_one_ended_misses_nothing(book: Feedbook) -> None:
    def day(first: int) -> Parsed:
        dated = tuple(item(f"a{n}", START + n * 4 * H) for n in range(first, first + 6))
        return Parsed("rss20", "One", dated)

    book.poll(day(-5))
    book.polls([day(1), day(7)], 24 * H)
    assert book.row().state == "gap"
    assert book.told() == []


def test_a28_gaps_of_documents_without_dates_or_with_one_item() -> None:
    undated = gap_in([item("a"), item("b")], START - 1 * H, START)
    assert undated is not None
    assert (undated.until, undated.missing) == (START, None)
    single = gap_in([item("a", START - 10 * M)], START - 1 * H, START)
    assert single is not None
    assert (single.until, single.missing) == (START - 10 * M, None)
    assert "its one item is not known" in gap_told("x", single, 1, why="adaptive 5m")


def test_trouble_is_told_after_a_day_and_its_end_once(book: Feedbook) -> None:
    book.poll(window("a"))
    down = FetchFailed("refused", "nobody answers")
    book.polls([down] * 3, 6 * H)
    book.check_up(after=5 * H)
    assert book.told() == []
    book.polls([down], 6 * H)
    book.check_up(after=1 * H)
    book.check_up(after=1 * H)
    assert book.told() == [
        (
            "feed_broken",
            (
                "feed 'one' has failed since 2026-11-22 18:00 UTC: nobody answers; it is still "
                "tried, see: wirewatch feeds one"
            ),
        )
    ]
    book.polls([window("a")] * 2, 6 * H)
    assert book.told()[1:] == [("feed_recovered", "feed 'one' works again")]


def test_a15_a_silence_of_days_that_a_server_asks_for_is_told_of_too(book: Feedbook) -> None:
    book.poll(FetchFailed("rate_limited", "answered 429", 429, START + 40 * D))
    book.check_up(after=25 * H)
    ((name, message),) = book.told()
    assert name == "feed_broken"
    assert message.startswith(
        "feed 'one' has failed since 2026-11-22 12:00 UTC: answered 429; its server wants no "
        "request before 2027-01-01 12:"
    )


def test_feeds_that_break_together_are_told_of_once_and_once_when_most_work_again(
    tmp_path: Path,
) -> None:
    names = [f"f{n}" for n in range(8)]
    with Feedbook(tmp_path, dict.fromkeys(names, "")) as book:
        for name in names:
            book.poll(FetchFailed("dns", "no such host"), name)
        book.now += 1 * H
        for name in names:
            book.poll(FetchFailed("dns", "no such host"), name)
        book.check_up(after=1 * M)
        book.check_up(after=2 * D)
        assert book.told() == [
            (
                "feeds_broken",
                (
                    "8 of 8 feeds have failed since about 2026-11-22 12:00 UTC: no such host; look "
                    "at this machine's own network first, see: wirewatch feeds"
                ),
            )
        ]
        for name in names[:5]:
            book.poll(window("a"), name)
        book.poll(window("a"), names[5])
        assert book.told()[1:] == [
            (
                "feeds_recovered",
                (
                    "the feeds that broke together at about 2026-11-22 12:00 UTC work again; still "
                    "broken: 'f3', 'f4', 'f5', 'f6', 'f7'"
                ),
            ),
            ("feed_recovered", "feed 'f3' works again"),
            ("feed_recovered", "feed 'f4' works again"),
            ("feed_recovered", "feed 'f5' works again"),
        ]


def test_some_feeds_of_many_that_break_together_are_told_of_together_after_a_day(
    tmp_path: Path,
) -> None:
    names = [f"f{n}" for n in range(20)]
    with Feedbook(tmp_path, dict.fromkeys(names, "every: 2d")) as book:
        for number, name in enumerate(names[:6]):
            book.poll(FetchFailed("status", f"answered {500 + min(number, 1)}"), name)
        for name in names[6:]:
            book.poll(window("a"), name)
        book.check_up(after=23 * H)
        assert book.told() == []
        book.check_up(after=2 * H)
        assert book.told() == [
            (
                "feeds_broken",
                (
                    "6 of 20 feeds have failed since about 2026-11-22 12:00 UTC: answered 501 (5 "
                    "of them); they are still tried, see: wirewatch feeds"
                ),
            )
        ]


def test_a_silent_feed_is_told_of_once_and_again_when_it_brings_news(book: Feedbook) -> None:
    book.polls([window(f"a{n}", f"a{n - 1}") for n in range(72)], 3 * H)
    book.polls([NOT_MODIFIED], 28 * H)
    book.check_up()
    assert book.told() == []
    book.polls([NOT_MODIFIED] * 2, 3 * H)
    book.check_up()
    book.check_up()
    assert book.told() == [
        (
            "feed_stale",
            (
                "feed 'one' answers, but has brought nothing new since 2026-12-01 12:00 UTC, "
                "usually every 3 hours; look whether the site has given it up, see: "
                "wirewatch feeds one"
            ),
        )
    ]
    book.polls([NOT_MODIFIED], 3 * H)
    assert book.row().state == "stale"
    book.polls([window("z", "a71")], 3 * H)
    assert book.told()[1:] == [("feed_recovered", "feed 'one' brings news again")]
    assert book.row().state == "ok"


def test_how_long_silence_is_nothing_strange() -> None:
    assert silence_allowed(None, None, 100 * D) == 30 * D
    assert silence_allowed(10 * M, 10 * M, 3 * D) == 3 * D
    assert silence_allowed(10 * M, 3 * H, 30 * D) == 1 * D
    assert silence_allowed(2 * H, 62 * H, 30 * D) == 124 * H  # it rests at weekends
    assert silence_allowed(7 * D, 7 * D, 60 * D) == 70 * D


def test_the_longest_silence_fades_by_half_in_two_weeks() -> None:
    assert longest_after(None, 3 * H) == 3 * H
    assert longest_after(60 * H, 1 * M) > 59 * H
    assert longest_after(40 * D, 14 * D) == 20 * D
    assert longest_after(1 * H, 60 * H) == 60 * H


def test_the_last_twenty_polls_are_remembered_newest_first() -> None:
    text = "[]"
    for number in range(30):
        items = number if number % 2 == 0 else None
        note = PollNote(START + number * M, 200, 'ok "so"\n[]', items, 0, 12)
        text = noted(text, note)
    found = list(notes(text))
    assert [note.at for note in found] == [START + number * M for number in range(29, 9, -1)]
    assert found[1] == PollNote(START + 28 * M, 200, 'ok "so"\n[]', 28, 0, 12)
    assert last_window(text) == 28
    assert last_window("[]") is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (5, "minute"),
        (60, "1 minute"),
        (2400, "40 minutes"),
        (10800, "3 hours"),
        (200_000, "2 days"),
    ],
)
def test_a_rhythm_is_said_as_people_say_it(seconds: int, said: str) -> None:
    assert roughly(seconds) == said
