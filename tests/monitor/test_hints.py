"""What servers say about time, and that none of it can hurt or hurry us (A14, A15)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import hints

NOW = datetime(2026, 11, 22, 19, 46, tzinfo=UTC)


def headers(**values: str) -> list[tuple[bytes, bytes]]:
    return [
        (name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in values.items()
    ]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({}, None),
        ({"cache_control": "max-age=600"}, 600),
        ({"Cache_Control": "public, MAX-AGE=600"}, 600),
        ({"cache_control": 'max-age="600"'}, 600),
        ({"cache_control": "max-age = 600 , public"}, 600),
        ({"cache_control": 'ext="max-age=7, x", max-age=600'}, 600),
        ({"cache_control": "max-age=600, max-age=9"}, 600),
        ({"cache_control": "s-maxage=900, max-age=600"}, 600),
        ({"cache_control": "max-age=600", "age": "100"}, 500),
        ({"cache_control": "max-age=600", "age": "700"}, 0),
        ({"cache_control": "max-age=600", "age": "-5"}, 600),
        ({"cache_control": "max-age=600", "age": "soon"}, 600),
        ({"cache_control": "max-age=0"}, 0),
        ({"cache_control": "max-age=-1"}, None),
        ({"cache_control": "max-age=abc"}, None),
        ({"cache_control": "max-age="}, None),
        ({"cache_control": "max-age"}, None),
        ({"cache_control": "xmax-age=600"}, None),
        ({"cache_control": "max-age=99999999999999999999999999"}, 2**31),
        ({"cache_control": "max-age=4294967296"}, 2**31),
        ({"cache_control": "max-age=" + "9" * 5000}, 2**31),
        ({"cache_control": "no-cache, max-age=600"}, None),
        ({"cache_control": "no-store"}, None),
        ({"cache_control": 'no-cache="set-cookie", max-age=600'}, None),
        (
            {
                "date": "Sun, 22 Nov 2026 19:00:00 GMT",
                "expires": "Sun, 22 Nov 2026 20:00:00 GMT",
                "age": "600",
            },
            3000,
        ),
        (
            {
                "cache_control": "max-age=60",
                "date": "Sun, 22 Nov 2026 19:00:00 GMT",
                "expires": "Sun, 22 Nov 2026 20:00:00 GMT",
            },
            60,
        ),
        ({"date": "Sun, 22 Nov 2026 19:00:00 GMT", "expires": "0"}, None),
        ({"date": "Sun, 22 Nov 2026 19:00:00 GMT", "expires": "Sat, 21 Nov 2026 19:00:00 GMT"}, 0),
        ({"expires": "Sun, 22 Nov 2026 20:00:00 GMT"}, None),
    ],
)
def test_freshness_is_read_as_rfc_9111_says(said: dict[str, str], seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert hints.max_age(headers(**said)) == expected


def test_several_cache_control_lines_are_one() -> None:
    lines = [(b"Cache-Control", b"public"), (b"cache-control", b"max-age=30")]
    assert hints.max_age(lines) == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({}, None),
        ({"retry_after": "120"}, NOW + timedelta(seconds=120)),
        ({"retry_after": " 120 "}, NOW + timedelta(seconds=120)),
        ({"retry_after": "1.5"}, NOW + timedelta(seconds=2)),
        ({"retry_after": "0"}, NOW),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "later"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after": "²"}, None),
        ({"retry_after": "99999999999999999999"}, NOW + timedelta(seconds=2**31)),
        ({"retry_after": "Sun, 22 Nov 2026 20:46:00 GMT"}, NOW + timedelta(hours=1)),
        ({"retry_after": "Sunday, 22-Nov-26 20:46:00 GMT"}, NOW + timedelta(hours=1)),
        ({"retry_after": "Sun Nov 22 20:46:00 2026"}, NOW + timedelta(hours=1)),
        ({"retry_after": "Sat, 21 Nov 2026 20:46:00 GMT"}, NOW),
        ({"retry_after": "Sun, 99 Nov 2026 20:46:00 GMT"}, None),
        (
            # The server's clock is three hours ahead of ours: it means one hour.
            {
                "date": "Sun, 22 Nov 2026 22:46:00 GMT",
                "retry_after": "Sun, 22 Nov 2026 23:46:00 GMT",
            },
            NOW + timedelta(hours=1),
        ),
        (
            {"date": "garbage", "retry_after": "Sun, 22 Nov 2026 20:46:00 GMT"},
            NOW + timedelta(hours=1),
        ),
    ],
)
def test_retry_after_is_a_moment_in_both_its_forms(
    said: dict[str, str], at: datetime | None
) -> None:
    found = hints.retry_at(headers(**said), NOW)
    # 2**31 seconds is more than the longest silence we write down: ten years.
    assert found == (at if at is None else min(at, NOW + timedelta(days=3650)))


def test_of_two_retry_afters_the_later_counts() -> None:
    two = [(b"Retry-After", b"10"), (b"Retry-After", b"60")]
    assert hints.retry_at(two, NOW) == NOW + timedelta(seconds=60)


def test_retry_after_is_told_in_utc() -> None:
    jakarta = NOW.astimezone(timezone(timedelta(hours=7)))
    found = hints.retry_at([(b"retry-after", b"5")], jakarta)
    assert found is not None
    assert found.utcoffset() == timedelta(0)
    assert found == NOW + timedelta(seconds=5)


NAMES = st.sampled_from([b"Cache-Control", b"Age", b"Expires", b"Date", b"Retry-After"])
VALUES = st.one_of(
    st.binary(max_size=60),
    st.from_regex(r"(max-age|no-cache|Retry|\d+|[,;=\"\\ ])*", fullmatch=True).map(str.encode),
    st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT").encode()),
    st.integers().map(lambda number: f"max-age={number}".encode()),
    st.integers().map(lambda number: str(number).encode()),
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_no_header_raises_or_hurries_us(said: list[tuple[bytes, bytes]]) -> None:
    age = hints.max_age(said)
    assert age is None or timedelta(0) <= age <= timedelta(seconds=2**31)
    at = hints.retry_at(said, NOW)
    assert at is None or NOW <= at <= NOW + timedelta(days=3650)


def test_a_hostile_cache_control_is_read_quickly() -> None:
    assert hints.max_age([(b"Cache-Control", b'a="' + b"\\" * 30_000)]) is None
    assert hints.max_age([(b"Cache-Control", b"=" * 30_000 + b"max-age=5")]) is None
