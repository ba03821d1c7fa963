"""What any HTTP service may ask for by Retry-After, and what may be shown of its address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.http import origin, retry_after

NOW = datetime(2026, 11, 22, 19, 46, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("0.65", 1),
        ("64.57", 65),
        ("Sun, 22 Nov 2026 19:47:30 GMT", 60),
        ("Sunday, 22-Nov-26 19:47:30 GMT", 60),
        ("Sun Nov 22 19:47:30 2026", 60),
        ("Sun, 22 Nov 2026 20:47:30 +0100", 60),
        ("Sun, 22 Nov 2020 19:47:30 GMT", 0),
        ("999999999999", 30 * 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 30 * 86_400),
    ],
)
def test_seconds_and_dates_are_read_and_bounded(value: str, seconds: int) -> None:
    assert retry_after(value, NOW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1e9", "١٢", "0x10", "Mon, 99 Foo 2026"])
def test_what_cannot_be_read_is_nothing(value: str | None) -> None:
    assert retry_after(value, NOW) is None


def test_the_zone_of_now_does_not_matter() -> None:
    jakarta = NOW.astimezone(timezone(timedelta(hours=7)))
    assert retry_after("60", jakarta) == NOW + timedelta(seconds=60)
    assert retry_after("Sun, 22 Nov 2026 19:47:30 GMT", jakarta) == NOW + timedelta(seconds=60)


@given(st.text(max_size=60))
def test_no_value_raises_or_lets_us_come_back_early(value: str) -> None:
    at = retry_after(value, NOW)
    assert at is None or NOW <= at <= NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example/services/T0/secret?token=x", "https://hooks.example"),
        ("https://user:password@hooks.example:8443/x", "https://hooks.example:8443"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
        ("https://host:99999/secret", "the address"),
    ],
)
def test_only_the_origin_of_an_address_is_shown(url: str, shown: str) -> None:
    assert origin(url) == shown
