"""Remarks: what the linter may ask about, noted while an expression is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rules import text as words
from rules.expression import Leaf, Node, Pattern, Phrase, Term, Window, Word
from rules.tokens import Token, short


class Remark(NamedTuple):
    """What the linter may ask about, noted while reading."""

    message: str
    hint: str
    offset: int


class Names:
    """Notices capitalised words side by side, which may be a name without its quotes."""

    def __init__(self, expression: str, remarks: list[Remark]) -> None:
        self._expression = expression
        self._remarks = remarks
        self._run: list[Node] = []

    def add(self, token: Token, node: Node) -> None:
        written = token.written
        if not (
            written
            and isinstance(node, Term)
            and not (written.mark or written.quoted or written.inner.endswith("*"))
            and written.inner[:1].isupper()
        ):
            self.end()
        else:
            self._run.append(node)

    def end(self) -> None:
        if len(self._run) > 1:
            first, last = self._run[0], self._run[-1]
            name = " ".join(self._expression[first.start : last.end].split())
            self._remarks.append(
                Remark(
                    f"{short(name)} are {len(self._run)} terms, found anywhere in an item",
                    f'did you mean "{short(name)}"?',
                    first.start,
                )
            )
        self._run = []


def short_wildcards(leaf: Leaf) -> Iterator[Word]:
    """Words with a wildcard and so few letters that they find a great many words."""
    parts = leaf.parts if isinstance(leaf, Window) else (leaf,)
    for part in parts:
        if isinstance(part, Phrase):
            for word in part.words:
                if word.how != "is" and len(word.normal) < _FEW and not _is_telling(word):
                    yield word


def _is_telling(word: Word) -> bool:
    return words.is_dense(word.surface) or words.is_spaceless(word.surface)


_WHERE = {"begins": "begins with", "ends": "ends with", "contains": "contains", "is": "is"}
_FEW = 4


def short_wildcard(written: str, word: Word) -> tuple[str, str]:
    """What the linter says of it."""
    return (
        f"{short(written)} finds every word that {_WHERE[word.how]} {word.surface}",
        "write 4 letters or more if you can",
    )


_ASCII_ONLY = re.compile(r"(?<!\\)(?:\\\\)*(\\[bBwWdD])")


def odd_regex(written: str, pattern: Pattern) -> tuple[str, str] | None:
    """What the linter says of an expression that cannot find the letters it names."""
    letters = [c for c in pattern.pattern if not c.isascii() and c.isalpha()]
    found = _ASCII_ONLY.search(pattern.pattern)
    if letters and found:
        return (
            f"{found[1]} in {short(written)} knows ASCII only",
            "write \\pL for a letter and \\pN for a digit of every script",
        )
    gone = next((c for c in letters if words.normal(c) != c.casefold()), "")
    if gone and not pattern.cased:
        return (
            f"{short(written)} looks for {gone}, which the normalised text never holds",
            f"write {words.normal(gone)}, or {short(written)}c for the original text",
        )
    return None
