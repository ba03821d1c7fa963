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

_PIECE_AND_GAP = re.compile(r'("[^"]*"|[()]|[^\s()",|]+)([ \n]*)')

Known = Callable[[str], Term | None]
"""The term that a piece is, if the same is true wherever it stands and nothing is to be said."""


def read_quickly(expression: str, known: Known, most_terms: int, deepest: int) -> Node | None:
    """The tree of a plain expression; ``None`` for others, which the parser reads."""
    reader = _Quick(known, most_terms, deepest)
    root = reader.read(expression)
    if root is None or reader.first_not < 0 or reader.needs_its_first(root):
        return root
    return None if needless(root) else root


class _Level:
    """What stands between two brackets, as far as it was read: operands, all joined the same."""

    __slots__ = ("children", "joined", "negated", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.children: list[Node] = []
        self.joined: type[And | Or] | None = None
        self.negated = -1  # where the NOT stands that belongs to the next operand


class _Quick:
    """Reads pieces; gives up at the first that is not plain."""

    __slots__ = ("_deepest", "_known", "_most_terms", "first_not")

    def __init__(self, known: Known, most_terms: int, deepest: int) -> None:
        self._known = known
        self._most_terms = most_terms
        self._deepest = deepest
        self.first_not = -1

    def needs_its_first(self, root: Node) -> bool:
        """Is the first operand needed, and no NOT in it?"""
        return isinstance(root, And) and root.children[0].end <= self.first_not

    def read(self, expression: str) -> Node | None:  # noqa: C901, PLR0912 - one loop over all rules, where every call would cost
        """Read all pieces; ``None`` when one of them is not plain."""
        known, level, levels = self._known, _Level(0), list[_Level]()
        at = terms = 0
        wanted = True  # an operand has to come
        before = ""  # what touches this piece: nothing, an operator, a bracket or "term"
        name = False  # the operand before began with a capital, and no operator followed
        for piece, gap in _PIECE_AND_GAP.findall(expression):
            start = at
            end = start + len(piece)
            at = end + len(gap)
            operator = _OPERATORS.get(piece)
            if operator is None:
                term = known(piece)
                capital = piece[0].isupper() and piece[-1] != "*"
                if term is None or (before and before != "(") or (name and capital):
                    return None
                if not wanted and not _joins(level, And):
                    return None
                node: Node = Term(term.leaf, term.fields, start, end)
                name = capital and level.negated < 0
                before = "" if gap else "term"
                terms += 1
            elif operator == ")":
                if wanted or not levels or level.joined is None:
                    return None  # brackets around one operand are left to the parser
                node = level.joined(tuple(level.children), level.start, end)
                level = levels.pop()
                name = False
                before = "" if gap else ")"
            else:
                if not self._goes_on(operator, level, before, start, wanted=wanted):
                    return None
                if operator == "(":
                    levels.append(level)
                    if len(levels) > self._deepest:
                        return None
                    level = _Level(start)
                wanted, name = True, False
                before = "" if gap else operator
                continue
            if level.negated >= 0:
                node = Not(node, level.negated, end)
                level.negated = -1
            level.children.append(node)
            wanted = False
        if wanted or levels or at != len(expression) or terms > self._most_terms:
            return None
        children = level.children
        if level.joined is None:
            return children[0]
        return level.joined(tuple(children), children[0].start, children[-1].end)

    def _goes_on(
        self, operator: str, level: _Level, before: str, start: int, *, wanted: bool
    ) -> bool:
        """May an operator or ``(`` stand here? If so it joins what follows."""
        if operator == "(":
            return before != "term" and (wanted or _joins(level, And))
        if before and before != "(":
            return False
        if operator != "NOT":
            return not wanted and _joins(level, Or if operator == "OR" else And)
        if level.negated >= 0 or not (wanted or _joins(level, And)):
            return False
        level.negated = start
        if self.first_not < 0:
            self.first_not = start
        return True


def _joins(level: _Level, joined: type[And | Or]) -> bool:
    """Join what follows so too; false if AND and OR would be mixed."""
    if level.joined is None:
        level.joined = joined
    return level.joined is joined


_OPERATORS = {"AND": "AND", "OR": "OR", "NOT": "NOT", "(": "(", ")": ")"}
