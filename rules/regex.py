"""Operators' regular expressions: RE2, so that no pattern and no text can make them hang."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

MOST_FOUND = 1_000
"""So many places of one expression in one text are looked at; the rest is not."""

_SURROGATE = re.compile("[\ud800-\udfff]")

_REFUSED = (
    ("(?=", "look-ahead"),
    ("(?!", "look-ahead"),
    ("(?<=", "look-behind"),
    ("(?<!", "look-behind"),
    ("(?P=", "a back-reference"),
    (r"\k", "a back-reference"),
    ("(?>", "an atomic group"),
    ("(?(", "a condition"),
    ("(?#", "a comment"),
)


class RegexError(ValueError):
    """The expression cannot be used; the text says why, without naming it."""


class Regex:
    """A compiled expression: `search` a text, or find all places."""

    __slots__ = ("_compiled",)

    def __init__(self, pattern: str, *, cased: bool) -> None:
        """Compile it.

        Raises:
            RegexError: RE2 refuses it, or it matches the empty text.
        """
        import re2  # noqa: PLC0415 - only rules with regexes need it, and it costs start-up time

        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = cased
        try:
            self._compiled: Any = re2.compile(_encodable(pattern), options)
        except re2.error as error:
            raise RegexError(_reason(pattern, error)) from None
        if any(self._finds_nothing(text) for text in ("", "a", "1", " ")):
            raise RegexError("matches the empty text, so it would match everywhere")

    def search(self, text: str) -> bool:
        """Is it there?"""
        return self._compiled.search(_encodable(text)) is not None

    def finditer(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of the first `MOST_FOUND` places that are not empty."""
        for found in islice(self._compiled.finditer(_encodable(text)), MOST_FOUND):
            if found.end() > found.start():
                yield found.start(), found.end()

    def _finds_nothing(self, text: str) -> bool:
        return any(found.start() == found.end() for found in self._compiled.finditer(text))


class RegexSet:
    """Many expressions that are looked for in one pass."""

    def __init__(self, patterns: Sequence[str], *, cased: bool) -> None:
        """Compile them; each was compiled alone before."""
        import re2  # noqa: PLC0415 - only rules with regexes need it, and it costs start-up time

        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = cased
        self._all = frozenset(range(len(patterns)))
        self._set: Any = re2.Set.SearchSet(options)
        try:
            for pattern in (*map(_encodable, patterns), ""):
                self._set.Add(pattern)
            self._set.Compile()
        except re2.error:  # too large together
            self._set = None

    def may_find(self, text: str) -> frozenset[int]:
        """The numbers of those that are there; of all of them where that cannot be told.

        RE2 gives nothing when its memory did not suffice: then not even the empty expression is
        found, which is in every text.
        """
        found = self._set.Match(_encodable(text)) if self._set else ()
        empty = len(self._all)
        return self._all.intersection(found) if empty in found else self._all


def _encodable(text: str) -> str:
    """Lone surrogates cannot be UTF-8; each becomes one other character."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _reason(pattern: str, error: Exception) -> str:
    """What is wrong, as the end of a sentence that begins with the expression."""
    raw = error.args[0] if error.args else b""
    told = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    kind, _, place = told.partition(": ")
    if kind in ("invalid perl operator", "invalid escape sequence"):
        feature = _refused_feature(pattern, place)
        if feature:
            return f"uses {feature}, which RE2 does not have"
    if kind == "invalid repetition size":
        return f"repeats more than 1000 times: {place}"
    if "too large" in told:
        return "is too large when its repetitions are written out"
    return f"is not a regular expression: {told}"


def _refused_feature(pattern: str, place: str) -> str:
    if place[:1] == "\\" and place[1:2].isdigit():
        return "a back-reference"
    begin = max(pattern.find(place), 0)
    at_place = (feature for spelling, feature in _REFUSED if pattern.startswith(spelling, begin))
    anywhere = (feature for spelling, feature in _REFUSED if spelling in pattern)
    return next(at_place, "") or next(anywhere, "")
