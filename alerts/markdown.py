"""Markdown in which feed text is only ever text, for the services that read it each in its way.

Chose to escape every sign that any of their dialects knows, and to take the bold away where a
dialect would not see its end, instead of trusting that a title looks like a title.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from alerts.message import Run, Text, cut_text, text_of

_GLUE = "\u200b"  # a zero-width space: between a sign and the word it would make a mention of


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one service reads text: ``signs`` lose their meaning behind a backslash, what the
    pattern ``glued`` finds only when something invisible follows it. ``bold`` and ``loud`` stand
    around matched words, in text and in a title that is bold already."""

    signs: str
    glued: str = "(?!)"
    bold: str = "**"
    loud: str = "**"

    def escape(self, text: str) -> str:
        """The text, as text."""
        escaped = re.sub(f"([{re.escape(self.signs)}])", r"\\\1", text)
        return re.sub(f"({self.glued})", rf"\1{_GLUE}", escaped)

    def line(self, text: Text, limit: int, mark: str | None = None) -> str:
        """The runs as markup of at most ``limit`` code points, matched words marked."""
        sign = self.bold if mark is None else mark
        sign = sign if _can_be_marked(text) else ""
        shown = self._shown(sign)
        return "".join(map(shown, cut_text(text, limit, lambda run: len(shown(run)))))

    def words(self, text: str, limit: int) -> str:
        """Plain text as markup of at most ``limit`` code points."""
        return self.line((Run(text),), limit)

    def _shown(self, sign: str) -> Callable[[Run], str]:
        def shown(run: Run) -> str:
            text = self.escape(run.text)
            return f"{sign}{text}{sign}" if run.marked and text else text

        return shown


DISCORD = Dialect(signs="\\`*_~|>[]()#-<@:", loud="__")
"""Any sign may stand behind a backslash there; a title is bold, so its words are underlined."""

MATTERMOST = Dialect(signs="\\`*{}[]()#+-.!_>~|", glued=r"@(?=\S)|:(?=//|[\w+-]+:)")


def _can_be_marked(text: Text) -> bool:
    """Whether every dialect sees where the marks of each matched word begin and end: its ends are
    letters or digits, or nothing stands beside it."""
    whole = text_of(text)
    at = 0
    for run in text:
        start, at = at, at + len(run.text)
        if run.marked and not (
            _is_clear(run.text[:1], whole[max(start - 1, 0) : start])
            and _is_clear(run.text[-1:], whole[at : at + 1])
        ):
            return False
    return True


def _is_clear(end: str, beside: str) -> bool:
    return end.isalnum() or (not end.isspace() and not beside.strip())
