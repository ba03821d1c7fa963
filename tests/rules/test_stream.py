"""A stream holds the words that rules.text cuts, whichever way it was made."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import characters as chars
from rules import pages
from rules import stream as streams
from rules.stream import BORDER, join, letters, stream
from rules.text import Text, normal

ALPHABET = "".join(pages.ALPHABETS)


def cut(text: str) -> streams.Stream:
    """The stream as it is made where nothing is simple."""
    data, clear = streams._cut(text)
    return streams.Stream(streams._spaced(data), clear)


def assert_same_words(text: str) -> None:
    made, slow = stream(text), cut(text)
    assert made.data == slow.data
    assert slow.found_is_there or not made.found_is_there


PIECES = [
    *("a", "Z", "é", "ß", "æ", "ı", "İ", "ж", "Ё", "№", "ب", "أ", "ً", "ـ", "٣", "۴", "ک", "ơ", "ệ"),
    *(
        "普",
        "京",
        "々",
        "ら",
        "ー",
        "タ",
        "ﾀ",
        "ﾞ",
        "푸",
        "ᄒ",
        "ᅡ",
        "ก",
        "เ",
        "า",
        "ำ",
        "ิ",
        "๒",
        "ຂ",
    ),
    *("क", "्", "ि", "़", "न", "र", "ङ", "ऩ", "क़", "१", "ख", "क", "စ", "ភ", "Α", "ς", "Σ", "א", "ָ"),
    *(
        "1",
        "２",
        "Ａ",
        "ｂ",
        "Ⓐ",
        "½",
        "㈱",
        "ﬁ",
        "²",
        "™",
        "K",
        "ſ",
        "ŉ",
        "ªb",
        "²",
        "𝐀",
        "𠀀",
        "😀",
    ),
    *(
        " ",
        "\n",
        " \x00 ",
        "\t",
        "\x1f",
        ".",
        ",",
        "-",
        "'",
        "’",
        "_",
        "、",
        "。",
        "・",
        "（",
        "　",
        "€",
    ),
    *(
        "\xa0",
        "\xad",
        "\u200b",
        "\u200c",
        "\u200d",
        "\u200e",
        "\ufe0f",
        "\ufeff",
        "\u0301",
        "\u0308",
    ),
    *(
        "\u064e",
        "\u0654",
        "\u0345",
        "\u3099",
        "\u20dd",
        "\ud800",
        "\x80",
        "\x92",
        "→",
        "〜",
        "~",
        "／",
    ),
]


letters_of_any_script = st.characters(exclude_characters="\x00")


@settings(max_examples=700, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | letters_of_any_script, max_size=16).map("".join))
def test_a_stream_holds_the_words_of_its_text(text: str) -> None:
    assert_same_words(text)


def test_a_stream_holds_the_words_of_every_two_pieces_side_by_side() -> None:
    for first, second in product(PIECES, repeat=2):
        assert_same_words(first + second)


def test_letters_of_an_alphabet_fold_alone_as_they_fold_in_a_word() -> None:
    known = [c for c in dict.fromkeys(ALPHABET) if c != "\u200c" and (len(Text(c)) or c < "\u0660")]
    folded = {c: normal(c) for c in known}
    apart = [a + b for a, b in product(known, repeat=2) if normal(a + b) != folded[a] + folded[b]]
    assert not apart


def test_signs_hold_no_word_and_belong_to_none() -> None:
    sign = re.compile(f"[{streams._WIDE_SIGNS}]")
    part = re.compile(f"[{chars.MARK.all}{chars.IGNORED.all}{chars.FLATTENED.all}]")
    wrong = [
        hex(code)
        for code in range(0x10000)
        if sign.match(chr(code)) and (len(Text(chr(code))) or part.match(chr(code)))
    ]
    assert not wrong


def test_characters_of_scripts_without_an_alphabet_stand_for_themselves() -> None:
    itself = re.compile(f"[{streams._HAN}{streams._HIRAGANA}{streams._KATAKANA}{streams._HANGUL}]")
    wrong = [c for c in map(chr, range(0x10000)) if itself.match(c) and normal(c) != c]
    assert not wrong


def test_bytes_of_letters_are_neither_of_ascii_words_nor_of_utf8() -> None:
    codes = b"".join(pages.alphabets().codes.values())
    assert len(set(codes)) == len(codes)
    assert not re.search(rb"[\x00 0-9a-z\x80-\xbf\xc2-\xf4\t-\r]", codes)


def test_fields_are_kept_apart_even_where_a_text_holds_the_border() -> None:
    made = stream(join(("gas\x00oil", "普京", ""))).data
    assert made.count(BORDER) == 2
    assert made == b" gas oil \x00 " + letters("普京") + b" \x00 "


def test_every_text_of_the_news_gives_the_words_that_cutting_gives(corpora: Path) -> None:
    for path in sorted((corpora / "news").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n")[:60]:
            if line:
                row = json.loads(line)
                assert_same_words(join((row["title"], row["text"])))


@pytest.mark.parametrize(
    "text",
    [
        "a普" * 20_000,
        "普a1" * 20_000,
        "aжب" * 20_000,
        "é\u0301 " * 20_000,
        "क1" * 20_000,
        "a" * 100_000,
        "ー" * 50_000,
        "ら" * 50_000 + "ー",
        "\ud800" * 50_000,
        " .,-" * 20_000,
        "\u200c" * 50_000,
        "ب\u200c" * 20_000,
        " \x00 " * 10_000,
    ],
    ids=lambda text: ascii(text[:4]),
)
def test_long_texts_of_changing_script_are_folded_to_their_end(text: str) -> None:
    assert_same_words(text + " end")
