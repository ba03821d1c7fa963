"""A stream holds the words that rules.text cuts, whichever way it was made."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

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


def blocks() -> list[str]:
    """The characters of each script that has a page of its own."""
    return ["".join(map(chr, range(*ends))) for ends in pages.SCRIPTS]


def test_a_script_folds_each_letter_with_any_two_marks_as_a_word_of_it() -> None:
    for block in blocks():
        marks = re.findall(f"[{chars.MARK.low}]", block)
        some = [c for c in block if len(Text(c))][::12]
        for first, second in product(marks, marks[::2]):
            assert_same_words(some[ord(first) * ord(second) % len(some)] + first + second)
        for letter, mark in product(block[::6], marks):
            assert_same_words(f"{letter}{mark}{letter}")


def test_a_script_folds_every_two_letters_side_by_side_as_a_word() -> None:
    for block in blocks():
        assert_same_words(" ".join(a + b for a, b in product(block[::7], block)))


joined_up = st.sampled_from([*" 1A.-’x\u200c\u200d\xad", "普", "ก", "ب", "ж", "é", "\u0301", "😀"])
in_a_script = st.sampled_from([*blocks(), "".join(map(chr, range(0xE00, 0xE80)))]).flatmap(
    lambda block: st.lists(st.sampled_from(block) | joined_up, max_size=24).map("".join)
)


@settings(max_examples=250, deadline=None)
@given(in_a_script)
def test_a_stream_holds_the_words_of_a_text_of_one_script(text: str) -> None:
    assert_same_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "Ο Πούτιν επισκέφθηκε την Αθήνα για τον αγωγό φυσικού αερίου.",
        "Ռուսաստանի նախագահ Վլադիմիր Պուտին, և գազատարը",
        'ולדימיר פוטין נפגש עם שי ג׳ינפינג; צה"ל, שָׁלוֹם',
        "राष्ट्रपति पुतिन ने गैस पाइपलाइन पर बातचीत की। लड़का, क़लम, ज़मीन २०२४",
        "রুশ প্রেসিডেন্ট ভ্লাদিমির পুতিন গ্যাস পাইপলাইন নিয়ে কথা বলেছেন।",
        "ரஷ்ய அதிபர் புதின் எரிவாயு குழாய் பற்றி பேசினார்.",
        "రష్యా అధ్యక్షుడు పుతిన్ మరియు ಪುಟಿನ್ ಅನಿಲ, പുടിൻ വാതകം",
        "රුසියානු ජනාධිපති පුටින්, ශ්\u200dරී ලංකා",
        "რუსეთის პრეზიდენტი ვლადიმირ პუტინი",
        "ประธานาธิบดีปูตินเยือนจีน น้ำมัน 2024 ปี ๒๕๖๗ “ก๊าซ”",
        "习近平与普京２０２４年5月16日在北京会谈，讨论“西伯利亚力量2”天然气管道。",
        "ウラジーミル・プーチン大統領は５月16日、北京で習近平（Xi Jinping）国家主席と会談した。",
        "푸틴 대통령은 2024년 5월 EU와의 가스관(Power of Siberia 2) 협상을 했다.",
        "تحریم\u200cهای ایران \u200cها و گاز \u200f«پوتین»",
        "🇷🇺 Путин ❤️ “газ” — №5 👍🏽 → ★ ¿qué? ±5 %",
        "Ľudia a ŕ, Šiaulių ministrė, Ķīnas ģenerālis, Ħamrun – « oui\u202f! »",
        "pipe\u00adline \ufeffGazprom\u200b’s Straße cœur",
    ],
)
def test_ordinary_texts_never_need_to_be_cut_slowly(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = cut(text).data

    def refuse(_folding: object, start: int, _end: int) -> int:
        pytest.fail(f"cut slowly at {text[start]!r}")

    monkeypatch.setattr(streams._Folding, "_cut_slowly", refuse)
    assert stream(text).data == expected


def test_pictures_hold_no_word_and_belong_to_none() -> None:
    picture = re.compile(f"[{streams._PICTURE}]")
    wrong = [
        hex(code)
        for code in (*range(0x2000, 0x3000), *range(0x1F000, 0x1FB00))
        if picture.match(chr(code)) and forms_something(chr(code))
    ]
    assert not wrong


def forms_something(character: str) -> bool:
    part = f"[{chars.MARK.all}{chars.IGNORED.all}{chars.FLATTENED.all}]"
    return len(Text(character)) > 0 or re.match(part, character) is not None


def test_signs_hold_no_word_and_belong_to_none() -> None:
    sign = re.compile(f"[{streams._WIDE_SIGNS}]")
    wrong = [
        hex(code) for code in range(0x10000) if sign.match(chr(code)) and forms_something(chr(code))
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


class Work:
    """Counts the characters that folding looks at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        take, slow = streams._Folding._take, streams._cut

        def counted_take(folding: Any, start: int, stop: int, page: Any) -> int:
            self.done += stop - start + 10
            return take(folding, start, stop, page)

        def counted_cut(chunk: str) -> tuple[bytes, bool]:
            self.done += len(chunk) + 10
            return slow(chunk)

        monkeypatch.setattr(streams._Folding, "_take", counted_take)
        monkeypatch.setattr(streams, "_cut", counted_cut)

    def of(self, text: str) -> int:
        self.done = 0
        stream(text)
        return self.done


@pytest.mark.parametrize(
    "unit",
    [
        "らー、", "普é", "ב普", "жबก", "कि ि", "่ก ", "😀a", "普\xad京、", "ב普 ", "é\u0301 ",
        "\ud800 ", "普" * 5_000 + "らー、", "a" * 300 + "\u0301 ", "ب\u200c", "Ａb普 ", "ກ ",
    ],
    ids=lambda unit: ascii(unit[:4]),
)  # fmt: skip
def test_what_folding_looks_at_grows_as_the_text_does(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(monkeypatch)
    small, large = 10_000 // len(unit) + 1, 4 * (10_000 // len(unit) + 1)
    assert work.of(unit * large) < 6 * work.of(unit * small) + 10_000
