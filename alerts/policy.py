"""Policy: whether an alert goes out now, or waits to be told with others in one digest.

Pure: what is known is given, ``now`` included, and nothing is ever dropped. What decides, in this
order: a mute; quiet hours; the rule's digest times; its throttle. Whatever holds an alert names
the moment it ends, and that moment is asked again, so that a digest made at eight does not ring
in somebody's quiet hours until nine.

Quiet hours and digest times are times of day in a zone. Where a change of the clock leaves such a
time out, it is later by as much as the clock was put on; where it comes twice, the first counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from alerts.alert import Severity

FLOOD = 50
"""More hits of one rule in one poll are told as a digest at once."""

Cause = Literal["mute", "quiet", "digest", "throttle", "flood"]


@dataclass(frozen=True, slots=True)
class Throttle:
    """At most ``max`` alerts within ``per`` of the first of them."""

    max: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Quiet:
    """Silence from ``start`` to ``end``, times of day in ``zone``, but for some severities."""

    start: time
    end: time
    zone: ZoneInfo
    but: frozenset[Severity] = frozenset()

    def ends(self, at: datetime) -> datetime | None:
        """When the quiet that holds at that moment is over; None when there is none."""
        local = at.astimezone(self.zone)
        if not self._covers(local.time()):
            return None
        return min(
            moment
            for moment in _moments(local, self.end, self.zone)
            if moment > at and not self._covers(moment.astimezone(self.zone).time())
        )

    def _covers(self, at: time) -> bool:
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


@dataclass(frozen=True, slots=True)
class Digest:
    """Times at which what has come is told together: a cron expression in ``zone``.

    Raises:
        ValueError: the expression is none, or no time fits it.
    """

    cron: str
    zone: ZoneInfo

    def __post_init__(self) -> None:
        try:
            next(CronSim(self.cron, datetime(2026, 1, 1, tzinfo=self.zone)))
        except CronSimError as error:
            raise ValueError(str(error)) from None
        except StopIteration:
            raise ValueError("no day ever fits this") from None

    def next_at(self, after: datetime) -> datetime:
        """The first of the times later than ``after``."""
        return next(CronSim(self.cron, after.astimezone(self.zone))).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a rule's alerts are sent."""

    throttle: Throttle | None = None
    quiet: Quiet | None = None
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """A story is told when it is in ``count`` sources ``within`` a time."""

    count: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Burst:
    """Hits are told when ``count`` of them come ``within`` a time; what comes in the same time
    after that is told when it is over."""

    count: int
    within: timedelta

    def quiet_until(self, told: Window | None, now: datetime) -> datetime | None:
        """Until when nothing more is told, after a burst was ``told``; None: it may be. One that
        lies ahead was told before the clock went back."""
        if told is None or not told.began <= now < told.began + self.within:
            return None
        return told.began + self.within


When = Sources | Burst


@dataclass(frozen=True, slots=True)
class Window:
    """How much of a throttle is used: since when, and how many alerts were told."""

    began: datetime
    told: int


@dataclass(frozen=True, slots=True)
class Send:
    """Tell it now. ``window``: what of the throttle is used then."""

    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Tell it with the others at ``until``. ``cause``: what holds it first."""

    until: datetime
    cause: Cause


def decide(
    manner: Manner,
    severity: Severity,
    window: Window | None,
    muted_until: datetime | None,
    now: datetime,
) -> Send | Hold:
    """What becomes of one alert of a rule for one channel.

    ``window`` is the throttle's, as the last `Send` left it; ``muted_until`` the latest end of
    the mutes that are on the rule, the feed or the story.
    """
    held = _held(manner, severity, muted_until, now)
    if held is not None:
        return held
    if manner.throttle is None:
        return Send()
    used = _used(manner.throttle, window, now)
    if used.told < manner.throttle.max:
        return Send(Window(used.began, used.told + 1))
    until = used.began + manner.throttle.per
    later = _silenced(manner, severity, muted_until, until)
    return Hold(later.until if later else until, "throttle")


def _held(
    manner: Manner, severity: Severity, muted_until: datetime | None, now: datetime
) -> Hold | None:
    held = _silenced(manner, severity, muted_until, now)
    if manner.digest is None:
        return held
    at = manner.digest.next_at(held.until if held else now)
    later = _silenced(manner, severity, muted_until, at)
    return Hold(later.until if later else at, held.cause if held else "digest")


def _silenced(
    manner: Manner, severity: Severity, muted_until: datetime | None, at: datetime
) -> Hold | None:
    """What keeps an alert quiet at that moment, mutes before quiet hours, to the end of both."""
    until, cause = at, None
    if muted_until is not None and muted_until > at:
        until, cause = muted_until, "mute"
    if manner.quiet is not None and severity not in manner.quiet.but:
        ends = manner.quiet.ends(until)
        if ends is not None:
            until, cause = ends, cause or "quiet"
    return Hold(until, "mute" if cause == "mute" else "quiet") if cause else None


def _used(throttle: Throttle, window: Window | None, now: datetime) -> Window:
    """The window that is open now. One that lies ahead was made before the clock went back."""
    if window is None or not window.began <= now < window.began + throttle.per:
        return Window(now, 0)
    return window


def _moments(local: datetime, at: time, zone: ZoneInfo) -> Iterable[datetime]:
    """Every moment at which clocks in the zone show a time of day, from that day to two later."""
    for days in range(3):
        day = local.date() + timedelta(days=days)
        for fold in (0, 1):
            yield datetime.combine(day, at.replace(fold=fold), zone).astimezone(UTC)


RECENT_WEEKS = 4
RECENT_PERIODS = 7


def usual_windows(absent: timedelta, since: datetime, now: datetime) -> list[datetime]:
    """When the windows end that say whether a hit is usual in the last ``absent``, of a rule whose
    first hit was at ``since``: the same hours of four earlier weeks, so that nobody waits for a
    weekday's news on a Sunday; while there is less of a past, those of the seven periods before.
    """
    week = timedelta(days=7)
    step = week * -(-absent // week)
    weekly = [now - step * count for count in range(1, RECENT_WEEKS + 1)]
    if weekly[-1] - absent >= since:
        return weekly
    periods = [now - absent * count for count in range(1, RECENT_PERIODS + 1)]
    return [end for end in periods if end - absent >= since]


def is_usual(with_hits: int, windows: int) -> bool:
    """Whether hits are so regular that none is worth telling: in three of four weeks, in all but
    one of the periods before, and in three of them at least."""
    return with_hits >= 3 and with_hits >= windows - 1
