"""Expressions as trees, and what they mean: a slow, obvious evaluator.

It is the oracle: it follows the language's description line by line, and any faster matcher must
give the same answers. `holds` says whether a tree is true of a document, `spans` which words made
it so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar, dataclass_transform

from rules import text as words
from rules.document import Document, Span
from rules.regex import Regex
from rules.text import Place, Text

FIELDS = (
    "title",
    "summary",
    "content",
    "author",
    "tag",
    "url",
    "domain",
    "feed",
    "source",
    "lang",
)
"""Every field, in reading order."""

ANYWHERE = ("title", "summary", "content")
"""Where a term without a field looks."""

WHOLE = frozenset({"tag", "domain", "feed", "lang"})
"""Fields whose values are compared whole; they give no spans."""

_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[_Class]) -> type[_Class]:
    """A dataclass that nobody changes: the type checker refuses it.

    Chose that instead of ``dataclass(frozen=True)``, which refuses when it runs, because making
    one of those takes four times as long, and reading a rule makes fifteen.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


# --- what is looked for ----------------------------------------------------------------------


@frozen
class Word:
    """One word to find: ``surface`` as written, without its wildcards.

    ``how`` is where the letters stand in the word found; ``accents`` is the accented form where
    the word is written with Latin accents, which count in a Vietnamese text, else empty.
    """

    surface: str
    normal: str
    how: Literal["is", "begins", "ends", "contains"] = "is"
    compare: Literal["normal", "exact", "stem"] = "normal"
    accents: str = ""

    def candidates(self, text: Text) -> Iterable[int]:
        """Where the word may stand; `fits` decides."""
        if self.how != "is":
            return sorted(
                index
                for form, indexes in text.positions.items()
                if self._has(form, self.normal)
                for index in indexes
            )
        if self.compare == "stem":
            stem = words.stem(self.surface, text.lang)
            return sorted({*text.positions.get(self.normal, ()), *text.stems.get(stem, ())})
        return text.positions.get(self.normal, ())

    def fits(self, text: Text, index: int) -> bool:
        """Is it the text's word at ``index``?"""
        if self.compare == "exact":
            return self._has(words.exact(text.surfaces[index]), words.exact(self.surface))
        if self.accents and text.lang == "vi":
            return self._has(words.accented(text.surfaces[index]), self.accents)
        if self._has(text.normals[index], self.normal):
            return True
        return self.compare == "stem" and words.stem(text.surfaces[index], text.lang) == words.stem(
            self.surface, text.lang
        )

    def _has(self, form: str, letters: str) -> bool:
        match self.how:
            case "is":
                return form == letters
            case "begins":
                return form.startswith(letters)
            case "ends":
                return form.endswith(letters)
            case "contains":
                return letters in form


@frozen
class Gap:
    """What must stand between two words of a term: ``signs``, and if ``close`` nothing else.

    ``close`` 2: nothing at all; 1: white space at most; 0: whatever there is.
    """

    signs: str = ""
    close: Literal[0, 1, 2] = 0

    def fits(self, between: str) -> bool:
        if self.close:
            left = words.signs(between)
            return not (left if self.close == 2 else left.strip())
        return not self.signs or self.signs in words.asked(between)


@frozen
class Phrase:
    """Words one after another; one word is a phrase too. ``head`` and ``tail`` are the signs that
    must stand right before the first and right after the last."""

    words: tuple[Word, ...]
    gaps: tuple[Gap, ...] = ()
    head: str = ""
    tail: str = ""
    written: str = field(default="", compare=False)

    def places(self, text: Text) -> Iterator[Place]:
        """Where it stands in the text, in order."""
        for first in self.words[0].candidates(text):
            place = self._at(text, first)
            if place:
                yield place

    def _at(self, text: Text, first: int) -> Place | None:
        last = first + len(self.words) - 1
        if last >= len(text):
            return None
        for index, word in enumerate(self.words, first):
            if not word.fits(text, index):
                return None
        for index, gap in enumerate(self.gaps, first + 1):
            if not gap.fits(text.before(index)):
                return None
        head = _beside(text.before(first)[::-1], self.head[::-1])
        tail = _beside(text.before(last + 1), self.tail)
        return None if head is None or tail is None else text.place(first, last, head, tail)


_BESIDE = 64


def _beside(gap: str, asked: str) -> int | None:
    """How many characters of the gap the signs take when they stand right at its beginning."""
    if not asked:
        return 0
    for end in range(1, min(len(gap), _BESIDE) + 1):
        if gap[end - 1].isspace():
            return None
        if words.asked(gap[:end]) == asked:
            return end
    return None


@frozen
class Window:
    """All of the parts, each at a place of its own, in any order, within ``width`` words."""

    parts: tuple[Phrase, ...]
    width: int
    written: str = field(default="", compare=False)

    def places(self, text: Text) -> Iterator[Place]:
        """The parts that stand in such a window, one place a part."""
        if not all(any(part.places(text)) for part in self.parts):
            return  # most often; all places of the others would take long
        found = self._found(text)
        firsts = sorted(found)
        near: set[Place] = set()
        for index, first in enumerate(firsts):
            stop = bisect_left(firsts, first + self.width, index)
            inside = {
                at: {
                    part: place
                    for part, place in found[at].items()
                    if place.last < first + self.width
                }
                for at in firsts[index:stop]
            }
            if _each_has_its_own(len(self.parts), inside):
                near.update(place for there in inside.values() for place in there.values())
            yield from sorted(near.intersection(found[first].values()))

    def _found(self, text: Text) -> dict[int, dict[int, Place]]:
        """First word -> part -> its place."""
        found: dict[int, dict[int, Place]] = {}
        for part, phrase in enumerate(self.parts):
            for place in phrase.places(text):
                found.setdefault(place.first, {})[part] = place
        return found


def _each_has_its_own(parts: int, inside: dict[int, dict[int, Place]]) -> bool:
    """Can every part be given a first word that no other part is given?"""
    holder: dict[int, int] = {}

    def place(part: int, tried: set[int]) -> bool:
        for at, there in inside.items():
            if part in there and at not in tried:
                tried.add(at)
                if at not in holder or place(holder[at], tried):
                    holder[at] = part
                    return True
        return False

    return all(place(part, set()) for part in range(parts))


@frozen
class Pattern:
    """A regular expression, on the normalised text, or if ``cased`` on the original."""

    pattern: str
    cased: bool
    regex: Regex = field(compare=False, repr=False)
    written: str = field(default="", compare=False)

    def places(self, text: Text) -> Iterator[Place]:
        """Where it stands, in order."""
        if self.cased:
            for start, end in self.regex.finditer(text.original):
                yield Place(*text.words_at(start, end), start, end)
        else:
            for start, end in self.regex.finditer(text.folded):
                origin = text.unfolded(start, end)
                yield Place(*text.words_at(*origin), *origin)

    def is_value(self, value: Value) -> bool:
        """Is it in a value that is compared whole?"""
        return self.regex.search(value.original if self.cased else value.normal)


@frozen
class Whole:
    """A value to be compared whole: ``pieces`` were divided by ``*``."""

    pieces: tuple[str, ...]
    exact: bool = False
    written: str = field(default="", compare=False)

    def is_value(self, value: Value) -> bool:
        """Is it this value?"""
        text = value.exact if self.exact else value.normal
        if len(self.pieces) == 1:
            return text == self.pieces[0]
        first, *middle, last = self.pieces
        if len(text) < len(first) + len(last):
            return False
        if not (text.startswith(first) and text.endswith(last)):
            return False
        at, stop = len(first), len(text) - len(last)
        for piece in middle:
            at = text.find(piece, at, stop)
            if at < 0:
                return False
            at += len(piece)
        return True


Leaf = Phrase | Window | Pattern | Whole


# --- trees -----------------------------------------------------------------------------------


@frozen
class Term:
    """A leaf looked for in some fields. ``start`` and ``end`` are its place in the expression."""

    leaf: Leaf
    fields: tuple[str, ...] = ANYWHERE
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@frozen
class Group:
    """Any leaf of a group."""

    name: str
    leaves: tuple[Leaf, ...]
    fields: tuple[str, ...] = ANYWHERE
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@frozen
class Near:
    """Two operands with at most ``distance`` words between, if ``ordered`` the left one first."""

    left: Node
    right: Node
    distance: int
    ordered: bool
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@frozen
class Not:
    child: Node
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@frozen
class And:
    children: tuple[Node, ...]
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@frozen
class Or:
    children: tuple[Node, ...]
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@frozen
class AtLeast:
    """At least ``count`` of the children."""

    count: int
    children: tuple[Node, ...]
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


Node = Term | Group | Near | Not | And | Or | AtLeast


# --- documents -------------------------------------------------------------------------------


class Value(NamedTuple):
    """A value that is compared whole, in the forms it is compared in."""

    original: str
    exact: str
    normal: str


class Reading:
    """A document being read: each field is cut and normalised once, when first asked for."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._texts: dict[str, Text] = {}
        self._values: dict[str, tuple[Value, ...]] = {}

    def text(self, name: str) -> Text:
        """A field of words."""
        found = self._texts.get(name)
        if found is None:
            found = self._texts[name] = Text(getattr(self.document, name), self.document.lang)
        return found

    def values(self, name: str) -> tuple[Value, ...]:
        """The values of a field that is compared whole."""
        found = self._values.get(name)
        if found is None:
            found = self._values[name] = tuple(
                whole_value(raw) for raw in raw_values(self.document, name)
            )
        return found


def whole_value(raw: str) -> Value:
    """A value in the forms it is compared in; white space at its ends and in rows does not
    count."""
    original = " ".join(raw.split())
    text = Text(original)
    return Value(original, words.exact(original), " ".join(text.folded.split()))


def raw_values(document: Document, name: str) -> Iterable[str]:
    """The texts of a field that is compared whole, with the parents of a host or a language."""
    match name:
        case "tag":
            return document.tags
        case "feed":
            return (document.feed, *document.feed_tags)
        case "lang":
            return _parents(document.lang.replace("_", "-"), "-", from_left=True)
        case _:
            return _parents(host(document.url), ".", from_left=False)


def _parents(value: str, sign: str, *, from_left: bool) -> Iterator[str]:
    """``en-GB``, ``en``; or ``www.a.org``, ``a.org``, ``org``."""
    while value:
        yield value
        before, _, after = value.rpartition(sign) if from_left else value.partition(sign)
        value = before if from_left else after


_LONGEST_HOST = 253


def host(url: str) -> str:
    """The host of an http URL, lower-case, in letters rather than punycode; empty if none."""
    rest = url.partition("://")[2]
    for sign in "/?#\\":
        rest = rest.partition(sign)[0]
    name = rest.rpartition("@")[2]
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    name = name.strip().rstrip(".").lower()[:_LONGEST_HOST]
    return ".".join(in_letters(label) for label in name.split("."))


def in_letters(label: str) -> str:
    """A label of a host name, read from punycode where it is that."""
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return label


# --- evaluation ------------------------------------------------------------------------------


class Found(NamedTuple):
    """A leaf found: in which field, where, and the leaf as written."""

    field: str
    place: Place
    term: str


def holds(node: Node, reading: Reading) -> bool:
    """Is the expression true of the document?"""
    match node:
        case Term():
            return _leaf_holds(node.leaf, node.fields, reading)
        case Group():
            return any(_leaf_holds(leaf, node.fields, reading) for leaf in node.leaves)
        case Near():
            return bool(_near(node, reading))
        case Not():
            return not holds(node.child, reading)
        case And():
            return _count(node.children, reading, at_most=None) == len(node.children)
        case Or():
            return _count(node.children, reading, at_most=1) == 1
        case AtLeast():
            return _count(node.children, reading, at_most=node.count) == node.count


def _count(children: Sequence[Node], reading: Reading, at_most: int | None) -> int:
    """How many children hold. Without ``at_most`` counting ends at the first that does not."""
    count = 0
    for child in children:
        if holds(child, reading):
            count += 1
            if count == at_most:
                break
        elif at_most is None:
            break
    return count


def spans(node: Node, reading: Reading) -> tuple[Span, ...]:
    """The words that made the expression true, in reading order; nothing where it is not."""
    return in_reading_order(_spans(node, reading)) if holds(node, reading) else ()


def in_reading_order(found: Iterable[Span]) -> tuple[Span, ...]:
    """Each span once, field by field, from the beginning of the text to its end."""
    return tuple(sorted(set(found), key=lambda span: (FIELDS.index(span.field), *span[1:])))


def _spans(node: Node, reading: Reading) -> Iterator[Span]:
    match node:
        case Term() | Group():
            found = find(node, reading)
        case Near():
            found = _near(node, reading)
        case Not():
            return
        case And() | Or() | AtLeast():
            for child in node.children:
                if holds(child, reading):
                    yield from _spans(child, reading)
            return
    for name, place, term in found:
        yield Span(name, place.start, place.end, term)


def _leaf_holds(leaf: Leaf, fields: tuple[str, ...], reading: Reading) -> bool:
    for name in fields:
        if name in WHOLE:
            if not isinstance(leaf, Phrase | Window) and any(
                leaf.is_value(value) for value in reading.values(name)
            ):
                return True
        elif not isinstance(leaf, Whole) and any(leaf.places(reading.text(name))):
            return True
    return False


def find(node: Node, reading: Reading) -> list[Found]:
    """Every place of a term, a group, or an OR of them."""
    match node:
        case Term():
            return list(_find(node.leaf, node.fields, reading))
        case Group():
            return [one for leaf in node.leaves for one in _find(leaf, node.fields, reading)]
        case Or():
            return [one for child in node.children for one in find(child, reading)]
        case _:
            return []


def _find(leaf: Leaf, fields: tuple[str, ...], reading: Reading) -> Iterator[Found]:
    if not isinstance(leaf, Whole):
        for name in fields:
            if name not in WHOLE:
                for place in leaf.places(reading.text(name)):
                    yield Found(name, place, leaf.written)


def _near(node: Near, reading: Reading) -> list[Found]:
    """The places of both operands that stand near one of the other."""
    left, right = find(node.left, reading), find(node.right, reading)
    return [
        *_with_a_neighbour(left, right, node.distance, before=not node.ordered, after=True),
        *_with_a_neighbour(right, left, node.distance, before=True, after=not node.ordered),
    ]


def _with_a_neighbour(
    ones: list[Found], others: list[Found], distance: int, *, before: bool, after: bool
) -> Iterator[Found]:
    """Those ``ones`` that have one of the ``others`` near, before or after them."""
    firsts = _by_field(others, lambda place: place.first)
    lasts = _by_field(others, lambda place: place.last)
    for one in ones:
        place = one.place
        follow = firsts.get(one.field, [])
        precede = lasts.get(one.field, [])
        if (after and _any_within(follow, place.last + 1, place.last + 1 + distance)) or (
            before and _any_within(precede, place.first - 1 - distance, place.first - 1)
        ):
            yield one


def _by_field(found: list[Found], key: Callable[[Place], int]) -> dict[str, list[int]]:
    by_field: dict[str, list[int]] = {}
    for one in found:
        by_field.setdefault(one.field, []).append(key(one.place))
    for numbers in by_field.values():
        numbers.sort()
    return by_field


def _any_within(numbers: list[int], low: int, high: int) -> bool:
    return bisect_left(numbers, low) < bisect_right(numbers, high)


# --- what a rule needs ------------------------------------------------------------------------


def needless(node: Node) -> Node | None:
    """The part of a tree that is true of a document that holds none of its words."""
    if _needs(node, negated=False):
        return None
    if isinstance(node, Or):
        return next(child for child in node.children if not _needs(child, negated=False))
    return node


def _needs(node: Node, *, negated: bool) -> bool:
    """Does the tree, or its negation, need something to be there?"""
    match node:
        case Not():
            return _needs(node.child, negated=not negated)
        case And() | Or() | AtLeast():
            free = sum(not _needs(child, negated=negated) for child in node.children)
            return free < _asked_of(node, negated=negated)
        case _:
            return not negated


def _asked_of(node: And | Or | AtLeast, *, negated: bool) -> int:
    """How many children must hold, or for the negation must not."""
    match node:
        case And():
            count = len(node.children)
        case Or():
            count = 1
        case AtLeast():
            count = node.count
    return len(node.children) - count + 1 if negated else count
