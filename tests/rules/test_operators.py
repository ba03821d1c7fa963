"""What operators, fields and groups mean, and which words a match shows."""

from __future__ import annotations

from typing import Any

import pytest

from rules import Document, Span, compile_rules, evaluate

GROUPS = {
    "putin": ["Putin", "Путин*", "普京", "@titles"],
    "titles": ["Kremlin chief", "=POTUS", "/vlad(imir)? p/"],
    "sites": ["reuters.com", "*.go.id"],
}


def found(expression: str, **fields: Any) -> list[str] | None:
    """The pieces that made it true as ``field:piece`` (title without the field)."""
    document = Document(**{"title": "", **fields})
    match = evaluate(expression, document, GROUPS)
    if match is None:
        return None
    return [
        ("" if span.field == "title" else f"{span.field}:")
        + getattr(document, span.field)[span.start : span.end]
        for span in match.spans
    ]


@pytest.mark.parametrize(
    ("expression", "title", "expected"),
    [
        ("xi AND putin", "Putin met Xi", ["Putin", "Xi"]),
        ("xi putin", "Putin met Xi", ["Putin", "Xi"]),
        ("xi AND putin", "Putin met Li", None),
        ("xi OR putin", "Putin met Xi", ["Putin", "Xi"]),
        ("xi OR putin", "Putin met Li", ["Putin"]),
        ("xi | putin", "Putin met Li", ["Putin"]),
        ("putin NOT xi", "Putin met Li", ["Putin"]),
        ("putin NOT xi", "Putin met Xi", None),
        ("putin -xi", "Putin met Xi", None),
        ("putin AND NOT xi", "Putin met Li", ["Putin"]),
        ("putin -(xi OR li)", "Putin met Li", None),
        ('putin -"met xi"', "Putin met Li", ["Putin"]),
        ("NOT NOT putin", "Putin", ["Putin"]),
        ("-NOT putin", "Putin", ["Putin"]),
        ("NOT (NOT putin OR NOT xi)", "Putin met Xi", []),
        # OR binds less than AND, AND less than NOT, NOT less than NEAR
        ("a OR b AND c", "a", ["a"]),
        ("a OR b AND c", "b", None),
        ("(a OR b) AND c", "a", None),
        ("a b OR c d", "c d", ["c", "d"]),
        ("a NOT b OR c", "b c", ["c"]),
        ("a NOT b NEAR/1 c", "a b x x c", ["a"]),
        ("a NOT b NEAR/1 c", "a b c", None),
        # only what is true shows its words
        ("(a AND b) OR c", "a c", ["c"]),
        # NEAR
        ("gas NEAR/2 deal", "gas x x deal", ["gas", "deal"]),
        ("gas NEAR/2 deal", "deal x x gas", ["deal", "gas"]),
        ("gas NEAR/2 deal", "gas x x x deal", None),
        ("gas NEAR/0 deal", "gas deal", ["gas", "deal"]),
        ("gas NEAR/0 deal", "gas x deal", None),
        ("gas NEAR deal", "gas 1 2 3 4 5 6 7 8 9 10 deal", ["gas", "deal"]),
        ("gas NEAR deal", "gas 1 2 3 4 5 6 7 8 9 10 11 deal", None),
        ("gas ONEAR/2 deal", "gas x deal", ["gas", "deal"]),
        ("gas ONEAR/2 deal", "deal x gas", None),
        ("gas NEAR/1 gas", "gas", None),
        ("gas NEAR/1 gas", "gas gas", ["gas", "gas"]),
        ('"gas deal" NEAR/3 deal', "gas deal", None),
        ('"gas deal" NEAR/3 deal', "gas deal or deal", ["gas deal", "deal"]),
        ("gas NEAR/1 deal", "gas x deal x x x gas x x x deal", ["gas", "deal"]),
        ("(gas OR oil) NEAR/1 (deal OR pact)", "oil x pact", ["oil", "pact"]),
        ("(a OR (b OR c)) NEAR/1 d", "c d", ["c", "d"]),
        ("@putin NEAR/3 xi", "普京 met xi", ["普京", "xi"]),
        ('"gas pipelin*" NEAR/3 ~leak', "gas pipeline leak", ["gas pipeline", "leak"]),
        (r"/gas\w*/ NEAR/1 deal", "gasoline deal", ["gasoline", "deal"]),
        # ATLEAST
        ("ATLEAST/2 (a, b, c)", "a c", ["a", "c"]),
        ("ATLEAST/2 (a, b, c)", "a a a", None),
        ("ATLEAST/2 (a, A, c)", "a", None),
        ("ATLEAST/2 (a, A, c)", "a c", ["a", "c"]),
        ("ATLEAST/2 (=a, =A, c)", "a A", ["a", "A"]),
        ("ATLEAST/2 (a, b c, d OR e)", "b c e", ["b", "c", "e"]),
        ("ATLEAST/2 (@putin, xi)", "Putin Путина", None),
        ("ATLEAST/2 (@putin, xi)", "Путина xi", ["Путина", "xi"]),
        ("ATLEAST/1(a,b)", "b", ["b"]),
        ("ATLEAST/2 (a, NOT b, c)", "a", ["a"]),
        ("x ATLEAST/2 (a, b)", "x a b", ["x", "a", "b"]),
        # groups
        ("@putin", "Путина", ["Путина"]),
        ("@putin", "the Kremlin chief", ["Kremlin chief"]),
        ("@putin", "POTUS", ["POTUS"]),
        ("@putin", "potus", None),
        ("@putin", "Vladimir P", ["Vladimir P"]),
        ("@putin -@titles", "Putin, Kremlin chief", None),
    ],
)
def test_operators(expression: str, title: str, expected: list[str] | None) -> None:
    assert found(expression, title=title) == expected


@pytest.mark.parametrize(
    ("expression", "fields", "expected"),
    [
        ("putin", {"summary": "Putin"}, ["summary:Putin"]),
        ("putin", {"content": "Putin"}, ["content:Putin"]),
        ("putin", {"author": "Putin", "tags": ("putin",), "url": "http://putin.org"}, None),
        ("xi AND putin", {"title": "Xi", "content": "Putin"}, ["Xi", "content:Putin"]),
        ("xi NEAR/9 putin", {"title": "Xi", "content": "Putin"}, None),
        ("title:putin", {"title": "Putin"}, ["Putin"]),
        ("title:putin", {"summary": "Putin"}, None),
        ("title:(a OR b)", {"title": "b"}, ["b"]),
        ('title:"a b" c', {"title": "a b", "summary": "c"}, ["a b", "summary:c"]),
        ("title:a NEAR/1 b", {"title": "a b", "summary": "b"}, ["a", "b"]),
        ("title:(a NEAR/1 b)", {"title": "a b"}, ["a", "b"]),
        ("title:@putin", {"title": "普京"}, ["普京"]),
        ("title:ATLEAST/2 (a, b)", {"title": "a", "summary": "b"}, None),
        ("title: putin", {"title": "Putin"}, ["Putin"]),
        ("-title:a b", {"title": "b", "content": "a"}, ["b"]),
        ("author:putin", {"author": "V. Putin"}, ["author:Putin"]),
        ("url:nord-stream", {"url": "https://a.org/Nord-Stream-2"}, ["url:Nord-Stream"]),
        ("source:reuters", {"source": "Thomson Reuters"}, ["source:Reuters"]),
        # compared whole, no spans
        ("tag:energy", {"tags": ("Energy", "gas")}, []),
        ("tag:energy", {"tags": ("energy policy",)}, None),
        ("tag:energy*", {"tags": ("energy policy",)}, []),
        ('tag:"energy policy"', {"tags": ("Energy  Policy",)}, []),
        ("tag:*pol*cy", {"tags": ("energy policy",)}, []),
        ("tag:(oil OR gas)", {"tags": ("gas",)}, []),
        ("tag:=EU", {"tags": ("eu",)}, None),
        ("tag:=EU", {"tags": ("EU",)}, []),
        ("tag:énergie", {"tags": ("Energie",)}, []),
        ("tag:/^e.*y$/", {"tags": ("Energy",)}, []),
        ("feed:reuters NOT sport", {"feed": "reuters"}, []),
        ("feed:reuters NOT sport", {"feed": "reuters", "title": "sport"}, None),
        ("feed:world", {"feed": "bbc", "feed_tags": ("world",)}, []),
        ("feed:bbc-*", {"feed": "bbc-world"}, []),
        ("domain:reuters.com", {"url": "https://www.Reuters.com:443/a?b"}, []),
        ("domain:reuters.com", {"url": "https://notreuters.com/"}, None),
        ("domain:www.reuters.com", {"url": "https://reuters.com/"}, None),
        ("domain:*.go.id", {"url": "http://user@kemlu.go.id/x"}, []),
        ("domain:@sites", {"url": "http://kemlu.go.id"}, []),
        ("domain:münchen.de", {"url": "https://xn--mnchen-3ya.de/"}, []),
        ("domain:xn--mnchen-3ya.de", {"url": "https://münchen.de/"}, []),
        ("domain:com", {"url": "not a url"}, None),
        ("lang:en", {"lang": "en-GB"}, []),
        ("lang:en-gb", {"lang": "en_GB"}, []),
        ("lang:en-gb", {"lang": "en"}, None),
        ("lang:(id OR ms)", {"lang": "id"}, []),
        ("lang:en", {"lang": ""}, None),
    ],
)
def test_fields(expression: str, fields: dict[str, Any], expected: list[str] | None) -> None:
    assert found(expression, **fields) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "“gas pipeline” AND putin",
        "„gas pipeline“ putin",
        "«gas pipeline» putin",
        "「gas pipeline」 putin",
        "＂gas pipeline＂ putin",
        "（putin）\u3000｜\u3000xi",
        "title：putin",
        "＠putin",
        "＝Putin",
        "～Putin",
        "puti＊",
        "putin\u00a0AND\n  gas",
        "ATLEAST/2 (putin， gas)",
        "putin –xi",
        "״gas pipeline״ putin",
    ],
)
def test_signs_of_other_keyboards_are_read_as_ours(expression: str) -> None:
    assert found(expression, title="Putin and the gas pipeline")


def test_spans_stand_in_reading_order_and_name_the_term_as_written() -> None:
    document = Document(
        title="Putin", content="Xi Jinping met Putin about gas or  pipes", lang="en"
    )
    match = evaluate('~pipe OR "xi jinping" OR @p OR title:=Putin', document, {"p": ["puti*"]})
    assert match is not None
    assert match.spans == (
        Span("title", 0, 5, "=Putin"),
        Span("title", 0, 5, "puti*"),
        Span("content", 0, 10, '"xi jinping"'),
        Span("content", 15, 20, "puti*"),
        Span("content", 35, 40, "~pipe"),
    )


def test_a_rule_set_names_the_rules_that_match_in_their_order() -> None:
    rules = compile_rules({"one": "a", "two": "b", "three": "a OR b"})
    assert [match.rule for match in rules.match(Document("a"))] == ["one", "three"]


def test_an_updated_rule_set_leaves_the_old_one_as_it_was() -> None:
    old = compile_rules({"one": "@g", "two": "b", "three": "c"}, {"g": ["@h"], "h": ["a"]})
    new = old.updated({"two": "x", "four": "y"}, removed=["three"], terms={"g": ["@h"], "h": ["z"]})
    document = Document("a b c x y z")
    assert [match.rule for match in old.match(document)] == ["one", "two", "three"]
    assert [match.spans[0].term for match in new.match(document)] == ["z", "x", "y"]
    assert list(new) == ["one", "two", "four"]
    assert new.expressions["two"] == "x"
    assert new.terms == {"g": ("@h",), "h": ("z",)}
