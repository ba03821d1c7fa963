"""Why a rule is true of a document, and why it is not."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from rules import Document, Span, compile_rules, explain
from rules.expression import Node, Reading, holds

GROUPS = {"putin": ["Putin", "Путин*"]}


def why(expression: str, **fields: Any) -> str:
    rules = compile_rules({"rule": expression}, GROUPS)
    return str(rules.why("rule", Document(**{"title": "", **fields})))


def test_a_match_shows_each_part_and_its_words() -> None:
    rules = compile_rules({"rule": "xi AND (@putin OR NOT gas)"}, GROUPS)
    tree = rules.why("rule", Document("Xi met Putin"))
    assert (tree.kind, tree.true, tree.text) == ("and", True, "xi AND (@putin OR NOT gas)")
    assert tree.spans == (Span("title", 0, 2, "xi"), Span("title", 7, 12, "Putin"))
    xi, either = tree.children
    assert (xi.kind, xi.text, xi.true) == ("term", "xi", True)
    group, negated = either.children
    assert (group.kind, group.text) == ("group", "@putin")
    assert [(leaf.text, leaf.true) for leaf in group.children] == [
        ("Putin", True),
        ("Путин*", False),
    ]
    assert (negated.kind, negated.true, negated.spans) == ("not", True, ())


@pytest.mark.parametrize(
    ("expression", "fields", "expected"),
    [
        (
            "xi AND NOT putin",
            {"title": "Xi met Putin"},
            """
            no  xi AND NOT putin
              yes xi
              no  NOT putin
                yes putin
            """,
        ),
        (
            "gas NEAR/2 deal",
            {"title": "gas a b c deal"},
            """
            no  gas NEAR/2 deal  (3 words between)
              yes gas
              yes deal
            """,
        ),
        (
            "gas ONEAR/2 deal",
            {"title": "deal gas"},
            """
            no  gas ONEAR/2 deal  (not in this order)
              yes gas
              yes deal
            """,
        ),
        (
            "gas NEAR/2 deal",
            {"title": "gas", "content": "deal"},
            """
            no  gas NEAR/2 deal  (not in one field)
              yes gas
              yes deal
            """,
        ),
        (
            "gas ONEAR/2 deal",
            {"title": "gas", "content": "deal"},
            """
            no  gas ONEAR/2 deal  (not in one field)
              yes gas
              yes deal
            """,
        ),
        (
            'gas NEAR/2 "gas deal"',
            {"title": "gas deal"},
            """
            no  gas NEAR/2 "gas deal"  (the same words)
              yes gas
              yes "gas deal"
            """,
        ),
        (
            "gas NEAR/0 deal",
            {"title": "gas a deal"},
            """
            no  gas NEAR/0 deal  (1 word between)
              yes gas
              yes deal
            """,
        ),
        (
            "ATLEAST/2 (a, b, c) domain:reuters.com",
            {"title": "b", "url": "https://tass.com/x"},
            """
            no  ATLEAST/2 (a, b, c) domain:reuters.com
              no  ATLEAST/2 (a, b, c)  (1 of 3)
                no  a
                yes b
                no  c
              no  domain:reuters.com  (domain is tass.com, com)
            """,
        ),
        (
            "title:(gas OR\n   tag:x)".replace("tag:x", "oil") + " lang:id",
            {"title": "x"},
            """
            no  title:(gas OR oil) lang:id
              no  title:(gas OR oil)
                no  gas
                no  oil
              no  lang:id  (lang is empty)
            """,
        ),
    ],
)
def test_a_miss_shows_what_was_missing(
    expression: str, fields: dict[str, str], expected: str
) -> None:
    assert why(expression, **fields) == dedent(expected).strip()


def test_each_part_of_a_deep_rule_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "gas"
    for level in range(90):
        deep = f"(w{level} AND {deep})" if level % 2 else f"ATLEAST/1 (w{level}, {deep})"
    rules = compile_rules({"rule": deep})
    document = Document("gas " + " ".join(f"w{level}" for level in range(90)))
    asked: list[object] = []

    def counted(node: Node, reading: Reading) -> bool:
        asked.append(node)
        return holds(node, reading)

    monkeypatch.setattr(explain, "holds", counted)
    tree = rules.why("rule", document)
    assert tree.true
    assert len(tree.spans) == len(asked) == 91


def test_there_is_no_why_without_a_rule() -> None:
    with pytest.raises(KeyError):
        compile_rules({"rule": "a"}).why("other", Document("a"))
