"""When to poll and when to send, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.schedule import (
    NEVER,
    STANDARD_PAUSES,
    Bad,
    Good,
    Retry,
    Rhythm,
    adapted,
    asked_for,
    jitter,
    next_attempt_at,
    next_poll,
    period,
    rescheduled,
)
from monitor.wishes import Wishes, bits, numbers, unskipped

CAP = timedelta(hours=24)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
M = timedelta(minutes=1)
H = timedelta(hours=1)
FEED = "a-feed"


def test_an_unchanged_feed_is_polled_ten_minutes_later_each_time_up_to_an_hour() -> None:
    """A10, A24"""
    interval, seen = 15 * M, []
    for _ in range(7):
        interval = next_poll(Rhythm(FEED, interval=interval), Good(), NOW).interval
        seen.append(interval)
    assert seen == [25 * M, 35 * M, 45 * M, 55 * M, 60 * M, 60 * M, 60 * M]


@pytest.mark.parametrize(
    ("known", "window", "after"),
    [
        (30, 30, 25 * M),
        (20, 30, 25 * M),
        (19, 30, 15 * M),
        (10, 30, 15 * M),
        (9, 30, 7.5 * M),
        (0, 30, 7.5 * M),
        (0, 0, 25 * M),
    ],
)
def test_the_interval_follows_the_share_of_known_items(
    known: int, window: int, after: timedelta
) -> None:
    assert adapted(15 * M, known, window) == after


def test_a_busy_feed_is_never_polled_more_often_than_every_five_minutes() -> None:
    """A24"""
    assert adapted(6 * M, 0, 50) == 5 * M


def test_the_operators_interval_beats_the_adaptive_one_the_ttl_and_missing_validators() -> None:
    """A10, A24"""
    wishes = Wishes(ttl=6 * H, sy=6 * H, skip_hours=frozenset(range(24)))
    rhythm = Rhythm(FEED, every=1 * M, validators=False, wishes=wishes)
    after = next_poll(rhythm, Good(), NOW)
    assert NOW + 1 * M <= after.at <= NOW + 1.1 * M
    assert after.why == "every 1m"


def test_max_age_beats_the_operators_interval_and_is_capped_at_a_day() -> None:
    after = next_poll(Rhythm(FEED, every=1 * M), Good(max_age=timedelta(days=30)), NOW)
    assert NOW + CAP <= after.at <= NOW + CAP + 30 * M
    assert after.why == "max-age 2592000"
    assert after.not_before == NOW + CAP


def test_a_max_age_shorter_than_the_interval_does_not_poll_sooner() -> None:
    after = next_poll(Rhythm(FEED, every=30 * M), Good(max_age=1 * M), NOW)
    assert after.at >= NOW + 30 * M
    assert after.why == "every 30m"


def test_a_feed_without_validators_is_polled_at_most_hourly() -> None:
    """A10"""
    after = next_poll(Rhythm(FEED, validators=False), Good(known=0, window=10), NOW)
    assert after.at >= NOW + 60 * M
    assert after.why == "no validators, 1h"


def test_a_feeds_ttl_only_lengthens() -> None:
    assert next_poll(Rhythm(FEED, wishes=Wishes(ttl=1 * M)), Good(), NOW).why == "adaptive 25m"
    assert next_poll(Rhythm(FEED, wishes=Wishes(ttl=3 * H)), Good(), NOW).why == "ttl 3h"


@pytest.mark.parametrize(
    ("wishes", "hours", "why"),
    [
        (Wishes(skip_hours=frozenset({12, 13})), 2, "skipHours until 14:00 GMT"),
        (Wishes(skip_hours=frozenset(range(12, 24))), 12, "skipHours until 00:00 GMT"),
        (Wishes(skip_hours=frozenset({23})), 0, "adaptive 25m"),
        (Wishes(skip_hours=frozenset(range(24))), 24, "skipHours, yet once a day"),
        (Wishes(skip_days=frozenset({6})), 12, "skipDays until Mon 00:00 GMT"),
        (Wishes(skip_days=frozenset({6, 0})), 24, "skipDays, yet once a day"),
        (Wishes(skip_days=frozenset(range(7))), 24, "skipDays, yet once a day"),
        (
            Wishes(skip_days=frozenset({6}), skip_hours=frozenset({0, 1})),
            14,
            "skipHours until 02:00 GMT",
        ),
        (Wishes(ttl=6 * H, sy=12 * H), 12, "sy:update 12h"),
        (Wishes(ttl=timedelta(days=7)), 24, "ttl 7d"),
        (Wishes(ttl=3 * H, skip_hours=frozenset({15})), 4, "skipHours until 16:00 GMT"),
    ],
)
def test_a23_what_a_document_wishes_lengthens_up_to_a_day_and_is_said(
    wishes: Wishes, hours: int, why: str
) -> None:
    after = next_poll(Rhythm(FEED, wishes=wishes), Good(), NOW)
    assert after.why == why
    assert NOW + hours * H <= after.at <= NOW + max(hours * H, 25 * M) * 1.1 + 1 * M


@given(
    st.frozensets(st.integers(0, 23)),
    st.frozensets(st.integers(0, 6)),
    st.timedeltas(timedelta(0), timedelta(days=9)),
)
def test_a23_skipping_never_comes_sooner_nor_later_than_a_day(
    hours: frozenset[int], days: frozenset[int], later: timedelta
) -> None:
    at = NOW + later
    wishes = Wishes(skip_hours=hours, skip_days=days)
    moment, why = unskipped(at, wishes, at)
    assert at <= moment <= at + CAP
    assert bool(why) == wishes.skips(at)
    assert numbers(bits(hours)) == hours


def test_failures_back_off_to_a_day() -> None:
    pauses = [
        next_poll(Rhythm(FEED, every=15 * M), Bad(failures), NOW).at - NOW
        for failures in (1, 2, 3, 8, 50)
    ]
    for pause, least in zip(pauses, [15 * M, 30 * M, 60 * M, CAP, CAP], strict=True):
        assert least <= pause <= least * 1.1


def test_a_feed_of_every_two_days_is_not_polled_daily_because_it_fails() -> None:
    after = next_poll(Rhythm(FEED, every=timedelta(days=2)), Bad(4), NOW)
    assert after.at >= NOW + timedelta(days=2)


def test_retry_after_is_never_undercut_and_not_shortened() -> None:
    later = NOW + timedelta(days=9)
    after = next_poll(Rhythm(FEED, every=1 * M), Bad(1, status=429, retry_at=later), NOW)
    assert after.at >= later
    assert after.not_before == later
    assert after.why == "Retry-After 2026-12-01 12:00:00 UTC"


def test_a15_a_silence_of_months_is_obeyed_and_called_by_its_name() -> None:
    later = NOW + timedelta(days=90)
    after = next_poll(Rhythm(FEED), Bad(1, status=503, retry_at=later), NOW)
    assert after.at >= later
    assert after.why == "suspended by its server, Retry-After 2027-02-20 12:00:00 UTC"


def test_a_429_without_a_time_is_an_hour() -> None:
    """A15, A16"""
    assert next_poll(Rhythm(FEED, every=1 * M), Bad(1, status=429), NOW).at >= NOW + H


def test_a15_a_503_without_a_time_is_an_hour_and_twice_as_long_each_time() -> None:
    rhythm = Rhythm(FEED, every=1 * M)
    first, second = (next_poll(rhythm, Bad(n, status=503), NOW) for n in (1, 2))
    assert (first.why, second.why) == ("failed 1 time, 1h", "failed 2 times, 2h")
    assert first.at >= NOW + H
    assert next_poll(rhythm, Bad(1, status=502), NOW).at < NOW + 2 * M


def test_a_feed_that_is_gone_is_not_polled_again() -> None:
    after = next_poll(Rhythm(FEED), Bad(1, gone=True), NOW)
    assert after.at == NEVER
    assert after.why == "410 Gone: not polled any more"


@given(st.text(), st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)))
def test_jitter_only_adds_at_most_a_tenth_and_half_an_hour(feed: str, pause: timedelta) -> None:
    """A13"""
    added = jitter(feed, pause)
    assert timedelta(0) <= added <= min(pause * 0.1, 30 * M)
    assert added == jitter(feed, pause)


@given(
    st.integers(1, 400),
    st.one_of(st.none(), st.timedeltas(timedelta(seconds=1), timedelta(days=3))),
    st.one_of(st.none(), st.timedeltas(-365 * 24 * H, 365 * 24 * H)),
    st.booleans(),
)
def test_whatever_fails_no_poll_comes_before_the_interval_or_the_servers_word(
    failures: int, every: timedelta | None, retry: timedelta | None, limited: bool
) -> None:
    retry_at = NOW + retry if retry else None
    rhythm = Rhythm(FEED, every=every)
    after = next_poll(
        rhythm, Bad(failures, status=429 if limited else None, retry_at=retry_at), NOW
    )
    assert after.at >= NOW + (every or rhythm.interval)
    if retry_at is not None and limited:
        assert after.at >= retry_at


def test_a_changed_interval_counts_from_the_last_request_and_obeys_the_server() -> None:
    ten, one = Rhythm(FEED, every=10 * M), Rhythm(FEED, every=1 * M)
    assert rescheduled(ten, NOW - 5 * M, None, NOW) == NOW + 5 * M
    assert rescheduled(one, NOW - 5 * M, NOW + 3 * H, NOW) == NOW + 3 * H
    assert rescheduled(ten, None, None, NOW) == NOW
    wishes = Rhythm(FEED, wishes=Wishes(ttl=3 * H))
    assert rescheduled(wishes, NOW - 5 * M, None, NOW) == NOW + 3 * H - 5 * M
    assert rescheduled(Rhythm(FEED, every=1 * M, slowed=1), NOW, None, NOW) == NOW + 1 * H


def test_a11_what_an_operator_asks_for_now_keeps_every_distance() -> None:
    assert asked_for(Rhythm(FEED), None, None, NOW) == NOW
    assert asked_for(Rhythm(FEED), NOW - 6 * M, None, NOW) == NOW
    assert asked_for(Rhythm(FEED), NOW - 2 * M, None, NOW) == NOW + 3 * M
    assert asked_for(Rhythm(FEED), NOW - 6 * M, NOW + 1 * H, NOW) == NOW + 1 * H
    assert asked_for(Rhythm(FEED, validators=False), NOW - 6 * M, None, NOW) == NOW + 54 * M
    assert asked_for(Rhythm(FEED, every=1 * M), NOW - 2 * M, None, NOW) == NOW
    assert asked_for(Rhythm(FEED, every=1 * M, slowed=5), NOW, None, NOW) == NOW + 24 * H


def test_deliveries_follow_the_standard_webhooks_schedule() -> None:
    assert sum(STANDARD_PAUSES, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    for attempts, pause in enumerate(STANDARD_PAUSES, start=1):
        early = next_attempt_at(attempts, NOW, NOW, fraction=0)
        late = next_attempt_at(attempts, NOW, NOW, fraction=1)
        assert early == NOW + pause * 0.8
        assert late == NOW + pause * 1.2
    assert next_attempt_at(10, NOW, NOW, fraction=0.5) is None


def test_a_channels_own_schedule_grows_to_its_longest_pause_and_ends() -> None:
    retry = Retry(first=timedelta(seconds=5), factor=2, max=1 * M, total=1 * H)
    pauses = [
        (next_attempt_at(n, NOW, NOW, fraction=0.5, retry=retry) or NOW) - NOW for n in range(1, 7)
    ]
    assert [pause.total_seconds() for pause in pauses] == [5, 10, 20, 40, 60, 60]
    assert next_attempt_at(9, NOW - 1 * H, NOW, fraction=0.5, retry=retry) is None


def test_a_service_that_names_a_time_is_not_asked_earlier() -> None:
    later = NOW + 2 * H
    assert next_attempt_at(1, NOW, NOW, fraction=0.5, retry_at=later) == later
    sooner = NOW + timedelta(seconds=1)
    assert (next_attempt_at(1, NOW, NOW, fraction=0.5, retry_at=sooner) or NOW) > sooner


def test_a_retry_of_a_million_attempts_does_not_overflow() -> None:
    retry = Retry(first=timedelta(seconds=5), factor=10, max=6 * H, total=timedelta(days=3))
    at = next_attempt_at(1_000_000, NOW, NOW, fraction=0.5, retry=retry)
    assert at == NOW + 6 * H


@pytest.mark.parametrize(
    ("length", "written"),
    [
        (timedelta(seconds=90), "1m30s"),
        (timedelta(days=1, hours=1), "1d1h"),
        (timedelta(0), "0s"),
        (timedelta(minutes=15), "15m"),
    ],
)
def test_a_period_reads_as_the_configuration_writes_it(length: timedelta, written: str) -> None:
    assert period(length) == written
