"""Listings: one row a line, in columns, for people in a terminal and for grep in a pipe.

In a terminal that is too narrow for all columns, those marked ``below`` go under their row, each on
lines of its own, so that names and ids stay whole. Piped, every row is one line, nothing is folded,
and matched words stand between asterisks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MATCH = "bold yellow"
"""The style of matched words."""
_GAP = 2
_ID = 23
"""So much of an id is unlike all others; `why` and `deliveries retry` take it as the whole."""


class Column(NamedTuple):
    """``below``: goes under the row where a terminal is narrow."""

    head: str
    right: bool = False
    below: bool = False


def short(identity: str) -> str:
    """An id as listings show it: its beginning in a terminal, whole in a pipe."""
    return identity[:_ID] if sys.stdout.isatty() else identity


def show(columns: Sequence[Column], rows: Iterable[Sequence[str | Text]]) -> None:
    """The listing on stdout; exits with a mistake where that cannot be written."""
    from monitor.cli.highlight import until_nobody_reads

    table = [[_clean(cell) for cell in row] for row in rows]
    with until_nobody_reads():
        if sys.stdout.isatty():
            _to_people(columns, table)
        else:
            _to_pipe(columns, table)


def next_step(sentence: str) -> None:
    """What to do about the listing, for people alone: to stderr, and not where it is piped."""
    if sys.stdout.isatty():
        typer.echo(sentence, err=True)


def _clean(cell: str | Text) -> Text:
    from rich.text import Text

    from alerts.text import clean, clean_with_offsets

    if isinstance(cell, str):
        return Text(clean(cell))
    places = [place for span in cell.spans for place in (span.start, span.end)]
    text, moved = clean_with_offsets(cell.plain, places)
    cleaned = Text(text, cell.style)
    for span in cell.spans:
        start, end = (moved.get(place, len(text)) for place in (span.start, span.end))
        cleaned.stylize(span.style, start, end)
    return cleaned


def _to_pipe(columns: Sequence[Column], table: list[list[Text]]) -> None:
    from rich.text import Text

    heads = [Text(column.head) for column in columns]
    lines = [[Text(_marked(cell)) for cell in row] for row in (heads, *table)]
    widths = _widths(lines)
    for line in lines:
        cells = map(_padded, columns, line, widths)
        sys.stdout.write((" " * _GAP).join(cell.plain for cell in cells).rstrip() + "\n")


def _marked(cell: Text) -> str:
    text = cell.plain
    for span in sorted(cell.spans, key=lambda span: span.start, reverse=True):
        if span.style == MATCH:
            text = f"{text[: span.start]}*{text[span.start : span.end]}*{text[span.end :]}"
    return text


def _to_people(columns: Sequence[Column], table: list[list[Text]]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    heads = [Text(column.head, "bold") for column in columns]
    widths = _widths([heads, *table])
    wide = sum(widths) + _GAP * (len(widths) - 1) <= console.width
    if wide:
        main, under = list(range(len(columns))), []
    else:
        main = [index for index, column in enumerate(columns) if not column.below]
        under = [index for index, column in enumerate(columns) if column.below]
    chosen = [columns[index] for index in main]
    room = _shrunk([widths[index] for index in main], console.width)
    for row in (heads, *table):
        _line(console, chosen, [row[index] for index in main], room)
        if row is not heads:
            _under(console, [row[index] for index in under])


def _line(
    console: Console, columns: Sequence[Column], cells: Sequence[Text], room: Sequence[int]
) -> None:
    """One row; a cell that is longer than its column goes on in the next line."""
    from rich.text import Text

    folded = [
        list(cell.wrap(console, width, overflow="fold")) or [Text()]
        for cell, width in zip(cells, room, strict=True)
    ]
    for index in range(max(map(len, folded))):
        pieces = [lines[index] if index < len(lines) else Text() for lines in folded]
        line = Text(" " * _GAP).join(map(_padded, columns, pieces, room))
        line.rstrip()
        console.print(line, soft_wrap=True)


def _under(console: Console, cells: Sequence[Text]) -> None:
    from rich.text import Text

    for cell in cells:
        if cell.plain:
            for line in cell.wrap(console, max(console.width - _GAP, 1), overflow="fold"):
                line.rstrip()
                console.print(Text(" " * _GAP) + line, soft_wrap=True)


def _padded(column: Column, cell: Text, width: int) -> Text:
    padded = cell.copy()
    missing = max(width - cell.cell_len, 0)
    if column.right:
        padded.pad_left(missing)
    else:
        padded.pad_right(missing)
    return padded


def _widths(rows: Sequence[Sequence[Text]]) -> list[int]:
    return [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]


def _shrunk(widths: list[int], available: int) -> list[int]:
    """The widths, the widest made narrower until the row fits."""
    while sum(widths) + _GAP * (len(widths) - 1) > available and max(widths) > 1:
        widest = widths.index(max(widths))
        widths = [*widths[:widest], widths[widest] - 1, *widths[widest + 1 :]]
    return widths
