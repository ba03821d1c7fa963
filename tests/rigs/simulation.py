"""A month in seconds: the real engine, store and fetch code under a clock that jumps from one due
poll to the next, against publishers that are scripts in the same process.

    board = run(World(folder), timedelta(days=30))
    print(board.table())

Restarts, kills, reloads, rounds of `once` and steps of the clock are part of every run. Everything
happens in one thread, so that a run costs no waiting: the writer and the parser are called where
they stand.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import sqlalchemy as sa
from loguru import logger
from rigs.clockwork import Clock
from rigs.origin import Reply
from rigs.publishers import MINUTE, Ask, Site, sites
from rigs.scoreboard import Row, Scoreboard

from monitor.config import Config, load
from monitor.daemon import Engine
from monitor.database import exclusive_lock, prepare
from monitor.feedreader import read
from monitor.guard import Clients
from monitor.item import ParseResult, ParseTask
from monitor.language import Detector
from monitor.logs import Redactor
from monitor.turns import Turns
from monitor.writer import Writer

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
GRAIN = 5 * MINUTE
"""Due polls are looked for this often, when nothing is under way."""

SLACK = 20 * MINUTE
_CALM = 100  # rounds of the loop: more than any poll needs to get on
_NEXT_TURN = sa.text(
    "SELECT min(max(f.next_poll_at, coalesce(f.claimed_until, ''), coalesce(h.free_at, ''),"
    " coalesce(h.blocked_until, ''))) FROM feeds f LEFT JOIN hosts h ON h.host = f.host"
    " WHERE f.active"
)
Meddle = Callable[[Ask], Ask]


class TrueClock(Clock):
    """A wall clock that may be wrong; ``true`` never is."""

    def __init__(self) -> None:
        super().__init__()
        self.true = self.now

    def step(self, by: timedelta) -> None:
        """Time passes."""
        super().step(by)
        self.true += by

    def leap(self, by: timedelta) -> None:
        """Somebody sets the wall clock."""
        self.now += by


class _Writer(Writer):
    """Asks the database at once, in the caller's thread. ``dead``: the process was killed."""

    dead = False

    async def __call__(self, question: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.dead:
            raise asyncio.CancelledError
        return question(*args, **kwargs)


class _Parser:
    """Parses in this process."""

    def __init__(self) -> None:
        self._detector = Detector(lambda _: ("", 0.0))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held."""

    async def parse(self, task: ParseTask) -> ParseResult:
        return read(task, self._detector)


class Network(httpx.AsyncBaseTransport):
    """Every publisher there is. ``meddle`` may falsify a request on its way, as a bad client
    would have sent it; while ``hanging`` nobody is answered."""

    def __init__(self, board: Scoreboard, clock: TrueClock, meddle: Meddle | None = None) -> None:
        self.hanging = False
        self._board, self._clock, self._meddle = board, clock, meddle
        self._counts: dict[str, int] = {}
        self._waiting: list[tuple[datetime, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """How many requests have no answer yet."""
        return len(self._waiting)

    def wake(self) -> None:
        """Answer what has waited long enough."""
        for entry in [one for one in self._waiting if one[0] <= self._clock.true]:
            self._waiting.remove(entry)
            entry[1].set_result(None)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        ask = self._ask(request)
        self._board.asked(ask, request.method)
        site = self._board.site(ask.url)
        if site is None:
            return httpx.Response(404)
        try:
            reply = site.answers[ask.url](ask)
            await self._held(timedelta(seconds=reply.delay))
        except asyncio.CancelledError:
            self._board.left(replace(ask, at=self._clock.true))
            raise
        self._board.answered(replace(ask, at=self._clock.true), reply)
        return _response(reply)

    def _ask(self, request: httpx.Request) -> Ask:
        url = str(request.url)
        self._counts[url] = count = self._counts.get(url, 0) + 1
        headers = {name.decode().lower(): value for name, value in request.headers.raw}
        ask = Ask(url, headers, self._clock.true, self._clock.now, count)
        return self._meddle(ask) if self._meddle else ask

    async def _held(self, delay: timedelta) -> None:
        if delay or self.hanging:
            await self.wait(timedelta(days=1) if self.hanging else delay)
        else:
            await asyncio.sleep(0)

    async def wait(self, span: timedelta) -> None:
        """Until so much time has passed."""
        entry = (self._clock.true + span, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        except asyncio.CancelledError:
            self._waiting.remove(entry)
            raise


def _response(reply: Reply) -> httpx.Response:
    if not reply.status:
        raise httpx.ReadError("the connection ended early")
    headers = [
        (name, one.encode("latin-1") if isinstance(one, str) else one)
        for name, value in reply.headers.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    location = next((value for name, value in headers if name == "Location"), b"")
    return httpx.Response(
        reply.status,
        headers=[(name.encode(), value) for name, value in headers if name != "Location"],
        stream=_Stream(b"" if reply.status == 304 else reply.body),
        extensions={"location": location},
    )


class _Stream(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


class _Engine(Engine):
    """The daemon's engine on the simulated network."""

    def __init__(self, config: Config, clock: TrueClock, network: Network) -> None:
        super().__init__(config, Redactor(), clock, lambda: clock.true.timestamp())  # noqa: PLW0108 - it is another each time
        self.writer.close()
        self.killed = False
        self.writer = self._pen = _Writer()
        self.pool = _Parser()  # type: ignore[assignment] # as much of a pool as is used
        self._network = network

    async def start(self) -> None:
        await super().start()
        clock, network = self.clock, self._network
        assert isinstance(clock, TrueClock)
        self.poller._turns = Turns(
            lambda: clock.true.timestamp(),  # noqa: PLW0108 - it is another each time
            lambda seconds: network.wait(timedelta(seconds=seconds)),
        )

    async def _open(self, config: Config) -> Clients:
        clients = await super()._open(config)
        for client in (clients.feeds.configured, clients.feeds.followed):
            await client._transport.aclose()
            client._transport, client._mounts = self._network, {}
        return clients

    async def finish(self) -> None:
        """Nobody waits for polls under way: they are asked again."""
        await self.poller.stop(timedelta())
        await self.deliverer.stop(timedelta())

    async def settle(self) -> None:
        """Until whatever can end has ended. A poll may wait for its turn at a host that has not
        answered another yet."""
        calm = 0
        for _ in range(100_000):
            waiting = self._network.waiting
            if self.poller.running <= waiting and not self._busy:
                return
            calm = calm + 1 if waiting else 0
            if calm > _CALM:
                return
            await asyncio.sleep(0)
        raise AssertionError("the engine does not come to rest")

    @property
    def _busy(self) -> bool:
        return bool(self.deliverer.running or self._tasks)

    def next_turn(self) -> datetime:
        """When the next feed may be claimed."""
        with self.store.transaction():
            text = self.store._run(_NEXT_TURN).scalar()
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    def die(self) -> None:
        """As if killed: not another word reaches the database."""
        self.killed = self._pen.dead = True
        for task in self.poller._running:
            task.cancel()


@dataclass
class World:
    """Publishers, a configuration that names them, and a clock.

    Args:
        folder: of the configuration and the database.
        sites: by default all that there are.
        meddle: falsifies requests.
        sabotage: spoils a new engine, to show what the board makes of it.
        restarts: how many, each of another kind.
        pause: what a host is owed between two requests.
    """

    folder: Path
    sites: Sequence[Site] = field(default_factory=sites)
    meddle: Meddle | None = None
    sabotage: Callable[[Engine], None] = lambda _: None
    restarts: int = 20
    pause: timedelta = SECOND

    def __post_init__(self) -> None:
        self.clock = TrueClock()
        self.board = Scoreboard(self.sites, self.pause)
        self.network = Network(self.board, self.clock, self.meddle)
        self.begin = self.clock.true
        self._changes = 0

    def config(self) -> Config:
        """The configuration as it is at this moment: it is changed at every reload."""
        age = self.clock.true - self.begin
        feeds = "".join(
            site.entries(self._options(site)) for site in self.sites if site.from_ <= age
        )
        (self.folder / "wirewatch.yaml").write_text(
            "contact: desk@example.org\n"
            "channels: {log: {type: console, enabled: false}}\n"
            f"feeds:\n{feeds}"
            "defaults: {send: [log]}\n"
            "rules: {strikes: strike}\n"
        )
        return load(self.folder)

    def _options(self, site: Site) -> str | None:
        if site.name == "changing":
            return (", every: 30m", ", every: 10m", "", ", enabled: false")[self._changes % 4]
        return None

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[_Engine]:
        """A daemon that has just started."""
        config = self.config()
        with exclusive_lock(config.database):
            prepare(config.database)
            parts = _Engine(config, self.clock, self.network)
            try:
                await parts.start()
                self.sabotage(parts)
                yield parts
                if not parts.killed:
                    await parts.finish()
            finally:
                await parts.close()

    async def live(self, parts: _Engine, span: timedelta) -> None:
        """Let time pass: second by second at first, then from one due poll to the next."""
        end = self.clock.true + span
        careful = self.clock.true + 15 * SECOND
        while self.clock.true < end:
            self.network.wake()
            await parts.settle()
            await parts.tick()
            await parts.settle()
            self.clock.step(self._pace(parts, careful))

    def _pace(self, parts: _Engine, careful: datetime) -> timedelta:
        if self.clock.true < careful:
            return SECOND
        if self.network.waiting:
            return 4 * SECOND
        wait = parts.next_turn() - self.clock.now
        if wait < 5 * SECOND:
            return SECOND
        return min(-(-wait // GRAIN), 3) * GRAIN

    async def reload(self, parts: _Engine) -> None:
        """SIGHUP with another configuration."""
        self._changes += 1
        await parts.swap(self.config())

    async def kill(self, parts: _Engine) -> None:
        """SIGKILL while requests are under way."""
        self.network.hanging = True
        for _ in range(60):
            await self.live(parts, SECOND)
            if self.network.waiting:
                break
            self.clock.step(MINUTE)
        parts.die()
        self.network.hanging = False


async def _history(world: World, span: timedelta) -> None:
    """The lives of one installation: each ends otherwise than the one before."""
    life = span / (world.restarts + 1)
    for number in range(world.restarts + 1):
        async with world.engine() as parts:
            await world.live(parts, life / 3)
            if number % 3 == 1:
                await world.reload(parts)
            await world.live(parts, life / 3)
            _set_clock(world, number)
            await world.live(parts, life / 3)
            if number % 3 == 2:
                await world.kill(parts)
        world.clock.step(timedelta(seconds=7 * number))


def _set_clock(world: World, number: int) -> None:
    match number % 5:
        case 1:
            world.clock.leap(-HOUR)
            world.board.set_back(world.clock.true)
        case 3:
            world.clock.leap(HOUR)


def run(world: World, span: timedelta) -> Scoreboard:
    """Live for ``span`` and say how the publishers were treated."""
    with _silent():
        asyncio.run(_history(world, span))
    world.board.end(world.clock.true, SLACK)
    count_items(world)
    return world.board


@contextmanager
def _silent() -> Iterator[None]:
    logger.disable("monitor")
    try:
        yield
    finally:
        logger.enable("monitor")


def count_items(world: World) -> None:
    """What was published beside what is stored."""
    with closing(sqlite3.connect(world.folder / "wirewatch.db")) as database:
        rows = database.execute("SELECT title, count(*) FROM items GROUP BY title").fetchall()
    stored = dict(rows)
    for row in world.board.rows.values():
        _compare(row, stored, world.clock.true)


def _compare(row: Row, stored: Mapping[str, int], now: datetime) -> None:
    site, count = row.site, row.count
    first = site.news.newest(row.first_poll or now) + 1
    last = site.news.newest(now - site.late * 1.1 - SLACK)
    titles = [site.news.title(number) for number in range(first, last + 1)]
    count["found"] = sum(title in stored for title in titles)
    count["lost"] = 0 if site.ends else len(titles) - count["found"]
    own = f", {site.name} "
    count["twice"] = sum(times - 1 for title, times in stored.items() if own in title)


def only(all_sites: Iterable[Site], *names: str) -> list[Site]:
    """Some of the sites."""
    return [site for site in all_sites if site.name in names]
