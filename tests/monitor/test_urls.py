"""Which URLs we ask, when two are one feed, and that none shows its secrets."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.urls import BadUrl, host_of, joined, normalised, origin, parsed, redacted

ODD = "is neither a host name nor an address in its usual form"
HOLDS = "the URL holds a blank, a backslash or a control character"
USER = "the URL holds a user or password; these belong under auth:"


@pytest.mark.parametrize(
    ("url", "identity"),
    [
        (
            "https://www.antaranews.com/rss/terkini.xml",
            "https://www.antaranews.com/rss/terkini.xml",
        ),
        ("HTTPS://WWW.AntaraNews.com/rss", "https://www.antaranews.com/rss"),
        ("https://feeds.example:443/rss", "https://feeds.example/rss"),
        ("http://feeds.example:80/rss", "http://feeds.example/rss"),
        ("HTTPS://Feeds.Example:443/rss", "https://feeds.example/rss"),
        ("http://feeds.example:443/rss", "http://feeds.example:443/rss"),
        ("https://feeds.example", "https://feeds.example/"),
        ("https://feeds.example.", "https://feeds.example/"),
        ("https://feeds.example?a=1", "https://feeds.example/?a=1"),
        ("https://feeds.example/rss#top", "https://feeds.example/rss"),
        ("https://feeds.example/rss#", "https://feeds.example/rss"),
        ("https://feeds.example/rss?", "https://feeds.example/rss"),
        ("https://feeds.example/a/../rss", "https://feeds.example/rss"),
        (
            "https://feeds.example/новости",
            "https://feeds.example/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8",
        ),
        ("https://новости.рф/rss", "https://xn--b1amnebsh.xn--p1ai/rss"),
        ("https://feeds.example/%D0%BD", "https://feeds.example/%D0%BD"),
        ("https://feeds.example/a?q=1&b=%20", "https://feeds.example/a?q=1&b=%20"),
        ("http://[2001:DB8::1]:8080/f", "http://[2001:db8::1]:8080/f"),
        ("http://127.0.0.1:8000/f", "http://127.0.0.1:8000/f"),
    ],
)
def test_spellings_that_no_server_can_tell_apart_are_one_feed(url: str, identity: str) -> None:
    assert normalised(url) == identity
    assert normalised(identity) == identity


@pytest.mark.parametrize(
    "pair",
    [
        ("http://feeds.example/rss", "https://feeds.example/rss"),
        ("https://feeds.example/RSS", "https://feeds.example/rss"),
        ("https://feeds.example/rss", "https://feeds.example/rss/"),
        ("https://feeds.example/rss?a=1&b=2", "https://feeds.example/rss?b=2&a=1"),
        ("https://www.feeds.example/rss", "https://feeds.example/rss"),
    ],
)
def test_what_a_server_may_tell_apart_stays_apart(pair: tuple[str, str]) -> None:
    assert normalised(pair[0]) != normalised(pair[1])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "the URL begins with file, not with http or https"),
        ("gopher://feeds.example/", "the URL begins with gopher, not with http or https"),
        ("ftp://feeds.example/", "the URL begins with ftp, not with http or https"),
        ("data:text/xml,<rss/>", "the URL begins with data, not with http or https"),
        ("javascript:alert(1)", "the URL begins with javascript, not with http or https"),
        ("feeds.example/rss", "the URL begins with no scheme, not with http or https"),
        ("//feeds.example/rss", "the URL begins with no scheme, not with http or https"),
        ("", "the URL begins with no scheme, not with http or https"),
        ("http://", "the URL names no host"),
        ("http:///rss", "the URL names no host"),
        ("http://./rss", "the URL names no host"),
        ("http://user:geheim@feeds.example/", USER),
        ("http://feeds.example:0/", "the URL names port 0, which does not exist"),
        ("http://feeds.example:70000/", "the URL names port 70000, which does not exist"),
        ("http://feeds.example:http/", "this is not a URL"),
        ("http://feeds.example/a b", HOLDS),
        ("http://feeds.example/\nX: y", HOLDS),
        ("http://feeds.example/\x00", HOLDS),
        ("http://127.0.0.1:80\\@feeds.example/", HOLDS),
        ("http:\\\\feeds.example", HOLDS),
        ("http://feeds.example/\ud800", HOLDS),
        ("http://feeds.example/" + "a" * 9000, "the URL is longer than 8,192 characters"),
        ("http://2130706433/", f"2130706433 {ODD}"),
        ("http://0x7f000001/", f"0x7f000001 {ODD}"),
        ("http://0X7F.1/", f"0x7f.1 {ODD}"),
        ("http://127.1/", f"127.1 {ODD}"),
        ("http://0177.0.0.1/", "this is not a URL"),
        ("http://127.0.0.1./", f"127.0.0.1. {ODD}"),
        ("http://0/", f"0 {ODD}"),
        ("http://a.0x/", f"a.0x {ODD}"),
        ("http://127.0.0.1%00.feeds.example/", f"127.0.0.1%00.feeds.example {ODD}"),
        ("http://[::1%25lo]/", f"::1%25lo {ODD}"),
        ("http://[fe80::1%eth0]/", f"fe80::1%eth0 {ODD}"),
        ("http://[::1/", "this is not a URL"),
        ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "this is not a URL"),
    ],
)  # fmt: skip
def test_a_url_we_do_not_ask_says_why_without_its_secrets(url: str, why: str) -> None:
    with pytest.raises(BadUrl) as caught:
        parsed(url)
    assert str(caught.value) == why
    for question in (normalised, host_of):
        with pytest.raises(BadUrl):
            question(url)


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://h/", "http://h:"]))
def test_any_text_is_a_url_we_ask_or_a_bad_url(text: str, before: str) -> None:
    try:
        identity = normalised(before + text)
    except BadUrl:
        return
    assert normalised(identity) == identity
    assert identity.isascii()
    assert host_of(identity) == host_of(before + text)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://WWW.Example.org:8443/x", "www.example.org"),
        ("https://example.org./x", "example.org"),
        ("https://новости.рф/", "xn--b1amnebsh.xn--p1ai"),
        ("http://[2001:DB8::1]/", "2001:db8::1"),
    ],
)
def test_a_host_is_its_name_whatever_the_port(url: str, host: str) -> None:
    assert host_of(url) == host


def test_an_origin_is_scheme_host_and_port_also_where_unsaid() -> None:
    assert origin(parsed("https://Feeds.example/a")) == ("https", "feeds.example", 443)
    assert origin(parsed("https://feeds.example:443/b")) == ("https", "feeds.example", 443)
    assert origin(parsed("http://feeds.example/")) != origin(parsed("https://feeds.example/"))


BASE = httpx.URL("https://feeds.example/news/rss?x=1")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        (b"https://other.example/feed", "https://other.example/feed"),
        (b"/feed", "https://feeds.example/feed"),
        (b"feed", "https://feeds.example/news/feed"),
        (b"?y=2", "https://feeds.example/news/rss?y=2"),
        (b"//other.example/feed", "https://other.example/feed"),
        (b"/feed#part", "https://feeds.example/feed"),
        (b"/a b", "https://feeds.example/a%20b"),
        (b" /feed\t", "https://feeds.example/feed"),
        ("/новости".encode(), "https://feeds.example/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8"),
        (b"/caf\xe9", "https://feeds.example/caf%E9"),
    ],
)
def test_a_location_is_joined_as_browsers_do(location: bytes, url: str) -> None:
    assert str(joined(BASE, location)) == url


@pytest.mark.parametrize(
    "location",
    [
        b"file:///etc/passwd",
        b"javascript:alert(1)",
        b"https://user@other.example/",
        b"https:\\\\other.example",
        b"/\\other.example",
        b"https://2130706433/",
        b"https://other.example:99999/",
        b"http://[::1",
        b"/a\x00b",
        b"/" + b"a" * 9000,
    ],
)
def test_a_location_we_do_not_follow_is_a_bad_url(location: bytes) -> None:
    with pytest.raises(BadUrl):
        joined(BASE, location)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://feeds.bbci.co.uk/news/world/rss.xml", "https://feeds.bbci.co.uk/news/world/rss.xml"),
        ("https://h.example:8443/a", "https://h.example:8443/a"),
        ("https://user:geheim@h.example/rss", "https://h.example/rss"),
        ("https://h.example/rss?token=geheim", "https://h.example/rss?…"),
        ("https://h.example/rss#geheim", "https://h.example/rss?…"),
        ("https://h.example/rss?", "https://h.example/rss"),
        ("https://hooks.slack.com/services/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", "https://hooks.slack.com/services/T024BE7LD/B01AB23CD/…"),
        ("https://api.telegram.org/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage", "https://api.telegram.org/…/sendMessage"),
        ("https://discord.com/api/webhooks/123456789012345678/aBcD-eFg_1234567890abcdefghijklmnop", "https://discord.com/api/webhooks/…/…"),
        ("https://h.example/f/0123456789abcdef0123456789abcdef.xml", "https://h.example/f/…"),
        ("https://h.example/f/550e8400-e29b-41d4-a716-446655440000/rss", "https://h.example/f/…/rss"),
        ("https://h.example/2026/11/22/xi-and-putin-meet-in-beijing-again", "https://h.example/2026/11/22/xi-and-putin-meet-in-beijing-again"),
        ("https://h.example/internationalpolitics/feed.xml", "https://h.example/internationalpolitics/feed.xml"),
        ("https://h.example/новости/международные-отношения", "https://h.example/новости/международные-отношения"),
        ("smtps://user:geheim@mail.example.org", "smtps://mail.example.org"),
        ("https://h.example\\@geheim/rss", "https://h.example/@geheim/rss"),
        ("https://h.example/a\nb\x1b[31m", "https://h.example/a…b…[31m"),
        ("geheim", "…"),
        ("", "…"),
    ],
)  # fmt: skip
def test_what_a_log_shows_of_a_url(url: str, shown: str) -> None:
    assert redacted(url) == shown


@given(st.text(max_size=80))
def test_any_text_is_shown_as_one_printable_line(text: str) -> None:
    for url in (text, f"https://{text}", f"https://h/{text}"):
        shown = redacted(url)
        assert all(character.isprintable() for character in shown)


@given(st.from_regex(r"[A-Za-z0-9_-]{30,60}", fullmatch=True), st.sampled_from(["/", "/x/", "?k="]))
def test_a_password_or_a_query_never_shows(secret: str, before: str) -> None:
    assert secret not in redacted(f"https://u:{secret}@h.example/rss?{secret}#{secret}")
