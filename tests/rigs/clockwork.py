"""The daemon's engine in the test's own process, under a clock that the test moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from monitor.daemon import Engine


class Clock:
    """Goes on, or back, only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def step(self, by: timedelta) -> None:
        self.now += by


async def work(parts: Engine) -> None:
    """One tick of the clock, and all the work it starts, to its end."""
    await parts.tick()
    while parts.poller.running or parts.deliverer.running or parts._tasks:  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0.003)


async def work_for(parts: Engine, clock: Clock, span: timedelta, every: timedelta) -> None:
    """Tick ``every`` so often until ``span`` has passed on the clock."""
    end = clock.now + span
    while clock.now < end:
        clock.step(every)
        await work(parts)
