"""What all questions share: the tables, a connection, one transaction at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection, Engine

from monitor.schedule import NEVER
from monitor.tables import (
    Attempt,
    ChannelState,
    Delivery,
    DeliveryHit,
    Event,
    Feed,
    Hit,
    Host,
    Item,
    Mute,
    Sighting,
    Story,
    StoryItem,
    Window,
)

feeds = Feed.__table__  # type: ignore[attr-defined] # SQLModel adds it at run time
hosts = Host.__table__  # type: ignore[attr-defined] # likewise
items = Item.__table__  # type: ignore[attr-defined] # likewise
sightings = Sighting.__table__  # type: ignore[attr-defined] # likewise
hits = Hit.__table__  # type: ignore[attr-defined] # likewise
attempts = Attempt.__table__  # type: ignore[attr-defined] # likewise
deliveries = Delivery.__table__  # type: ignore[attr-defined] # likewise
delivery_hits = DeliveryHit.__table__  # type: ignore[attr-defined] # likewise
channels = ChannelState.__table__  # type: ignore[attr-defined] # likewise
events = Event.__table__  # type: ignore[attr-defined] # likewise
mutes = Mute.__table__  # type: ignore[attr-defined] # likewise
windows = Window.__table__  # type: ignore[attr-defined] # likewise
stories = Story.__table__  # type: ignore[attr-defined] # likewise
story_items = StoryItem.__table__  # type: ignore[attr-defined] # likewise


_CHUNK = 500  # values in one IN (...): every database takes so many


class Questions:
    """The database, and the transaction that questions run in."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together, or not at all."""
        if self._connection is not None:
            yield
            return
        with self._engine.begin() as connection:
            self._connection = connection
            try:
                yield
            finally:
                self._connection = None

    def close(self) -> None:
        self._engine.dispose()

    def _run(
        self,
        statement: Any,
        rows: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    ) -> Any:
        assert self._connection is not None, "a question outside a transaction"  # noqa: S101 - a bug of ours, not input
        if rows is None:
            return self._connection.execute(statement)
        return self._connection.execute(statement, rows) if rows else None


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Values in parts that one question takes."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def put_off(at: datetime | None, since: datetime, now: datetime) -> datetime | None:
    """What was put off from ``since`` until ``at``, put off from ``now`` for as long. A time
    before ``since`` was not put off from then and stays."""
    return at if at is None or at >= NEVER or at < since else now + (at - since)


def tags_text(tags: Sequence[str]) -> str:
    """Tags as the database holds them."""
    return json.dumps(list(tags), ensure_ascii=False)
