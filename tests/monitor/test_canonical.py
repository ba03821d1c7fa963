"""One article has one canonical link, however publishers spell it; two articles have two."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.canonical import canonical_link, site_of, title_key
from monitor.feedreader import read
from monitor.item import Item, Parsed, ParseTask
from monitor.language import Detector

ARTICLE = "https://www.news.example/world/2026/pipa-gas?id=7&page=2"


GATE = f"https://www.google.com/url?rct=j&url={quote(ARTICLE, safe='')}&ct=ga&usg=AOvVaw"


@pytest.mark.parametrize(
    "link",
    [
        "http://www.news.example/world/2026/pipa-gas?id=7&page=2",
        "https://news.example/world/2026/pipa-gas?page=2&id=7",
        "https://m.news.example/world/2026/pipa-gas/?id=7&page=2",
        "https://WWW.NEWS.example:443/world/2026/pipa%2Dgas?id=7&page=2",
        "https://news.example./world/2026/pipa-gas?id=7&page=2#",
        "https://news.example/world/2026/pipa-gas/amp/?id=7&page=2&amp=1",
        "https://news.example/world/2026/pipa-gas?utm_source=rss&id=7&utm_medium=feed&page=2",
        "https://news.example/world/2026/pipa-gas?id=7&page=2&fbclid=IwAR0&gclid=x",
        "https://news.example/world/2026/pipa-gas?at_medium=RSS&at_campaign=KARANGA&id=7&page=2",
        "https://news.example/world/2026/pipa-gas?id=7&page=2&ref=rss&mod=rss_world_news",
        "https://news.example/world/2026/pipa-gas?id=7&page=2&traffic_source=rss#xtor=RSS-3208",
        "https://news.example/world/2026/pipa-gas;jsessionid=0A1B?id=7&page=2&PHPSESSID=9f",
        "https://news.example/world/2026/pipa-gas?sid=0123456789abcdef0123456789abcdef&id=7&page=2",
        "https://news.example/world/2026/pipa-gas?id=7&page=2&_=1763841234567",
        "https://news.example/world/2026/pipa-gas?id=7&page=2#1",
        "https://news.example/world/2026/pipa-gas?id=7&page=2#utm_source=rss&utm_medium=feed",
        "https://news.example/world/2026/pipa-gas?id=7&page=2#:~:text=gas",
        GATE,
    ],
)
def test_b12_spelling_and_tracking_do_not_make_another_article(link: str) -> None:
    assert canonical_link(link) == "news.example/world/2026/pipa-gas?id=7&page=2"


@pytest.mark.parametrize(
    "link",
    [
        "https://news.example/world/2026/pipa-gas?id=8&page=2",
        "https://news.example/world/2026/pipa-gas?id=7",
        "https://news.example/World/2026/pipa-gas?id=7&page=2",
        "https://news.example:8443/world/2026/pipa-gas?id=7&page=2",
        "https://sport.news.example/world/2026/pipa-gas?id=7&page=2",
        "https://news.example/world/2026/pipa-gas?id=7&page=2#november-22",
        "https://news.example/world/2026/pipa-gas?id=7&page=2&ref=4711",
        "https://news.example/world/2026/pipa-gas?id=7&page=2&sid=4711",
        "https://news.example/world/2026/pipa%2Fgas?id=7&page=2",
        "https://news.example/world/2026/pipa-gas?id=7&page=2&mod=news",
        "https://news.example/world/2026/pipa-gas?id=7&page=2&source=antara",
        "https://news.example/world/2026/pipa-gas?id=7&page=2&p=1",
    ],
)
def test_b12_what_selects_an_article_stays(link: str) -> None:
    assert canonical_link(link) != canonical_link(ARTICLE)


@pytest.mark.parametrize(
    "link",
    [
        "https://news.example",
        "https://www.news.example/",
        "https://news.example/index.html",
        "https://news.example/en/",
        "https://news.example/pt-br?utm_source=rss",
        "",
        "tag:news.example,2026:1",
        "https://",
        "http://[::1",
        "https://news.example:99999/x",
    ],
)
def test_a_link_to_a_whole_site_or_to_nothing_identifies_nothing(link: str) -> None:
    assert canonical_link(link) == ""


def test_an_address_keeps_all_its_numbers_and_a_short_host_its_name() -> None:
    assert canonical_link("http://[2001:db8::1]:81/x") == "[2001:db8::1]:81/x"
    assert canonical_link("http://m.example/x") == "m.example/x"


def test_a_canonical_link_is_bounded() -> None:
    long = canonical_link("https://news.example/" + "x" * 5000)
    assert long.startswith("#")
    assert len(long) == 65
    assert long != canonical_link("https://news.example/" + "x" * 5001)


_PIECES = st.lists(
    st.sampled_from([*"a-1/?&=#;%é管+ []@\udc80", "%2f", "%7E", "utm_x=1", "id=1", "/amp", "www."])
    | st.sampled_from(
        [":80", "ref=rss", "jsessionid=1", "/index.html", "/m.", "google.com/url?url="]
    ),
    max_size=14,
).map("".join)


@given(_PIECES)
def test_a_canonical_link_is_its_own(rest: str) -> None:
    once = canonical_link(f"https://news.example/x-1{rest}")
    if once and not once.startswith("#"):
        assert canonical_link(f"http://{once}") == once


@given(st.text(max_size=40) | _PIECES.map("http://".__add__))
def test_nothing_makes_it_raise(link: str) -> None:
    assert len(canonical_link(link)) <= 200
    assert canonical_link(link) == canonical_link(link)


def _captured(corpora: Path) -> list[tuple[str, tuple[Item, ...]]]:
    found = []
    for file in sorted((corpora / "feeds" / "captured").iterdir()):
        if file.is_file() and not file.name.startswith("_"):
            task = ParseTask(file.read_bytes(), "https://feed.example/rss", "text/xml")
            parsed = read(task, Detector(lambda _: ("", 0.0)))
            if isinstance(parsed, Parsed):
                found.append((file.name, parsed.items))
    return found


@pytest.mark.corpus
def test_b12_different_articles_of_real_feeds_stay_different(corpora: Path) -> None:
    seen = 0
    for name, items in _captured(corpora):
        by_link: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
        for item in items:
            seen += 1
            if link := canonical_link(item.url):
                by_link[link].add((item.guid, item.title, item.url))
        for link, several in by_link.items():
            assert len({url for _, _, url in several}) == 1, (name, link)
            assert len({guid for guid, _, _ in several} | {title for _, title, _ in several}) <= 2
    assert seen > 300


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Xi dan Putin bertemu!", "XI DAN PUTIN — bertemu"),
        ("習近平會見普京", "習近平會見普京。"),
        ("It\u2019s over", "It's over"),
    ],
)
def test_case_and_marks_do_not_make_another_title(one: str, other: str) -> None:
    assert title_key(one) == title_key(other)


def test_other_words_make_another_title_and_none_makes_none() -> None:
    assert title_key("Xi and Putin met") != title_key("Xi and Putin meet")
    assert title_key("...!") == title_key("") == ""
    assert len(title_key("x" * 4000)) == 65


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("feeds.bbci.co.uk", "bbci.co.uk"),
        ("www.antaranews.com", "antaranews.com"),
        ("rss.nytimes.com", "nytimes.com"),
        ("news.example", "news.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("localhost", "localhost"),
        ("www.abc.net.au.", "abc.net.au"),
        ("en.antara.de", "antara.de"),
    ],
)
def test_hosts_of_one_owner_are_one_site(host: str, site: str) -> None:
    assert site_of(host) == site
