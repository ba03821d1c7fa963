"""Expressions from text to tree, with every mistake at its place.

    expression = either
    either     = all { ("OR" | "|") all }
    all        = sign { ["AND"] sign }
    sign       = { "NOT" | "-" } near
    near       = primary [ ("NEAR" | "ONEAR") [ "/" number ] primary ]
    primary    = "(" either ")" | "ATLEAST/" number "(" either { "," either } ")"
               | field ":" primary | term
    term       = ["=" | "~"] ( word | '"' words '"' [ "~" number ] ) | "/" regex "/" ["c"]
               | "@" group

Terms are read where they stand, by `rules.terms`. Reading takes time in proportion to the length,
and its depth is bounded by the limit of brackets.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from rules import foreign
from rules import text as words
from rules.errors import Mistake
from rules.expression import (
    ANYWHERE,
    FIELDS,
    WHOLE,
    And,
    AtLeast,
    Group,
    Leaf,
    Near,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Term,
    frozen,
    needless,
)
from rules.implication import canonical
from rules.quick import read_quickly
from rules.remarks import Names, Remark, odd_regex, short_wildcard, short_wildcards
from rules.terms import TermError, Written, read_easily, read_regex, read_whole, read_words
from rules.tokens import Token, plain, short, tokens

LONGEST = 20_000
MOST_TERMS = 2_000
DEEPEST = 100
FARTHEST = 100
_FAR = 30
_MOST_MISTAKES = 10


@frozen
class Expression:
    """An expression that was read. ``remarks`` are the linter's."""

    text: str
    root: Node
    groups: frozenset[str]
    remarks: tuple[Remark, ...] = ()


def mistake_in(expression: str, message: str, hint: str, offset: int) -> Mistake:
    """A mistake at its line and column within the expression."""
    begin = expression.rfind("\n", 0, offset) + 1
    end = expression.find("\n", offset)
    return Mistake(
        message=_brief(message),
        hint=_brief(hint),
        line=expression.count("\n", 0, offset) + 1,
        column=offset - begin + 1,
        source=expression[begin : end if end >= 0 else len(expression)],
        offset=offset,
    )


_LONGEST_TOLD = 240


def _brief(told: str) -> str:
    """A message that cites a very long term, without the middle of it."""
    return told if len(told) <= _LONGEST_TOLD else f"{told[:120]}…{told[-80:]}"


class Entry(NamedTuple):
    """One term of a group: what to look for, and how it was written (not for a regex).

    Instead of a leaf it may have a ``fault`` that matters only where words are looked for.
    """

    leaf: Leaf | None
    written: Written | None
    fault: TermError | None = None


Groups = Mapping[str, tuple[Entry, ...] | None]
"""Terms by group, groups in groups resolved; ``None`` for a group with mistakes of its own."""


def parse(expression: str, groups: Groups) -> tuple[Expression | None, tuple[Mistake, ...]]:
    """Read an expression; without one there is at least one mistake."""
    if len(expression) > LONGEST:
        message = f"a rule of {len(expression):,} characters; the limit is {LONGEST:,}"
        hint = "put its terms into groups, or divide it"
        return None, (mistake_in(expression, message, hint, LONGEST),)
    plain_root = read_quickly(expression, _known, MOST_TERMS, DEEPEST)
    if plain_root is not None:
        return Expression(expression, plain_root, frozenset()), ()
    return parse_fully(expression, groups)


def parse_fully(expression: str, groups: Groups) -> tuple[Expression | None, tuple[Mistake, ...]]:
    """Read an expression that is not too long; the same as `parse`, without its short cut."""
    reader = _Reader(expression, groups)
    root = reader.read()
    if root is None or reader.faults:
        faults = sorted(reader.faults, key=lambda fault: fault.offset)[:_MOST_MISTAKES]
        return None, tuple(mistake_in(expression, f.message, f.hint, f.offset) for f in faults)
    return Expression(expression, root, frozenset(reader.used), tuple(reader.remarks)), ()


_LONGEST_KNOWN = 64
_MOST_KNOWN = 1 << 15


@lru_cache(_MOST_KNOWN)
def _known(piece: str) -> Term | None:
    """The term that a piece of an expression is, if it is one in any rule and not worth a
    remark."""
    if len(piece) > _LONGEST_KNOWN:
        return None
    easy = read_easily(piece)
    if easy:
        return Term(easy)
    reader = _Reader(piece, {})
    root = reader.read()
    if isinstance(root, Term) and not reader.faults and not reader.remarks:
        return root if (root.start, root.end) == (0, len(piece)) else None
    return None


class _Stop(Exception):  # noqa: N818 - it ends the reading; the fault is already noted
    """Reading cannot go on."""


_UNKNOWN = Term(Phrase(()))
"""Stands for a term that could not be read, so that the rest can."""


class _Reader:
    """Reads one expression: `read` gives the tree or ``None``; `faults` says what is wrong."""

    def __init__(self, expression: str, groups: Groups) -> None:
        self.expression = expression
        self.faults: list[TermError] = []
        self.remarks: list[Remark] = []
        self.used: set[str] = set()
        self._plain = plain(expression)
        self._groups = groups
        self._tokens: Iterator[Token] = iter(())
        self._next = Token("end", 0, 0)
        self._depth = 0
        self._terms = 0
        self._fields: tuple[str, ...] = ANYWHERE
        self._field = ""
        self._has_and = False

    def read(self) -> Node | None:
        try:
            self._tokens = tokens(self.expression, self._plain, self.faults)
            self._next = next(self._tokens)
            root = self._either("")
            self._expect_end()
        except _Stop:
            return None
        except TermError as fault:
            self.faults.append(fault)
            return None
        if not self.faults:
            self._check_need(root)
        return root

    def _check_need(self, root: Node) -> None:
        useless = needless(root)
        if useless is not None:
            self._note(
                f"{self._cited(useless)} needs nothing to be there, and a rule must",
                "write before NOT what must be there",
                useless.start,
            )

    def _cited(self, node: Node) -> str:
        return short(self.expression[node.start : node.end])

    # Faults.

    def _remark(self, message: str, hint: str, offset: int) -> None:
        self.remarks.append(Remark(message, hint, offset))

    def _note(self, message: str, hint: str, offset: int) -> None:
        self.faults.append(TermError(message, hint, offset=offset))

    def _stop(self, message: str, hint: str, offset: int) -> _Stop:
        self._note(message, hint, offset)
        return _Stop()

    # Tokens.

    def _take(self) -> Token:
        """The next token; the one after it is looked at already."""
        if len(self.faults) >= _MOST_MISTAKES:
            raise _Stop
        token = self._next
        self._next = next(self._tokens)
        return token

    def _count(self, terms: int, token: Token) -> None:
        self._terms += terms
        if self._terms > MOST_TERMS:
            raise self._stop(
                f"more than {MOST_TERMS:,} terms in a rule with its groups",
                "divide it into several rules",
                token.start,
            )

    def _word(self, token: Token) -> str:
        return self.expression[token.start : token.end]

    # The grammar.

    def _either(self, after: str) -> Node:
        """``after`` is what stands before, for the message when nothing follows."""
        children = [self._all(after)]
        mixed = [children[0]] if self._has_and else []
        while self._next.kind in ("OR", "|"):
            operator = self._take()
            children.append(self._all(self._word(operator)))
            if self._has_and:
                mixed.append(children[-1])
        self._has_and = False
        if len(children) == 1:
            return children[0]
        if mixed:
            self._remark(
                "AND and OR are mixed without brackets",
                f"AND binds tighter: write ({self._cited(mixed[0])}) if that is meant",
                mixed[0].start,
            )
        return Or(tuple(children), children[0].start, children[-1].end)

    def _all(self, after: str) -> Node:
        children: list[Node] = []
        names = Names(self.expression, self.remarks)
        while True:
            token = self._next
            if token.kind == "AND" and children:
                after = self._word(self._take())
                names.end()
            elif children and token.kind not in _BEGINS_A_TERM:
                break
            token = self._next
            children.append(self._sign(after))
            names.add(token, children[-1])
            after = ""
        names.end()
        self._has_and = len(children) > 1
        if len(children) == 1:
            return children[0]
        return And(tuple(children), children[0].start, children[-1].end)

    def _sign(self, after: str) -> Node:
        negated, start = False, self._next.start
        while self._next.kind in ("NOT", "-"):
            after = self._word(self._take())
            negated = not negated
        child = self._near(after)
        return Not(child, start, child.end) if negated else child

    def _near(self, after: str) -> Node:
        left = self._primary(after)
        token = self._next
        if token.kind not in ("NEAR", "ONEAR"):
            return left
        self._take()
        right = self._primary(self._word(token))
        if token.number > FARTHEST:
            self._note(
                f"{self._word(token)} is farther than {token.kind}/{FARTHEST}, the limit",
                "write AND for words anywhere in the item",
                token.start,
            )
        elif token.number > _FAR:
            self._remark(
                f"{self._word(token)} joins words that may be far apart",
                f"{token.kind}/{_FAR} or less finds words that belong together",
                token.start,
            )
        for operand in (left, right):
            self._check_operand(operand, token)
        if self._next.kind in ("NEAR", "ONEAR"):
            again = self._next
            raise self._stop(
                f"{self._word(again)} cannot follow another {token.kind}",
                f"write (a {token.kind} b) AND (b {again.kind} c)",
                again.start,
            )
        return Near(left, right, token.number, token.kind == "ONEAR", left.start, right.end)

    def _check_operand(self, operand: Node, token: Token) -> None:
        odd = _not_an_operand(operand)
        if odd is not None:
            what = _NAMES.get(type(odd), "a field of whole values")
            self._note(
                f"{what} cannot be an operand of {self._word(token)}",
                "write terms, or terms joined by OR in brackets",
                odd.start,
            )

    def _primary(self, after: str) -> Node:
        token = self._next
        read = self._PRIMARIES.get(token.kind)
        if read is None:
            raise self._missing(after, token)
        self._take()
        return read(self, token)

    def _missing(self, after: str, token: Token) -> _Stop:
        if after:
            place = token.start
            if token.kind == "end":
                place = len(self.expression.rstrip())
            hint = ""
            if after == token.kind == "|":
                return self._stop("|| is not an operator here", "write | or OR", token.start - 1)
            if token.kind in ("NOT", "-") and after.startswith(("NEAR", "ONEAR")):
                return self._stop(
                    f"NOT cannot be an operand of {after}",
                    "write terms, or terms joined by OR in brackets",
                    token.start,
                )
            if token.kind in ("NOT", "-") and after.endswith(":"):
                return self._stop(
                    f"NOT stands before a field, not after {after}",
                    f"write NOT {after}...",
                    token.start,
                )
            if after == "NOT" and token.kind in ("NEAR", "ONEAR"):
                hint = f"write a NOT (a {self._word(token)} b)"
            return self._stop(f"expected a term after {after}", hint, place)
        if token.kind == "end":
            return self._stop("the rule is empty", "write a word to look for", 0)
        if token.kind == ")":
            return self._stop(") closes nothing", "remove it, or write ( before", token.start)
        if token.kind == ",":
            return self._comma(token)
        return self._stop(f"expected a term before {self._word(token)}", "", token.start)

    def _comma(self, token: Token) -> _Stop:
        return self._stop(
            "a comma separates only the list of ATLEAST",
            "write OR for any of them, AND for all",
            token.start,
        )

    def _expect_end(self) -> None:
        token = self._next
        if token.kind == "end":
            return
        raise self._missing("", token)

    def _brackets(self, token: Token) -> Node:
        self._deeper(token)
        child = self._either("(")
        closed = self._close(token)
        return replace(child, start=token.start, end=closed.end)

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._stop(
                f"more than {DEEPEST} levels of brackets",
                "most of them are not needed",
                token.start,
            )

    def _close(self, opened: Token) -> Token:
        token = self._next
        if token.kind == ",":
            raise self._comma(token)
        if token.kind == "end":
            raise self._stop("( is never closed", "write ) after its last term", opened.start)
        if token.kind != ")":
            raise self._missing("", token)
        self._take()
        self._depth -= 1
        told = foreign.after_bracket(self._plain[token.end : token.end + 1])
        if told:
            raise self._stop(*told, token.end)
        return token

    def _at_least(self, token: Token) -> Node:
        name = self._word(token)
        opened = self._next
        if opened.kind != "(":
            raise self._stop(
                f"{name} needs a list in brackets", "write ATLEAST/2 (a, b, c)", token.start
            )
        self._take()
        self._deeper(opened)
        children = [self._either("(")]
        while self._next.kind == ",":
            self._take()
            children.append(self._either(","))
        closed = self._close(opened)
        different = _different(children)
        if not 1 <= token.number <= len(different):
            ones = "one" if len(different) == 1 else "ones"
            self._note(
                f"{name} has {len(different)} different {ones} in its list",
                "ask for at least 1 and at most all of them",
                token.start,
            )
        return AtLeast(token.number, different, token.start, closed.end)

    def _in_field(self, token: Token) -> Node:
        name = self._plain[token.start : token.end - 1]
        if self._field:
            raise self._stop(
                f"{name}: stands inside {self._field}:",
                "a field cannot stand inside another; write them beside each other",
                token.start,
            )
        if name not in FIELDS:
            self._unknown_field(name, token)
        self._field, self._fields = name, (name,)
        child = self._primary(self._word(token))
        self._field, self._fields = "", ANYWHERE
        return replace(child, start=token.start)

    def _unknown_field(self, name: str, token: Token) -> None:
        hint = foreign.field_hint(name)
        if not hint:
            close = close_to(name.lower(), FIELDS)
            hint = f"did you mean {close}:?" if close else ""
        if not hint:
            fields = ", ".join(FIELDS)
            hint = f"fields are {fields}; a term that holds : stands in quotes"
        self._note(f"no field named {name}", hint, token.start)

    # Terms.

    def _term(self, token: Token) -> Node:
        self._count(1, token)
        try:
            leaf = self._leaf(token)
        except TermError as fault:
            self.faults.append(fault)
            return _UNKNOWN
        self._ask(token)
        odd = odd_regex(self._word(token), leaf) if isinstance(leaf, Pattern) else None
        if odd:
            self._remark(*odd, token.start)
        for word in short_wildcards(leaf):
            self._remark(*short_wildcard(self._word(token), word), token.start)
        return Term(leaf, self._fields, token.start, token.end)

    def _ask(self, token: Token) -> None:
        """Was a lower-case word meant as an operator?"""
        word = self._word(token)
        operator = words.normal(word).upper() if len(word) <= _LONGEST_OPERATOR else ""
        if operator in _LOWER_CASE and token.written and not token.written.quoted:
            self._remark(
                f"{word} is a search word here",
                f'write {operator} for the operator, "{word}" for the word',
                token.start,
            )

    def _leaf(self, token: Token) -> Leaf:
        if token.regex:
            pattern, cased = token.regex
            return read_regex(self._word(token), pattern, token.start, cased=cased)
        if token.written is None:
            raise TermError("", offset=token.start)
        if self._field in WHOLE:
            return read_whole(token.written, self._field)
        return read_words(token.written)

    def _group(self, token: Token) -> Node:
        name = token.group
        self.used.add(name)
        try:
            entries = self._groups[name]
        except KeyError:
            close = close_to(name, tuple(self._groups))
            self._note(
                f"no group named @{name}", f"did you mean @{close}?" if close else "", token.start
            )
            return _UNKNOWN
        if entries is None:
            return _UNKNOWN
        self._count(len(entries), token)
        try:
            leaves = tuple(self._entry(entry, token) for entry in entries)
        except TermError as fault:
            self.faults.append(fault)
            return _UNKNOWN
        return Group(name, leaves, self._fields, token.start, token.end)

    def _entry(self, entry: Entry, token: Token) -> Leaf:
        if self._field in WHOLE and entry.written:
            return read_whole(entry.written._replace(offset=token.start), self._field)
        if entry.leaf is None:
            told = entry.fault.message if entry.fault else ""
            hint = f"entries like it belong into fields of whole values, domain:@{token.group}"
            raise TermError(f"group @{token.group}: {told}", hint, offset=token.start)
        return entry.leaf

    def _skipped(self, token: Token) -> Node:
        del token  # its fault is noted
        return _UNKNOWN

    _PRIMARIES: Mapping[str, Callable[[_Reader, Token], Node]] = {
        "(": _brackets,
        "ATLEAST": _at_least,
        "field": _in_field,
        "term": _term,
        "group": _group,
        "foreign": _skipped,
    }


_LONGEST_OPERATOR = 5
_LOWER_CASE = frozenset({"AND", "OR", "NOT", "NEAR", "ONEAR"})
_BEGINS_A_TERM = frozenset({"(", "ATLEAST", "field", "term", "group", "foreign", "NOT", "-"})
_NAMES: Mapping[type, str] = {
    And: "AND",
    Not: "NOT",
    Near: "NEAR",
    AtLeast: "ATLEAST",
}


def _different(children: Iterable[Node]) -> tuple[Node, ...]:
    """The children without those that find the same, as ``gas`` and ``Gas`` do."""
    found: dict[Hashable, Node] = {}
    for child in children:
        found.setdefault(canonical(child) if isinstance(child, Term) else child, child)
    return tuple(found.values())


def _not_an_operand(node: Node) -> Node | None:
    """The part of a tree that NEAR cannot have as an operand."""
    match node:
        case Term() | Group():
            return node if WHOLE.intersection(node.fields) else None
        case Or():
            odd = map(_not_an_operand, node.children)
            return next((found for found in odd if found is not None), None)
        case _:
            return node


def close_to(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    found = get_close_matches(name[:100], known[:10_000], n=1, cutoff=0.6)
    return found[0] if found else ""
