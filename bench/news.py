"""Items and rules to measure with: texts of the news corpus, or made up where it is absent."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rules import text as words
from rules.text import Text

CORPUS = Path(__file__).resolve().parent.parent.parent / "shared" / "corpora" / "news"
LENGTH = 1_000  # characters an item
FREQUENT = 300
SEED = 20_261_122
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзийклмнопрстуфхцчшщыэюя",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
)


class Material(NamedTuple):
    """``known`` items are for making rules of, ``unseen`` for matching."""

    source: str
    known: list[str]
    unseen: list[str]


def material() -> Material:
    """Items of `LENGTH` characters, all languages mixed."""
    shuffled = random.Random(SEED)
    if CORPUS.is_dir():
        source = "the news corpus, 20 languages mixed"
        texts = [
            f"{row['title']}\n{row['text']}".strip()
            for path in sorted(CORPUS.glob("*.jsonl"))
            for row in map(json.loads, path.read_text(encoding="utf-8").rstrip("\n").split("\n"))
        ]
    else:
        source = "texts made up, because the news corpus is not here"
        texts = list(_made_up(shuffled))
    shuffled.shuffle(texts)
    half = len(texts) // 2
    return Material(source, _items(texts[:half]), _items(texts[half:]))


def _items(texts: list[str]) -> list[str]:
    whole = "\n".join(texts)
    return [whole[i : i + LENGTH] for i in range(0, len(whole) - LENGTH + 1, LENGTH)]


def _made_up(chance: random.Random) -> Iterator[str]:
    """Words of three scripts, as often as words are: the nth word one nth as often."""
    for alphabet in ALPHABETS:
        vocabulary = [
            "".join(chance.choices(alphabet, k=chance.randint(2, 11))) for _ in range(20_000)
        ]
        weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
        for _ in range(1_500):
            yield " ".join(chance.choices(vocabulary, weights, k=120))


class Rule(NamedTuple):
    """An expression, and the same as terms: all of ``every``, one of ``some``, none of ``none``."""

    expression: str
    every: tuple[str, ...]
    some: tuple[str, ...]
    none: tuple[str, ...]


class RuleMaker:
    """Boolean rules of the vocabulary of items, the same for the same seed."""

    def __init__(self, items: list[str]) -> None:
        self._chance = random.Random(SEED)
        self._texts = [cut for cut in map(Text, items) if len(cut) > 20]
        counted = Counter(form for cut in self._texts for form in cut.normals)
        self._frequent = {form for form, _ in counted.most_common(FREQUENT)}
        self._words = sorted(
            form
            for form, count in counted.items()
            if form not in self._frequent and count > 1 and not words.is_spaceless(form)
        )

    def rules(self, count: int) -> list[Rule]:
        return [self._rule() for _ in range(count)]

    def _rule(self) -> Rule:
        terms = [self._term() for _ in range(self._chance.randint(2, 6))]
        shape = self._chance.choices(range(4), (6, 1, 5, 1))[0]
        if shape == 0 or len(terms) == 2:
            terms = terms[:2]
            return Rule(" AND ".join(terms), tuple(terms), (), ())
        if shape == 1:
            return Rule(" OR ".join(terms), (), tuple(terms), ())
        *some, last = terms
        inside = " OR ".join(some)
        if shape == 2:
            return Rule(f"({inside}) AND {last}", (last,), tuple(some), ())
        return Rule(f"({inside}) NOT {last}", (), tuple(some), (last,))

    def _term(self) -> str:
        """One in five a phrase, one in five a prefix, of all scripts."""
        kind = self._chance.random()
        while True:
            if kind < 0.2:
                found = self._phrase()
            else:
                found = self._chance.choice(self._words)
                if kind < 0.4:
                    found = f"{found[: self._chance.randint(6, 9)]}*" if len(found) > 6 else ""
            if found:
                return found

    def _phrase(self) -> str:
        cut = self._chance.choice(self._texts)
        begin = self._chance.randrange(len(cut) - 3)
        end = begin + self._chance.randint(2, 3)
        forms = cut.normals[begin:end]
        spaceless = [words.is_spaceless(surface) for surface in cut.surfaces[begin:end]]
        if not self._frequent.isdisjoint(forms) or any(spaceless) != all(spaceless):
            return ""
        if spaceless[0]:
            place = cut.place(begin, end - 1)
            found = cut.original[place.start : place.end]
            return found if found.isalnum() else ""
        return f'"{" ".join(forms)}"'
