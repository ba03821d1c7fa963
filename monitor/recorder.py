"""T1 for the poller: what ended is recorded, polls that brought nothing together.

Most polls bring nothing, and a transaction of their own costs more than all the rest of them. While
one transaction is being written others end; these share the next one. Nothing waits for company:
a poll that ends alone is recorded alone, at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from loguru import logger

from monitor.fetch import FetchFailed, clean
from monitor.logs import outcome
from monitor.parse import NotAFeed, Parsed, ParseFailed
from monitor.record import record
from monitor.schedule import NEVER, NextPoll
from monitor.settle import Poll, Recorded, Settled, Unchanged, after_unchanged, settle_all
from monitor.store import Store
from monitor.writer import Refused, Writer

if TYPE_CHECKING:
    from monitor.poller import Watch

_PATIENCE = timedelta(seconds=30)  # request, parse, older pages and this end within the lease


class Recorder:
    """Records each poll by the configuration that is in force when it is recorded: it may be
    another than that of the request, and what is queued by an old one would wait for channels
    that are no more."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        clock: Callable[[], datetime],
        watch: Callable[[], Watch],
    ) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._watch = watch
        self._ended: list[tuple[Poll, asyncio.Future[Recorded]]] = []
        self._task: asyncio.Task[None] | None = None
        self._recorded: dict[str, datetime] = {}

    def recorded(self) -> dict[str, datetime]:
        """By feed id, what the clock said at each T1 since this was asked last."""
        recorded, self._recorded = self._recorded, {}
        return recorded

    async def __call__(self, poll: Poll) -> Recorded:
        """Commit one poll.

        Raises:
            monitor.writer.Refused: the database said no for half a minute. Nothing is lost: T0 set
                the next poll, the validators stay.
        """
        if not isinstance(poll.answer, Unchanged):
            return await self._alone(poll)
        recorded: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._ended.append((poll, recorded))
        if self._task is None:
            self._task = asyncio.create_task(self._write_ended(), name="record")
        return await recorded

    async def stop(self) -> None:
        """Give up what the database does not take; called when no poll is waiting any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write_ended(self) -> None:
        together: list[tuple[Poll, asyncio.Future[Recorded]]] = []
        try:
            while self._ended:
                together, self._ended = self._ended, []
                await self._write_together(together)
        finally:  # whatever ends this, no poll waits for it for ever
            self._task = None
            for _, recorded in (*together, *self._ended):
                recorded.cancel()
            self._ended = []

    async def _write_together(
        self, together: Sequence[tuple[Poll, asyncio.Future[Recorded]]]
    ) -> None:
        polls = [poll for poll, _ in together]
        try:
            done = await self._writer.insist(_PATIENCE, self._record_unchanged, polls)
        except Refused as refused:
            for _, recorded in together:
                _fail(recorded, refused)
        except Exception:  # noqa: BLE001 - a bug of ours with one of them: it shows when each is alone
            for poll, recorded in together:
                try:
                    _end(recorded, await self._alone(poll))
                except Exception as error:  # noqa: BLE001 - told to the poll that waits for it
                    _fail(recorded, error)
        else:
            for (_, recorded), one in zip(together, done, strict=True):
                _end(recorded, one)

    async def _alone(self, poll: Poll) -> Recorded:
        """What cannot be recorded by a bug of ours is recorded as a failure of this feed, so that
        somebody sees it."""
        try:
            return await self._writer.insist(_PATIENCE, self._record, poll)
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001 - caught around one feed, logged whole, backed off
            logger.exception("poll feed={} outcome=bug", poll.row.name)
            return await self._writer(self._record, crashed(poll, error))

    def _record(self, poll: Poll) -> Recorded:
        now = self._clock()
        watch, row = self._watch(), poll.row
        feeds = watch.feeds.get(row.url)
        free_at = now + watch.pause(row.host)
        if feeds is None:
            return self._let_go(poll, free_at)
        self._recorded[row.id] = now
        poll = replace(poll, feeds=feeds, host_free_at=free_at)
        done = record(self._store, poll, watch.config, now)
        _log(row.name, poll, done)
        return done

    def _let_go(self, poll: Poll, free_at: datetime) -> Recorded:
        """The feed left, or its URL was changed: the new one is asked next."""
        with self._store.transaction():
            self._store.release_host(poll.row.host, free_at)
            self._store.settle_feed(poll.row.id)
        return Recorded("left", NextPoll(NEVER, "not in the configuration", timedelta()))

    def _record_unchanged(self, polls: Sequence[Poll]) -> list[Recorded]:
        """Several polls that brought nothing, in one transaction."""
        now, watch = self._clock(), self._watch()
        settled: dict[int, Settled] = {}
        for at, poll in enumerate(polls):
            feeds, answer = watch.feeds.get(poll.row.url), poll.answer
            if feeds is not None and isinstance(answer, Unchanged):
                free_at = now + watch.pause(poll.row.host)
                ours = replace(poll, feeds=feeds, host_free_at=free_at)
                settled[at] = after_unchanged(ours, answer, now)
                self._recorded[poll.row.id] = now
        with self._store.transaction():
            settle_all(self._store, list(settled.values()), watch.config, now)
            done = [
                Recorded(settled[at].outcome, settled[at].next)
                if at in settled
                else self._let_go(poll, now + watch.pause(poll.row.host))
                for at, poll in enumerate(polls)
            ]
        for at, one in settled.items():
            _log(one.poll.row.name, one.poll, done[at])
        return done


def _end(recorded: asyncio.Future[Recorded], done: Recorded) -> None:
    if not recorded.done():  # else the poll was cancelled meanwhile
        recorded.set_result(done)


def _fail(recorded: asyncio.Future[Recorded], error: Exception) -> None:
    if not recorded.done():
        recorded.set_exception(error)


def crashed(poll: Poll, error: Exception) -> Poll:
    """The poll as a failure of ours. What the error says may quote texts of the feed."""
    said = clean(f"a bug in wirewatch: {error!r}")
    failed = ParseFailed("crashed", said)
    return Poll(poll.row, poll.feeds, failed, status=poll.status, began=poll.began)


def _log(name: str, poll: Poll, done: Recorded) -> None:
    bad = isinstance(poll.answer, NotAFeed | ParseFailed | FetchFailed)
    counts = isinstance(poll.answer, Parsed)
    outcome(
        "WARNING" if bad else "INFO",
        "poll",
        feed=name,
        outcome=done.outcome,
        status=poll.status,
        items=done.items if counts else None,
        new=done.new if counts else None,
        again=done.again or None,
        edited=done.edited or None,
        hits=done.hits or None,
        held=done.held or None,
        queued=done.queued or None,
        waiting=done.waiting or None,
        error=done.error or None,
        next=f"{done.next.at:%Y-%m-%dT%H:%M:%SZ}",
        why=done.next.why,
    )
