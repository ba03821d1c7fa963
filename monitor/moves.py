"""Permanent redirects: when a feed is asked where it says it has moved. Pure.

One 301 proves little: hotel networks, expired domains and broken deployments send them. Three good
answers from the same place over a day do. The configured URL stays the feed's identity; a place
that fails for a day is given up again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

CONFIRMED_BY = 3
CONFIRMED_OVER = timedelta(days=1)
GIVEN_UP_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Move:
    """Where good answers came from lately, how many in a row, since when."""

    to: str | None = None
    times: int = 0
    since: datetime | None = None


STAYS = Move()


def seen(move: Move, to: str | None, now: datetime) -> Move:
    """The move after one more good answer, which came from ``to``; None: from where we asked."""
    if to is None:
        return STAYS
    if to != move.to or move.since is None:
        return Move(to, 1, now)
    return Move(to, move.times + 1, move.since)


def is_confirmed(move: Move, now: datetime) -> bool:
    """Whether the feed is to be asked there from now on."""
    return (
        move.since is not None and move.times >= CONFIRMED_BY and now - move.since >= CONFIRMED_OVER
    )
