"""When to poll and when to send: pure functions of the past, given ``now``.

What decides about a poll, first that applies: the server's Retry-After and 410; failure back-off;
max-age; the operator's ``every``; else the adaptive interval, which the feed's own hints (ttl,
no validators) only lengthen. Jitter is deterministic by feed and only adds, so that no promise
of spacing is ever broken by it.

Deliveries follow the Standard Webhooks schedule (75 h 35 min in ten attempts) unless their channel
sets its own ``retry``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

DEFAULT_INTERVAL = timedelta(minutes=15)
SHORTEST = timedelta(minutes=5)
LONGEST = timedelta(minutes=60)
CAP = timedelta(hours=24)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_RATE_LIMITED = timedelta(hours=1)
_JITTER_SHARE = 0.1
_JITTER_CAP = timedelta(minutes=30)

STANDARD_PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is known about a feed's rhythm before this poll. ``every``: the operator's interval."""

    feed_id: str
    every: timedelta | None = None
    interval: timedelta = DEFAULT_INTERVAL

    @property
    def base(self) -> timedelta:
        """The interval when nothing else is said."""
        return self.every or self.interval


@dataclass(frozen=True, slots=True)
class Good:
    """A poll that worked. ``known`` of ``window`` items were seen before; a 304 is all known.
    ``validators``: the server offers ETag or Last-Modified."""

    known: int = 1
    window: int = 1
    validators: bool = True
    max_age: timedelta | None = None
    ttl: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """A poll that failed for the ``failures``-th time in a row."""

    failures: int
    retry_at: datetime | None = None
    rate_limited: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class NextPoll:
    """When, why then (for people), and the adaptive interval from now on."""

    at: datetime
    why: str
    interval: timedelta
    not_before: datetime | None = None


def next_poll(rhythm: Rhythm, outcome: Good | Bad, now: datetime) -> NextPoll:
    """When to poll next, and why then."""
    match outcome:
        case Good():
            return _after_good(rhythm, outcome, now)
        case Bad():
            return _after_bad(rhythm, outcome, now)


def _after_good(rhythm: Rhythm, good: Good, now: datetime) -> NextPoll:
    interval = adapted(rhythm.interval, good.known, good.window)
    pause, why = _pause(rhythm.every, interval, good)
    not_before = None
    if good.max_age is not None:
        fresh = min(good.max_age, CAP)
        not_before = now + fresh
        if fresh > pause:
            pause, why = fresh, f"max-age {int(good.max_age.total_seconds())}"
    return NextPoll(now + pause + jitter(rhythm.feed_id, pause), why, interval, not_before)


def _pause(every: timedelta | None, interval: timedelta, good: Good) -> tuple[timedelta, str]:
    if every is not None:
        return every, f"every {period(every)}"
    pause, why = interval, f"adaptive {period(interval)}"
    if not good.validators and pause < LONGEST:
        pause, why = LONGEST, f"no validators, {period(LONGEST)}"
    if good.ttl is not None and pause < min(good.ttl, CAP):
        pause, why = min(good.ttl, CAP), f"ttl {period(good.ttl)}"
    return pause, why


def adapted(interval: timedelta, known: int, window: int) -> timedelta:
    """The adaptive interval after a poll: 10 minutes longer when two thirds of the window were
    known, half as long when under a third were, between 5 and 60 minutes."""
    share = known / window if window else 1.0
    if share >= 2 / 3:
        interval += timedelta(minutes=10)
    elif share < 1 / 3:
        interval /= 2
    return max(SHORTEST, min(interval, LONGEST))


def _after_bad(rhythm: Rhythm, bad: Bad, now: datetime) -> NextPoll:
    if bad.gone:
        return NextPoll(NEVER, "410 Gone: not polled any more", rhythm.interval, NEVER)
    base = max(rhythm.base, _RATE_LIMITED) if bad.rate_limited else rhythm.base
    pause = min(base * 2 ** min(bad.failures - 1, 20), max(CAP, base))
    at = now + pause + jitter(rhythm.feed_id, pause)
    why = f"failed {bad.failures} {'time' if bad.failures == 1 else 'times'}, {period(pause)}"
    if bad.retry_at is not None and (bad.retry_at >= at or bad.rate_limited):
        at = max(bad.retry_at, now + rhythm.base)
        at += jitter(rhythm.feed_id, at - now)
        why = f"Retry-After {bad.retry_at:%Y-%m-%d %H:%M:%S} UTC"
    return NextPoll(at, why, rhythm.interval, bad.retry_at)


def jitter(feed_id: str, pause: timedelta) -> timedelta:
    """Up to a tenth of ``pause`` and half an hour, always the same for one feed, never negative."""
    share = int.from_bytes(blake2b(feed_id.encode(), digest_size=4).digest(), "big") / 2**32
    return min(pause * _JITTER_SHARE, _JITTER_CAP) * share


def rescheduled(
    last_request_at: datetime | None,
    interval: timedelta,
    not_before: datetime | None,
    now: datetime,
) -> datetime:
    """When to poll after the operator changed a feed's interval: ``interval`` after the last
    request, never earlier than the server allowed."""
    if last_request_at is None:
        return now
    return max(last_request_at + interval, not_before or last_request_at)


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


def period(length: timedelta) -> str:
    """``90s`` as ``1m30s``: a period as the configuration writes it."""
    seconds = int(length.total_seconds())
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
