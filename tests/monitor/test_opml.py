"""OPML as it is found: what every damage costs, and that what we write is what we read."""

from __future__ import annotations

import random
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config_opml import Outlines, read_raw
from monitor.opml import Feed, written

GOOD = (
    '<?xml version="1.0"?>\n<opml version="1.0"><head><title>Mine</title></head><body>\n'
    '<outline text="Asia">\n'
    '<outline text="One" xmlUrl="https://one.example/rss?a=1&amp;b=2" type="rss"/>\n'
    "</outline>\n"
    '<outline text="Two" xmlUrl="https://two.example/rss"/>\n'
    "</body></opml>\n"
)


def read(text: str | bytes) -> Outlines:
    return read_raw(text if isinstance(text, bytes) else text.encode(), "a.opml")


def told(found: Outlines) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(feed.title, feed.url, feed.tags) for feed in found.feeds]


BOTH = [
    ("One", "https://one.example/rss?a=1&b=2", ("Asia",)),
    ("Two", "https://two.example/rss", ()),
]


def test_a_whole_file_is_read_as_xml() -> None:
    found = read(GOOD)
    assert told(found) == BOTH
    assert (found.mistakes, found.warnings) == ([], [])
    assert [(feed.line, feed.column) for feed in found.feeds] == [(4, 1), (6, 1)]


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("&amp;", "&"),
        GOOD.replace('"1.0"?>', '"1.0"?><!DOCTYPE opml SYSTEM "opml.dtd">'),
        "Your export:\n" + GOOD,
        GOOD.replace("</head>", ""),
        GOOD.replace("</body></opml>", ""),
        GOOD.replace("Mine", "Mine & <yours> &nbsp;"),
        GOOD.replace("<body>", '<body><!-- <outline xmlUrl="https://no.example/"/> --'),
        GOOD.replace("<body>", '<body><!-- <outline xmlUrl="https://no.example/"/> -- > -->'),
        GOOD.replace("<body>", '<body><![CDATA[<outline xmlUrl="https://no.example/"/>]]>').replace(
            "&amp;", "&"
        ),
        GOOD.replace("</outline>\n", "").replace(
            '<outline text="Two"', "</outline>&<outline text='Two'"
        ),
        GOOD.replace(' type="rss"', " type=rss"),
        GOOD.replace(' type="rss"', ' xmlUrl="https://again.example/"'),
        GOOD.replace('text="One"', "text='One'").replace("<body>", "<body>&"),
        GOOD.replace('type="rss"/>', 'type="rss" hidden></outline>').replace("<body>", "<body>&"),
        GOOD.replace("Mine", "\x01"),
    ],
)
def test_each_of_these_damages_costs_no_feed(text: str) -> None:
    found = read(text)
    assert [feed for feed in told(found) if feed[1] != "https://no.example/"] == BOTH
    assert not found.mistakes
    (warning,) = found.warnings
    assert warning.message.endswith("feeds were read all the same")
    assert warning.file == "a.opml"


def test_quotes_within_quotes_and_angles_within_values_are_understood() -> None:
    found = read(
        '<opml><outline text="The "Daily" <b>News</b> & More" xmlUrl="https://a.example/?q=a&b=1"/>'
    )
    assert told(found) == [('The "Daily" <b>News</b> & More', "https://a.example/?q=a&b=1", ())]


ONE = 'xmlUrl="https://one.example/rss?a=1&amp;b=2"'


@pytest.mark.parametrize(
    ("outline", "fault"),
    [
        (
            'xmlUrl="https://one.example',
            "4:55: not well-formed XML: not well-formed (invalid token)",
        ),
        ("xmlUrl=", "4:29: not well-formed XML: not well-formed (invalid token)"),
        (f"hidden {ONE}", "4:28: not well-formed XML: not well-formed (invalid token)"),
    ],
)
def test_an_outline_that_cannot_be_understood_is_told_and_costs_no_other(
    outline: str, fault: str
) -> None:
    found = read(GOOD.replace(ONE, outline))
    assert told(found) == BOTH[1:]
    rest = (
        "its one feed was read all the same; export it again, or write its feeds into feeds/*.yaml"
    )
    assert [warning.headline for warning in found.warnings] == [
        f"a.opml:{fault}; {rest}",
        "a.opml:4:1: this outline cannot be understood and was left out",
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig", "cp1251"])
def test_the_encoding_that_a_broken_file_declares_is_its_encoding(encoding: str) -> None:
    """B6"""
    title = "Новости" if encoding == "cp1251" else "Actualité"
    name = {"utf-8-sig": "utf-8", "cp1251": "windows-1251", "latin-1": "iso-8859-1"}
    text = GOOD.replace("One", f"{title} & co").replace(
        'version="1.0"?', f'version="1.0" encoding="{name.get(encoding, encoding)}"?'
    )
    assert read(text.encode(encoding)).feeds[0].title == f"{title} & co"


def test_only_five_names_and_numbers_are_decoded_and_only_once() -> None:
    """E27"""
    found = read(
        '<opml>&<outline text="&amp;lt; &#x41;&#66; &eacute; &#xd800;" xmlUrl="https://a.example/"/>'
    )
    assert found.feeds[0].title == "&lt; AB &eacute;"


@pytest.mark.parametrize(
    "subset",
    [
        '<!ENTITY a "aaaa">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % p SYSTEM "x">%p;',
    ],
)
def test_a_file_that_declares_entities_is_refused_whatever_else_it_holds(subset: str) -> None:
    """E27"""
    found = read(GOOD.replace("<opml", f"<!DOCTYPE opml [{subset}]><opml").replace("One", "&a;"))
    assert not found.feeds
    assert found.mistakes[0].message == "holds a DOCTYPE with declarations, which are not read"


def test_feed_addresses_of_browsers_are_those_of_the_web() -> None:
    text = GOOD.replace("https://one", "feed:https://one").replace("https://two", "feed://two")
    assert [feed.url for feed in read(text).feeds] == [
        "https://one.example/rss?a=1&b=2",
        "http://two.example/rss",
    ]


def test_categories_are_tags_as_folders_are() -> None:
    text = GOOD.replace('text="One"', 'text="One" category="/news/asia, gas,,Asia"')
    assert read(text).feeds[0].tags == ("Asia", "news/asia", "gas")


@pytest.mark.parametrize(
    "text",
    [
        '<outline text="' * 10_000,
        "<outline a=b c='" * 10_000,
        "<!--" * 30_000,
        '&<outline xmlUrl="' + "x" * 500_000,
        "<outline " + "a=b " * 30_000,
        "<outline><outline/>" * 10_000,
        '<outline a="' + '" b="' * 30_000,
    ],
)
def test_files_made_to_take_long_take_no_longer_than_others(text: str) -> None:
    """Each of these is quadratic for a reader that looks ahead without limit."""
    assert not read(text).feeds


def test_random_damage_raises_nothing() -> None:
    chance = random.Random(3)
    for _ in range(500):
        letters = list(GOOD)
        for _ in range(chance.randint(1, 8)):
            letters[chance.randrange(len(letters))] = chance.choice("<>&/\0\"' =-![]é\n")
        found = read("".join(letters))
        assert found.feeds or found.mistakes or "xmlUrl" not in "".join(letters)


visible = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12
)
words = st.lists(visible, min_size=1, max_size=3).map(" ".join)
feeds = st.lists(
    st.builds(
        Feed,
        name=words,
        url=st.integers().map(lambda n: f"https://a.example/{n}?a=1&b=2"),
        tags=st.lists(words, unique=True, max_size=3).map(tuple),
        settings=st.sampled_from([(), (("every", "10m"),), (("lang", "id"), ("enabled", "no"))]),
    ),
    max_size=8,
)


@settings(max_examples=30)
@given(feeds)
def test_what_is_written_is_xml_and_reads_as_the_same_feeds(given_feeds: list[Feed]) -> None:
    text = written("wire & <watch>", given_feeds)
    assert ET.fromstring(text).findtext("head/title") == "wire & <watch>"
    found = read(text)
    assert not found.warnings
    again = [Feed(one.name, one.url, one.tags, one.settings) for one in found.feeds]
    assert sorted(again) == sorted(given_feeds)
