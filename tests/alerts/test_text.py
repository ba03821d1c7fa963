"""Clean text, and cutting that no reader would notice."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.made_alerts import HOSTILE

from alerts.text import ELLIPSIS, clean, clean_with_offsets, cut, may_cut, utf8, utf16

CLUSTERS = [
    "e\u0301",  # a letter and its accent
    "क्षि",  # a conjunct with its vowel sign
    "กำ",
    "ที่",
    "\u1100\u1161\u11a8",  # a Hangul syllable in letters
    "각\u11a8",
    "👨‍👩‍👧‍👦",
    "👍🏽",
    "🏳️‍🌈",
    "🇮🇩",
    "❤️",
    "1️⃣",
    "ｶﾞ",
    "\r\n",
    "\u0600١",
]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_no_cut_falls_inside_a_grapheme_cluster(cluster: str) -> None:
    text = f"a{cluster}b"
    inside = range(2, 1 + len(cluster))
    assert not any(may_cut(text, at) for at in inside)
    assert may_cut(text, 1)
    assert may_cut(text, 1 + len(cluster))


def test_flags_are_cut_between_countries() -> None:
    text = "🇮🇩🇨🇳🇷🇺"
    assert [at for at in range(len(text) + 1) if may_cut(text, at)] == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Sale\r\nBcc: x", "Sale Bcc: x"),
        ("one\u2028two\u2029three\x85four", "one two three four"),
        ("before\x00after", "before after"),
        ("\x1b]8;;x\x07y", "]8;;x y"),
        ("half \ud83d", "half \ufffd"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("\u2066a\u2069\u200e\u200f\u061c", "a"),
        ("pay\u200bpal\ufeff\u2060\u00ad", "paypal"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u200da\u200c \u200db\u200d", "a b"),
        ("👨\u200d👩", "👨\u200d👩"),
        ("a\U000e0041\U000e0042b", "ab"),
        ("a\ufffe\ufdd0b", "a\ufffd\ufffdb"),
        ("  much \t\n space\u00a0\u3000here ", "much space here"),
        ("", ""),
    ],
)
def test_clean_text_is_one_line_without_tricks(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_marks_without_end_are_bounded_but_real_writing_keeps_all_of_its_own() -> None:
    assert len(clean("Z" + "\u0301" * 100_000)) == 13
    assert clean("Việt ཀྵྲྀ שָׁלוֹם") == "Việt ཀྵྲྀ שָׁלוֹם"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_cleaning_hostile_text_leaves_nothing_to_clean(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(max_size=300))
def test_clean_text_holds_no_control_no_surrogate_and_no_double_space(text: str) -> None:
    shown = clean(text)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert shown == " ".join(shown.split(" "))
    assert shown == shown.strip(" ")
    assert "  " not in shown


@given(st.text(max_size=200), st.data())
def test_offsets_follow_the_text_they_point_into(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    shown, moved = clean_with_offsets(text, (start, end))
    assert 0 <= moved[start] <= moved[end] <= len(shown)
    letters = [c for c in text[start:end] if c.isalnum() and c.isascii()]
    assert [c for c in shown[moved[start] : moved[end]] if c.isalnum() and c.isascii()] == letters


@pytest.mark.parametrize("unit", [len, utf8, utf16])
@given(text=st.text(max_size=80), limit=st.integers(0, 100))
def test_a_cut_text_fits_in_the_services_own_unit(unit: object, text: str, limit: int) -> None:
    assert callable(unit)
    shown = cut(text, limit, unit)
    assert unit(shown) <= limit
    if shown != text:
        kept = shown.removesuffix(ELLIPSIS)
        assert text.startswith(kept)
        assert shown == "" or shown.endswith(ELLIPSIS)


@pytest.mark.parametrize(
    ("unit", "kept"),
    [(len, "👍👍👍👍…"), (utf16, "👍👍…"), (utf8, "…")],
    ids=["len", "utf16", "utf8"],
)
def test_each_service_counts_in_its_own_way(unit: object, kept: str) -> None:
    assert callable(unit)
    assert cut("👍" * 9, 5, unit) == kept
