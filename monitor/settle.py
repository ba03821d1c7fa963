"""What a poll leaves in its feed's row: validators, state, health, the next poll and why then.

Part of T1. What is to be written is decided first, as a `Settled`; `settle_all` and
`record_failure` write it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Row

from monitor import health, moves
from monitor.config import Config, FeedConfig
from monitor.fetch import FetchFailed, ServerHints, Validators
from monitor.health import Notice
from monitor.item import FeedHints, Item
from monitor.moves import Move
from monitor.notices import tell
from monitor.parse import NotAFeed, Parsed, ParseFailed
from monitor.recent import PollNote, last_window, noted
from monitor.schedule import Bad, Good, NextPoll, Rhythm, is_on_time, next_poll
from monitor.store import Store
from monitor.urls import BadUrl, host_of, redacted
from monitor.wishes import Wishes, bits, remembered

_LONGEST_ANSWER = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The window is what it was: a 304, or a 200 with the body we had. ``by`` says which."""

    by: str


Failure = NotAFeed | ParseFailed | FetchFailed
Answer = Parsed | Unchanged | Failure


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll that ended: the feed's row as it was claimed, its configuration, the answer.

    ``validators`` are those to keep for next time (None: the server gave none); ``body_hash`` of
    the body they came with; both are ignored unless the answer is good. ``began``: when it was
    asked, ``answered_at``: when the head of the answer came. ``probe``: it was asked without the
    validators that we have. ``bridged``: older pages were read until an item that was known.
    ``host_free_at``: when the host's next request may start.
    """

    row: Row[Any]
    feeds: tuple[FeedConfig, ...]
    answer: Answer
    status: int | None = None
    validators: Validators | None = None
    body_hash: bytes | None = None
    hints: ServerHints = ServerHints()
    moved_to: str | None = None
    began: datetime | None = None
    answered_at: datetime | None = None
    probe: bool = False
    bridged: bool = False
    host_free_at: datetime | None = None

    @property
    def name(self) -> str:
        """The feed's name for people."""
        return self.feeds[0].name


@dataclass(frozen=True, slots=True)
class Recorded:
    """What T1 wrote, for the log: counts, and when the next poll is and why. ``again``: entries
    with a new key that are items known before; ``held``: hits that wait for the operator;
    ``waiting``: alerts that wait for a throttle, quiet hours, a digest's time or a mute."""

    outcome: str
    next: NextPoll
    items: int = 0
    new: int = 0
    again: int = 0
    edited: int = 0
    hits: int = 0
    held: int = 0
    queued: int = 0
    waiting: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """A good poll's part for the feed's row, decided before the transaction. ``next``: when the
    feed is polled next, and why then. ``told``: what operators are told of it."""

    poll: Poll
    next: NextPoll
    outcome: str
    values: dict[str, Any]
    told: tuple[Notice, ...] = ()


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
    new = [item for item in parsed.items if item.key not in known]
    gap = None if republished else _gap(poll, parsed, len(new), now)
    lies = _is_lying(poll, new)
    wishes = _wishes(parsed.hints)
    good = Good(
        known=len(parsed.items) - len(new),
        window=len(parsed.items),
        max_age=poll.hints.max_age,
        gap=gap is not None,
    )
    values = _wishes_kept(parsed.hints) | _rhythm_kept(poll, bool(new), now)
    values |= {"validators_lie": lies, "unchanged_since": None}
    told = []
    if gap is not None:
        values["gap_at"] = now
    if lies and not poll.row.validators_lie:
        told.append(Notice("validators_lie", _lies_told(poll.name)))
    if new and poll.row.told_stale_at is not None:
        told.append(Notice("feed_recovered", f"feed '{poll.name}' brings news again"))
    after = next_poll(_rhythm(poll, now, wishes, lies=lies), good, _since(poll, now))
    if gap is not None and _is_worth_telling(gap, poll, now):
        told.append(
            Notice("gap", health.gap_told(poll.name, gap, len(parsed.items), why=after.why))
        )
    note = PollNote(_began(poll, now), poll.status, "ok", len(parsed.items), len(new))
    return _settled(poll, after, note, values, tuple(told), now)


def after_unchanged(poll: Poll, answer: Unchanged, now: datetime) -> Settled:
    """What an answer that brought nothing leaves in the row."""
    row = poll.row
    since = row.unchanged_since or now if answer.by == "not_modified" else row.unchanged_since
    good = Good(max_age=poll.hints.max_age)
    after = next_poll(_rhythm(poll, now, _remembered(row)), good, _since(poll, now))
    note = PollNote(_began(poll, now), poll.status, answer.by)
    return _settled(poll, after, note, {"unchanged_since": since}, (), now)


def record_unchanged(
    store: Store, poll: Poll, answer: Unchanged, config: Config, now: datetime
) -> Recorded:
    """T1 of a poll that brought nothing."""
    settled = after_unchanged(poll, answer, now)
    settle_all(store, [settled], config, now)
    return Recorded(answer.by, settled.next)


def settle_all(store: Store, settled: Sequence[Settled], config: Config, now: datetime) -> None:
    """Write what several polls leave, in one transaction."""
    with store.transaction():
        store.release_hosts({one.poll.row.host: _free(one.poll, now) for one in settled})
        store.settle_feeds((one.poll.row.id, one.values) for one in settled)
        for one in settled:
            _tell(store, one, config, now)


def _free(poll: Poll, now: datetime) -> datetime:
    return poll.host_free_at or now


def settle_good(store: Store, settled: Settled, config: Config, now: datetime) -> None:
    """Write it; called inside T1."""
    settle_all(store, [settled], config, now)


def _tell(store: Store, settled: Settled, config: Config, now: datetime) -> None:
    poll = settled.poll
    for notice in settled.told:
        tell(store, config, now, notice.name, poll.name, notice.message)
    if poll.row.told_broken_at is not None:
        _tell_recovered(store, poll, config, now)


def _settled(
    poll: Poll,
    after: NextPoll,
    note: PollNote,
    values: dict[str, Any],
    told: tuple[Notice, ...],
    now: datetime,
) -> Settled:
    """The row after any good poll."""
    row = poll.row
    moved, notices = _moves_kept(poll, now)
    lies = values.get("validators_lie", row.validators_lie)
    kept = None if lies else poll.validators
    cut_first = isinstance(poll.answer, Parsed) and poll.answer.cut and row.last_good_at is None
    common = {
        "state": health.state_of_good(
            now,
            stale=values.get("told_stale_at", row.told_stale_at) is not None,
            gap_at=values.get("gap_at", row.gap_at),
            moved=moved["moved_to"] is not None,
            validators_lie=lies,
        ),
        # What a cut first document did not show is as old as what it did; a feed that is cut
        # every time is told of from its third poll on all the same.
        "baselined_at": row.baselined_at or (None if cut_first else now),
        "validators_url": kept.url if kept else None,
        "etag": kept.etag if kept else None,
        "last_modified": kept.last_modified if kept else None,
        "body_hash": poll.body_hash if poll.body_hash is not None else row.body_hash,
        "probed_at": now if poll.probe else row.probed_at,
        "last_good_at": now,
        "last_new_at": row.last_new_at or now,
        "last_error": "",
        "failures": 0,
        "failing_since": None,
        "told_broken_at": None,
        "told_together": False,
        "interval_s": int(after.interval.total_seconds()),
    }
    values = _changed(row, common | moved | values) | _next_kept(poll, after, note, now)
    return Settled(poll, after, note.outcome, values, (*told, *notices))


def _changed(row: Row[Any], values: dict[str, Any]) -> dict[str, Any]:
    """What is not in the row already: of an unchanged poll hardly anything."""
    known = row._mapping
    return {name: value for name, value in values.items() if value != known[name]}


def _next_kept(poll: Poll, after: NextPoll, note: PollNote, now: datetime) -> dict[str, Any]:
    """What every poll leaves, good or bad."""
    return {
        "next_poll_at": after.at,
        "next_poll_why": after.why,
        "last_status": poll.status,
        "last_outcome": note.outcome,
        "not_before": after.not_before,
        "slowed": after.slowed,
        "recent_polls": noted(poll.row.recent_polls, _timed(note, now)),
    }


def _timed(note: PollNote, now: datetime) -> PollNote:
    took = max(0, round((now - note.at) / timedelta(milliseconds=1)))
    return PollNote(note.at, note.status, note.outcome, note.items, note.new, took)


def _began(poll: Poll, now: datetime) -> datetime:
    return poll.began or now


def _since(poll: Poll, now: datetime) -> datetime:
    """From when pauses count: from the answer, which the server gave after it saw our request, so
    that it never sees two closer than promised. From now, where the clock stepped meanwhile."""
    answered = poll.answered_at
    if answered is None or not timedelta() <= now - answered <= _LONGEST_ANSWER:
        return now
    return answered


def _rhythm(poll: Poll, now: datetime, wishes: Wishes, *, lies: bool = False) -> Rhythm:
    """By the configuration: what the row says of ``every`` may be older than a reload. The
    shortest of several names for one URL counts. Validators that lie are none."""
    row = poll.row
    interval = timedelta(seconds=row.interval_s)
    good = isinstance(poll.answer, Parsed | Unchanged)
    given = poll.validators if good else row.validators_url
    every = [feed.every for feed in poll.feeds if feed.every is not None]
    return Rhythm(
        row.id,
        every=min(every) if every else None,
        interval=interval,
        validators=given is not None and not (lies or row.validators_lie),
        wishes=wishes,
        slowed=row.slowed,
        on_time=is_on_time(row.last_request_at, interval, _began(poll, now)),
    )


def _wishes(hints: FeedHints) -> Wishes:
    return Wishes(hints.ttl, hints.sy, hints.skip_hours, hints.skip_days)


def _wishes_kept(hints: FeedHints) -> dict[str, Any]:
    return {
        "ttl_s": _seconds(hints.ttl),
        "sy_s": _seconds(hints.sy),
        "skip_hours": bits(hints.skip_hours),
        "skip_days": bits(hints.skip_days),
    }


def _remembered(row: Row[Any]) -> Wishes:
    """What the feed's last document wished."""
    return remembered(row.ttl_s, row.sy_s, row.skip_hours, row.skip_days)


def _rhythm_kept(poll: Poll, brought: bool, now: datetime) -> dict[str, Any]:
    """The feed's rhythm after a poll that brought something."""
    row = poll.row
    if not brought:
        return {}
    kept: dict[str, Any] = {"last_new_at": now, "told_stale_at": None}
    if row.last_new_at is not None and now > row.last_new_at:
        pause = now - row.last_new_at
        kept["rhythm_s"] = _seconds(health.rhythm_after(_span(row.rhythm_s), pause))
        kept["longest_s"] = _seconds(health.longest_after(_span(row.longest_s), pause))
    return kept


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _is_lying(poll: Poll, new: list[Item]) -> bool:
    row = poll.row
    if row.validators_lie or not poll.probe:
        return bool(row.validators_lie)
    old = Validators(row.validators_url, row.etag, row.last_modified)
    return health.hid_news(new, row.last_good_at, same_validators=poll.validators == old)


def _lies_told(name: str) -> str:
    return (
        f"feed '{name}' answered 304 although it had changed: it is asked without validators from "
        f"now on, at most hourly unless its every says otherwise"
    )


def _gap(poll: Poll, parsed: Parsed, new: int, now: datetime) -> health.Gap | None:
    """None where a known item is left, where the feed had none before, where it holds its whole
    history, and where older pages led back to a known item."""
    row = poll.row
    if new < len(parsed.items) or not parsed.items or row.baselined_at is None:
        return None
    if parsed.hints.complete or poll.bridged or not last_window(row.recent_polls):
        return None
    return health.gap_in(parsed.items, row.last_good_at, now)


def _is_worth_telling(gap: health.Gap, poll: Poll, now: datetime) -> bool:
    """Not when hardly anything can be missing, nor again while one gap follows the other: a feed
    that is always too fast for us would tell of nothing else."""
    last = poll.row.gap_at
    return gap.missing != 0 and (last is None or now - last >= health.GAP_TOLD_AGAIN)


def _moves_kept(poll: Poll, now: datetime) -> tuple[dict[str, Any], list[Notice]]:
    """Where the feed is asked, after a good answer."""
    row = poll.row
    move = moves.seen(Move(row.moved_to, row.moved_times, row.moved_since), poll.moved_to, now)
    told: list[Notice] = []
    asked = row.asked_url
    if move.to is not None and moves.is_confirmed(move, now):
        asked = None if move.to == row.url else move.to
        told.append(Notice("feed_moved", _move_told(poll.name, asked)))
        move = moves.STAYS
    kept = {
        "moved_to": move.to,
        "moved_times": move.times,
        "moved_since": move.since,
        "asked_url": asked,
    }
    if asked != row.asked_url:
        kept["host"] = asked_host(row.url, asked, row.host)
    return kept, told


def asked_host(url: str, asked_url: str | None, host: str) -> str:
    """The host whose turn it is when the feed is asked; ``host`` where the URL has none."""
    try:
        return host_of(asked_url or url)
    except BadUrl:
        return host


def _move_told(name: str, asked: str | None) -> str:
    if asked is None:
        return f"feed '{name}' has moved back: it is asked at its configured URL again"
    return (
        f"feed '{name}' has moved for good to {redacted(asked)} and is asked there from now on; "
        f"write that into its url, and it keeps its history"
    )


def _tell_recovered(store: Store, poll: Poll, config: Config, now: datetime) -> None:
    """One by one; of feeds that were told of together once, when few of these are left."""
    if not poll.row.told_together:
        message = f"feed '{poll.name}' works again"
        tell(store, config, now, "feed_recovered", poll.name, message)
        return
    left = store.told_together(poll.row.told_broken_at)
    if len(left) < health.MANY:
        store.tell_apart([row.id for row in left])
        names = ", ".join(f"'{row.name}'" for row in left)
        still = f"; still broken: {names}" if left else ""
        at = f"{poll.row.failing_since:%Y-%m-%d %H:%M} UTC"
        message = f"the feeds that broke together at about {at} work again{still}"
        tell(store, config, now, "feeds_recovered", "feeds", message)


def record_failure(
    store: Store, poll: Poll, answer: Failure, config: Config, now: datetime
) -> Recorded:
    """T1 of a poll that gave nothing usable."""
    row = poll.row
    outcome, error = _failure(answer)
    since = row.failing_since or now
    returns = row.asked_url is not None and _gives_up(answer, since, now)
    state = health.state_of_failed(answer)
    gone = state == "gone" and row.asked_url is None
    bad = Bad(
        1 if returns else row.failures + 1,
        status=poll.status,
        retry_at=answer.retry_at if isinstance(answer, FetchFailed) else None,
        gone=gone,
    )
    after = next_poll(_rhythm(poll, now, _remembered(row)), bad, _since(poll, now))
    note = PollNote(_began(poll, now), poll.status, outcome)
    values = _next_kept(poll, after, note, now) | {
        "state": "failing" if state == "gone" and not gone else state,
        "last_error": error,
        "failures": row.failures + 1,
        "failing_since": since,
        "told_broken_at": now if gone else row.told_broken_at,
        "probed_at": now if poll.probe else row.probed_at,
    }
    with store.transaction():
        store.release_host(row.host, _free(poll, now))
        if returns:
            values |= {"asked_url": None, "host": asked_host(row.url, None, row.host)}
            tell(store, config, now, "feed_moved_back", poll.name, _return_told(poll.name, error))
        store.settle_feed(row.id, **values)
        _block_host(store, poll, answer)
        if gone and row.told_broken_at is None:
            tell(store, config, now, "feed_gone", poll.name, _gone_told(poll.name))
    return Recorded(outcome, after, error=error)


def _gives_up(answer: Failure, since: datetime, now: datetime) -> bool:
    """Whether a feed is no longer asked where it had moved to."""
    return health.state_of_failed(answer) == "gone" or now - since >= moves.GIVEN_UP_AFTER


def _return_told(name: str, error: str) -> str:
    return (
        f"feed '{name}' fails where it had moved to ({error}): it is asked at its configured URL "
        f"again"
    )


def _gone_told(name: str) -> str:
    return (
        f"feed '{name}' is gone for good (410) and is not polled any more; remove it, give it its "
        f"new URL, or try it again with: wirewatch feeds revive {name}"
    )


def _block_host(store: Store, poll: Poll, answer: Failure) -> None:
    """A server that says when to come back says so for all its feeds."""
    if isinstance(answer, FetchFailed) and answer.kind == "rate_limited" and answer.retry_at:
        store.block_host(asked_host(answer.url, None, poll.row.host), answer.retry_at)


def _failure(answer: Failure) -> tuple[str, str]:
    """(outcome, the sentence for people)"""
    match answer:
        case NotAFeed():
            return "not_a_feed", f"not a feed: {answer.looks_like}"
        case ParseFailed():
            return f"parse_{answer.kind}", answer.message
        case FetchFailed():
            return answer.kind, answer.message
