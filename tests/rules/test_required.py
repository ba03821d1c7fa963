"""What a regular expression needs is in the stream of every text that it matches."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.regex import Regex, RegexError
from rules.required import required
from rules.stream import letters, stream
from rules.text import Text


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        (r"gas\s?prom", (("prom",), ("gas",))),
        ("Gazprom", (("gazprom",),)),
        (r"\bgas\b", (("gas",),)),
        ("gas|oil", (("gas", "oil"),)),
        ("(?:gas|oil)+ price", (("price",), ("gas", "oil"))),
        ("(gas|x) price", (("price",),)),
        ("pipe(line)?s", (("pipe",),)),
        ("colou?r", (("colo",),)),
        ("nord+stream", (("dstream",), ("nord",))),
        ("gas{2}", (("gas",),)),
        ("gas{0,3}es", ()),
        ("ga.prom", (("prom",),)),
        ("[Gg]azprom", (("azprom",),)),
        ("[]gas]deal", (("deal",),)),
        ("[[:alpha:]gas]deal", (("deal",),)),
        (r"\x41gas\x{42}deal", (("deal",), ("gas",))),
        (r"\101gas", (("gas",),)),
        (r"\pLgas\p{Greek}", (("gas",),)),
        (r"gas\/oil", (("gas",), ("oil",))),
        ("(?i)Gas", (("gas",),)),
        ("(?P<name>gas)(?i:deal)", (("deal",), ("gas",))),
        ("путин[а-я]*", (("путин",),)),
        ("ёлка", (("лка",),)),
        ("普京", (("普京",),)),
        ("普.", (("普",),)),
        ("zürich", (("rich",),)),
        ("푸틴", (("푸틴",),)),
        ("[0-9]{4}", ()),
        ("a+b*c", ()),
        ("gas|", ()),
        (r"\Qgas.deal\E", ()),
        ("(" * 99 + "gas" + ")" * 99, ()),
    ],
)
def test_letters_that_every_match_holds_are_known(pattern: str, needed: object) -> None:
    assert required(pattern, cased=False) == needed


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [("Gas", (("gas",),)), ("Путин", ()), ("普京X", (("普京",),)), ("Zürich", (("rich",),))],
)
def test_of_a_text_as_written_only_letters_that_no_mark_can_change_are_needed(
    pattern: str, needed: object
) -> None:
    assert required(pattern, cased=True) == needed


EXAMPLES = int(os.environ.get("WIREWATCH_PAIRS", "1000")) // 10

LETTERS = ("g", "as", "GAS", "prom", "путин", "Ё", "й", "普京", "푸틴", "بو", "é", "1", "k", "s")
PIECES = (
    *LETTERS,
    ".",
    r"\.",
    " ",
    r"\s",
    "[gs]",
    "[^x]",
    "[[:alpha:]]",
    r"\pL",
    r"\x67",
    "^",
    "-",
)
REPEATS = ("", "", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "+?", "*?", "??")


def _repeated(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bracketed = st.builds(
        "({}{}){}".format,
        st.sampled_from(["", "?:", "?i:", "?P<n>"]),
        st.lists(inner, min_size=1, max_size=3).map("|".join),
        st.sampled_from(REPEATS),
    )
    return st.lists(inner | bracketed, min_size=1, max_size=3).map("".join)


atoms = st.builds("{}{}".format, st.sampled_from(PIECES), st.sampled_from(REPEATS))
patterns = st.recursive(atoms, _repeated, max_leaves=8)
GLUE = (" ", "-", "\u0301", "\u200c", "\u00ad", "²", "ـ", "\u0306", "™", "K", "ſ", "ß", "ё", "\x00")
texts = st.lists(
    st.sampled_from((*LETTERS, *GLUE, "ｇａｓ", "Ｐ", "ᄑ", "ᅮ", "½", "x")), max_size=12
)


@settings(max_examples=EXAMPLES)
@given(patterns, texts.map("".join), st.booleans())
def test_no_text_matches_without_the_letters(pattern: str, text: str, cased: bool) -> None:
    try:
        regex = Regex(pattern, cased=cased)
    except RegexError:
        return
    read = Text(text.replace("\x00", " "))
    if regex.search(read.original if cased else read.folded):
        data = stream(read.original).data
        for literals in required(pattern, cased=cased):
            assert any(letters(literal) in data for literal in literals)
