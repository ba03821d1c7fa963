"""Lines in the terminal: a label, and text beside it that is wrapped to the terminal's width.

Colours where the terminal has them; where it has none, matched words stand between asterisks.
Nothing is written that the terminal's encoding cannot show without a replacement sign.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.text import Text

from monitor.demo.receivers import Run

_LABEL = 11
_NARROW = 50
_NARROWEST = 16


class Page(Console):
    """A console that goes on in silence, and says so to ``reader_left``, when nobody reads it any
    more (``wirewatch demo | head``), where rich would end the program in the middle."""

    reader_left: Callable[[], None]

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        self.reader_left()


class Tape:
    """Prints labelled lines. ``printed`` counts them, for the pace of reading."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.printed = 0
        self._plain = console.color_system is None or not console.is_terminal
        self._unicode = console.encoding.lower().startswith("utf")

    def sign(self, fine: str, plain: str) -> str:
        """``fine`` where the encoding has it, else ``plain``."""
        return fine if self._unicode else plain

    @property
    def dot(self) -> str:
        """What stands between two facts."""
        return self.sign(" · ", " - ")

    @property
    def narrow(self) -> bool:
        """There is no room beside the text: labels have lines of their own."""
        return self.console.width < _NARROW

    def blank(self) -> None:
        """An empty line."""
        self._print(Text())

    def rule(self, title: str) -> None:
        """A heading."""
        self.blank()
        self._print(Text(title, "bold"))

    def row(
        self, label: str, style: str, lines: Iterable[Text], *, bar: str = "", most: int = 99
    ) -> None:
        """``label`` beside the first of ``lines``; each is wrapped, at most ``most`` lines deep,
        and begins with ``bar``."""
        indent = 2 if self.narrow else _LABEL
        width = max(self.console.width - indent - len(bar), _NARROWEST)
        head = Text(f"{label:<{indent}}", style)
        if len(label) >= indent:  # narrow: the label has a line of its own
            self._print(Text(label, style))
            head = Text(" " * indent)
        for line in lines:
            for part in self._wrapped(line, width, most):
                self._print(Text.assemble(head, (bar, "dim"), part))
                head = Text(" " * indent)

    def _wrapped(self, line: Text, width: int, most: int) -> list[Text]:
        parts = list(line.wrap(self.console, width)) or [Text()]
        if len(parts) > most:
            parts = parts[:most]
            parts[-1] = self._cut(parts[-1], width)
        return parts

    def _cut(self, line: Text, width: int) -> Text:
        """``line`` with an ellipsis in place of its last word, or of its last letters."""
        line.rstrip()
        ellipsis = self.sign(" …", " ...")
        if line.cell_len + len(ellipsis) > width:
            space = line.plain.rfind(" ")
            line.truncate(width - len(ellipsis))
            if space > width // 2:
                line = line[:space]
        return line.append(ellipsis)

    def _print(self, line: Text) -> None:
        line.rstrip()
        self.console.print(line, soft_wrap=True, highlight=False)
        self.printed += 1

    def busy(self, what: str) -> AbstractContextManager[object]:
        """A sign of life while something takes its time; nothing where that cannot be erased."""
        if self._plain or not self._unicode:
            return nullcontext()
        return self.console.status(Text(what, "dim"), spinner_style="dim")

    def marked(self, runs: Iterable[Run], base: str = "", mark: str = "bold yellow") -> Text:
        """Runs of text, the bold ones so that they are seen."""
        text = Text(style=base)
        for run in runs:
            shown = f"*{run.text}*" if run.bold and self._plain else run.text
            text.append(shown, mark if run.bold else "")
        return text
