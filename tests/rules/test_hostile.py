"""Whatever is written in a rule or published in a feed: an answer or a mistake, no traceback."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules import Document, RuleErrors, compile_rules, evaluate, expression

PIECES = (
    "AND", "OR", "NOT", "NEAR", "NEAR/5", "ONEAR/2", "ATLEAST/2", "(", ")", ",", "|", '"', "“",
    "~", "=", "@", "@g", "@putin", "-", "–", "/", "/a/", "/c", "*", "?", "+", "!", "&", "^2", "\\",
    ":", "title:", "tag:", "lang:", "domain:", "site:", "W/5", "(a b)~5", "~5", "and", "near", "Xi",
    "putin", "pipelin*", "普京", "プーチン", "푸틴", "بوتين", "पुतिन", "ปูติน", 'צה"ל',
    "7,000", "10:30", "http://a.b", "a@b", "½", "㈱", "\u200c", "\u00ad", "\ud800", "\x00", "\n",
    "\t", "\u3000", "（", "＊", "{", "}", "[", "]", "<", ">=", "#", "$", "%", "'", ".", ";", "ﷺ",
    "İ", "é", "e\u0301", "a" * 50,
)  # fmt: skip
GROUPS = {"g": ["a", "@putin"], "putin": ["Putin", "普京", "/x+/"]}

expressions = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join),
    st.text(max_size=60),
)
texts = st.one_of(st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join), st.text())


def mistakes_of(expression: str) -> int:
    """Reads it; checks that its mistakes stand inside it; counts them."""
    try:
        compile_rules({"rule": expression}, GROUPS)
    except RuleErrors as errors:
        for mistake in errors.mistakes:
            line = expression.split("\n")[mistake.line - 1]
            assert 1 <= mistake.column <= len(line) + 1
            assert 0 <= mistake.offset <= len(expression)
            assert mistake.source == line
            assert 0 < len(mistake.message) <= 240
            assert len(str(mistake)) < 1_000
        return len(errors.mistakes)
    return 0


@given(expressions)
@example("near:x")
@example('"' * 3)
@example("/\\")
@example("-" * 30)
@example("=*")
def test_every_string_is_a_rule_or_has_mistakes_inside_it(expression: str) -> None:
    mistakes_of(expression)


@given(st.lists(expressions, min_size=1, max_size=4))
def test_every_string_is_an_entry_or_has_mistakes_inside_it(entries: list[str]) -> None:
    try:
        compile_rules({"rule": "@g"}, {"g": entries})
    except RuleErrors as errors:
        for mistake in errors.mistakes:
            entry = entries[mistake.entry] if mistake.entry is not None else ""
            assert 0 <= mistake.offset <= len(entry)


@given(expressions, texts, texts, st.sampled_from(["", "en", "vi", "ru", "th", "tr", "x" * 9]))
def test_every_rule_gives_an_answer_on_every_document(
    expression: str, title: str, content: str, lang: str
) -> None:
    document = Document(
        title, content=content, lang=lang, url=content, tags=(title,), feed=title, author=content
    )
    try:
        rules = compile_rules({"rule": expression}, GROUPS)
    except RuleErrors:
        return
    matches = rules.match(document)
    explanation = rules.why("rule", document)
    assert explanation.true == bool(matches)
    assert str(explanation)
    for match in matches:
        assert match.spans == explanation.spans
        for span in match.spans:
            text = getattr(document, span.field)
            assert 0 <= span.start < span.end <= len(text)


@given(st.lists(expressions, max_size=4))
def test_the_linter_has_an_opinion_on_every_rule(some: list[str]) -> None:
    fine = {f"rule{i}": text for i, text in enumerate(some) if not mistakes_of(text)}
    for mistake in compile_rules(fine, GROUPS).lint(["uk", "en"]):
        assert mistake.message
        assert 0 <= mistake.offset <= 2_000


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 20_000,
        '"' * 19_999,
        "/" * 19_999,
        "/a" * 10_000,
        "-" * 19_999,
        "a NEAR " * 2_500,
        "title:" * 3_000,
        "=" * 20_000,
        "~" * 20_000,
        "*" * 20_000,
        "a*" * 9_999,
        "@" * 20_000,
        "a" * 20_000,
        "a~1" * 6_000,
        "\\" * 20_000,
        "\u0301" * 20_000,
        "\u200c" * 20_000,
        "เ" * 20_000,
        "½" * 20_000,
        '"' + "a " * 9_000 + '"~5',
        "NOT (" * 90 + "a" + ")" * 90,
        "a OR NOT (" * 90 + "a" + ")" * 90,
    ],
    ids=lambda expression: expression[:12],
)
def test_long_and_deep_rules_are_bounded(expression: str) -> None:
    mistakes_of(expression)


def test_a_chain_of_a_thousand_groups_is_followed() -> None:
    terms = {f"g{index}": [f"@g{index + 1}"] for index in range(1_000)}
    rules = compile_rules({"rule": "@g0"}, {**terms, "g1000": ["gas"]})
    assert rules.match(Document("gas"))


def test_groups_that_double_thirty_times_do_not_explode() -> None:
    terms = {f"g{index}": [f"@g{index + 1}", f"@g{index + 1}"] for index in range(30)}
    rules = compile_rules({"rule": "@g0"}, {**terms, "g30": ["gas"]})
    assert rules.match(Document("gas"))


def test_a_circle_of_a_thousand_groups_is_one_mistake() -> None:
    terms = {f"g{index}": [f"@g{(index + 1) % 1_000}"] for index in range(1_000)}
    with pytest.raises(RuleErrors) as caught:
        compile_rules({"rule": "@g0"}, terms)
    assert len(caught.value.mistakes) == 1


SIZE = int(os.environ.get("WIREWATCH_SIZE", "40"))
"""How many thousand characters a long item has, more or less."""

HUGE = {
    "words": "gas deal " * (25 * SIZE),
    "one word": "gas" * (300 * SIZE),
    "no word": "-- " * (300 * SIZE),
    "marks": "a" + "\u0301" * (1_000 * SIZE),
    "invisible": "gas" + "\u200c" * (1_000 * SIZE) + "deal",
    "han": "普京" * (150 * SIZE),
    "thai vowels": "เ" * (1_000 * SIZE),
    "fractions": "½" * (300 * SIZE),
    "ligatures": "ﷺ" * (50 * SIZE),
    "surrogates": "\ud800" * (1_000 * SIZE),
    "signs": "gas" + "&" * (1_000 * SIZE) + "deal",
}
RULES = (
    'gas', '"gas deal"', "gas*", "*eal", "=gas", "~gas", "普京", '"gas deal"~5', "gas NEAR/3 deal",
    "/(a+)+$/", "/(gas|deal)+x/", "/GAS/c", "gas&deal", "C++", "a&b", "@g", "ATLEAST/2 (gas, deal)",
)  # fmt: skip


@pytest.mark.parametrize("kind", HUGE)
def test_long_items_of_every_kind_are_read_to_their_end(kind: str) -> None:
    document = Document(title="x", content=HUGE[kind], lang="en")
    rules = compile_rules({rule: rule for rule in RULES}, {"g": ["gas", "deal", "/ga./"]})
    for match in rules.match(document):
        for span in match.spans[:3]:
            assert 0 <= span.start < span.end <= len(getattr(document, span.field))


def test_an_item_of_a_megabyte_is_read_to_its_end() -> None:
    content = "gas deal-" * 60_000 + "x" * 460_000 + " at the end"
    document = Document(title="x", content=content)
    rules = compile_rules({rule: rule for rule in ('"the end"', r"/(e+)+nd$/", "at NEAR/9 end")})
    assert [match.rule for match in rules.match(document)] == list(rules)


def test_a_word_of_a_hundred_thousand_letters_is_one_word() -> None:
    word = "gas" * 33_334
    match = evaluate("gasga*", Document(word, lang="en"))
    assert match is not None
    assert [(span.start, span.end) for span in match.spans] == [(0, len(word))]
    assert evaluate("~gas", Document(word, lang="en")) is None


def test_a_window_is_looked_for_no_farther_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that stand everywhere must not cost a window each: not where another word of the
    window is missing, and not once the window is found."""
    tried = 0

    def counted(*given: Any) -> bool:
        nonlocal tried
        tried += 1
        return each_has_its_own(*given)

    each_has_its_own = expression._each_has_its_own
    monkeypatch.setattr(expression, "_each_has_its_own", counted)
    document = Document("gas oil " * 1_000)
    assert not evaluate('"gas oil coal"~100', document)
    assert tried == 0
    assert evaluate('"gas oil"~100', document)
    assert tried == 1
