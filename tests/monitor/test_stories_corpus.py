"""Grouping judged by hand: pairs of real texts, of which an editor wants to hear once or twice."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from monitor.stories import Sketch, same_news, sketch_of

pytestmark = pytest.mark.corpus
PAIRS = Path(__file__).parent.parent / "data" / "stories.jsonl"


@dataclass(frozen=True)
class Pair:
    """Two texts of one language, and whether they tell the same news; ``why``, in one word."""

    lang: str
    lines: tuple[int, int]
    hashes: tuple[str, str]
    same: bool
    why: str


def pairs() -> list[Pair]:
    found = [json.loads(line) for line in PAIRS.read_text().splitlines()]
    return [
        Pair(raw["lang"], tuple(raw["lines"]), tuple(raw["hashes"]), raw["same"], raw["why"])
        for raw in found
    ]


class Texts:
    """The texts of the corpus, by language and line."""

    def __init__(self, folder: Path) -> None:
        self._of = cache(lambda lang: (folder / f"{lang}.jsonl").read_text().split("\n"))
        self.sketch = cache(self._sketch)

    def at(self, lang: str, line: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._of(lang)[line - 1])
        return found

    def _sketch(self, lang: str, line: int) -> Sketch:
        raw = self.at(lang, line)
        return sketch_of(raw["title"], raw["text"], lang)


@pytest.fixture(scope="module")
def texts(corpora: Path) -> Texts:
    return Texts(corpora / "news")


def test_the_labels_are_of_the_texts_that_were_read(texts: Texts) -> None:
    for pair in pairs():
        for line, known in zip(pair.lines, pair.hashes, strict=True):
            raw = texts.at(pair.lang, line)
            found = sha256(f"{raw['title']}\n{raw['text']}".encode()).hexdigest()
            assert found.startswith(known), (pair.lang, line)


def test_there_are_enough_pairs_of_both_kinds_in_many_languages() -> None:
    labelled = pairs()
    assert len(labelled) >= 300
    assert sum(pair.same for pair in labelled) >= 100
    assert len({pair.lang for pair in labelled}) >= 10


def test_of_the_pairs_that_are_grouped_49_of_50_tell_the_same_news(
    texts: Texts, capsys: pytest.CaptureFixture[str]
) -> None:
    counts: Counter[tuple[bool, bool]] = Counter()
    wrong = []
    for pair in pairs():
        one, other = (texts.sketch(pair.lang, line) for line in pair.lines)
        grouped = bool(same_news(one, other))
        counts[grouped, pair.same] += 1
        if grouped and not pair.same:
            wrong.append((pair.lang, pair.lines, pair.why))
    right = counts[True, True]
    precision = right / (right + counts[True, False])
    recall = right / (right + counts[False, True])
    with capsys.disabled():  # the figures of docs/performance.md
        sys.stdout.write(
            f"\nstories: {sum(counts.values())} pairs, {precision=:.3f} {recall=:.3f} {wrong}\n"
        )
    assert precision >= 0.98
    assert recall >= 0.35  # so that grouping nothing is not the answer
