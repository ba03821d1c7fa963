"""How a feed is doing: its state, and what operators are told of it. Pure.

A state says the worst that is true: ``gone`` before ``blocked`` before ``not_a_feed`` before
``failing``; of a feed that answers well ``stale`` before ``gap`` before ``moved`` before
``validators_lie`` before ``ok``. None of them but ``gone`` stops the polling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from monitor.breaker import is_dated_before
from monitor.fetch import FetchFailed
from monitor.item import Item
from monitor.parse import NotAFeed, ParseFailed

DAY = timedelta(days=1)
TROUBLE = DAY
"""So long a feed is in trouble before operators are told."""

MANY = 6
"""So many feeds in trouble at once are told of once."""

GAP_SHOWN = DAY
GAP_TOLD_AGAIN = 3 * DAY
"""So long a feed must have been without a gap before one is told of again."""
_FORBIDDING = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS,
    }
)
_UNKNOWN_RHYTHM = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Notice:
    """What operators are to be told: the event's name and the sentence."""

    name: str
    message: str


def state_of_good(
    now: datetime,
    *,
    stale: bool,
    gap_at: datetime | None,
    moved: bool,
    validators_lie: bool,
) -> str:
    """The state of a feed that answered well."""
    if stale:
        return "stale"
    if gap_at is not None and now - gap_at < GAP_SHOWN:
        return "gap"
    if moved:
        return "moved"
    return "validators_lie" if validators_lie else "ok"


def state_of_failed(answer: NotAFeed | ParseFailed | FetchFailed) -> str:
    """The state of a feed that gave no usable answer. ``blocked``: somebody refused, the server
    or our own guard; waiting alone will hardly help."""
    match answer:
        case NotAFeed():
            return "not_a_feed"
        case FetchFailed(kind="gone"):
            return "gone"
        case FetchFailed(kind="blocked"):
            return "blocked"
        case FetchFailed(status=int() as status) if status in _FORBIDDING:
            return "blocked"
        case _:
            return "failing"


def rhythm_after(rhythm: timedelta | None, pause: timedelta) -> timedelta:
    """The usual time between two polls that bring something, after one that came ``pause`` after
    the one before: each weighs a quarter."""
    return pause if rhythm is None else (rhythm * 3 + pause) / 4


def longest_after(longest: timedelta | None, pause: timedelta) -> timedelta:
    """The longest silence of late: what was long two weeks ago counts half, so that a feed that
    rests at weekends is known to do so."""
    if longest is None:
        return pause
    faded: float = 0.5 ** min(pause / (14 * DAY), 60.0)
    return max(pause, longest * faded)


def silence_allowed(
    rhythm: timedelta | None, longest: timedelta | None, known_for: timedelta
) -> timedelta:
    """How long a feed may bring nothing before that is strange: a day, ten times its rhythm, twice
    its longest silence of late; three days while it is known for less than eight, since we have
    not seen its weekend; a month when nothing ever came."""
    if rhythm is None:
        return 30 * DAY
    least = 3 * DAY if known_for < 8 * DAY else DAY
    return max(least, rhythm * 10, (longest or rhythm) * 2)


def is_probe_due(
    now: datetime,
    *,
    unchanged_since: datetime | None,
    probed_at: datetime | None,
    rhythm: timedelta | None,
) -> bool:
    """Whether a feed that keeps answering 304 is asked once without validators: when it does so
    for far longer than its rhythm, and at most once a day."""
    if unchanged_since is None or (probed_at is not None and now - probed_at < DAY):
        return False
    strange = _UNKNOWN_RHYTHM if rhythm is None else max(DAY, rhythm * 10)
    return now - unchanged_since > strange


def hid_news(new: Sequence[Item], last_poll: datetime | None, *, same_validators: bool) -> bool:
    """Whether a probe shows that a 304 was a lie: there is something new although the validators
    are the same, or something that was there already when the last 304 said there was nothing. A
    time shortly before that proves nothing: editors are slow, and some give the day only."""
    if not new:
        return False
    return same_validators or any(
        item.published is None or last_poll is None or is_dated_before(item.published, last_poll)
        for item in new
    )


@dataclass(frozen=True, slots=True)
class Gap:
    """Items may have come and gone between two polls. ``missing``: about how many, where dates
    tell."""

    since: datetime
    until: datetime
    missing: int | None


def gap_in(items: Sequence[Item], last_good: datetime, now: datetime) -> Gap | None:
    """What lies between the last good poll and a window without any known item; None when the
    window reaches back to that poll."""
    dates = sorted(item.published for item in items if item.published is not None)
    if len(dates) < len(items) or len(items) < 2:
        until = dates[0] if dates and len(dates) == len(items) else now
        return None if until <= last_good else Gap(last_good, until, None)
    if dates[0] <= last_good:
        return None
    spacing = (dates[-1] - dates[0]) / (len(dates) - 1)
    missing = max(0, round((dates[0] - last_good) / spacing - 0.5)) if spacing else None
    return Gap(last_good, dates[0], missing)


def gap_told(name: str, gap: Gap, window: int, *, why: str) -> str:
    """The sentence for people, with what to do; ``why`` it is polled next when it is."""
    span = f"{_minute(gap.since)} and {_minute(gap.until)} UTC"
    known = f"none of its {window} items is known" if window > 1 else "its one item is not known"
    missing = "how many are missing is not known"
    if gap.missing is not None:
        missing = f"about {gap.missing} may be missing"
    step = f"it cannot be polled earlier: {why}"
    if why.startswith("adaptive"):
        step = "it is polled more often now"
    elif why.startswith("every"):
        step = "poll it more often: shorten its every"
    elif why.startswith("no validators"):
        step = "it offers no validators and is polled at most hourly; every: polls it more often"
    return f"feed '{name}' has a gap between {span}: {known}, {missing}; {step}"


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def roughly(seconds: int) -> str:
    """A length of time as people say it: ``40 minutes``, ``3 hours``, ``2 days``."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "minute"
