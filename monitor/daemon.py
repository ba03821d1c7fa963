"""The daemon: start, the scheduler's jobs, SIGTERM, SIGHUP.

What is due lives in the database; APScheduler is only the clock. Its one-second tick claims due
feeds and due deliveries and never awaits the work it starts. A monotonic watch re-arms the tick
when none came for three seconds: after the wall clock steps back, APScheduler fires nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from loguru import logger

from alerts import CHANNEL_TYPES, Channel, Tools
from alerts.registry import make
from monitor import checkup, memory, systemd
from monitor.addresses import allowance
from monitor.config import Config, load
from monitor.config_examples import require_examples
from monitor.database import exclusive_lock, open_engine, prepare
from monitor.deliverer import Deliverer, Limit, Senders
from monitor.guard import Clients, Lookup, open_clients
from monitor.logs import Redactor, outcome, set_up
from monitor.notices import tell
from monitor.parse import ParserPool
from monitor.poller import LEASE, Poller, Watch, configured, feeds_by_url
from monitor.store import Store
from monitor.writer import Refused, Writer
from rules import RuleErrors

POLL_GRACE = timedelta(seconds=5)
SEND_GRACE = timedelta(seconds=20)
_TICK = 1.0
_TICK_LATE = 3.0
_CLOCK_SLACK = timedelta(seconds=1)
_STATUS_EVERY = 10.0
_SHORT_STOP = timedelta(hours=1)  # in which no rule is thought to have missed its hits
_LONGEST_REQUEST = 120.0
_LONGEST_MIGRATION = timedelta(minutes=10)


def utc_now() -> datetime:
    return datetime.now(UTC)


def since_boot() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Engine:
    """The working parts: made once, given a new configuration at each reload.

    `run` lets the clock drive them; `once` drives them for one round. Both hold the database's
    exclusive lock, so that whatever is ``sending`` when they start belongs to the dead.

    ``clock`` tells the time of day, which somebody may set; ``steady`` counts seconds that nobody
    can. Without one, whatever the clock says has passed.
    """

    def __init__(
        self,
        config: Config,
        redact: Redactor,
        clock: Callable[[], datetime],
        steady: Callable[[], float] | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self._steady = steady or (lambda: clock().timestamp())
        self.store = Store(open_engine(config.database))
        self.writer = Writer()
        self.pool = ParserPool()
        self._redact = redact
        self._lookup = Lookup()  # one for all configurations: its threads never end
        self._base = AsyncExitStack()
        self._stacks: list[AsyncExitStack] = []
        self._tasks: set[asyncio.Future[object]] = set()
        self._latest, self._counted = clock(), self._steady()
        self._next_checkup = self._latest
        self._awake_since: datetime | None = None

    def _senders(self, config: Config, clients: Clients) -> Senders:
        tools = Tools(http=clients.alerts, dial=clients.dial, write=_write)
        channels: dict[str, Channel] = {
            name: make(channel.type, name, channel.settings, tools, channel.template)
            for name, channel in config.channels.items()
            if channel.enabled
        }
        return Senders(config, channels, _limits(config))

    async def start(self) -> None:
        """Free what the dead had claimed and make the tables follow the configuration."""
        config = self.config
        self._redact.learn(config.secrets)
        await self._base.enter_async_context(self.pool)
        clients = await self._open(config)
        last = await self.writer(self.store.last_request)
        if last is None or self.clock() - last > _SHORT_STOP:
            self._awake_since = self.clock()
        await self.writer(self.store.release_claims, self.clock(), config.host_pause)
        await self._follow_clock_back()
        await self.writer(self._sync, config)
        owner = f"{socket.gethostname()}:{os.getpid()}"
        self.poller = Poller(
            store=self.store,
            writer=self.writer,
            pool=self.pool,
            watch=Watch.of(config, clients),
            owner=owner,
            clock=self.clock,
            wake=self.wake,
        )
        self.deliverer = Deliverer(
            store=self.store,
            writer=self.writer,
            senders=self._senders(config, clients),
            owner=owner,
            clock=self.clock,
        )

    async def _open(self, config: Config) -> Clients:
        """Clients for a configuration, on the newest of `_stacks`. All end with the engine."""
        stack = AsyncExitStack()
        self._stacks.append(stack)
        return await stack.enter_async_context(
            open_clients(
                contact=config.contact, allow_private=config.allow_private, lookup=self._lookup
            )
        )

    def _retire_all_but(self, kept: AsyncExitStack) -> None:
        """Close the others in two minutes: what is under way ends with those it began with."""
        for old in self._stacks:
            if old is not kept:
                asyncio.get_running_loop().call_later(_LONGEST_REQUEST, self._retire, old)

    def _retire(self, stack: AsyncExitStack) -> None:
        if stack in self._stacks:
            self._stacks.remove(stack)
            self._spawn(stack.aclose())

    def _sync(self, config: Config) -> None:
        now = self.clock()
        with self.store.transaction():
            self.store.sync_feeds(configured(feeds_by_url(config)), now)
            for name in self.store.sync_channels(_fingerprints(config)):
                outcome("INFO", "channel", channel=name, outcome="enabled", why="new settings")
            for name, count in self.store.bury_orphans(list(config.channels)).items():
                message = (
                    f"channel '{name}' left the configuration with {count} alerts not sent; "
                    f"they are dead letters, see: wirewatch deliveries --state dead"
                )
                tell(self.store, config, now, "channel_removed", name, message)

    async def swap(self, config: Config) -> None:
        """Take over a new configuration, or raise and go on with the old one. What is under way
        ends with the old one."""
        self._redact.learn(self.config.secrets | config.secrets)
        level = self.config.log_level
        clients = await self._open(config)
        new = self._stacks[-1]
        try:
            watch, senders = Watch.of(config, clients), self._senders(config, clients)
            await self.writer(self._adopt, watch, senders)
        except BaseException:
            self._retire(new)
            raise
        if config.log_level != level:
            set_up(config.log_level, self._redact)
        self._retire_all_but(new)

    def _adopt(self, watch: Watch, senders: Senders) -> None:
        """In the writer thread, so that no poll is recorded by the old configuration once the
        tables follow the new one."""
        self._sync(watch.config)
        self.config = watch.config
        self.poller.watch = watch
        self.deliverer.senders = senders

    def wake(self) -> None:
        """Deliver now, not at the next tick."""
        self._spawn(self._begin(self.deliverer.deliver_due))

    def _spawn(self, work: Coroutine[object, object, object]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def tick(self) -> None:
        """Claim what is due and start it. What the database refuses is tried at the next tick."""
        for begin in self._duties():
            await self._begin(begin)

    async def _begin(self, duty: Callable[[], Awaitable[object]]) -> None:
        try:
            await duty()
        except Refused:
            pass  # the writer has said so
        except Exception:  # noqa: BLE001 - a bug of ours: logged whole, tried at the next tick
            logger.exception("tick outcome=failed")

    async def start_due(self) -> None:
        """Claim what is due and start it.

        Raises:
            monitor.writer.Refused: the database said no.
        """
        for begin in self._duties():
            await begin()

    def _duties(self) -> tuple[Callable[[], Awaitable[object]], ...]:
        return (
            self._mind_the_clock,
            self.poller.poll_due,
            self.deliverer.deliver_due,
            self._check_up,
        )

    async def _mind_the_clock(self) -> None:
        now, counted = self.clock(), self._steady()
        expected = self._latest + timedelta(seconds=counted - self._counted)
        ahead, recorded = now - expected, self.poller.recorded()
        if now < self._latest - _CLOCK_SLACK:
            await self._follow_clock_back()
        elif ahead > _CLOCK_SLACK:
            # What ended before anybody noticed was recorded by the new time.
            settled = {feed for feed, at in recorded.items() if at > expected + _CLOCK_SLACK}
            hold = LEASE + self.config.host_pause
            moved = await self.writer(self.store.follow_clock_on, now, ahead, hold, settled)
            outcome("WARNING", "clock", outcome="stepped_on", by=str(ahead), moved=moved)
        self._latest, self._counted = now, counted

    async def _check_up(self) -> None:
        """Now and then look at all feeds: some trouble shows only in what did not happen."""
        now = self.clock()
        if not self._next_checkup - checkup.EVERY <= now < self._next_checkup:
            self._next_checkup = now + checkup.EVERY
            await self.writer(checkup.check_up, self.store, self.config, now, self._awake_since)

    async def _follow_clock_back(self) -> None:
        """Let nothing wait for a time that the clock has shown already."""
        now = self.clock()
        hold = LEASE + self.config.host_pause
        moved = await self.writer(self.store.follow_clock_back, now, hold)
        if moved:
            outcome("WARNING", "clock", outcome="stepped_back", moved=moved)

    async def finish(self) -> None:
        """Begin nothing new; polls get a little time to end, sends a little more."""
        await self.poller.stop(POLL_GRACE)
        await self.deliverer.stop(SEND_GRACE)

    async def close(self) -> None:
        """Give everything back, also when `start` did not come to its end."""
        await self._base.aclose()
        for stack in self._stacks:
            await stack.aclose()
        self.writer.close()
        self.store.close()


def _limits(config: Config) -> dict[str, Limit]:
    """How often each chat service wants to be asked; the operator's own server does not say.
    Channels that lead to one place share what it allows."""
    own = allowance(config.allow_private)
    limits = {}
    for name, channel in config.channels.items():
        to = channel.settings.destination
        pause = CHANNEL_TYPES[channel.type].pause
        if pause and own.owns(urlsplit(to).hostname or ""):
            pause = 0.0
        limits[name] = Limit(f"{channel.type} {to}" if to else name, pause)
    return limits


def _fingerprints(config: Config) -> dict[str, str]:
    """A channel's settings as a hash: secrets are not to be found in the database."""
    from hashlib import sha256  # noqa: PLC0415 - only here

    return {
        name: sha256(f"{channel.type} {_spelled(channel.settings)}".encode()).hexdigest()[:32]
        for name, channel in config.channels.items()
    }


def _spelled(settings: object) -> str:
    from pydantic import SecretStr  # noqa: PLC0415 - only here

    def plain(value: object) -> object:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, tuple | list):
            return [plain(part) for part in value]
        return value

    return repr(sorted((key, plain(value)) for key, value in vars(settings).items()))


def _write(message: str) -> None:
    """The console channel: results go to stdout, also where that cannot show every letter."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{message}\n".encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


@asynccontextmanager
async def engine(
    config: Config,
    redact: Redactor,
    clock: Callable[[], datetime] = utc_now,
    steady: Callable[[], float] | None = None,
) -> AsyncIterator[Engine]:
    """The working parts on a migrated database that is ours alone.

    Raises:
        monitor.database.DatabaseError: it cannot be used, or another wirewatch uses it.
    """
    with exclusive_lock(config.database):
        prepare(config.database)
        parts = Engine(config, redact, clock, steady)
        try:
            await parts.start()
            try:
                yield parts
            finally:
                await parts.finish()
        finally:
            await parts.close()


async def once(
    config: Config, redact: Redactor, left: Callable[[int, int], None] | None = None
) -> None:
    """Poll what is due and deliver what is due, and end. Failing feeds and sends are state.

    ``left`` is told, as they change, how many polls and how many sends are still to come.
    """
    async with engine(config, redact) as parts:
        began = parts.clock()
        while await _round(parts, began, left):  # noqa: ASYNC110 - the database knows the end
            await asyncio.sleep(0.05)


async def _round(parts: Engine, began: datetime, left: Callable[[int, int], None] | None) -> bool:
    """Start what may start; True while there is something under way or waiting its turn."""
    await parts.start_due()
    polls, sends = await parts.writer(
        parts.store.left_to_do, began, list(parts.deliverer.senders.channels)
    )
    polls += parts.poller.running
    sends += parts.deliverer.running
    if left is not None:
        left(polls, sends)
    return bool(polls or sends)


class Daemon:
    """`wirewatch run`: drives the parts by the clock until SIGTERM."""

    def __init__(self, parts: Engine, path: Path) -> None:
        self._parts = parts
        self._path = path
        self._stop = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._reload_problem = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticked = time.monotonic()
        self._fed = (-1, -1)
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    async def serve(self) -> None:
        """Until SIGTERM or SIGINT. A second one ends the process at once: nothing is lost by it."""
        self._listen()
        self._arm()
        self._scheduler.start()
        config = self._parts.config
        _log_loaded("ready", config)
        memory.set_aside()
        systemd.notify("READY=1", await self._status())
        watch = asyncio.create_task(self._watch(), name="watch")
        await self._stop.wait()
        systemd.notify("STOPPING=1", "STATUS=stopping: finishing what is being sent")
        outcome("INFO", "stopping")
        watch.cancel()
        self._scheduler.shutdown(wait=False)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._spawn_reload)

    def _end(self) -> None:
        if self._stop.is_set():
            os._exit(130)
        self._stop.set()

    def _arm(self) -> None:
        """A tick now and every second from now on."""
        self._scheduler.add_job(
            self._tick,
            "interval",
            seconds=_TICK,
            id="tick",
            replace_existing=True,
            next_run_time=utc_now(),
        )

    async def _tick(self) -> None:
        self._ticked = time.monotonic()
        self._spawn(self._parts.tick())

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload] # a coroutine of ours
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self) -> None:
        """On the monotonic clock: re-arm a tick that stopped, feed the watchdog, tell STATUS."""
        period = systemd.watchdog_period()
        feed_every = period.total_seconds() / 3 if period else _STATUS_EVERY
        told = 0.0
        while True:
            await asyncio.sleep(min(1.0, feed_every))
            now = time.monotonic()
            if now - self._ticked > _TICK_LATE:
                outcome("WARNING", "tick", outcome="re-armed", why="the clock stepped")
                self._ticked = now
                self._arm()
            if now - told >= min(feed_every, _STATUS_EVERY):
                told = now
                try:
                    await self._feed()
                except Exception:  # noqa: BLE001 - the database said no: not fed, asked again
                    logger.exception("watch outcome=failed")

    async def _feed(self) -> None:
        """The watchdog is fed only when polling and delivering both got answers from the database
        since it was fed last."""
        progress = (self._parts.poller.progress, self._parts.deliverer.progress)
        busy = self._parts.poller.full, self._parts.deliverer.full
        moved = all(
            new != old or full for new, old, full in zip(progress, self._fed, busy, strict=True)
        )
        if moved:
            self._fed = progress
            systemd.notify("WATCHDOG=1", await self._status())

    async def _status(self) -> str:
        parts = self._parts
        try:
            pulse = await parts.writer(parts.store.pulse, parts.clock())
        except Refused:
            text = f"watching {len(parts.config.feeds)} feeds"
        else:
            text = (
                f"watching {pulse['feeds']} feeds ({pulse['feeds_ok']} ok) with "
                f"{len(parts.config.rules)} rules; {pulse['hits_24h']} hits in 24 h; "
                f"{pulse['waiting']} alerts waiting, {pulse['dead']} dead"
            )
        if parts.writer.refusal:
            text = f"THE DATABASE REFUSES: {parts.writer.refusal}; {text}"
        return f"STATUS={text}{self._reload_problem}"

    def _spawn_reload(self) -> None:
        self._spawn(self._reload())

    async def _reload(self) -> None:
        """Take over what is on disk now, whole, or keep what is in force and say why."""
        async with self._reloading:
            try:
                await self._take_over()
            except RuleErrors as errors:
                await self._refused(errors)
            except Exception:  # noqa: BLE001 - ours, or the database said no: the old one works on
                logger.exception("reload outcome=failed")
                self._reload_problem = "; RELOAD FAILED: the log says why; try again"
            systemd.notify(await self._status())

    async def _take_over(self) -> None:
        config = await asyncio.to_thread(load, self._path)
        _require_startable(config)
        _refuse_other_database(self._parts.config, config)
        await asyncio.to_thread(require_examples, config)
        await self._parts.swap(config)
        self._reload_problem = ""
        memory.set_aside()
        _log_loaded("reload", config)

    async def _refused(self, errors: RuleErrors) -> None:
        first = errors.mistakes[0].headline
        more = len(errors.mistakes) - 1
        for mistake in errors.mistakes:
            outcome("ERROR", "reload", outcome="refused", mistake=mistake.headline)
        told = f"{first} (and {more} more)" if more else first
        self._reload_problem = f"; RELOAD REFUSED: {told}"
        message = f"the new configuration is refused, the old one stays in force: {told}"
        parts = self._parts
        await parts.writer(
            tell,
            parts.store,
            parts.config,
            parts.clock(),
            "reload_refused",
            str(self._path),
            message,
        )


def _log_loaded(event: str, config: Config) -> None:
    """``every_item``: rules that nothing in them lets us skip, so that each item costs them."""
    always = len(config.ruleset.always)
    counts = {"feeds": len(config.feeds), "rules": len(config.rules)}
    outcome("INFO", event, **counts, every_item=always or None)


def _require_startable(config: Config) -> None:
    from monitor.config import require_contact  # noqa: PLC0415

    require_contact(config)


def _refuse_other_database(old: Config, new: Config) -> None:
    from rules import Mistake  # noqa: PLC0415

    if old.database != new.database:
        raise RuleErrors(
            [
                Mistake(
                    f"database: cannot change while running, from {old.database} to {new.database}",
                    "restart wirewatch",
                )
            ]
        )


async def run(config: Config, path: Path, redact: Redactor) -> None:
    """The daemon, from the database's lock to the last settled send."""
    memory.give_back()
    # A big database may take longer to bring up to date than systemd waits for a start.
    systemd.notify("STATUS=opening the database", systemd.extend_timeout(_LONGEST_MIGRATION))
    async with engine(config, redact, steady=since_boot) as parts:
        await Daemon(parts, path).serve()


__all__ = ["Daemon", "Engine", "engine", "once", "run", "set_up"]
