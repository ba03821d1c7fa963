"""What people read: matched words in colour in a terminal, between asterisks where it is piped."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import typer

from monitor.cli.common import fail

if TYPE_CHECKING:
    from rich.text import Text as Coloured

    from alerts.message import Text
    from rules import Document, Span

_LONGEST_TITLE = 300
_NARROWEST = 20  # columns that text is given whatever the terminal says
_AROUND = ("summary", "content", "author", "source", "url")
_STYLES = {
    "": "",
    "match": "bold yellow",
    "name": "bold",
    "aside": "dim",
    "true": "green",
    "false": "red",
}


class Ink(NamedTuple):
    """A piece of a line and how it looks: a key of `_STYLES`. The text is clean."""

    text: str
    style: str = ""


class Paper:
    """Lines on stdout, each whole at once: coloured for a terminal, plain elsewhere."""

    def __init__(self) -> None:
        self._console = None
        if sys.stdout.isatty():
            from rich.console import Console

            self._console = Console(highlight=False, markup=False, soft_wrap=True)

    @property
    def width(self) -> int:
        """How many columns there are; of what is not a terminal the usual 80."""
        return max(self._console.width, _NARROWEST) if self._console else 80

    def line(self, *pieces: Ink) -> None:
        """One line; matched words are marked."""
        if self._console is None:
            sys.stdout.write("".join(map(_plain, pieces)) + "\n")
        else:
            self._console.print(_coloured(pieces))

    def paragraph(self, indent: int, *pieces: Ink, hang: int = 2) -> None:
        """A line that may be long, after ``indent`` spaces; a terminal is sent as many lines as
        it takes, cut between words, all but the first ``hang`` spaces further in."""
        if self._console is None:
            self.line(Ink(" " * indent), *pieces)
            return
        from rich.text import Text as Coloured

        width = max(self.width - indent - hang, _NARROWEST)
        begin = " " * indent
        text = _coloured(pieces)
        for line in text.divide(_line_ends(text.plain, width)):
            line.rstrip()
            self._console.print(Coloured(begin).append_text(line))
            begin = " " * (indent + hang)


_WIDE = r"\u2e80-\ua4cf\uf900-\ufaff\uff00-\uffef"
_STEP = re.compile(rf"\s+|[{_WIDE}]|[^\s{_WIDE}]+")
"""What stays on one line: a word, or one character of scripts without spaces."""


def _line_ends(text: str, width: int) -> list[int]:
    """Where to cut a text so that no line takes more columns; a word only if it takes more."""
    from rich.cells import cell_len, chop_cells

    ends: list[int] = []
    column = 0
    for found in _STEP.finditer(text):
        size = cell_len(found[0])
        if column + size > width and not found[0].isspace():
            end = found.start()
            if column:
                ends.append(end)
            *full, last = chop_cells(found[0], width)
            for piece in full:
                end += len(piece)
                ends.append(end)
            column, size = 0, cell_len(last)
        column += size
    return ends


def _coloured(pieces: Iterable[Ink]) -> Coloured:
    from rich.text import Text as Coloured

    return Coloured.assemble(*((piece.text, _STYLES[piece.style]) for piece in pieces))


def _plain(piece: Ink) -> str:
    return f"*{piece.text}*" if piece.style == "match" else piece.text


def headline(document: Document, spans: Collection[Span]) -> list[Ink]:
    """The title with its matched words marked; of a long one, or where there is none, a piece."""
    from alerts.text import clean, cut

    if document.title.strip() and len(document.title) <= _LONGEST_TITLE:
        return _inks(_marked(document.title, "title", spans))
    if document.title.strip():
        found = _pieces({"title": document.title}, spans, most=1)
        return found[0][1] if found else [Ink(cut(clean(document.title), _LONGEST_TITLE))]
    if any(span.field in _AROUND for span in spans):
        return [Ink("(no title)", "aside")]
    text = document.summary if document.summary.strip() else document.content
    return [Ink("(no title) ", "aside"), Ink(cut(clean(text), 80))]


def excerpts(document: Document, spans: Collection[Span]) -> list[tuple[str, list[Ink]]]:
    """(field, piece of it) around matched words, the title's left out."""
    return _pieces({name: getattr(document, name) for name in _AROUND}, spans, most=3)


def pieces(
    given: Iterable[tuple[str, str, Sequence[Span]]],
) -> list[tuple[str, list[Ink]]]:
    """(field, piece of it) of pieces that were cut out before, with spans of their own."""
    return [(field, _inks(_marked(text, field, spans))) for field, text, spans in given]


def _pieces(
    texts: dict[str, str], spans: Collection[Span], *, most: int
) -> list[tuple[str, list[Ink]]]:
    from alerts.excerpts import excerpts_of

    found = excerpts_of(texts, spans, skip=(), most=most)
    return [(piece.field, _inks(_marked(piece.text, piece.field, piece.spans))) for piece in found]


def _marked(text: str, field: str, spans: Iterable[object]) -> Text:
    from alerts import Span
    from alerts.message import marked

    places = (Span(s.field, s.start, s.end, s.term) for s in spans)  # type: ignore[attr-defined] # either package's spans
    return marked(text, (span for span in places if span.field == field))


def _inks(text: Text) -> list[Ink]:
    return [Ink(run.text, "match" if run.marked else "") for run in text]


@contextmanager
def until_nobody_reads() -> Iterator[None]:
    """End without a traceback whatever becomes of our output: quietly when whoever reads it
    leaves, as ``| head`` does, with 130 on Ctrl-C, with a message when it cannot be written."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _write_no_more()
        raise typer.Exit from None
    except OSError as error:
        _write_no_more()
        fail(f"the output cannot be written: {error.strerror}")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _write_no_more() -> None:
    """What is still held back would fail again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
