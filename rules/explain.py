"""Why a rule is true of a document, or why it is not: its tree, evaluated part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rules.document import Document, Span
from rules.expression import (
    FIELDS,
    WHOLE,
    And,
    AtLeast,
    Found,
    Group,
    Near,
    Node,
    Not,
    Or,
    Reading,
    Term,
    find,
    holds,
    in_reading_order,
    spans,
)
from rules.parser import Expression

Kind = Literal["term", "group", "near", "not", "and", "or", "atleast"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A part of a rule: ``text`` as written, whether it is true, and the words that make it so.

    ``note`` says more where that helps to see why not: how far apart, or which value there is.
    """

    kind: Kind
    text: str
    true: bool
    spans: tuple[Span, ...]
    children: tuple[Explanation, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        return "\n".join(self._lines(0))

    def _lines(self, depth: int) -> Iterator[str]:
        mark = "yes" if self.true else "no "
        note = f"  ({self.note})" if self.note else ""
        yield f"{'  ' * depth}{mark} {self.text}{note}"
        for child in self.children:
            yield from child._lines(depth + 1)


def explain(expression: Expression, document: Document) -> Explanation:
    """The whole tree, for a match and for a miss."""
    return _explain(expression.root, expression.text, Reading(document))


def _explain(node: Node, text: str, reading: Reading) -> Explanation:
    children = tuple(_children(node, text, reading))
    true = _is_true(node, children, reading)
    return Explanation(
        kind=_KINDS[type(node)],
        text=" ".join(text[node.start : node.end].split()),
        true=true,
        spans=_words(node, children, reading) if true else (),
        children=children,
        note="" if true else _note(node, children, reading),
    )


def _is_true(node: Node, children: tuple[Explanation, ...], reading: Reading) -> bool:
    """What `holds` says; what was found out about the children is not asked again, which would
    take minutes for a rule of many levels."""
    count = sum(child.true for child in children)
    match node:
        case Not():
            return not count
        case And():
            return count == len(children)
        case Or():
            return count > 0
        case AtLeast():
            return count >= node.count
        case _:
            return holds(node, reading)


def _words(node: Node, children: tuple[Explanation, ...], reading: Reading) -> tuple[Span, ...]:
    match node:
        case Not():
            return ()
        case And() | Or() | AtLeast():
            return in_reading_order(span for child in children for span in child.spans)
        case _:
            return spans(node, reading)


_KINDS: dict[type, Kind] = {
    Term: "term",
    Group: "group",
    Near: "near",
    Not: "not",
    And: "and",
    Or: "or",
    AtLeast: "atleast",
}


def _children(node: Node, text: str, reading: Reading) -> Iterator[Explanation]:
    match node:
        case Near():
            yield _explain(node.left, text, reading)
            yield _explain(node.right, text, reading)
        case Not():
            yield _explain(node.child, text, reading)
        case And() | Or() | AtLeast():
            for child in node.children:
                yield _explain(child, text, reading)
        case Group():
            for leaf in node.leaves:
                term = Term(leaf, node.fields)
                true = holds(term, reading)
                yield Explanation("term", leaf.written, true, spans(term, reading))
        case Term():
            return


def _note(node: Node, children: tuple[Explanation, ...], reading: Reading) -> str:
    match node:
        case Term() | Group() if WHOLE.intersection(node.fields):
            name = node.fields[0]
            values = [value.original for value in reading.values(name) if value.original]
            return f"{name} is {', '.join(values[:5])}" if values else f"{name} is empty"
        case Near():
            return _distance(node, reading)
        case AtLeast():
            return f"{sum(child.true for child in children)} of {len(children)}"
        case _:
            return ""


def _distance(node: Near, reading: Reading) -> str:
    """How far apart the operands of NEAR stand where they are nearest."""
    left, right = find(node.left, reading), find(node.right, reading)
    nearest = min(_distances(left, right, ordered=node.ordered), default=None)
    if nearest is not None:
        return f"{nearest} word{'' if nearest == 1 else 's'} between"
    if not (left and right):
        return ""
    if {one.field for one in left}.isdisjoint(one.field for one in right):
        return "not in one field"
    turned = node.ordered and any(True for _ in _distances(left, right, ordered=False))
    return "not in this order" if turned else "the same words"


def _distances(left: list[Found], right: list[Found], *, ordered: bool) -> Iterator[int]:
    """Words between each place of one operand and the next place of the other."""
    sides = [(FIELDS.index(one.field), one.place.first, one.place.last, 0) for one in left]
    sides += [(FIELDS.index(one.field), one.place.first, one.place.last, 1) for one in right]
    sides.sort()
    last: dict[int, tuple[int, int]] = {}
    for field, first, end, side in sides:
        other = last.get(1 - side)
        in_order = side == 1 or not ordered
        if in_order and other and other[0] == field and first > other[1]:
            yield first - other[1] - 1
        last[side] = (field, end)
