"""What a document says about its rhythm and its older pages (A23, A27)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.feedreader import read
from monitor.item import FeedHints, Parsed, ParseTask
from monitor.language import Detector
from monitor.parse_wire import result_from_bytes, result_to_bytes

URL = "https://feeds.example/news/feed.xml"
SY = 'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'
ATOM = 'xmlns:a="http://www.w3.org/2005/Atom"'
HISTORY = 'xmlns:x="http://purl.org/syndication/history/1.0"'


def hints(body: bytes) -> FeedHints:
    """The hints of a document, as they come out of the worker's pipe."""
    parsed = read(ParseTask(body, URL), Detector(lambda text: ("", 0.0)))
    assert isinstance(parsed, Parsed), parsed
    arrived = result_from_bytes(result_to_bytes(parsed))
    assert arrived == parsed
    assert isinstance(arrived, Parsed)
    return arrived.hints


def channel(inside: str, attributes: str = "") -> bytes:
    entry = "<item><title>t</title></item>"
    return f"<rss version='2.0' {attributes}><channel>{inside}{entry}</channel></rss>".encode()


def in_both_readings(body: bytes) -> FeedHints:
    """The hints, which are the same whichever of feedparser's parsers reads the document."""
    lenient = hints(body + b"<x:y/>")
    assert lenient == hints(body)
    return lenient


def test_a_feed_that_says_nothing_gives_no_hint() -> None:
    assert in_both_readings(channel("<title>Desk</title>")) == FeedHints()


@pytest.mark.parametrize(
    ("written", "minutes"),
    [
        ("60", 60),
        (" 5 ", 5),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("٣٠", None),
        ("20000", 7 * 24 * 60),
        ("99999999999999", 7 * 24 * 60),
        ("9" * 5_000, 7 * 24 * 60),
    ],
)
def test_ttl_is_minutes_and_at_most_a_week(written: str, minutes: int | None) -> None:  # A23
    expected = None if minutes is None else timedelta(minutes=minutes)

    assert in_both_readings(channel(f"<ttl>{written}</ttl>")).ttl == expected


@pytest.mark.parametrize(
    ("period", "frequency", "seconds"),
    [
        ("hourly", "1", 3600),
        (" Hourly\n", None, 3600),
        ("hourly", "60", 60),
        ("daily", "4", 21600),
        ("weekly", "1", 604800),
        ("monthly", "1", 604800),  # the longest that is believed
        ("yearly", "365", 86400),
        ("hourly", "99999999999999", None),
        ("hourly", "0", None),
        ("hourly", "-1", None),
        ("hourly", "1.5", None),
        ("hourly", "", 3600),
        ("foo", "1", None),
        ("", "1", None),
    ],
)
def test_the_syndication_period_is_divided_by_its_frequency(  # A23
    period: str, frequency: str | None, seconds: int | None
) -> None:
    times = "" if frequency is None else f"<sy:updateFrequency>{frequency}</sy:updateFrequency>"
    body = channel(f"<sy:updatePeriod>{period}</sy:updatePeriod>{times}", SY)

    expected = None if seconds is None else timedelta(seconds=seconds)
    assert in_both_readings(body).sy == expected


def test_hours_and_days_to_skip_are_numbers_and_what_is_no_hour_is_left_out() -> None:  # A23
    hours = ("7", " 08 ", "24", "25", "-1", "7.5", "noon", "99999999999999", "", "٩")
    days = ("Monday", " sunday ", "Funday", "1", "")
    skip = "".join(f"<hour>{hour}</hour>" for hour in hours)
    skip = f"<hour>3</hour><skipHours>{skip}</skipHours><day>Friday</day>"
    skip += "<skipDays>" + "".join(f"<day>{day}</day>" for day in days) + "</skipDays>"
    found = in_both_readings(channel(skip))

    assert found.skip_hours == {0, 7, 8}
    assert found.skip_days == {0, 6}


def test_thousands_of_hours_to_skip_are_no_more_than_a_day_has() -> None:
    many = "".join(f"<hour>{number % 24}</hour>" for number in range(5_000))
    found = in_both_readings(channel(f"<skipHours>{many}</skipHours><ttl>5</ttl>"))

    assert found.skip_hours == set(range(24))
    assert found.ttl == timedelta(minutes=5)


def test_what_an_item_says_of_hours_or_history_is_not_the_feeds() -> None:
    inside = "<item><title>t</title><skipHours><hour>3</hour></skipHours><x:archive/>"
    inside += "<a:link rel='next' href='/2'/></item>"

    assert in_both_readings(channel(inside, f"{HISTORY} {ATOM}")) == FeedHints()


def test_pages_and_archives_are_absolute_addresses() -> None:  # A27
    inside = """<link>https://site.example/elsewhere/</link>
      <a:link rel="self" href="/news/feed.xml?page=1"/>
      <a:link rel="next" href="?page=2"/><a:link rel="next" href="?page=3"/>
      <a:link rel="prev-archive" href="//archive.example/2026/10"/>
      <x:archive/><x:complete/>"""
    found = in_both_readings(channel(inside, f"{ATOM} {HISTORY}"))

    assert found == FeedHints(
        self_url="https://feeds.example/news/feed.xml?page=1",
        next_page="https://feeds.example/news/feed.xml?page=2",
        prev_archive="https://archive.example/2026/10",
        complete=True,
        archive=True,
    )


def test_a_page_is_resolved_against_xml_base_and_known_by_its_relations_address() -> None:
    body = b"""<feed xmlns='http://www.w3.org/2005/Atom' xml:base='https://b.example/blog/'>
      <title>t</title>
      <link rel='http://www.iana.org/assignments/relation/next' href='p2'/></feed>"""

    assert in_both_readings(body).next_page == "https://b.example/blog/p2"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://user:password@a.example/",
        "http://a.example/" + "x" * 3_000,
        "http://[",
        "",
    ],
)
def test_a_page_of_another_kind_is_none(address: str) -> None:
    links = "".join(f'<a:link rel="{r}" href="{address}"/>' for r in ("next", "prev-archive"))

    assert in_both_readings(channel(links, ATOM)) == FeedHints()


def test_the_feeds_of_the_paging_specification_say_where_their_pages_are(corpora: Path) -> None:
    folder = corpora / "feeds" / "feedvalidator" / "ext" / "fh"
    pages = {path.name: hints(path.read_bytes()) for path in folder.glob("*.xml")}

    assert pages["example-complete.xml"].complete
    assert pages["example-archive.xml"].archive
    assert pages["example-archive.xml"].prev_archive == "http://example.org/2003/10/index.atom"
    assert pages["example-subscription.xml"].prev_archive == "http://example.org/2003/11/index.atom"
    assert pages["example-paged.xml"].next_page == "http://example.org/index.atom?page=2"
    assert pages["example-paged.xml"].self_url == "http://example.org/index.atom"


@pytest.mark.parametrize(
    ("name", "skipped"),
    [
        ("skiphours-hour/skipHours_24_hours", FeedHints(skip_hours=frozenset(range(24)))),
        ("skiphours-hour/duplicate_skipHours_midnight", FeedHints(skip_hours=frozenset({0}))),
        ("skiphours-hour/skipHours_obsolete_midnight", FeedHints(skip_hours=frozenset({0}))),
        ("skiphours-hour/skipHours_valid_hour_high", FeedHints(skip_hours=frozenset({23}))),
        ("skiphours-hour/skipHours_invalid_hour_high", FeedHints()),
        ("skiphours-hour/skipHours_invalid_hour_low", FeedHints()),
        ("skiphours-hour/skipHours_invalid_hour_fractional", FeedHints()),
        ("skipdays-day/skipDays_tuesday", FeedHints(skip_days=frozenset({1}))),
        ("skipdays-day/skipDays_sunday", FeedHints(skip_days=frozenset({6}))),
        ("skipdays-day/invalid_skipDays_bad_day", FeedHints()),
    ],
)
def test_the_hours_and_days_of_the_validators_cases_are_read(
    corpora: Path, name: str, skipped: FeedHints
) -> None:
    folder = corpora / "feeds" / "feedvalidator" / "rss20"

    assert hints((folder / f"element-channel-{name}.xml").read_bytes()) == skipped
