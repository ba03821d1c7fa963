"""What stands in every text that a regular expression matches: letters that can be looked for.

An expression is only run where these letters were found. They are runs of letters and digits of
scripts whose words are nothing but such runs, so that a run that stands in a text also stands in
its stream. Whatever is not understood here makes nothing certain.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rules import text as words

Literals = tuple[str, ...]
"""One of them must be there."""

_MOST_CLAUSES = 3
_MOST_LITERALS = 50
_DEEPEST = 50
_TELLING = 3  # letters a run must have; Han and Hangul characters count more

_REPEAT = re.compile(r"\{(\d+)(?:,\d*)?\}")
_GROUP = re.compile(r"\((?:\?(?:P?<\w+>|[imsU]*(?:-[imsU]+)?:))?(?!\?)")
_FLAGS = re.compile(r"\(\?[imsU]*(?:-[imsU]+)?\)")
_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:[pP](?:[A-Za-z]|\{\^?\w+\})|x(?:\{[0-9A-Fa-f]+\}|[0-9A-Fa-f]{2})|[0-7]{1,3}"
    r"|[dDwWsSbBAzCaftnrv])"
)
_CHARACTER = re.compile(r"\\([^\w\s])|([^\\()|*+?\[])")
_RUNS = re.compile(
    "[0-9a-z\u0430-\u045f\u0621-\u063a\u0641-\u064a]+|[\u4e00-\u9fff]+|[\uac00-\ud7a3]+"
)


_Runs = Callable[[str], list[str]]


def _folded_runs(letters: str) -> list[str]:
    """The runs of letters as they stand in a normalised text, whatever their case."""
    folded = (letter.casefold() for letter in letters)
    return _RUNS.findall("".join(one if _is_normal(one) else " " for one in folded))


def _cased_runs(letters: str) -> list[str]:
    """The runs of letters of an original text that are sure to be a run in its normal form too.

    Of other scripts a mark that follows in the text may make another letter of the last one.
    """
    sure = (one.lower() if one.isascii() or _is_han(one) else " " for one in letters)
    return _RUNS.findall("".join(one if _is_normal(one) else " " for one in sure))


def _is_normal(letter: str) -> bool:
    return len(letter) == 1 and words.normal(letter) == letter


def _is_han(letter: str) -> bool:
    return "\u4e00" <= letter <= "\u9fff"


def required(pattern: str, *, cased: bool) -> tuple[Literals, ...]:
    """Literals in normal form: of each tuple one is in the stream of every text that matches.

    ``cased``: the expression is run on the original text rather than on its normal form.
    """
    reader = _Reader(pattern, _cased_runs if cased else _folded_runs)
    try:
        found = reader.alternatives(0)
    except _UnknownError:
        return ()
    return found if reader.at == len(pattern) else ()


class _UnknownError(Exception):
    """Something is written that is not understood here."""


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, pattern: str, runs: _Runs) -> None:
        self._pattern = pattern
        self._runs = runs
        self.at = 0

    def alternatives(self, depth: int) -> tuple[Literals, ...]:
        """What each of the branches needs, up to the bracket that ends them."""
        if depth > _DEEPEST:
            raise _UnknownError
        branches = [self._branch(depth)]
        while self._next() == "|":
            self.at += 1
            branches.append(self._branch(depth))
        if len(branches) == 1:
            return branches[0]
        if not all(branches):
            return ()
        together = tuple(dict.fromkeys(one for branch in branches for one in branch[0]))
        return (together,) if len(together) <= _MOST_LITERALS else ()

    def _branch(self, depth: int) -> tuple[Literals, ...]:
        found: list[Literals] = []
        run = ""
        while self._next() not in ("", "|", ")"):
            piece, inner = self._piece(depth)
            least, repeated = self._repeated()
            if piece and least:
                run += piece
            if not piece or repeated:
                found += self._telling(run)
                run = piece if least else ""
            if least:
                found += inner
        found += self._telling(run)
        return tuple(sorted(dict.fromkeys(found), key=_weight, reverse=True))[:_MOST_CLAUSES]

    def _piece(self, depth: int) -> tuple[str, tuple[Literals, ...]]:
        """One character, or what a group needs; nothing for everything else."""
        for one in (_FLAGS, _CLASS, _ESCAPE):
            if self._take(one):
                return "", ()
        character = self._take(_CHARACTER)
        if character:
            return character[1] or character[2], ()
        if not self._take(_GROUP):
            raise _UnknownError
        inner = self.alternatives(depth + 1)
        if self._next() != ")":
            raise _UnknownError
        self.at += 1
        return "", inner

    def _repeated(self) -> tuple[bool, bool]:
        """Must what stands before be there, and may it be there more than once, or not?"""
        least, repeated = True, False
        while True:
            sign = self._next()
            counted = self._take(_REPEAT)
            if counted:
                least &= int(counted[1]) > 0
            elif sign and sign in "*+?":
                # After another repetition a question mark only asks for the shortest.
                least &= sign == "+" or (sign == "?" and repeated)
                self.at += 1
            else:
                return least, repeated
            repeated = True

    def _telling(self, run: str) -> list[Literals]:
        return [(one,) for one in self._runs(run) if _weight((one,)) >= _TELLING]

    def _next(self) -> str:
        return self._pattern[self.at : self.at + 1]

    def _take(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        found = expression.match(self._pattern, self.at)
        if found:
            self.at = found.end()
        return found


def _weight(literals: Literals) -> int:
    """How telling they are: the letters of the one that is least so."""
    return min(
        len(one) * (3 if _is_han(one[0]) else 2 if one[0] >= "\uac00" else 1) for one in literals
    )
