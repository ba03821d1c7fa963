"""Plain expressions, read sooner: terms joined by AND, OR, NOT and brackets.

Most rules are that and have no mistakes. `read_quickly` gives for them the very tree that the
parser gives, and nothing for all others: whatever is wrong, odd or worth a remark is left to the
parser, which alone knows how to say it. A test compares the two.

Chose a second reader for the easy part instead of a faster parser, because what lets the parser
explain itself (tokens with their places, fields, remarks) is most of its time.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rules.expression import And, Node, Not, Or, Term, needless

_PIECE = re.compile(r'[ \n]+|[()]|"[^"]*"|[^\s()",|]+')

Known = Callable[[str], Term | None]
"""The term that a piece is, if the same is true wherever it stands and nothing is to be said."""


def read_quickly(expression: str, known: Known, most_terms: int, deepest: int) -> Node | None:
    """The tree of a plain expression; ``None`` for others, which the parser reads."""
    reader = _Quick(known)
    if not reader.read(_PIECE.findall(expression), deepest):
        return None
    if reader.end != len(expression) or reader.terms > most_terms:
        return None
    root = reader.level.whole()
    return None if root is None or (reader.negations and needless(root)) else root


class _Level:
    """What stands between two brackets, as far as it was read."""

    __slots__ = ("children", "either", "negated", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.either: list[Node] = []
        self.children: list[Node] = []
        self.negated = -1  # where the NOT stands that belongs to the next operand

    def end_all(self) -> bool:
        """End what AND joins; false if it is more than one operand, which OR then mixes."""
        children = self.children
        self.children = []
        if len(children) == 1:
            self.either.append(children[0])
            return True
        self.either.append(And(tuple(children), children[0].start, children[-1].end))
        return False

    def bracketed(self, end: int) -> Node | None:
        """All of it with its brackets; those around one operand are left to the parser."""
        if self.either:
            return Or(tuple(self.either), self.start, end) if self.end_all() else None
        if len(self.children) < 2:
            return None
        return And(tuple(self.children), self.start, end)

    def whole(self) -> Node | None:
        """All of it, where no bracket stands around it."""
        either = self.either
        if not either:
            self.end_all()
            return either[0]
        return Or(tuple(either), either[0].start, either[-1].end) if self.end_all() else None


class _Quick:
    """Reads pieces; gives up at the first that is not plain."""

    __slots__ = ("_known", "end", "level", "negations", "terms")

    def __init__(self, known: Known) -> None:
        self._known = known
        self.level = _Level(0)
        self.end = self.terms = self.negations = 0

    def read(self, pieces: list[str], deepest: int) -> bool:  # noqa: C901, PLR0912 - one loop over all rules, where every call would cost
        """Read all pieces; false when one of them is not plain."""
        known, level, levels = self._known, self.level, list[_Level]()
        end = 0
        wanted = True  # an operand has to come
        before = ""  # what touches this piece: nothing, a bracket, an operator or a term
        name = False  # the operand before began with a capital, and no operator followed
        for piece in pieces:
            start, end = end, end + len(piece)
            first = piece[0]
            if first in " \n":
                before = ""
                continue
            if first == ")":
                if wanted or not levels:
                    return False
                node = level.bracketed(end)
                level = levels.pop()
            elif first == "(":
                if before == "term" or len(levels) >= deepest:
                    return False
                levels.append(level)
                level = _Level(start)
                before, wanted, name = "(", True, False
                continue
            elif before and before != "(":
                return False
            elif piece in _OPERATORS:
                if piece == "NOT":
                    if level.negated >= 0:
                        return False
                    level.negated = start
                    self.negations += 1
                elif wanted or (piece == "OR" and not level.end_all()):
                    return False
                before, wanted, name = "operator", True, False
                continue
            else:
                term = known(piece)
                capital = first.isupper() and piece[-1] != "*"
                if term is None or (name and capital):
                    return False
                node = Term(term.leaf, term.fields, start, end)
                name = capital and level.negated < 0
                self.terms += 1
            if node is None:
                return False
            if level.negated >= 0:
                node = Not(node, level.negated, node.end)
                level.negated = -1
            level.children.append(node)
            wanted = False
            if first == ")":
                before, name = ")", False
            else:
                before = "term"
        self.level, self.end = level, end
        return not wanted and not levels


_OPERATORS = frozenset({"AND", "OR", "NOT"})
