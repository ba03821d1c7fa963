"""What a feed's own document wishes about when it is asked: ttl, sy:update*, skipHours, skipDays.

Pure. Wishes only ever lengthen, and never beyond a day: an alert that comes a week late is none.
They are remembered, since a 304 does not repeat them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CAP = timedelta(hours=24)
_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Wishes:
    """``skip_hours`` are hours of the day in GMT, 0 to 23; ``skip_days`` days of the week there,
    0 for Monday."""

    ttl: timedelta | None = None
    sy: timedelta | None = None
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()

    def skips(self, at: datetime) -> bool:
        """Whether the feed wishes not to be asked then."""
        utc = at.astimezone(UTC)
        return utc.hour in self.skip_hours or utc.weekday() in self.skip_days


def remembered(ttl_s: int | None, sy_s: int | None, hours: int, days: int) -> Wishes:
    """Wishes as the database holds them: seconds, and sets as `bits`."""
    return Wishes(
        None if ttl_s is None else timedelta(seconds=ttl_s),
        None if sy_s is None else timedelta(seconds=sy_s),
        numbers(hours),
        numbers(days),
    )


def bits(numbers: Iterable[int]) -> int:
    """A set of small numbers as one: how the database holds hours and days."""
    return sum(1 << number for number in set(numbers))


def numbers(mask: int) -> frozenset[int]:
    """What `bits` was given."""
    return frozenset(number for number in range(mask.bit_length()) if mask >> number & 1)


def unskipped(at: datetime, wishes: Wishes, since: datetime) -> tuple[datetime, str]:
    """The first moment from ``at`` on that is not skipped, at most a day after ``since``, and
    which wish decided; ``at`` itself and no words when none did."""
    if not wishes.skips(at):
        return at, ""
    last = max(at, since + CAP)
    moment, by = at, ""
    while wishes.skips(moment):
        by = "skipDays" if moment.weekday() in wishes.skip_days else "skipHours"
        moment = _next_day(moment) if by == "skipDays" else _next_hour(moment)
        if moment > last:
            return last, f"{by}, yet once a day"
    when = f"{_DAY_NAMES[moment.weekday()]} " if by == "skipDays" else ""
    return moment, f"{by} until {when}{moment:%H:%M} GMT"


def _next_hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _next_day(at: datetime) -> datetime:
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)
