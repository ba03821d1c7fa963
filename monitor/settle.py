"""What a poll leaves in its feed's row: validators, state, health, the next poll and why then.

Part of T1: what changes the row is called inside `monitor.record`'s transaction, or opens its own
where a poll brought no items.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Row

from monitor.config import Config, FeedConfig
from monitor.fetch import FetchFailed, ServerHints, Validators
from monitor.notices import tell
from monitor.parse import NotAFeed, Parsed, ParseFailed
from monitor.schedule import Bad, Good, NextPoll, Rhythm, next_poll
from monitor.store import Store

BROKEN_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The window is what it was: a 304, or a 200 with the body we had. ``by`` says which."""

    by: str


Answer = Parsed | Unchanged | NotAFeed | ParseFailed | FetchFailed


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll that ended: the feed's row as it was claimed, its configuration, the answer.

    ``validators`` are those to keep for next time (None: the server gave none); ``body_hash`` of
    the body they came with; both are ignored unless the answer is good.
    """

    row: Row[Any]
    feeds: tuple[FeedConfig, ...]
    answer: Answer
    status: int | None = None
    validators: Validators | None = None
    body_hash: bytes | None = None
    hints: ServerHints = ServerHints()
    moved_to: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What T1 wrote, for the log: counts, and when the next poll is and why."""

    outcome: str
    next: NextPoll
    items: int = 0
    new: int = 0
    edited: int = 0
    hits: int = 0
    queued: int = 0
    error: str = ""


def _rhythm(poll: Poll) -> Rhythm:
    """By the configuration: what the row says of ``every`` may be older than a reload. The
    shortest of several names for one URL counts."""
    every = min((feed.every for feed in poll.feeds if feed.every), default=None)
    return Rhythm(poll.row.id, every, timedelta(seconds=poll.row.interval_s))


@dataclass(frozen=True, slots=True)
class Settled:
    """A good poll's part for the feed's row, decided before the transaction. ``next``: when the
    feed is polled next, and why then."""

    poll: Poll
    next: NextPoll
    outcome: str


def after_items(
    poll: Poll,
    parsed: Parsed,
    known: Collection[str],
    now: datetime,
    *,
    republished: bool = False,
) -> Settled:
    """What a document leaves in the row. ``known`` are the keys of its items that were there
    before, under whatever key. ``republished``: what is new in it is old in substance, so that a
    window without known items is no gap."""
    good = Good(
        known=len(known),
        window=len(parsed.items),
        validators=poll.validators is not None,
        max_age=poll.hints.max_age,
        ttl=parsed.hints.ttl,
    )
    return Settled(poll, next_poll(_rhythm(poll), good, now), "ok")


def record_unchanged(
    store: Store, poll: Poll, answer: Unchanged, config: Config, now: datetime
) -> Recorded:
    """T1 of a poll that brought nothing."""
    good = Good(validators=poll.validators is not None, max_age=poll.hints.max_age)
    settled = Settled(poll, next_poll(_rhythm(poll), good, now), answer.by)
    with store.transaction():
        settle_good(store, settled, config, now)
    return Recorded(answer.by, settled.next)


def settle_good(store: Store, settled: Settled, config: Config, now: datetime) -> None:
    """Write it; called inside T1."""
    poll, after = settled.poll, settled.next
    row, kept = poll.row, poll.validators
    cut_first = isinstance(poll.answer, Parsed) and poll.answer.cut and row.last_good_at is None
    moved: dict[str, Any] = {"moved_to": None, "moved_times": 0, "moved_since": None}
    if poll.moved_to is not None:
        same = poll.moved_to == row.moved_to
        moved = {
            "moved_to": poll.moved_to,
            "moved_times": row.moved_times + 1 if same else 1,
            "moved_since": row.moved_since if same else now,
        }
    store.settle_feed(
        row.id,
        state="ok",
        # What a cut first document did not show is as old as what it did; a feed that is cut
        # every time is told of from its third poll on all the same.
        baselined_at=row.baselined_at or (None if cut_first else now),
        validators_url=kept.url if kept else None,
        etag=kept.etag if kept else None,
        last_modified=kept.last_modified if kept else None,
        body_hash=poll.body_hash if poll.body_hash is not None else row.body_hash,
        next_poll_at=after.at,
        next_poll_why=after.why,
        not_before=after.not_before,
        interval_s=int(after.interval.total_seconds()),
        last_good_at=now,
        last_status=poll.status,
        last_outcome=settled.outcome,
        last_error="",
        failures=0,
        failing_since=None,
        told_broken_at=None,
        **moved,
    )
    if row.told_broken_at is not None:
        name = poll.feeds[0].name
        tell(store, config, now, "feed_recovered", name, f"feed '{name}' works again")


def record_failure(
    store: Store,
    poll: Poll,
    answer: NotAFeed | ParseFailed | FetchFailed,
    config: Config,
    now: datetime,
) -> Recorded:
    row = poll.row
    state, outcome, error = _failure(answer)
    bad = _bad(answer, row.failures + 1)
    after = next_poll(_rhythm(poll), bad, now)
    since = row.failing_since or now
    broken = row.told_broken_at is None and (bad.gone or now - since >= BROKEN_AFTER)
    with store.transaction():
        store.settle_feed(
            row.id,
            state=state,
            next_poll_at=after.at,
            next_poll_why=after.why,
            not_before=after.not_before,
            last_status=poll.status,
            last_outcome=outcome,
            last_error=error,
            failures=bad.failures,
            failing_since=since,
            told_broken_at=now if broken else row.told_broken_at,
        )
        if broken:
            _tell_broken(store, poll, config, now, since=since, error=error, gone=bad.gone)
    return Recorded(outcome, after, error=error)


def _failure(answer: NotAFeed | ParseFailed | FetchFailed) -> tuple[str, str, str]:
    """(state, outcome, the sentence for people)"""
    match answer:
        case NotAFeed():
            return "not_a_feed", "not_a_feed", f"not a feed: {answer.looks_like}"
        case ParseFailed():
            return "failing", f"parse_{answer.kind}", answer.message
        case FetchFailed():
            return ("gone" if answer.kind == "gone" else "failing"), answer.kind, answer.message


def _bad(answer: NotAFeed | ParseFailed | FetchFailed, failures: int) -> Bad:
    if not isinstance(answer, FetchFailed):
        return Bad(failures)
    return Bad(
        failures,
        retry_at=answer.retry_at,
        rate_limited=answer.kind == "rate_limited",
        gone=answer.kind == "gone",
    )


def _tell_broken(
    store: Store,
    poll: Poll,
    config: Config,
    now: datetime,
    *,
    since: datetime,
    error: str,
    gone: bool,
) -> None:
    name = poll.feeds[0].name
    if gone:
        message = (
            f"feed '{name}' is gone for good (410) and is not polled any more; "
            f"remove it, or give it its new URL"
        )
        tell(store, config, now, "feed_gone", name, message)
        return
    message = (
        f"feed '{name}' has failed since {since:%Y-%m-%d %H:%M} UTC: {error}; "
        f"it is still tried, see: wirewatch feeds"
    )
    tell(store, config, now, "feed_broken", name, message)
