"""READ FIRST: due feeds -> fetch -> parse -> new items -> match -> record, one transaction a feed.

    Feed -fetch-> Fetched -parse-> Item -match-> Match -record-> Hit -> Delivery

T0 (`Store.claim_feeds`) writes that a feed is being asked before it is asked; T1
(`monitor.record.record`) commits everything the answer brought. What happens in between leaves no
trace when the process dies. Then the deliverer is woken: an alert does not wait for the clock.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, assert_never

from loguru import logger
from sqlalchemy.engine import Row

from monitor.addresses import Allowance, allowance
from monitor.config import Config, FeedConfig
from monitor.fetch import (
    Fetched,
    FetchFailed,
    FetchRequest,
    FetchResult,
    NotModified,
    Validators,
    fetch,
)
from monitor.guard import Clients
from monitor.health import is_probe_due
from monitor.identity import body_hash
from monitor.logs import outcome
from monitor.paging import joined, older_items, older_page
from monitor.parse import Parsed, ParseResult, ParserPool, ParseTask
from monitor.recorder import Recorder, crashed
from monitor.settle import Poll, Unchanged, asked_host
from monitor.store import ConfiguredFeed, Store
from monitor.turns import Turns, Way
from monitor.urls import host_of, normalised
from monitor.writer import Refused, Writer

LEASE = timedelta(minutes=4)
AT_ONCE = 64
_REFILLED_AT = 4
"""Claim anew when a quarter of the places is free: a claim costs about as much for many as for
one."""


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
        return timedelta() if self.allowed.owns(host) else self.config.host_pause


def _places() -> int:
    """How many polls may be under way: fewer where the system allows us few open files."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return AT_ONCE if allowed < 0 else max(4, min(AT_ONCE, allowed // 4))


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
    that the database answered, with yes or no, for the watchdog.
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
        self._recorder = Recorder(store, writer, clock, lambda: self.watch)
        self._turns = Turns()
        self._places = _places()
        self._more_is_due = False
        self._refilling: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._asking: set[str] = set()  # after a leap of the clock a feed may be claimed again
        self._stopping = asyncio.Event()

    @property
    def running(self) -> int:
        """How many polls are under way, or about to be."""
        return len(self._running) + (self._refilling is not None)

    def recorded(self) -> dict[str, datetime]:
        """By feed id, what the clock said at each T1 since this was asked last."""
        return self._recorder.recorded()

    @property
    def full(self) -> bool:
        """Every place is taken: no claim is to be expected."""
        return len(self._running) >= self._places

    async def poll_due(self) -> int:
        """T0, and start what it claimed. How many were started.

        One claim at a time: ticks that come while the database is slow must not each fill all the
        places there are.
        """
        if self.full or self._stopping.is_set() or self._claiming.locked():
            return 0
        async with self._claiming:
            free = self._places - len(self._running)
            rows = await self._claim(free)
            self._more_is_due = len(rows) == free
            if self._stopping.is_set():  # nothing was asked yet, so nothing need wait an interval
                await self._writer(self._store.unclaim_feeds, rows, self._clock())
                return 0
            new = [row for row in rows if row.id not in self._asking]
            for row in new:
                self._start(row)
            return len(new)

    async def _claim(self, free: int) -> list[Row[Any]]:
        pause = self.watch.config.host_pause
        try:
            return await self._writer(
                self._store.claim_feeds, self._owner, self._clock(), LEASE, free, pause
            )
        finally:
            self.progress += 1

    def _start(self, row: Row[Any]) -> None:
        self._asking.add(row.id)
        task = asyncio.create_task(self._poll(row), name=f"poll {row.name}")
        self._running.add(task)
        task.add_done_callback(lambda done: self._ended(done, row.id))

    def _ended(self, task: asyncio.Task[None], feed_id: str) -> None:
        self._running.discard(task)
        self._asking.discard(feed_id)
        enough = self._places - len(self._running) >= self._places // _REFILLED_AT
        idle = self._refilling is None and not self._stopping.is_set()
        if self._more_is_due and enough and idle:
            self._refilling = asyncio.create_task(self._refill(), name="refill")

    async def _refill(self) -> None:
        """Do not leave places empty until the next tick while feeds are waiting."""
        try:
            await self.poll_due()
        except Refused:
            pass  # the writer has said so; the tick asks again
        except Exception:  # noqa: BLE001 - a bug of ours: logged whole, tried at the next tick
            logger.exception("refill outcome=failed")
        finally:
            self._refilling = None

    async def stop(self, grace: timedelta) -> None:
        """Start no more; give what is under way ``grace`` to end. The rest is polled again."""
        self._stopping.set()
        async with self._claiming:  # what is being claimed is given back first
            pass
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._recorder.stop()

    async def _poll(self, row: Row[Any]) -> None:
        """One feed, from request to T1. A bug of ours in here backs this feed off, not the loop."""
        watch = self.watch
        feeds = watch.feeds.get(row.url, ())
        poll = Poll(row, feeds, Unchanged("left"))
        try:
            if feeds:  # else it left the configuration between claim and now
                poll = await self._ask(row, feeds, watch)
        except Refused as refused:  # the database, not the feed: T0 set the next poll
            outcome("ERROR", "poll", feed=row.name, outcome="not_asked", error=refused.orig)
            return
        except Exception as error:  # noqa: BLE001 - caught around one feed, logged whole, backed off
            logger.exception("poll feed={} outcome=bug", row.name)
            poll = crashed(poll, error)
        try:
            done = await self._recorder(poll)
        except Refused as refused:  # nothing is lost: T0 set the next poll, the validators stay
            outcome("ERROR", "poll", feed=row.name, outcome="not_recorded", error=refused.orig)
            return
        except Exception:  # noqa: BLE001 - a bug of ours, logged whole; T0 has backed the feed off
            logger.exception("poll feed={} outcome=not_recorded", row.name)
            return
        if done.queued:
            self._wake()

    async def _ask(self, row: Row[Any], feeds: tuple[FeedConfig, ...], watch: Watch) -> Poll:
        began = self._clock()
        probe = _is_probe(row, began)
        request = _request(row, feeds[0], unconditional=probe)
        answer = await self._fetched(request, began, row.host, watch)
        poll = Poll(
            row,
            feeds,
            Unchanged("not_modified"),
            status=answer.status,
            began=began,
            probe=probe,
        )
        match answer:
            case FetchFailed():
                return replace(poll, answer=answer)
            case NotModified():
                return replace(
                    poll,
                    validators=answer.validators or _validators(row),
                    hints=answer.hints,
                    moved_to=answer.moved_to,
                    answered_at=answer.answered_at,
                )
            case Fetched():
                return await self._read(poll, answer)
            case _:
                assert_never(answer)

    async def _fetched(
        self, request: FetchRequest, now: datetime, home: str, watch: Watch
    ) -> FetchResult:
        """The answer, each host asked in turn. That ``home`` may be asked T0 has seen; a host that
        a server leads to may have asked for silence, which counts for all who come there."""
        async with Way(self._turns, watch.pause) as way:

            async def turn(host: str) -> datetime | None:
                await way.to(host)
                if host == home:
                    return None
                return await self._writer(self._store.silent_until, host, self._clock())

            return await fetch(watch.clients.feeds, request, now=now, turn=turn)

    async def _read(self, poll: Poll, answer: Fetched) -> Poll:
        row, feeds = poll.row, poll.feeds
        digest = body_hash(answer.body)
        poll = replace(
            poll,
            answer=Unchanged("unchanged"),
            validators=answer.validators,
            body_hash=digest,
            hints=answer.hints,
            moved_to=answer.moved_to,
            answered_at=answer.answered_at,
        )
        if digest == row.body_hash:
            return poll
        parsed = await self._parsed(feeds, answer)
        if not isinstance(parsed, Parsed):
            return replace(poll, answer=parsed)
        if parsed.cut:  # B8: the rest is to be asked for again
            return replace(poll, answer=parsed, validators=_validators(row), body_hash=None)
        return await self._bridged(replace(poll, answer=parsed), parsed)

    async def _parsed(self, feeds: tuple[FeedConfig, ...], answer: Fetched) -> ParseResult:
        return await self._pool.parse(
            ParseTask(
                body=answer.body,
                url=answer.url,
                content_type=answer.content_type,
                lang=feeds[0].lang,
                source=feeds[0].source,
                now=self._clock(),
            )
        )

    async def _bridged(self, poll: Poll, parsed: Parsed) -> Poll:
        """The poll with what older pages hold, where the window slid past what we know."""
        if not older_page(parsed) or parsed.hints.complete or poll.row.baselined_at is None:
            return poll

        async def known(keys: Sequence[str]) -> Collection[str]:
            return await self._writer(self._store.known_items, poll.row.id, keys)

        if await known([item.key for item in parsed.items]):
            return poll
        older = await older_items(parsed, partial(self._page, poll), known)
        outcome(
            "INFO",
            "pages",
            feed=poll.name,
            outcome="bridged" if older.bridged else "not_bridged",
            pages=older.pages,
            items=len(older.items),
        )
        return replace(poll, answer=joined(parsed, older), bridged=older.bridged)

    async def _page(self, poll: Poll, url: str) -> Parsed | None:
        """An older page, asked for like any other request: guarded, after the host's pause, with
        the operator's secrets only where the feed itself lives."""
        watch, feed = self.watch, poll.feeds[0]
        request = FetchRequest(poll.row.url, headers=feed.headers, auth=feed.auth, start=url)
        answer = await self._fetched(request, self._clock(), "", watch)
        if isinstance(answer, FetchFailed) and answer.kind == "rate_limited" and answer.retry_at:
            host = asked_host(answer.url, None, poll.row.host)
            await self._writer(self._store.block_host, host, answer.retry_at)
        if not isinstance(answer, Fetched):
            return None
        parsed = await self._parsed(poll.feeds, answer)
        return parsed if isinstance(parsed, Parsed) else None


def _is_probe(row: Row[Any], now: datetime) -> bool:
    """Whether the feed is asked without the validators it gave, to see whether they lie."""
    return row.validators_url is not None and is_probe_due(
        now,
        unchanged_since=row.unchanged_since,
        probed_at=row.probed_at,
        rhythm=None if row.rhythm_s is None else timedelta(seconds=row.rhythm_s),
    )


def _request(row: Row[Any], feed: FeedConfig, *, unconditional: bool) -> FetchRequest:
    return FetchRequest(
        url=row.url,
        validators=None if unconditional else _validators(row),
        headers=feed.headers,
        auth=feed.auth,
        start=row.asked_url,
    )


def _validators(row: Row[Any]) -> Validators | None:
    if row.validators_url is None:
        return None
    return Validators(row.validators_url, row.etag, row.last_modified)
