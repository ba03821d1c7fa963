"""When to poll and when to send: pure functions of the past, given ``now``.

What decides about a poll, first that applies: the server's Retry-After and 410; failure back-off;
max-age; the operator's ``every``; else the adaptive interval, which missing validators and the
feed's own wishes (ttl, sy, skipHours, skipDays) only lengthen. Jitter is deterministic by feed and
only adds, so that no promise of spacing is ever broken by it. What decided is said for people.

Deliveries follow the Standard Webhooks schedule (75 h 35 min in ten attempts) unless their channel
sets its own ``retry``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from http import HTTPStatus

from monitor.wishes import CAP, Wishes, unskipped

DEFAULT_INTERVAL = timedelta(minutes=15)
SHORTEST = timedelta(minutes=5)
LONGEST = timedelta(minutes=60)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_SUSPENDED = timedelta(days=30)
_JITTER_SHARE = 0.1
_JITTER_CAP = timedelta(minutes=30)

STANDARD_PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)

_AFTER_503 = timedelta(hours=1)
"""The least pause after a 503 that does not say when to come back."""

_SLOWED = (
    timedelta(),
    *[timedelta(hours=1)] * 4,
    timedelta(days=1),
    timedelta(days=2),
    timedelta(days=7),
)
"""The least pause by how much a feed is slowed; each good poll takes one step back."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is known about a feed's rhythm before this poll. ``every``: the operator's interval.
    ``validators``: it offers some. ``on_time``: this poll came about when it was to come; of
    another one the share of known items says nothing about the feed."""

    feed_id: str
    every: timedelta | None = None
    interval: timedelta = DEFAULT_INTERVAL
    validators: bool = True
    wishes: Wishes = Wishes()
    slowed: int = 0
    on_time: bool = True


@dataclass(frozen=True, slots=True)
class Good:
    """A poll that worked. ``known`` of ``window`` items were seen before; a 304 is all known.
    ``gap``: none was, though some should have been."""

    known: int = 1
    window: int = 1
    max_age: timedelta | None = None
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Bad:
    """A poll that failed for the ``failures``-th time in a row, with this status if any."""

    failures: int
    status: int | None = None
    retry_at: datetime | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class NextPoll:
    """When, why then (for people), and the adaptive interval and slowness from now on.
    ``not_before``: what the server itself promised or asked for."""

    at: datetime
    why: str
    interval: timedelta
    not_before: datetime | None = None
    slowed: int = 0


def next_poll(rhythm: Rhythm, outcome: Good | Bad, now: datetime) -> NextPoll:
    """When to poll next, and why then. ``now`` is when the server answered."""
    match outcome:
        case Good():
            return _after_good(rhythm, outcome, now)
        case Bad():
            return _after_bad(rhythm, outcome, now)


def _after_good(rhythm: Rhythm, good: Good, now: datetime) -> NextPoll:
    interval = _interval(rhythm, good)
    pause, why = usual_pause(rhythm, interval)
    not_before = None
    if good.max_age is not None:
        fresh = min(good.max_age, CAP)
        not_before = now + fresh
        if fresh > pause:
            pause, why = fresh, f"max-age {int(good.max_age.total_seconds())}"
    if _SLOWED[rhythm.slowed] > pause:
        pause = _SLOWED[rhythm.slowed]
        why = f"slowed after 429, {period(pause)}"
    at = now + pause + jitter(rhythm.feed_id, pause)
    if rhythm.every is None:
        at, why = _unskipped(rhythm, at, why, now)
    return NextPoll(at, why, interval, not_before, max(0, rhythm.slowed - 1))


def _interval(rhythm: Rhythm, good: Good) -> timedelta:
    if good.gap:
        return SHORTEST
    if not rhythm.on_time:
        return rhythm.interval
    return adapted(rhythm.interval, good.known, good.window)


def usual_pause(rhythm: Rhythm, interval: timedelta) -> tuple[timedelta, str]:
    """Between two polls when no answer says otherwise, and why so long."""
    if rhythm.every is not None:
        return rhythm.every, f"every {period(rhythm.every)}"
    pause, why = interval, f"adaptive {period(interval)}"
    if not rhythm.validators and pause < LONGEST:
        pause, why = LONGEST, f"no validators, {period(LONGEST)}"
    for name, wish in (("ttl", rhythm.wishes.ttl), ("sy:update", rhythm.wishes.sy)):
        if wish is not None and pause < min(wish, CAP):
            pause, why = min(wish, CAP), f"{name} {period(wish)}"
    return pause, why


def _unskipped(rhythm: Rhythm, at: datetime, why: str, now: datetime) -> tuple[datetime, str]:
    moment, skipped = unskipped(at, rhythm.wishes, now)
    if not skipped:
        return at, why
    return moment + jitter(rhythm.feed_id, moment - now), skipped


def adapted(interval: timedelta, known: int, window: int) -> timedelta:
    """The adaptive interval after a poll: 10 minutes longer when two thirds of the window were
    known, half as long when under a third were, between 5 and 60 minutes."""
    share = known / window if window else 1.0
    if share >= 2 / 3:
        interval += timedelta(minutes=10)
    elif share < 1 / 3:
        interval /= 2
    return max(SHORTEST, min(interval, LONGEST))


def is_on_time(last_request_at: datetime | None, interval: timedelta, now: datetime) -> bool:
    """Whether a poll comes about when it was to come: a first one does not, nor one after the
    daemon stood still, nor one that somebody asked for."""
    return last_request_at is not None and interval / 2 <= now - last_request_at <= interval * 2


def _after_bad(rhythm: Rhythm, bad: Bad, now: datetime) -> NextPoll:
    if bad.gone:
        return NextPoll(
            NEVER, "410 Gone: not polled any more", rhythm.interval, NEVER, rhythm.slowed
        )
    usual, _ = usual_pause(rhythm, rhythm.interval)
    if bad.status == HTTPStatus.SERVICE_UNAVAILABLE and bad.retry_at is None:
        usual = max(usual, _AFTER_503)
    slowed = slower(rhythm.slowed) if bad.status == HTTPStatus.TOO_MANY_REQUESTS else rhythm.slowed
    least = max(usual, _SLOWED[slowed])
    pause, why = _back_off(usual, least, bad)
    if bad.retry_at is not None and bad.retry_at >= now + (least if _asks_to_wait(bad) else pause):
        pause = bad.retry_at - now
        suspended = "suspended by its server, " if pause > _SUSPENDED else ""
        why = f"{suspended}Retry-After {bad.retry_at:%Y-%m-%d %H:%M:%S} UTC"
    at = now + pause + jitter(rhythm.feed_id, pause)
    return NextPoll(at, why, rhythm.interval, bad.retry_at, slowed)


def _back_off(usual: timedelta, least: timedelta, bad: Bad) -> tuple[timedelta, str]:
    """Twice as long at each failure, up to a day."""
    pause = min(usual * 2 ** min(bad.failures - 1, 20), max(CAP, usual))
    if pause < least:
        return least, f"slowed after 429, {period(least)}"
    return (
        pause,
        f"failed {bad.failures} {'time' if bad.failures == 1 else 'times'}, {period(pause)}",
    )


def _asks_to_wait(bad: Bad) -> bool:
    """These statuses mean "later": what they say of when is taken as it is said."""
    return bad.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def slower(slowed: int) -> int:
    """A step up after a 429: an hour at least, then a day, two days, a week."""
    return min(max(slowed + 1, 4), len(_SLOWED) - 1)


def jitter(feed_id: str, pause: timedelta) -> timedelta:
    """Up to a tenth of ``pause`` and half an hour, always the same for one feed, never negative."""
    share = int.from_bytes(blake2b(feed_id.encode(), digest_size=4).digest(), "big") / 2**32
    return min(pause * _JITTER_SHARE, _JITTER_CAP) * share


def rescheduled(
    rhythm: Rhythm, last_request_at: datetime | None, not_before: datetime | None, now: datetime
) -> datetime:
    """When to poll after the operator changed a feed's interval: a pause of the new one after the
    last request, never earlier than the server allowed."""
    if last_request_at is None:
        return now
    pause = max(usual_pause(rhythm, rhythm.interval)[0], _SLOWED[rhythm.slowed])
    return max(last_request_at + pause, not_before or last_request_at)


def asked_for(
    rhythm: Rhythm, last_request_at: datetime | None, not_before: datetime | None, now: datetime
) -> datetime:
    """When to poll a feed that an operator wants polled now: no closer to its last request than
    it may ever be asked, and never earlier than the server allowed."""
    if last_request_at is None:
        return now
    least = max(usual_pause(rhythm, SHORTEST)[0], _SLOWED[rhythm.slowed])
    return max(now, last_request_at + least, not_before or now)


@dataclass(frozen=True, slots=True)
class Retry:
    """A channel's own schedule: pauses from ``first``, each ``factor`` times longer up to ``max``,
    given up ``total`` after the alert was queued."""

    first: timedelta
    factor: float
    max: timedelta
    total: timedelta


def next_attempt_at(
    attempts: int,
    queued_at: datetime,
    now: datetime,
    *,
    fraction: float,
    retry: Retry | None = None,
    retry_at: datetime | None = None,
) -> datetime | None:
    """When to try again after ``attempts`` tries, or None to give up.

    ``fraction`` (0 to 1) is the caller's randomness: it moves the pause by up to a fifth either
    way. A time named by the service is never undercut.
    """
    pause = _standard(attempts) if retry is None else _own(attempts, queued_at, now, retry)
    if pause is None:
        return None
    at = now + pause * (0.8 + 0.4 * fraction)
    return max(at, retry_at) if retry_at else at


def _standard(attempts: int) -> timedelta | None:
    return STANDARD_PAUSES[attempts - 1] if attempts <= len(STANDARD_PAUSES) else None


def _own(attempts: int, queued_at: datetime, now: datetime, retry: Retry) -> timedelta | None:
    growth = retry.factor ** min(attempts - 1, 64)
    pause = min(retry.first.total_seconds() * growth, retry.max.total_seconds())
    if now + timedelta(seconds=pause) > queued_at + retry.total:
        return None
    return timedelta(seconds=pause)


def last_attempt_at(queued_at: datetime, retry: Retry | None = None) -> datetime:
    """After this no attempt is made any more: the whole schedule, each pause as long as chance may
    make it (C16)."""
    total = sum(STANDARD_PAUSES, timedelta()) if retry is None else retry.total
    return queued_at + total * 1.2


def period(length: timedelta) -> str:
    """``90s`` as ``1m30s``: a period as the configuration writes it."""
    seconds = int(length.total_seconds())
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
