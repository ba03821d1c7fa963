"""Random strings and the queries of other tools: a rule each, or mistakes inside them.

``WIREWATCH_STRINGS=100000 pytest -s tests/rules/test_strings.py`` reads so many and shows the
CPU time of the slowest, which should stay below 10 ms.
"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from rules.groups import read_groups
from rules.parser import parse

STRINGS = int(os.environ.get("WIREWATCH_STRINGS", "500"))
SEED = int(os.environ.get("WIREWATCH_SEED", "1"))

GROUPS = read_groups({"g": ["gas", "@putin"], "putin": ["Putin", "普京", "/x+/"]}).entries
SIGNS = "()\"/ ~*=@-,|ANDORT:aé普*?\\&+!^'<>[]{}#“（＊\u200c\u0301\n"
PIECES = (
    "AND", "OR", "NOT", "NEAR", "NEAR/5", "ONEAR/2", "ATLEAST/2", "(", ")", ",", "|", '"', "~",
    "=", "@", "@g", "@putin", "-", "/", "/a/", "/c", "*", "title:", "tag:", "lang:", "site:", "W/5",
    "(a b)~5", "~5", "and", "Xi", "putin", "pipelin*", "普京", "プーチン", "푸틴", "بوتين", "पुतिन",
    "ปูติน", 'צה"ל', "7,000", "10:30", "http://a.b", "½", "㈱", "\ud800", "\x00", "\u3000", "ﷺ", "İ",
)  # fmt: skip
ALPHABETS = ((0x20, 0x7E), (0x20, 0x7E), (0x80, 0x2FFF), (0x3000, 0xFFFF), (0, 0x10FFFF))


class Slowest(NamedTuple):
    milliseconds: float = 0.0
    string: str = ""


def random_string(chance: random.Random) -> str:
    length = chance.randint(0, 120)
    match chance.randrange(4):
        case 0:
            return "".join(chr(chance.randint(*chance.choice(ALPHABETS))) for _ in range(length))
        case 1:
            return " ".join(chance.choices(PIECES, k=length // 3))
        case 2:
            return "".join(chance.choices(PIECES, k=length // 3))
        case _:
            return "".join(chance.choices(SIGNS, k=length))


def milliseconds_since(begun: float) -> float:
    return (time.thread_time() - begun) * 1_000


def show(count: int, slowest: Slowest) -> None:
    took, string = slowest
    print(f"slowest of {count:,}: {took:.1f} ms for {string!r}")  # noqa: T201 - for pytest -s


def read(string: str, slowest: Slowest) -> Slowest:
    """Read it, check its mistakes, tell the slower of the two."""
    begun = time.thread_time()
    expression, mistakes = parse(string, GROUPS)
    took = milliseconds_since(begun)
    if took > slowest.milliseconds:  # once more: a collection of garbage is not the string's
        begun = time.thread_time()
        parse(string, GROUPS)
        took = min(took, milliseconds_since(begun))
    assert (expression is None) == bool(mistakes)
    lines = string.split("\n")
    for mistake in mistakes:
        assert 1 <= mistake.line <= len(lines)
        assert 1 <= mistake.column <= len(lines[mistake.line - 1]) + 1
        assert 0 <= mistake.offset <= len(string)
        assert 0 < len(mistake.message) <= 240
    return max(slowest, Slowest(took, string))


def test_every_random_string_is_a_rule_or_has_mistakes_inside_it() -> None:
    chance = random.Random(SEED)
    slowest = Slowest()
    for _ in range(STRINGS):
        slowest = read(random_string(chance), slowest)
    show(STRINGS, slowest)


@pytest.mark.corpus
def test_every_query_of_other_tools_is_a_rule_or_has_mistakes_inside_it(corpora: Path) -> None:
    slowest = Slowest()
    lines = (corpora / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        slowest = read(json.loads(line)["q"], slowest)
    show(len(lines), slowest)
