"""What the daemon found, read from its own database beside it, as `wirewatch hits` does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.demo.receivers import Run
from monitor.writer import Writer

if TYPE_CHECKING:
    from monitor.store import Store

_ENOUGH = 50


@dataclass(frozen=True, slots=True)
class Found:
    """An item with the hits on it: its title and pieces of its text with the matched words in
    bold, and which words each rule found. ``untold``: why nobody was told, or empty."""

    feed: str
    title: tuple[Run, ...]
    pieces: tuple[tuple[Run, ...], ...]
    rules: Mapping[str, tuple[str, ...]]
    untold: str


@dataclass(frozen=True, slots=True)
class FeedState:
    """How a feed is doing."""

    name: str
    state: str
    error: str
    failures: int
    items: int


class Looker:
    """Asks the daemon's database, in a thread of its own, and remembers what it was shown."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._thread = Writer()
        self._store: Store | None = None
        self._shown: set[str] = set()

    async def open(self) -> None:
        """Get ready to ask. The daemon must have made the database before the first question."""
        self._store = await asyncio.to_thread(_open, self._database)

    async def new_finds(self) -> list[Found]:
        """Items with hits that were not given before, oldest first."""
        rows = await self._thread(self._opened.hits, _ENOUGH)
        new = [row for row in reversed(rows) if row.id not in self._shown]
        self._shown.update(row.id for row in new)
        by_item: dict[str, list[Any]] = {}
        for row in new:
            by_item.setdefault(row.url, []).append(row)
        return [_found(same) for same in by_item.values()]

    async def feeds(self) -> list[FeedState]:
        """Every feed, by name."""
        counts = await self._thread(self._opened.feed_counts)
        return [
            FeedState(
                row.name, row.state, row.last_error, row.failures, counts.get(row.id, (0,))[0]
            )
            for row in await self._thread(self._opened.feeds)
        ]

    def close(self) -> None:
        """Let go of the database."""
        if self._store is not None:
            self._store.close()
        self._thread.close()

    @property
    def _opened(self) -> Store:
        assert self._store is not None  # noqa: S101 - open() comes first
        return self._store


def _open(database: Path) -> Store:
    from monitor.database import open_engine  # noqa: PLC0415 - takes seconds to import
    from monitor.store import Store  # noqa: PLC0415 - likewise

    return Store(open_engine(f"sqlite:///{database}", reader=True))


def _found(rows: Sequence[Any]) -> Found:
    matches = {row.rule: json.loads(row.match) for row in rows}
    spans = [span for match in matches.values() for span in match["spans"]]
    first = rows[0]
    summary = runs(first.summary, (span for span in spans if span["field"] == "summary"))
    return Found(
        feed=first.feed,
        title=runs(first.title, (span for span in spans if span["field"] == "title")),
        pieces=(summary,),
        rules={rule: tuple(match["terms"]) for rule, match in matches.items()},
        untold=first.untold,
    )


def runs(text: str, spans: Iterable[Mapping[str, Any]]) -> tuple[Run, ...]:
    """``text`` in runs, those that ``spans`` cover in bold."""
    covered: list[list[int]] = []
    for start, end in sorted((span["start"], span["end"]) for span in spans):
        if covered and start < covered[-1][1]:
            covered[-1][1] = max(covered[-1][1], end)
        else:
            covered.append([start, end])
    made, done = [], 0
    for start, end in covered:
        made += [Run(text[done:start]), Run(text[start:end], bold=True)]
        done = end
    return tuple(run for run in (*made, Run(text[done:])) if run.text)
