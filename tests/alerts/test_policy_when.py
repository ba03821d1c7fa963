"""When a hit is usual, and until when a burst keeps quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.policy import Burst, Window, is_usual, usual_windows

H, D = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_of_a_rule_of_four_weeks_the_same_hours_of_each_week_count() -> None:
    assert usual_windows(D, NOW - 29 * D, NOW) == [NOW - days * D for days in (7, 14, 21, 28)]


def test_of_a_younger_rule_the_periods_before_count_as_far_as_it_was_there() -> None:
    assert usual_windows(D, NOW - 28 * D, NOW) == [NOW - days * D for days in range(1, 8)]
    assert usual_windows(D, NOW - 4 * D, NOW) == [NOW - D, NOW - 2 * D, NOW - 3 * D]
    assert usual_windows(6 * H, NOW - D, NOW) == [NOW - 6 * H, NOW - 12 * H, NOW - 18 * H]


def test_of_more_than_a_week_whole_weeks_are_compared() -> None:
    assert usual_windows(10 * D, NOW - 100 * D, NOW) == [
        NOW - days * D for days in (14, 28, 42, 56)
    ]


@pytest.mark.parametrize(
    ("with_hits", "windows", "usual"),
    [
        (4, 4, True),
        (3, 4, True),
        (2, 4, False),
        (6, 7, True),
        (5, 7, False),
        (3, 3, True),
        (2, 3, False),
        (2, 2, False),
        (0, 0, False),
    ],
)
def test_three_of_four_and_all_but_one_are_usual(with_hits: int, windows: int, usual: bool) -> None:
    assert is_usual(with_hits, windows) is usual


def test_a_burst_keeps_quiet_for_its_time_unless_the_clock_went_back() -> None:
    burst = Burst(10, H)
    assert burst.quiet_until(None, NOW) is None
    assert burst.quiet_until(Window(NOW, 10), NOW + 59 * H / 60) == NOW + H
    assert burst.quiet_until(Window(NOW, 10), NOW + H) is None
    assert burst.quiet_until(Window(NOW + D, 10), NOW) is None
