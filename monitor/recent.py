"""A feed's last polls, kept with the feed as one text of JSON, newest first.

Chose one text instead of a table of polls, because then a poll that brings nothing stays one
UPDATE; what is lost is searching them, which nobody does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

_MOST = 20
_BETWEEN = ",\n"


@dataclass(frozen=True, slots=True)
class PollNote:
    """One poll: when it began, how it ended. ``items`` and ``new`` are None where no document was
    read."""

    at: datetime
    status: int | None
    outcome: str
    items: int | None = None
    new: int | None = None
    took_ms: int = 0


def noted(recent: str, poll: PollNote) -> str:
    """The last polls with one more in front; of more than twenty the oldest goes."""
    line = json.dumps(
        (poll.at.isoformat(), poll.status, poll.outcome, poll.items, poll.new, poll.took_ms)
    )
    old = recent.strip("[]\n")
    if not old:
        return f"[\n{line}\n]"
    kept = recent[2:-2].split(_BETWEEN, _MOST - 1)[: _MOST - 1]
    return "[\n" + _BETWEEN.join((line, *kept)) + "\n]"


def notes(recent: str) -> Iterator[PollNote]:
    """What `noted` wrote, newest first."""
    for at, status, outcome, items, new, took_ms in json.loads(recent):
        yield PollNote(datetime.fromisoformat(at), status, outcome, items, new, took_ms)


def last_window(recent: str) -> int | None:
    """How many items the last document held that was read; None when none is remembered."""
    return next((note.items for note in notes(recent) if note.items is not None), None)
