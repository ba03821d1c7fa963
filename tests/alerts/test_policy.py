"""Whether an alert goes out now or waits, with every change of the clock there is."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.policy import Digest, Hold, Manner, Quiet, Send, Throttle, Window, decide

JAKARTA, BERLIN, NEW_YORK = map(ZoneInfo, ("Asia/Jakarta", "Europe/Berlin", "America/New_York"))
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # half an hour of daylight saving
NIGHT = Quiet(time(22), time(7), JAKARTA, frozenset({"critical"}))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def outcome(
    manner: Manner,
    now: str,
    *,
    severity: str = "normal",
    window: Window | None = None,
    muted_until: str | None = None,
) -> Send | Hold:
    muted = at(muted_until) if muted_until else None
    return decide(manner, severity, window, muted, at(now))  # type: ignore[arg-type] # a word of the table


def test_what_nothing_holds_goes_out_at_once() -> None:
    assert outcome(Manner(), "2026-11-22T03:00Z") == Send()


def test_quiet_hours_hold_until_they_end_in_their_own_zone() -> None:
    held = outcome(Manner(quiet=NIGHT), "2026-11-22T16:00+00:00")  # 23:00 in Jakarta
    assert held == Hold(at("2026-11-23T07:00+07:00"), "quiet")
    assert outcome(Manner(quiet=NIGHT), "2026-11-23T06:59:59+07:00") == held
    assert outcome(Manner(quiet=NIGHT), "2026-11-23T07:00+07:00") == Send()
    assert outcome(Manner(quiet=NIGHT), "2026-11-22T21:59:59+07:00") == Send()


def test_a_severity_that_quiet_hours_let_through_goes_out() -> None:
    now = "2026-11-22T23:00+07:00"
    assert outcome(Manner(quiet=NIGHT), now, severity="critical") == Send()
    assert isinstance(outcome(Manner(quiet=NIGHT), now, severity="high"), Hold)


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        # The night in which 02:00 becomes 03:00: 02:30 is never, 03:30 is the same moment.
        ("2026-03-29T01:00+01:00", "2026-03-29T03:30+02:00"),
        # The night in which 03:00 becomes 02:00: 02:30 comes twice, the first counts.
        ("2026-10-25T02:10+02:00", "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:40+01:00", None),
        # A clock that shows a quiet time again is quiet again, until the time comes again.
        ("2026-10-25T02:10+01:00", "2026-10-25T02:30+01:00"),
    ],
)
def test_quiet_that_ends_in_the_hour_the_clock_changes(now: str, ends: str | None) -> None:
    found = Quiet(time(22), time(2, 30), BERLIN).ends(at(now))
    assert found == (at(ends) if ends else None)


ZONES = st.sampled_from([JAKARTA, BERLIN, NEW_YORK, LORD_HOWE, ZoneInfo("UTC")])
TIMES = st.times().map(lambda t: t.replace(microsecond=0, second=0))
MOMENTS = st.integers(0, 2 * 365 * 86_400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(TIMES, TIMES, ZONES, MOMENTS)
def test_quiet_ends_within_a_day_at_a_moment_that_is_not_quiet_or_a_day_later(
    start: time, end: time, zone: ZoneInfo, now: datetime
) -> None:
    quiet = Quiet(start, end, zone)
    ends = quiet.ends(now)
    if ends is None:
        return
    assert now < ends <= now + timedelta(hours=25)
    shown = ends.astimezone(zone)
    gap = zone.utcoffset(shown.replace(tzinfo=None) - timedelta(hours=2)) != shown.utcoffset()
    assert shown.time() == end or gap
    step = (ends - now) / 7
    for part in range(1, 7):  # it is quiet all the way, but where the clock skips
        between = quiet.ends(now + part * step)
        assert between in (ends, None) or gap


def test_a_digest_holds_until_its_next_time() -> None:
    digest = Manner(digest=Digest("0 8 * * mon-fri", JAKARTA))
    friday = outcome(digest, "2026-11-20T09:00+07:00")
    assert friday == Hold(at("2026-11-23T08:00+07:00"), "digest")  # Monday
    assert outcome(digest, "2026-11-23T07:59+07:00") == friday


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 8 * * 0", "2026-11-22T08:00+00:00"),  # Sunday is 0, as cron means it
        ("0 8 * * 7", "2026-11-22T08:00+00:00"),  # and 7
        ("0 8 * * 1", "2026-11-23T08:00+00:00"),
        ("*/30 * * * *", "2026-11-21T10:30+00:00"),
    ],
)
def test_days_are_numbered_as_cron_numbers_them(cron: str, expected: str) -> None:
    found = outcome(Manner(digest=Digest(cron, ZoneInfo("UTC"))), "2026-11-21T10:10+00:00")
    assert found == Hold(at(expected), "digest")


def test_a_digest_time_that_the_clock_skips_is_told_all_the_same() -> None:
    digest = Digest("30 2 * * *", BERLIN)
    first = digest.next_at(at("2026-03-28T12:00+01:00"))
    assert at("2026-03-29T01:59+01:00") < first <= at("2026-03-29T03:30+02:00")
    assert digest.next_at(first) == at("2026-03-30T02:30+02:00")


@pytest.mark.parametrize("cron", ["", "0 8 * *", "61 * * * *", "0 0 31 2 *", "every day"])
def test_what_is_no_cron_expression_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        Digest(cron, JAKARTA)


def test_a_digest_does_not_ring_in_quiet_hours() -> None:
    manner = Manner(quiet=NIGHT, digest=Digest("0 6 * * *", JAKARTA))
    found = outcome(manner, "2026-11-22T20:00+07:00")
    assert found == Hold(at("2026-11-23T07:00+07:00"), "digest")


def test_a_mute_holds_to_its_end_and_what_then_holds_holds_on() -> None:
    muted = outcome(Manner(), "2026-11-22T10:00+07:00", muted_until="2026-11-22T12:00+07:00")
    assert muted == Hold(at("2026-11-22T12:00+07:00"), "mute")
    into_the_night = outcome(
        Manner(quiet=NIGHT), "2026-11-22T21:00+07:00", muted_until="2026-11-22T23:00+07:00"
    )
    assert into_the_night == Hold(at("2026-11-23T07:00+07:00"), "mute")
    over = outcome(Manner(), "2026-11-22T12:00+07:00", muted_until="2026-11-22T12:00+07:00")
    assert over == Send()


def test_a_mute_holds_what_quiet_hours_let_through() -> None:
    held = outcome(
        Manner(quiet=NIGHT),
        "2026-11-22T23:00+07:00",
        severity="critical",
        muted_until="2026-11-22T23:30+07:00",
    )
    assert held == Hold(at("2026-11-22T23:30+07:00"), "mute")


def test_a_throttle_tells_so_many_and_holds_the_rest_until_its_window_ends() -> None:
    manner = Manner(throttle=Throttle(2, timedelta(hours=1)))
    window: Window | None = None
    told: list[Send | Hold] = []
    for minute in (0, 10, 20, 59):
        found = decide(manner, "normal", window, None, at(f"2026-11-22T10:{minute:02}Z"))
        window = found.window if isinstance(found, Send) else window
        told.append(found)
    began = at("2026-11-22T10:00Z")
    held = Hold(at("2026-11-22T11:00Z"), "throttle")
    assert told == [Send(Window(began, 1)), Send(Window(began, 2)), held, held]
    again = decide(manner, "normal", window, None, at("2026-11-22T11:00Z"))
    assert again == Send(Window(at("2026-11-22T11:00Z"), 1))


def test_a_throttles_digest_does_not_ring_in_quiet_hours() -> None:
    manner = Manner(throttle=Throttle(1, timedelta(hours=2)), quiet=NIGHT)
    used = Window(at("2026-11-22T21:00+07:00"), 1)
    found = outcome(manner, "2026-11-22T21:30+07:00", window=used)
    assert found == Hold(at("2026-11-23T07:00+07:00"), "throttle")


def test_a_window_from_before_the_clock_went_back_does_not_hold_for_long() -> None:
    manner = Manner(throttle=Throttle(1, timedelta(hours=1)))
    ahead = Window(at("2026-11-23T10:00Z"), 1)
    now = at("2026-11-22T10:00Z")
    assert decide(manner, "normal", ahead, None, now) == Send(Window(now, 1))


@given(
    st.lists(st.integers(0, 7_200), min_size=1, max_size=60).map(sorted),
    st.integers(1, 6),
    st.integers(60, 3_600),
)
def test_no_window_tells_more_than_it_may_and_whatever_is_held_comes_when_it_ends(
    seconds: list[int], most: int, per: int
) -> None:
    manner = Manner(throttle=Throttle(most, timedelta(seconds=per)))
    start = at("2026-11-22T00:00Z")
    window: Window | None = None
    told: Counter[datetime] = Counter()
    for second in seconds:
        now = start + timedelta(seconds=second)
        found = decide(manner, "normal", window, None, now)
        if isinstance(found, Send):
            assert found.window is not None
            window = found.window
            told[window.began] += 1
            assert window.began <= now < window.began + timedelta(seconds=per)
        else:
            assert window is not None
            assert found.until == window.began + timedelta(seconds=per) > now
    assert max(told.values()) <= most
