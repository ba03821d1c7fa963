"""Everything about one feed: what it is asked for, what it said, how its last polls went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from monitor.cli.common import console, due, print_json, when
from monitor.cli.feeds import STYLE, sparkline
from monitor.cli.listing import Column, show
from monitor.recent import PollNote, notes
from monitor.urls import redacted

if TYPE_CHECKING:
    from rich.text import Text
    from sqlalchemy.engine import Row

    from monitor.store import Store

_POLLS = (
    Column("poll"),
    Column("status", right=True),
    Column("outcome"),
    Column("items", right=True),
    Column("new", right=True),
    Column("took", right=True),
)
_EVENTS = (Column("event"), Column("what", below=True))
_LAST_EVENTS = 10
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Fact = dict[str, Any]


def tell_all(
    found: Sequence[tuple[Row[Any], Fact]], store: Store, now: datetime, *, as_json: bool
) -> None:
    """What is known about these feeds, to people or as JSON."""
    for row, fact in found:
        events = store.events_about(row.name, _LAST_EVENTS)
        polls = list(notes(row.recent_polls))
        if as_json:
            print_json([fact | _more(row) | _past(polls, events)])
        else:
            _show_facts(row, fact, now)
            _show_polls(polls, now)
            _show_events(events, now)


def _more(row: Row[Any]) -> Fact:
    from monitor.wishes import numbers

    return {
        "etag": _text(row.etag),
        "last_modified": _text(row.last_modified),
        "validators_lie": row.validators_lie,
        "moving_to": redacted(row.moved_to) if row.moved_to else None,
        "ttl": row.ttl_s,
        "sy_update": row.sy_s,
        "skip_hours": sorted(numbers(row.skip_hours)),
        "skip_days": sorted(numbers(row.skip_days)),
        "not_before": row.not_before,
        "slowed": row.slowed > 0,
        "rhythm": row.rhythm_s,
        "last_new": row.last_new_at,
        "gap_at": row.gap_at,
        "failing_since": row.failing_since,
        "held_until": row.held_until,
    }


def _past(polls: Sequence[PollNote], events: Sequence[Row[Any]]) -> Fact:
    return {
        "polls": [
            {
                "at": f"{poll.at:%Y-%m-%dT%H:%M:%SZ}",
                "status": poll.status,
                "outcome": poll.outcome,
                "items": poll.items,
                "new": poll.new,
                "took_ms": poll.took_ms,
            }
            for poll in polls
        ],
        "events": [
            {"at": f"{event.at:%Y-%m-%dT%H:%M:%SZ}", "event": event.name, "message": event.message}
            for event in events
        ],
    }


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _show_facts(row: Row[Any], fact: Fact, now: datetime) -> None:
    from rich.table import Table

    from alerts.text import clean

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _lines(row, fact, now):
        table.add_row(name, clean(value) if isinstance(value, str) else value)
    console().print(table)


def _lines(row: Row[Any], fact: Fact, now: datetime) -> Iterator[tuple[str, str | Text]]:
    from rich.text import Text

    state = fact["state"]
    yield "feed", fact["name"]
    yield "url", fact["url"]
    if fact["asked_url"]:
        yield "moved to", f"{fact['asked_url']}, and is asked there; write that into its url"
    if row.moved_to:
        times = f"{row.moved_times} {'time' if row.moved_times == 1 else 'times'}"
        yield "moving", f"{times} since {_at(row.moved_since)} to {redacted(row.moved_to)}"
    yield "state", Text(state, STYLE.get(state, "dim"))
    if row.failing_since:
        times = "once" if row.failures == 1 else f"{row.failures} times"
        yield "trouble", f"since {_at(row.failing_since)}, {times}: {row.last_error}"
    next_poll = due(fact["next_poll"], now) if fact["next_poll"] else "never"
    yield "next poll", f"{next_poll} · {fact['why']}" if fact["why"] else next_poll
    yield "last poll", _last_poll(row, now)
    yield from _rhythm(row, fact, now)
    yield from _said(row)


def _last_poll(row: Row[Any], now: datetime) -> str:
    if row.last_request_at is None:
        return "-"
    good = "" if not row.failures else f" · last good {when(row.last_good_at, now)}"
    return f"{when(row.last_request_at, now)} · {row.last_outcome or 'under way'}{good}"


def _rhythm(row: Row[Any], fact: Fact, now: datetime) -> Iterator[tuple[str, str]]:
    from monitor.health import roughly

    yield "items", f"{fact['items']}, the newest {when(fact['newest_item'], now)}"
    counts = fact["new_by_day"]
    yield "14 days", f"{sparkline(counts)} · {sum(counts)} new, {counts[-1]} of them today"
    if row.rhythm_s:
        longest = f", after at most {roughly(row.longest_s)} of late" if row.longest_s else ""
        yield "rhythm", f"brings something about every {roughly(row.rhythm_s)}{longest}"
    if row.gap_at:
        yield "gap", f"slid past its window {when(row.gap_at, now)}"
    if row.held_until and row.held_until > now:
        yield "held", f"republished: hits wait until {_at(row.held_until)}"


def _said(row: Row[Any]) -> Iterator[tuple[str, str]]:
    """What the server and the document said, as far as it decides anything."""
    if row.validators_lie:
        yield "validators", "not used: it answered 304 although it had changed"
    else:
        pair = (("ETag", row.etag), ("Last-Modified", row.last_modified))
        told = ", ".join(f"{name} {_text(value)}" for name, value in pair if value is not None)
        yield "validators", told or "none"
    wishes = ", ".join(_wishes(row))
    if wishes:
        yield "wishes", wishes
    if row.slowed:
        yield "slowed", "it answered 429 and is asked less often for a while"


def _wishes(row: Row[Any]) -> Iterator[str]:
    from monitor.schedule import period
    from monitor.wishes import numbers

    for name, seconds in (("ttl", row.ttl_s), ("sy:update", row.sy_s)):
        if seconds:
            yield f"{name} {period(timedelta(seconds=seconds))}"
    if row.skip_hours:
        yield f"skipHours {' '.join(map(str, sorted(numbers(row.skip_hours))))} GMT"
    if row.skip_days:
        yield f"skipDays {' '.join(_DAYS[day] for day in sorted(numbers(row.skip_days)))}"


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _show_polls(polls: Sequence[PollNote], now: datetime) -> None:
    if polls:
        typer.echo()
        show(_POLLS, [_poll(poll, now) for poll in polls])


def _poll(poll: PollNote, now: datetime) -> tuple[str, ...]:
    return (
        when(poll.at, now),
        _count(poll.status),
        poll.outcome,
        _count(poll.items),
        _count(poll.new),
        f"{poll.took_ms / 1000:.1f} s",
    )


def _count(value: int | None) -> str:
    return "" if value is None else str(value)


def _show_events(events: Sequence[Row[Any]], now: datetime) -> None:
    if events:
        typer.echo()
        show(_EVENTS, [(when(event.at, now), event.message) for event in events])
