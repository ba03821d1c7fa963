"""Stories: which items tell the same news. Pure.

Two items are of one story when their languages, where known, are the same, and they share most of
a text (one wire report, printed by many), or much of their titles and something of their texts, or
nearly the whole of a title. Titles that name other numbers are of other news: the strike that
cancels 150 flights is not the one that cancels 600.

Chose the overlap coefficient of title words over Jaccard's, because one title is often the other
and a few words more; and MinHash over whole texts, because it compares two texts in a microsecond
however long they are. Source of the numbers: those that NewsBlur's clustering uses for titles,
tightened until pairs labelled by hand were told apart (tests/data/stories.jsonl): titles alone, as
they are used there, take one event for another in every second of those pairs.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice, pairwise
from unicodedata import digit

from rensa import RMinHash

from monitor.ids import new_id
from monitor.item import Item
from rules import text as words
from rules.text import Text

CLOSES_AFTER = timedelta(hours=24)
"""A story that has had no item for so long is closed."""

_PERMUTATIONS = 128
_SEED = 20_261_122
_LONG_ENOUGH = 32  # words of a text that says something of its own
_MOST_WORDS = 2_000
_MOST_LETTERS = 12_000
_MOST_TITLE = 60  # words of a title; whatever has more is not one
_SHINGLE = 3
_STEM = 5  # letters; what follows is mostly the inflection

_SAME_TEXT = 0.55  # of the shingles of both texts: one report, whatever the titles
_MUCH_TEXT, _SOME_TITLE = 0.2, 0.3  # a report rewritten
_SOME_TEXT, _MUCH_TITLE = 0.08, 0.6  # two reports that quote the same people
_NO_TEXT = 0.05  # texts that have nothing in common
_WHOLE_TITLE, _MOST_OF_TITLE = 0.9, 0.85
_ONE_TITLE = 0.79  # of the words of both: a column that has its title every week

_TIME = re.compile(r"\b\d{1,2}[:.]\d\d\b|\b\d{1,2}\.\d{1,2}\.\d{2,4}\b")
_GROUPED = re.compile(r"(?<=\d)[.,\s](?=\d{3}\b)")
_NUMBER = re.compile(r"\d{1,12}(?:[.,]\d{1,3})?")
_ONLY_NUMBER = re.compile(r"[\d.,:%-]+")


@dataclass(frozen=True)
class Sketch:
    """What is kept of an item to know others of its story by: its language, the words of its
    title, the numbers in it, and a MinHash of its text (empty for a short one)."""

    lang: str
    title: frozenset[str]
    text: bytes = b""
    numbers: frozenset[str] = frozenset()

    @cached_property
    def _hashes(self) -> tuple[int, ...]:
        return struct.unpack(f"<{len(self.text) // 4}I", self.text)

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(
            word if words.is_dense(word[0]) else word[:_STEM] for word in self.title if word[1:]
        )

    @cached_property
    def _weight(self) -> int:
        """How many of its title's words say as much as a word: of pairs of characters, two."""
        dense = sum(words.is_dense(word[0]) for word in self.title)
        return 2 if 2 * dense > len(self.title) else 1

    def to_json(self) -> str:
        """The form in which it is stored."""
        fields = [self.lang, sorted(self.title), self.text.hex(), sorted(self.numbers)]
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, stored: str) -> Sketch:
        """Read the stored form."""
        lang, title, text, numbers = json.loads(stored)
        return cls(lang, frozenset(title), bytes.fromhex(text), frozenset(numbers))


def sketch_of(title: str, text: str, lang: str, names: Iterable[str] = ()) -> Sketch:
    """The sketch of an item. ``names`` of its feed and source say nothing about what happened."""
    own = {word for name in names for word in _words(name)}
    in_title = _words(title)[:_MOST_TITLE]
    kept = frozenset(word for word in in_title if not _ONLY_NUMBER.fullmatch(word)) - own
    body = _words(text[:_MOST_LETTERS])[:_MOST_WORDS]
    return Sketch(lang, kept, _minhash(body), _numbers(title))


def _words(text: str) -> list[str]:
    """Words in normal form; of scripts without spaces, pairs of neighbouring characters."""
    cut = Text(text)
    found: list[str] = []
    before = ""
    for surface, form in zip(cut.surfaces, cut.normals, strict=True):
        if not words.is_dense(surface):
            found.append(form)
            before = ""
            continue
        for one, other in pairwise(before + form):
            found.append(one + other)
        before = form[-1:]
    return found


def _numbers(title: str) -> frozenset[str]:
    """The numbers of a title, times and dates apart: 640,000 and 640 thousand are one."""
    plain = _GROUPED.sub("", _TIME.sub(" ", title))
    return frozenset(map(_digits, islice(_NUMBER.findall(plain), _MOST_TITLE)))


def _digits(number: str) -> str:
    shown = "".join(str(digit(char, 0)) if char.isdigit() else "." for char in number)
    return shown if "." in shown else shown.strip("0") or "0"


def _minhash(body: list[str]) -> bytes:
    if len(body) < _LONG_ENOUGH:
        return b""
    shingles = [" ".join(body[at : at + _SHINGLE]) for at in range(len(body) - _SHINGLE + 1)]
    made = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    made.update(shingles)
    return struct.pack(f"<{_PERMUTATIONS}I", *made.digest())


def same_news(one: Sketch, other: Sketch) -> str:
    """Why two items are of one story: ``text``, ``both`` (some of the text and some of the title)
    or ``title``; empty when they are not."""
    if one.lang and other.lang and one.lang != other.lang:
        return ""
    text = similarity(one, other)
    if text is not None and text >= _SAME_TEXT:
        return "text"
    if one.numbers and other.numbers and one.numbers.isdisjoint(other.numbers):
        return ""
    if text is not None and _is_rewritten(one, other, text):
        return "both"
    return "title" if _is_one_title(one, other, text) else ""


def similarity(one: Sketch, other: Sketch) -> float | None:
    """Which part of the shingles of both texts they share, estimated; None where one is short."""
    if not (one.text and other.text):
        return None
    equal = sum(a == b for a, b in zip(one._hashes, other._hashes, strict=True))
    return equal / _PERMUTATIONS


def _is_rewritten(one: Sketch, other: Sketch, text: float) -> bool:
    """Whether they share something of the text and enough of the titles. Of scripts without
    spaces one word exchanged, such as whom a president meets, leaves most pairs as they were."""
    weight = max(one._weight, other._weight)
    if weight > 1 and text < 2 * _MUCH_TEXT and _exchanged(one.title, other.title) > 1:
        return False
    shared, overlap = _overlap(one.title, other.title)
    if text >= _MUCH_TEXT and overlap >= _SOME_TITLE and shared >= 2 * weight:
        return True
    shared, overlap = _overlap(one._stems, other._stems)
    return text >= _SOME_TEXT and overlap >= _MUCH_TITLE and shared >= 4 * weight


def _is_one_title(one: Sketch, other: Sketch, text: float | None) -> bool:
    """Whether the titles alone say that it is the same news. One title over two texts that have
    nothing in common is a column's."""
    shared, overlap = _overlap(one.title, other.title)
    if shared < 5 * max(one._weight, other._weight):
        return False
    if text is None:
        return overlap >= _MOST_OF_TITLE
    if text < _NO_TEXT and shared >= _ONE_TITLE * len(one.title | other.title):
        return False
    return overlap >= _WHOLE_TITLE


def _overlap(one: frozenset[str], other: frozenset[str]) -> tuple[int, float]:
    """How many words both have, and which part of the shorter one that is."""
    shared = len(one & other)
    return shared, shared / max(1, min(len(one), len(other)))


def _exchanged(one: frozenset[str], other: frozenset[str]) -> int:
    """How many words of each the other has not, at least."""
    return min(len(one - other), len(other - one))


@dataclass(frozen=True, slots=True)
class Member:
    """An item of an open story, and how many items from which sources the story has."""

    story: str
    sketch: Sketch
    items: int
    sources: list[str]


@dataclass(frozen=True, slots=True)
class Opened:
    """A story that begins with one item."""

    id: str
    rule: str
    title: str
    lang: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """An item's place in its story, of ``items`` from ``sources``; it ``follows`` others."""

    story: str
    items: int
    sources: tuple[str, ...]
    follows: bool


_MOST_SOURCES = 20


class StoryBook:
    """The stories of one poll's hits, rule by rule. Reads through ``open_members``; what is to be
    written is kept until the transaction.

    ``opened``: new stories; ``members``: story, item and sketch; ``extended``: by story, how many
    items it has now, and from which sources.
    """

    def __init__(
        self, open_members: Callable[[str, datetime], list[Member]], now: datetime
    ) -> None:
        self.opened: list[Opened] = []
        self.members: list[tuple[str, str, Sketch]] = []
        self.extended: dict[str, tuple[int, list[str]]] = {}
        self._open_members = open_members
        self._now = now
        self._known: dict[str, list[Member]] = {}
        self._sketches: dict[str, Sketch] = {}

    def place(self, rule: str, item_id: str, item: Item, source: str) -> Place:
        """Find the item's story among the rule's, or open one."""
        sketch = self._sketches.get(item_id)
        if sketch is None:
            text = f"{item.summary} {item.content}"
            sketch = sketch_of(item.title, text, item.lang, (source,))
            self._sketches[item_id] = sketch
        known = self._members(rule)
        found = next((member for member in known if same_news(sketch, member.sketch)), None)
        if found is None:
            opened = Opened(new_id(), rule, item.title, item.lang, source, self._now)
            self.opened.append(opened)
            place = Place(opened.id, 1, (source,), follows=False)
        else:
            items, sources = self.extended.get(found.story, (found.items, found.sources))
            sources = list(dict.fromkeys([*sources, source]))[:_MOST_SOURCES]
            self.extended[found.story] = items + 1, sources
            place = Place(found.story, items + 1, tuple(sources), follows=True)
        self.members.append((place.story, item_id, sketch))
        known.insert(0, Member(place.story, sketch, place.items, list(place.sources)))
        return place

    def _members(self, rule: str) -> list[Member]:
        if rule not in self._known:
            self._known[rule] = self._open_members(rule, self._now - CLOSES_AFTER)
        return self._known[rule]
