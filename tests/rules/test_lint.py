"""What the linter asks about, word for word; it never refuses."""

from __future__ import annotations

import pytest

from rules import Document, compile_rules


def warnings(expression: str, **terms: list[str]) -> list[tuple[int, str, str]]:
    """Column, message and hint of each warning of one rule; every group is used."""
    rules = compile_rules({"rule": expression}, terms)
    return [(w.column, w.message, w.hint) for w in rules.lint() if w.rule == "rule"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (
            "gas and oil",
            [(5, "and is a search word here", 'write AND for the operator, "and" for the word')],
        ),
        (
            "gas ＡＮＤ oil",
            [
                (
                    5,
                    "ＡＮＤ is a search word here",
                    'write AND for the operator, "ＡＮＤ" for the word',
                )
            ],
        ),
        (
            "gas Or oil not coal near peat",
            [
                (5, "Or is a search word here", 'write OR for the operator, "Or" for the word'),
                (12, "not is a search word here", 'write NOT for the operator, "not" for the word'),
                (
                    21,
                    "near is a search word here",
                    'write NEAR for the operator, "near" for the word',
                ),
            ],
        ),
        ('gas "and" oil', []),
        (
            "gas AND oil OR coal",
            [
                (
                    1,
                    "AND and OR are mixed without brackets",
                    "AND binds tighter: write (gas AND oil) if that is meant",
                )
            ],
        ),
        (
            "coal OR gas oil",
            [
                (
                    9,
                    "AND and OR are mixed without brackets",
                    "AND binds tighter: write (gas oil) if that is meant",
                )
            ],
        ),
        ("(gas AND oil) OR coal", []),
        ("(coal OR gas) AND oil", []),
        (
            "Xi Jinping AND putin",
            [
                (
                    1,
                    "Xi Jinping are 2 terms, found anywhere in an item",
                    'did you mean "Xi Jinping"?',
                )
            ],
        ),
        (
            "meeting Vladimir Vladimirovich Putin",
            [
                (
                    9,
                    "Vladimir Vladimirovich Putin are 3 terms, found anywhere in an item",
                    'did you mean "Vladimir Vladimirovich Putin"?',
                )
            ],
        ),
        ("Xi AND Jinping", []),
        ("Xi =Jinping", []),
        ('"Xi Jinping" Putin', []),
        ("Xi title:Putin", []),
        (
            "gas* x",
            [
                (
                    1,
                    "gas* finds every word that begins with gas",
                    "write 4 letters or more if you can",
                )
            ],
        ),
        (
            "*eam x",
            [(1, "*eam finds every word that ends with eam", "write 4 letters or more if you can")],
        ),
        (
            "*rea* x",
            [(1, "*rea* finds every word that contains rea", "write 4 letters or more if you can")],
        ),
        (
            '"big gas*" x',
            [
                (
                    1,
                    '"big gas*" finds every word that begins with gas',
                    "write 4 letters or more if you can",
                )
            ],
        ),
        ("pipe* 푸* プ* 普*", []),
        (
            "a NEAR/31 b",
            [
                (
                    3,
                    "NEAR/31 joins words that may be far apart",
                    "NEAR/30 or less finds words that belong together",
                )
            ],
        ),
        (
            "a ONEAR/50 b",
            [
                (
                    3,
                    "ONEAR/50 joins words that may be far apart",
                    "ONEAR/30 or less finds words that belong together",
                )
            ],
        ),
        ("a NEAR/30 b", []),
        (
            "~Путін OR ~פוטין OR ~푸틴 OR ~普京",
            [
                (
                    1,
                    "~Путін finds the word itself only: there is no stemmer for uk",
                    "write Путін* for its endings",
                ),
                (
                    11,
                    "~פוטין finds the word itself only: there is no stemmer for he",
                    "write פוטין* for its endings",
                ),
                (
                    21,
                    "~푸틴 finds the word itself only: there is no stemmer for ko",
                    "write 푸틴* for its endings",
                ),
                (
                    28,
                    "~普京 finds the word itself only: there is no stemmer for zh",
                    "its characters are found without ~",
                ),
            ],
        ),
        (
            "lang:bg AND ~газ",
            [
                (
                    13,
                    "~газ finds the word itself only: there is no stemmer for bg",
                    "write газ* for its endings",
                )
            ],
        ),
        (
            r"/\bгаз/ OR /Zürich/",
            [
                (
                    1,
                    r"\b in /\bгаз/ knows ASCII only",
                    r"write \pL for a letter and \pN for a digit of every script",
                ),
                (
                    12,
                    "/Zürich/ looks for ü, which the normalised text never holds",
                    "write u, or /Zürich/c for the original text",
                ),
            ],
        ),
        (r"/Zürich/c OR /\bgas/ OR /газ/", []),
        (
            "(lang:bg OR lang:uk) AND ~газ",
            [
                (
                    26,
                    "~газ finds the word itself only: there is no stemmer for bg, uk",
                    "write газ* for its endings",
                )
            ],
        ),
        (
            "onear gas",
            [
                (
                    1,
                    "onear is a search word here",
                    'write ONEAR for the operator, "onear" for the word',
                )
            ],
        ),
        ("lang:ru AND ~газ", []),
        ("~газ", []),
    ],
)
def test_what_may_not_be_meant(expression: str, expected: list[tuple[int, str, str]]) -> None:
    assert warnings(expression) == expected


@pytest.mark.parametrize(
    ("expression", "column", "part", "why"),
    [
        ("a AND NOT a", 1, "a AND NOT a", "NOT a"),
        ("pipeline -pipe*", 1, "pipeline -pipe*", "-pipe*"),
        ('"gas pipeline" NOT gas', 1, '"gas pipeline" NOT gas', "NOT gas"),
        ("x OR (y title:gas NOT gas)", 6, "(y title:gas NOT gas)", "NOT gas"),
        ("@g NOT (gas OR oil)", 1, "@g NOT (gas OR oil)", "NOT (gas OR oil)"),
        ("(a NEAR b) NOT b", 1, "(a NEAR b) NOT b", "NOT b"),
    ],
)
def test_a_part_that_can_never_be_true(expression: str, column: int, part: str, why: str) -> None:
    found = warnings(expression, g=["gas", "oil"])
    told = (column, f"{part} can never be true", f"{why} excludes what the rest asks for")
    assert told in found


@pytest.mark.parametrize(
    ("expression", "column", "part", "other"),
    [
        ("a OR (a AND b)", 6, "(a AND b)", "a"),
        ("a AND (a OR b)", 7, "(a OR b)", "a"),
        ("a OR b OR a", 11, "a", "a"),
        ("pipeline OR pipe*", 1, "pipeline", "pipe*"),
        ("pipe* AND pipeline", 1, "pipe*", "pipeline"),
        ('"gas pipeline" OR pipeline', 1, '"gas pipeline"', "pipeline"),
        ("=US OR us", 1, "=US", "us"),
        ("title:gas OR gas", 1, "title:gas", "gas"),
        ("~gas OR gas", 9, "gas", "~gas"),
        ("a NEAR/5 b OR a NEAR/9 b", 1, "a NEAR/5 b", "a NEAR/9 b"),
        ("oil OR @g", 1, "oil", "@g"),
        ("domain:a.org OR domain:*.org", 1, "domain:a.org", "domain:*.org"),
        ("tag:a OR tag:a*b*c OR tag:a", 23, "tag:a", "tag:a"),
        (
            "ATLEAST/3 (a, b, c) OR ATLEAST/2 (a, b, c)",
            1,
            "ATLEAST/3 (a, b, c)",
            "ATLEAST/2 (a, b, c)",
        ),
    ],
)
def test_a_part_that_never_matters(expression: str, column: int, part: str, other: str) -> None:
    told = (column, f"{part} never matters", f"{other} decides alone")
    assert told in warnings(expression, g=["gas", "oil"])


@pytest.mark.parametrize(
    "expression",
    [
        "a AND NOT b",
        "pipe* NOT pipeline",
        "gas NOT title:gas",
        'gas NOT "gas pipeline"',
        "a OR (b AND c)",
        "us OR =US AND gas"[:2] + " x",
        "~gas OR gas*",
        '"a b"~5 OR "b a"',
        "(a ONEAR/5 b) OR (b ONEAR/5 a)",
        "ATLEAST/2 (a, b, c) AND a",
        "tag:a OR domain:a",
    ],
)
def test_parts_that_matter_are_left_alone(expression: str) -> None:
    told = [message for _, message, _ in warnings(expression)]
    assert not [message for message in told if "never" in message]


def test_rules_that_are_the_same_or_contained_in_another() -> None:
    rules = compile_rules(
        {
            "one": "gas AND (oil OR coal)",
            "two": "(coal OR oil) gas",
            "three": "gas",
            "four": '"gas deal" title:x',
            "five": "peat",
        }
    )
    assert [(w.rule, w.message, w.hint) for w in rules.lint()] == [
        ("two", "rule 'two' is the same as rule 'one'", "remove one"),
        (
            "one",
            "every match of rule 'one' is a match of rule 'three' too",
            "remove one, unless they are told differently",
        ),
        (
            "four",
            "every match of rule 'four' is a match of rule 'three' too",
            "remove one, unless they are told differently",
        ),
    ]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Gas AND Oil", "gas AND oil"),
        ("gas AND oil", "(OIL) (GAS OR gas)"),
        ('"Gas Deal"', "gas-deal"),
        ("ГАЗ*", "газ*"),
        ("Ёлка", "елка"),
        ("２０２４", "2024"),
        ("(a OR b) NEAR/3 c", "C NEAR/3 (B OR A)"),
        ("a ONEAR c", "A ONEAR/10 C"),
        ('"gas oil"~5', '"OIL GAS"~5'),
        ("ATLEAST/2 (a, b, c)", "ATLEAST/2 (C, B, A)"),
        ("~Pipeline", "~pipeline"),
        ("tag:Energy", "tag:energy"),
        ("gas NOT Oil", "gas -OIL"),
        ("gas", "gas OR (gas AND oil)"),
        ("=US", '="US"'),
    ],
)
def test_rules_are_the_same_whatever_does_not_count(one: str, two: str) -> None:
    rules = compile_rules({"one": one, "two": two})
    told = [w.message for w in rules.lint() if w.message.startswith(("rule", "every"))]
    assert told == ["rule 'two' is the same as rule 'one'"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("=US", "=us"),
        ("a ONEAR c", "c ONEAR a"),
        ("~ISTANBUL", "~istanbul"),  # in Turkish they are two words
        ("/gas/c", "/Gas/c"),
        ('"a b"~5', '"a b"~6'),
        ("title:gas", "summary:gas"),
        ('"a a b"~5', '"a b b"~5'),
        ("gas AND oil", "gas OR oil"),
    ],
)
def test_rules_that_differ_are_not_called_the_same(one: str, two: str) -> None:
    told = [w.message for w in compile_rules({"one": one, "two": two}).lint()]
    assert not [message for message in told if "is the same as" in message]


def test_a_third_rule_the_same_is_told_of_too() -> None:
    rules = compile_rules({"a": "gas", "b": "oil", "c": "GAS", "d": "gas OR (gas AND x)"})
    assert [(w.rule, w.message) for w in rules.lint() if w.message.startswith("rule")] == [
        ("c", "rule 'c' is the same as rule 'a'"),
        ("d", "rule 'd' is the same as rule 'a'"),
    ]


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        ("Nordstream", "*stream"),
        ("Gaspipelines", "*pipeline*"),
        ("pipelin*", "pipe*"),
        ('"new gas pipeline deal"', '"gas pipeline"'),
        ('"gas pipelin*"', "pipelin*"),
        ('"gas deal"~5', "deal"),
        ('"gas deal"~5', '"gas deal"~9'),
        ("普京访华", "普京"),
        ("domain:www.gov.cn", "domain:*.cn"),
        ("/gas/ AND oil", "/gas/"),
        ("~gas AND oil", "~Gas"),
        ("gas", "~gas"),
        ("(gas OR oil) AND deal", "(gas OR oil OR coal)"),
        ("gas NEAR/3 oil", "oil NEAR/5 gas"),
        ("@g AND deal", "gas OR oil OR coal"),
        ("ATLEAST/2 (gas, oil)", "gas"),
        ("Zürich", "zurich"),
        ("a" * 40, "a" * 30 + "*"),
        ("x NOT gas", "x NOT (gas AND oil)"),
    ],
)
def test_a_rule_within_another_is_found_by_what_they_share(inner: str, outer: str) -> None:
    rules = compile_rules({"inner": inner, "other": "peat", "outer": outer}, {"g": ["gas", "oil"]})
    told = [w.message for w in rules.lint() if w.message.startswith("every")]
    assert told == ["every match of rule 'inner' is a match of rule 'outer' too"]


def test_a_group_is_the_same_as_its_terms() -> None:
    rules = compile_rules({"one": "@g", "two": "oil OR gas"}, {"g": ["gas", "oil"]})
    assert [w.message for w in rules.lint()] == ["rule 'two' is the same as rule 'one'"]


def test_how_often_a_part_stands_in_a_list_counts() -> None:
    """Brackets that find the same are different ones of ATLEAST."""
    rules = compile_rules({"one": "ATLEAST/2 (a OR b, b OR a, c)", "two": "ATLEAST/2 (a OR b, c)"})
    assert [match.rule for match in rules.match(Document("a"))] == ["one"]
    assert [w.message for w in rules.lint()] == [
        "every match of rule 'two' is a match of rule 'one' too"
    ]


def test_groups_nobody_uses_and_entries_that_find_too_much() -> None:
    rules = compile_rules(
        {"rule": "@used"},
        {"used": ["fine", "@inner"], "inner": ["gas*"], "lone": ["x", "@far"], "far": ["y"]},
    )
    assert [(w.rule, w.entry, w.message) for w in rules.lint()] == [
        ("@inner", 0, "gas* finds every word that begins with gas"),
        ("@lone", None, "no rule uses group @lone"),
        ("@far", None, "no rule uses group @far"),
    ]


def test_an_entry_of_a_group_may_lack_a_stemmer() -> None:
    assert warnings("gas AND @g", g=["Putin", "~Путін"]) == [
        (
            9,
            "~Путін finds the word itself only: there is no stemmer for uk",
            "write Путін* for its endings",
        )
    ]


def test_a_word_too_short_for_a_star_is_not_told_to_have_one() -> None:
    assert warnings("~їж") == [
        (
            1,
            "~їж finds the word itself only: there is no stemmer for uk",
            "write each of its forms, joined by OR",
        )
    ]


def test_the_languages_of_the_feeds_may_lack_a_stemmer() -> None:
    rules = compile_rules({"rule": "~Gazprom"})
    assert rules.lint(["ru", "pl-PL"]) == ()
    assert [w.message for w in rules.lint(["ru", "bg", "sl"])] == [
        "~Gazprom finds the word itself only: there is no stemmer for bg, sl"
    ]


def test_the_linter_ends_on_rules_of_two_thousand_terms() -> None:
    many = " OR ".join(f"word{index} AND other{index}" for index in range(700))
    rules = compile_rules({f"rule{index}": f"({many}) x{index}" for index in range(3)})
    assert rules.lint()
