"""The short cut for plain expressions reads what the parser reads, place by place."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules import parser, quick
from rules import text as words

PIECES = (
    "AND", "AND", "OR", "OR", "NOT", "(", "(", ")", ")", '"gas deal"', '"gas pipelin*"', '"普京"',
    "gas", "Gas", "Xi", "Putin", "Путин*", "путин", "普京", "普京*", "プーチン大統領", "푸틴*",
    "ปูติน", "पुतिन", "بوتين", "khí", "Đà", "=US", "~gas", "AT&T", "gas-deal", "COVID-19", "7,000",
    "½", "title:gas", "title:", "@g", "NEAR/5", "-gas", "and", "Near", "ga*", "pip*", "adj",
    "w/5", "ＡＮＤ", "or", '"', '"a"~5', "/a/", "|", ",", "~5", "^2", "\n", "\u3000", "“gas”",
    'צה"ל', "x" * 70, "\u00ad", "ـ", "ｎｏｔ", "onear*", "*", '"* a"', '"a  b"', '""', "هذا ـ",
    '"NOT gas"', "ёлка*", "Ёж", "İstanbul", "ß", '"ab*"', '"한국 가스*"', "gas)", "(NOT", "ǆ",
)  # fmt: skip


def everything_of(node: object) -> object:
    """A tree with what its comparison leaves out: places and how terms were written."""
    if is_dataclass(node):
        return type(node), [
            everything_of(getattr(node, f.name)) for f in fields(node) if f.name != "regex"
        ]
    return [everything_of(one) for one in node] if isinstance(node, tuple) else node


def quickly(expression: str) -> object:
    parser._known.cache_clear()
    return quick.read_quickly(expression, parser._known, parser.MOST_TERMS, parser.DEEPEST)


@given(
    st.one_of(
        st.lists(st.sampled_from(PIECES), max_size=9).map(" ".join),
        st.lists(st.sampled_from(PIECES), max_size=9).map("".join),
        st.text(max_size=30),
    )
)
@example("Xi AND NOT Putin Gas")
@example("(gas OR Xi AND Putin) gas")
@example("gas ((Xi OR Putin) AND 普京*)")
@example("gas OR (Xi AND Putin) OR NOT 普京")
@example("(NOT gas OR deal) oil NOT coal")
@example("(gas NOT deal) oil NOT coal")
@example("gas OR (oil)")
@example("gas AND(oil OR coal)peat")
@example("gas(oil OR coal)")
@example("a b c NOT (d e) f")
def test_what_is_read_quickly_is_what_the_parser_reads(expression: str) -> None:
    root = quickly(expression)
    if root is None:
        return
    fully, mistakes = parser.parse_fully(expression, {})
    assert fully is not None
    assert (mistakes, fully.remarks, fully.groups) == ((), (), frozenset())
    assert everything_of(root) == everything_of(fully.root)


@pytest.mark.parametrize(
    "expression",
    [
        "Xi AND Putin",
        'gas (deal OR "gas contract") NOT Газпром*',
        "(普京 OR プーチン OR 푸틴*)\nAND (習近平 OR 习近平)",
        "~gas OR =US OR AT&T OR khí",
        "title:putin AND feed:reuters",
        "gas OR (oil AND coal) OR peat",
        "(gas OR oil) NOT coal",
        "gas AND(oil OR coal)",
    ],
)
def test_plain_rules_take_the_short_cut(expression: str) -> None:
    assert quickly(expression) is not None


@pytest.mark.parametrize(
    "expression",
    [
        "Xi Jinping",
        "a OR b AND c",
        "gas and deal",
        "gas AND",
        "NOT gas",
        "gas NEAR deal",
        "pip* AND gas",
        "CAPS(US)",
        "(gas OR deal)~5",
        "gas AND (oil OR NOT coal) NOT (NOT gas)",
        "gas OR NOT oil",
        "gas AND (oil",
        "gas) oil",
        "ｎｏｔ",
        "",
    ],
)
def test_what_the_parser_has_something_to_say_about_does_not(expression: str) -> None:
    assert quickly(expression) is None


def test_a_letter_that_stands_by_itself_compares_the_same_beside_others() -> None:
    alone = [
        chr(code)
        for code in (*range(0x80, 0x3400), *range(0xA000, 0xABFF))
        if words._BY_THEMSELVES.fullmatch(chr(code))
    ]
    for accents in (False, True):
        for start in range(0, len(alone), 50):
            some = "aй가".join(alone[start : start + 50])
            assert words._fold(some, accents=accents) == words._written_out(some, accents=accents)


def test_words_of_easy_letters_are_one_word_that_compares_as_any_word_does() -> None:
    easy = [chr(code) for code in range(0x10000) if words.easy_forms(chr(code))]
    assert set("aZ9éŁйЁґאپ한") <= set(easy)
    for letter in easy:
        for word in (letter, f"{letter}{letter}"):
            assert words.word_pattern().fullmatch(word)
            assert words.easy_forms(word) == (words.normal(word), words.accented(word))
            assert words.flatten(word) == (word, None)
    for alone in (["a", *easy[:-11_172]], easy[-11_172:]):
        word = "".join(alone)
        assert words.word_pattern().fullmatch(word)
        assert words.easy_forms(word) == (words.normal(word), words.accented(word))
    assert words.easy_forms("EU가") is None


def test_words_that_have_no_accents_compare_the_same_in_vietnamese() -> None:
    for code in (*range(0x3400), *range(0xA000, 0xABFF), *range(0xF900, 0x11000)):
        if words.has_no_accents(chr(code)):
            assert words._fold(chr(code), accents=True) == words._fold(chr(code), accents=False)
