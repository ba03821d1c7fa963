"""Mistakes: what is wrong with a rule or a file, where, and what to write instead.

Every mistake of every rule and file is collected and told at once; nobody mends one typing
error only to be told of the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing an operator has to mend.

    ``line`` and ``column`` count from 1, in characters, within ``file`` where that is known,
    else within the expression itself. ``source`` is the text of that line, for the caret.
    ``rule`` names the rule, or ``@group`` the group, the expression belongs to; ``entry`` counts
    the entries of a group from 0. ``offset`` counts characters from the start of the expression
    and is what a reader of files needs to find line and column.
    """

    message: str
    hint: str = ""
    file: str = ""
    line: int = 1
    column: int = 1
    source: str = ""
    rule: str = ""
    entry: int | None = None
    offset: int = 0

    def at(self, file: str, line: int, column: int, source: str = "") -> Mistake:
        """The same mistake at its place in a file."""
        return replace(self, file=file, line=line, column=column, source=source)

    @property
    def headline(self) -> str:
        """``rules/leaders.yaml:7:18: expected a term after AND; write ...`` in one line."""
        told = f"{self.message}; {self.hint}" if self.hint else self.message
        place = f"{self.file}:{self.line}:{self.column}" if self.file else f"column {self.column}"
        return f"{place}: {told}"

    def __str__(self) -> str:
        if not self.source.strip():
            return self.headline
        begin = max(self.column - 1 - _SHOWN, 0)
        shown = self.source[begin : self.column - 1 + _SHOWN].rstrip()
        before = "".join("\t" if c == "\t" else " " for c in self.source[begin : self.column - 1])
        return f"{self.headline}\n    {shown}\n    {before}^"


_SHOWN = 100  # characters of a long line on either side of the caret


class RuleErrors(ValueError):  # noqa: N818 - it holds many
    """All mistakes of a rule set, in reading order."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))
