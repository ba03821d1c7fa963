"""Examples of a rule: which fail, and what they evaluated to."""

from __future__ import annotations

import pytest

from rules import Document, as_document, check_examples, compile_rules, example_mistakes

RULES = compile_rules(
    {"xi-putin": "(=Xi OR 习近平 OR 習近平) AND @putin"}, {"putin": ["Putin", "Путин*", "普京"]}
)


def test_examples_that_do_what_they_must_are_not_mentioned() -> None:
    failures = check_examples(
        RULES,
        "xi-putin",
        matches=[
            "Pertemuan Xi Jinping dan Vladimir Putin di Beijing",
            {"title": "普京会见习近平", "lang": "zh"},
        ],
        ignores=["Putin in Minsk"],
    )
    assert failures == ()


def test_a_failing_example_says_what_it_evaluated_to() -> None:
    matching, ignored = check_examples(
        RULES,
        "xi-putin",
        matches=["Xi and Putin", {"title": "XI met", "content": "Путину"}],
        ignores=["Xi met 普京"],
    )
    assert matching.message == "rule 'xi-putin' does not match example 2 of matches: XI met"
    assert (matching.section, matching.index) == ("matches", 1)
    assert [child.true for child in matching.explanation.children] == [False, True]
    assert ignored.message == "rule 'xi-putin' matches example 1 of ignores: Xi met 普京"
    assert str(ignored).splitlines()[1:4] == [
        "yes (=Xi OR 习近平 OR 習近平) AND @putin",
        "  yes (=Xi OR 习近平 OR 習近平)",
        "    yes =Xi",
    ]


def test_an_example_may_have_every_field_of_a_document() -> None:
    example = {
        "summary": "s",
        "tags": ["a", "b"],
        "feed": "bbc",
        "feed_tags": "world",
        "lang": "en",
        "source": 2024,
    }
    assert as_document(example) == Document(
        title="",
        summary="s",
        tags=("a", "b"),
        feed="bbc",
        feed_tags=("world",),
        lang="en",
        source="2024",
    )


def test_a_key_that_documents_do_not_have_is_told() -> None:
    (mistake,) = example_mistakes({"titel": "x", "lang": "en"})
    assert (mistake.message, mistake.hint) == (
        "an example has no key titel",
        "did you mean title?",
    )
    with pytest.raises(ValueError, match="an example has no key tag"):
        as_document({"tag": "x"})
