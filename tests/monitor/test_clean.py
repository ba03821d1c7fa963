"""What strangers write becomes text and links that nothing downstream chokes on."""

from __future__ import annotations

import re
import unicodedata
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import clean

MARKUP = [
    ("plain", "plain"),
    ("<p>one</p><p>two</p>", "one two"),
    ("a<br>b<br/>c", "a b c"),
    ("<b>Pu</b>tin", "Putin"),
    ("<ul><li>gas<li>oil</ul>", "gas oil"),
    ("<td>1</td><td>2</td>", "1 2"),
    ("AT&amp;T &amp;amp; &lt;b&gt;", "AT&T &amp; <b>"),
    ("caf&eacute; &#8211; &#x2014; &nosuch;", "café – — &nosuch;"),
    ("&#150;", "–"),
    ("5 < 6 > 4", "5 < 6 > 4"),
    ("<script>alert('Xi')</script>ok", "ok"),
    ("<style>p{}</style><template>x</template>ok", "ok"),
    ("<!-- Xi -->ok", "ok"),
    ("<a title='a > b' href=x>link</a>", "link"),
    ("<img src=x alt='no'>after", "after"),
    ("<![CDATA[escaped once too often]]>", "escaped once too often"),
    ("<p>unclosed <b>tags", "unclosed tags"),
    ("cut at a <a hr", "cut at a"),
    ("", ""),
]


@pytest.mark.parametrize(("fragment", "text"), MARKUP)
def test_markup_becomes_the_text_a_reader_sees(fragment: str, text: str) -> None:  # B17, B18
    assert clean.markup(fragment) == text


def test_long_markup_is_read_in_pieces_that_lose_no_words() -> None:
    words = [f"word{number}" for number in range(4_000)]
    fragment = "".join(f"<p class='text'>{word} <b>x</b></p>" for word in words)
    assert len(fragment) > 100_000

    found = clean.markup("<script>" + "var a;" * 9_000 + "</script>" + fragment).split()

    assert [word for word in found if word != "x"] == words


LOOSE = [
    ("Harga <b>gas</b> naik", "Harga gas naik"),
    ("x<y and y>z", "x<y and y>z"),
    ("Nice <gorilla>", "Nice <gorilla>"),
    ("AT&amp;T &amp;lt;b&amp;gt;", "AT&T &lt;b&gt;"),
    ("<script>alert(1)</script>title", "title"),
    ("cats&notes", "cats&notes"),
]


@pytest.mark.parametrize(("written", "text"), LOOSE)
def test_a_title_of_unknown_kind_loses_tags_that_html_knows(written: str, text: str) -> None:
    assert clean.loose(written) == text


def test_plain_text_is_meant_literally() -> None:
    assert clean.plain("a &amp; <b>b</b>") == "a &amp; <b>b</b>"


UNWANTED = "\0\x07\x1b\x7f\x80\x9f\u202a\u202e\u2066\u2069\ud800\udfff\ufffe\uffff\ufdd0\ufff9"


@pytest.mark.parametrize("char", UNWANTED, ids=lambda c: f"U+{ord(c):04X}")
def test_control_characters_overrides_and_surrogates_are_removed(char: str) -> None:  # B7
    assert clean.plain(f"a{char}b") == "ab"


@pytest.mark.parametrize("char", "\t\n\r\x0b\x0c\x1c\x85\xa0\u2028\u2029\u3000")
def test_white_space_of_every_kind_becomes_one_space(char: str) -> None:
    assert clean.plain(f" a {char}{char} b{char}") == "a b"


def test_titles_have_nothing_invisible_but_joiners_stay() -> None:
    assert clean.visible("Pu\u200btin\ufeff so\u00adft \u2060") == "Putin soft"
    assert clean.visible("می‌شود 👩‍💻") == "می‌شود 👩‍💻"


@given(st.text(alphabet=st.characters(), max_size=300))
def test_a_cleaned_text_is_fit_for_databases_headers_and_terminals(text: str) -> None:
    for cleaned in (clean.plain(text, 100), clean.markup(text, 100), clean.loose(text, 100)):
        assert len(cleaned) <= 100
        cleaned.encode("utf-8")
        assert cleaned == " ".join(cleaned.split())
        assert unicodedata.is_normalized("NFC", cleaned)
        assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in cleaned)


def test_a_cut_never_takes_half_of_what_is_seen_as_one() -> None:  # B19
    assert clean.cut("abcdef", 6) == "abcdef"
    assert clean.cut("abcdefg", 6) == "abcde…"
    assert clean.cut("abcde\u0301fg", 6) == "abcd…"  # not e without its accent
    assert clean.cut("ab👩\u200d💻cd", 5) == "ab…"
    assert clean.cut("word after", 6) == "word…"


BASES = ("https://site.example/news/", "https://feeds.example/x.xml")
LINKS = [
    ("https://a.example/x?y=1&z=2#f", "https://a.example/x?y=1&z=2#f"),
    (" \n https://a.example/x \t", "https://a.example/x"),
    ("HTTPS://A.Example:443/X", "https://a.example/X"),
    ("http://a.example:8080/", "http://a.example:8080/"),
    ("story", "https://site.example/news/story"),
    ("/story", "https://site.example/story"),
    ("//b.example/x", "https://b.example/x"),
    ("?p=1", "https://site.example/news/?p=1"),
    ("http://bücher.example/ä b\"<>'", "http://xn--bcher-kva.example/%C3%A4%20b%22%3C%3E'"),
    ("http://普京.example/普", "http://xn--1lqz29c.example/%E6%99%AE"),
    ("http://a.example./x", "http://a.example/x"),
    ("http://[2001:db8::1]:81/x", "http://[2001:db8::1]:81/x"),
    ("http://a.example/100%25", "http://a.example/100%25"),
    *(
        (bad, "")
        for bad in (
            "",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "\x01javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "mailto:a@b.example",
            "tel:1",
            "http://user:secret@a.example/",
            "http://a.example@evil.example/",
            "http://evil.example\\@a.example/",
            "http://a.example/\x00",
            "http://a.example:99999/",
            "http://a.example:x/",
            "http:///path",
            "http://",
            "http://a..example/",
            "http://a b.example/",
            "http://[::1/",
            "https://a.example/" + "x" * 3_000,
        )
    ),
]


@pytest.mark.parametrize(("written", "url"), LINKS)
def test_a_link_is_absolute_http_in_ascii_or_nothing(written: str, url: str) -> None:  # B16, B20
    assert clean.link(written, *BASES) == url


@given(st.text(max_size=60))
def test_no_link_raises_and_none_has_another_scheme(written: str) -> None:
    url = clean.link(written, *BASES)

    assert url == "" or (url.isascii() and url.startswith(("http://", "https://")))
    assert not set(url) & set(' "<>\\\n')


def test_a_relative_link_without_a_usable_base_is_nothing() -> None:
    assert clean.link("story", "", "not a url") == ""


@given(st.text("aZ09.-_/:%?#&=~ \\[]é", max_size=40))
def test_a_link_in_its_usual_form_is_what_the_long_way_would_make_of_it(written: str) -> None:
    for url in (f"https://a.example/{written}", f"http://{written}", f"https://a{written}/x"):
        quick = clean.link(url)
        with mock.patch.object(clean, "_USUAL", re.compile(r"(?!)")):
            assert clean.link(url) == quick
