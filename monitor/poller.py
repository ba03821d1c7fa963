"""READ FIRST: due feeds -> fetch -> parse -> new items -> match -> record, one transaction a feed.

    Feed -fetch-> Fetched -parse-> Item -match-> Match -record-> Hit -> Delivery

T0 (`Store.claim_feeds`) writes that a feed is being asked before it is asked; T1
(`monitor.record.record`) commits everything the answer brought. What happens in between leaves no
trace when the process dies. Then the deliverer is woken: an alert does not wait for the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from loguru import logger
from sqlalchemy.engine import Row

from monitor.addresses import Allowance, address_of, allowance
from monitor.config import Config, FeedConfig
from monitor.fetch import Fetched, FetchFailed, FetchRequest, NotModified, Validators, fetch
from monitor.guard import Clients
from monitor.identity import body_hash
from monitor.logs import outcome
from monitor.parse import NotAFeed, Parsed, ParseFailed, ParserPool, ParseTask
from monitor.record import Poll, Recorded, Unchanged, record
from monitor.store import ConfiguredFeed, Store
from monitor.urls import host_of, normalised
from monitor.writer import Writer

LEASE = timedelta(seconds=90)
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Watch:
    """What to poll with: one configuration and the clients made for it, swapped as one."""

    config: Config
    clients: Clients
    feeds: dict[str, tuple[FeedConfig, ...]]
    allowed: Allowance

    @classmethod
    def of(cls, config: Config, clients: Clients) -> Watch:
        return cls(config, clients, feeds_by_url(config), allowance(config.allow_private))

    def pause(self, host: str) -> timedelta:
        """Between two requests to a host; none to the operator's own."""
        return timedelta() if self._is_own(host) else self.config.host_pause

    def _is_own(self, host: str) -> bool:
        if self.allowed.names(host):
            return True
        try:
            return self.allowed.covers(address_of(host))
        except ValueError:  # a name, not an address
            return False


def feeds_by_url(config: Config) -> dict[str, tuple[FeedConfig, ...]]:
    """The enabled feeds by normalised URL: one URL named twice is polled once (A25)."""
    found: dict[str, tuple[FeedConfig, ...]] = {}
    for feed in config.feeds.values():
        if feed.enabled:
            url = normalised(feed.url)
            found[url] = (*found.get(url, ()), feed)
    return found


def configured(feeds: dict[str, tuple[FeedConfig, ...]]) -> list[ConfiguredFeed]:
    """The feeds as the store needs to know them. The shortest ``every`` of one URL counts."""
    return [
        ConfiguredFeed(
            name=same[0].name,
            url=url,
            host=host_of(url),
            every_s=min(
                (int(feed.every.total_seconds()) for feed in same if feed.every), default=None
            ),
        )
        for url, same in feeds.items()
    ]


class Poller:
    """Polls what is due, a bounded number at once and one request a host.

    ``wake`` is called after each T1 that queued alerts. ``progress`` counts rounds of the clock
    that were answered by the database, for the watchdog.
    """

    def __init__(
        self,
        *,
        store: Store,
        writer: Writer,
        pool: ParserPool,
        watch: Watch,
        owner: str,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self.watch = watch
        self.progress = 0
        self._store = store
        self._writer = writer
        self._pool = pool
        self._owner = owner
        self._clock = clock
        self._wake = wake
        self._running: set[asyncio.Task[None]] = set()
        self._asking: set[str] = set()  # after a leap of the clock a feed may be claimed again
        self._stopping = False

    @property
    def running(self) -> int:
        """How many polls are under way."""
        return len(self._running)

    @property
    def full(self) -> bool:
        """Every place is taken: no claim is to be expected."""
        return len(self._running) >= AT_ONCE

    async def poll_due(self) -> int:
        """T0, and start what it claimed. How many were started."""
        watch = self.watch
        free = AT_ONCE - len(self._running)
        if free <= 0 or self._stopping:
            return 0
        rows = await self._writer(
            self._store.claim_feeds,
            self._owner,
            self._clock(),
            LEASE,
            free,
            watch.config.host_pause,
        )
        self.progress += 1
        new = [row for row in rows if row.id not in self._asking]
        for row in new:
            self._start(row, watch)
        return len(new)

    def _start(self, row: Row[Any], watch: Watch) -> None:
        self._asking.add(row.id)
        task = asyncio.create_task(self._poll(row, watch), name=f"poll {row.name}")
        self._running.add(task)
        task.add_done_callback(lambda done: self._ended(done, row.id))

    def _ended(self, task: asyncio.Task[None], feed_id: str) -> None:
        self._running.discard(task)
        self._asking.discard(feed_id)

    async def stop(self, grace: timedelta) -> None:
        """Start no more; give what is under way ``grace`` to end. The rest is polled again."""
        self._stopping = True
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _poll(self, row: Row[Any], watch: Watch) -> None:
        """One feed, from request to T1. A bug of ours in here backs this feed off, not the loop."""
        feeds = watch.feeds.get(row.url)
        if feeds is None:  # it left the configuration between claim and now
            await self._writer(self._store.release_host, row.host, self._clock())
            return
        try:
            poll = await self._ask(row, feeds, watch)
        except Exception as error:  # noqa: BLE001 - caught around one feed, logged whole, backed off
            logger.exception("poll feed={} outcome=bug", row.name)
            poll = Poll(row, feeds, ParseFailed("crashed", f"a bug in wirewatch: {error!r}"))
        pause = watch.pause(row.host)
        try:
            done = await self._writer(self._record, poll, watch.config, pause)
        except Exception:  # noqa: BLE001 - the database said no: nothing is lost, T0 set the next poll
            logger.exception("poll feed={} outcome=not_recorded", row.name)
            return
        _log(row.name, poll, done)
        if done.queued:
            self._wake()

    def _record(self, poll: Poll, config: Config, pause: timedelta) -> Recorded:
        now = self._clock()
        with self._store.transaction():
            self._store.release_host(poll.row.host, now + pause)
            return record(self._store, poll, config, now)

    async def _ask(self, row: Row[Any], feeds: tuple[FeedConfig, ...], watch: Watch) -> Poll:
        answer = await fetch(watch.clients.feeds, _request(row, feeds[0]), now=self._clock())
        match answer:
            case Fetched():
                return await self._read(row, feeds, answer)
            case FetchFailed():
                return Poll(row, feeds, answer, status=answer.status)
            case NotModified():
                return Poll(
                    row,
                    feeds,
                    Unchanged("not_modified"),
                    status=answer.status,
                    validators=answer.validators or _validators(row),
                    hints=answer.hints,
                    moved_to=answer.moved_to,
                )
            case _:
                assert_never(answer)

    async def _read(self, row: Row[Any], feeds: tuple[FeedConfig, ...], answer: Fetched) -> Poll:
        digest = body_hash(answer.body)
        poll = Poll(
            row,
            feeds,
            Unchanged("unchanged"),
            status=answer.status,
            validators=answer.validators,
            body_hash=digest,
            hints=answer.hints,
            moved_to=answer.moved_to,
        )
        if digest == row.body_hash:
            return poll
        parsed = await self._pool.parse(
            ParseTask(
                body=answer.body,
                url=answer.url,
                content_type=answer.content_type,
                lang=feeds[0].lang,
                source=feeds[0].source,
                now=self._clock(),
            )
        )
        if isinstance(parsed, Parsed) and parsed.cut:  # B8: the rest is to be asked for again
            return replace(poll, answer=parsed, validators=_validators(row), body_hash=None)
        return replace(poll, answer=parsed)


def _request(row: Row[Any], feed: FeedConfig) -> FetchRequest:
    return FetchRequest(
        url=row.url, validators=_validators(row), headers=feed.headers, auth=feed.auth
    )


def _validators(row: Row[Any]) -> Validators | None:
    if row.validators_url is None:
        return None
    return Validators(row.validators_url, row.etag, row.last_modified)


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
        edited=done.edited or None,
        hits=done.hits or None,
        queued=done.queued or None,
        error=done.error or None,
        next=f"{done.next.at:%Y-%m-%dT%H:%M:%SZ}",
        why=done.next.why,
    )
