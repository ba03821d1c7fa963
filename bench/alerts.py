"""How soon, and how many: alerts of one `wirewatch run` to receivers on loopback.

The daemon is the real one, in a process of its own; feeds and receivers are in this one. How late
an alert is counts from the moment at which T1 begins to write its hit (the delivery's
``created_at``) to its request's arrival, so it holds T1's commit, T2, and the connection.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
FEEDS = 10
"""Each asked every second, each with something new every time."""
_CHUNK = 2_000


@dataclass
class Loopback:
    """Feeds at ``/feed/N``, each with an item more every second, and a receiver of webhooks at any
    other path. ``came``: when each alert arrived, by path and id."""

    came: dict[str, dict[str, float]] = field(default_factory=dict)
    publishing: bool = False
    port: int = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()
        while not self.port:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        starting = asyncio.start_server(self._converse, "0.0.0.0", 0)  # every address of loopback
        server = self._loop.run_until_complete(starting)
        self.port = server.sockets[0].getsockname()[1]
        self._loop.run_forever()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                path = lines[0].split(" ")[1]
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                await reader.readexactly(int(headers.get("content-length", 0)))
                writer.write(self._answer(path, headers))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, path: str, headers: dict[str, str]) -> bytes:
        body = b"ok"
        if path.startswith("/feed/"):
            body = self._feed(int(path.rsplit("/", 1)[1]))
        else:
            self.came.setdefault(path, {}).setdefault(headers["webhook-id"], time.time())
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def _feed(self, number: int) -> bytes:
        newest = int(time.time()) if self.publishing else 0
        items = "".join(
            f"<item><guid>{number}-{at}</guid><title>Ministers of place{number} sign treaty "
            f"number{at}x{number}</title><link>https://news.example/{number}/{at}</link></item>"
            for at in range(newest, newest - 5, -1)
        )
        return f"<rss version='2.0'><channel><title>F</title>{items}</channel></rss>".encode()


@dataclass(frozen=True)
class Room:
    """A folder with a configuration, and its database."""

    folder: Path
    loopback: Loopback

    @property
    def database(self) -> Path:
        return self.folder / "wirewatch.db"

    def configure(self, channels: dict[str, str], send: str, *, feeds: int = FEEDS) -> None:
        """``channels`` in YAML by name; ``send``: where new alerts go."""
        port = self.loopback.port
        named = "\n".join(f"  {name}: {text}" for name, text in channels.items())
        asked = "\n".join(
            f"  f{n}: {{url: 'http://127.0.1.{n + 1}:{port}/feed/{n}', every: 1s}}"
            for n in range(feeds)
        )
        (self.folder / "wirewatch.yaml").write_text(
            "contact: bench@example.org\nallow_private: [127.0.0.0/8]\n"
            f"channels:\n{named}\n"
            + (f"feeds:\n{asked}\n" if feeds else "")
            + f"rules:\n  ministers: {{match: ministers, send: [{send}]}}\n"
        )

    def hook(self, path: str) -> str:
        return f"{{type: webhook, url: 'http://127.0.0.1:{self.loopback.port}/{path}'}}"

    def fill(self, channel: str, count: int) -> None:
        """Alerts that have been waiting for a minute."""
        from monitor.database import open_engine, prepare  # noqa: PLC0415 - takes seconds
        from monitor.store import Store  # noqa: PLC0415 - likewise

        url = f"sqlite:///{self.database}"
        prepare(url)
        store = Store(open_engine(url))
        at = datetime.now(UTC) - timedelta(minutes=1)
        made = iter(_deliveries(channel, count, at))
        for _ in range(0, count, _CHUNK):
            with store.transaction():
                store.queue([one for one, _ in zip(made, range(_CHUNK), strict=False)], at)
        store.close()

    def created(self) -> dict[str, float]:
        """When each hit that was found here was written, by delivery."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            rows = connection.execute(
                "SELECT d.id, d.created_at FROM deliveries d JOIN delivery_hits h "
                "ON h.delivery_id = d.id"
            ).fetchall()
        return {id_: datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() for id_, at in rows}

    def waiting(self, channel: str) -> int:
        """How many are still to be sent there."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM deliveries WHERE channel = ? AND due_at IS NOT NULL",
                (channel,),
            ).fetchone()
        return int(count)


def _deliveries(channel: str, count: int, at: datetime) -> Iterator[Any]:
    from alerts import Alert, Hit, Item, Match, Rule, Story  # noqa: PLC0415 - only here
    from monitor.ids import new_id  # noqa: PLC0415 - likewise
    from monitor.store import NewDelivery  # noqa: PLC0415 - likewise

    for number in range(count):
        id_ = new_id()
        title = f"Ministers sign treaty number {number} after long talks in the capital"
        item = Item(
            title=title, url=f"https://news.example/{number}", feed="f0", source="Example",
            author="", published=at, first_seen=at, lang="en", summary="A summary of it. " * 12,
        )  # fmt: skip
        hit = Hit(
            f"h{number}", Rule("ministers", "normal", ()), item, Match((), (), ()), Story("s", 1)
        )
        alert = Alert(id=id_, at=at, body=hit)
        yield NewDelivery(id_, channel, "hit", alert.to_json(), title, "ministers")


@contextmanager
def _room() -> Iterator[Room]:
    with tempfile.TemporaryDirectory() as name, Loopback() as loopback:
        yield Room(Path(name), loopback)


@contextmanager
def _daemon(room: Room) -> Iterator[Any]:
    from rigs.daemon import Daemon  # noqa: PLC0415 - found only when asked for

    with Daemon(room.folder) as daemon:
        daemon.wait_ready(60)
        yield daemon
        assert daemon.stop() == 0, daemon.log[-2000:]


@dataclass(frozen=True)
class Lateness:
    """How late new alerts were, in seconds, the earliest first."""

    late: Sequence[float]

    def at(self, share: float) -> float:
        """So late was this share of them at most."""
        return self.late[min(len(self.late) - 1, math.ceil(share * len(self.late)) - 1)]

    def __str__(self) -> str:
        if not self.late:
            return "none arrived"
        p50, p99, most = (self.at(share) * 1e3 for share in (0.5, 0.99, 1))
        return f"{len(self.late):,} | {p50:,.0f} ms | {p99:,.0f} ms | {most:,.0f} ms"


def _lateness(room: Room, path: str) -> Lateness:
    """Of all that was found; what has not arrived by now is as late as it is already."""
    came, now = room.loopback.came.get(path, {}), time.time()
    return Lateness(sorted(came.get(id_, now) - at for id_, at in room.created().items()))


def _known(room: Room) -> None:
    """The first poll of each feed tells nobody; it is over before anything is measured."""
    room.loopback.publishing = True
    time.sleep(3)


def latency(seconds: float, backlog: int = 0, where: str = "") -> Lateness:
    """New alerts while ``backlog`` others wait on the ``same`` or on the ``other`` channel."""
    with _room() as room:
        room.configure({"new": room.hook("new"), "other": room.hook("other")}, "new")
        if backlog:
            room.fill("new" if where == "same" else "other", backlog)
        with _daemon(room):
            _known(room)
            time.sleep(seconds)
            return _lateness(room, "/new")


def _drained(
    room: Room, channel: str, arrived: Callable[[], int], most: float
) -> tuple[int, float]:
    """How many arrived within how many seconds, until all have or ``most`` seconds are over."""
    began, before = time.monotonic(), arrived()
    while time.monotonic() - began < most and room.waiting(channel):
        time.sleep(0.1)
    return arrived() - before, time.monotonic() - began


def webhooks(count: int, most: float) -> float:
    """Alerts a second to one webhook."""
    with _room() as room:
        room.configure({"new": room.hook("new")}, "new", feeds=0)
        room.fill("new", count)
        with _daemon(room):
            done, took = _drained(
                room, "new", lambda: len(room.loopback.came.get("/new", {})), most
            )
        return done / took


def mails(count: int, most: float) -> float:
    """Alerts a second to a mail server, without TLS."""
    from rigs.mailbox import Mailbox  # noqa: PLC0415 - found only when asked for

    with _room() as room, Mailbox() as mailbox:
        desk = (
            "{type: mail, to: desk@example.org, from: wirewatch@example.org, "
            f"smtp: 'smtp://127.0.0.1:{mailbox.port}'}}"
        )
        room.configure({"desk": desk}, "desk", feeds=0)
        room.fill("desk", count)
        with _daemon(room):
            done, took = _drained(room, "desk", lambda: len(mailbox.mails), most)
        return done / took


def drain(count: int, most: float) -> tuple[int, float, Lateness]:
    """``count`` alerts wait on a channel that new ones come to: how many of all went out in how
    many seconds, and how late the new ones were."""
    with _room() as room:
        room.configure({"new": room.hook("new")}, "new")
        room.fill("new", count)
        with _daemon(room):
            _known(room)
            done, took = _drained(
                room, "new", lambda: len(room.loopback.came.get("/new", {})), most
            )
            found = _lateness(room, "/new")
        return done, took, found


def run(parts: Sequence[str], seconds: float, backlog: int, rows: int) -> None:
    """Measure, and print what came of it."""
    sys.path.insert(0, str(ROOT / "tests"))
    if "latency" in parts:
        print(f"## Hit to request: {FEEDS} feeds, an alert a second each, {seconds:g} s\n")
        print("| | alerts | p50 | p99 | latest |\n|---|--:|--:|--:|--:|")
        print(f"| idle | {latency(seconds)} |", flush=True)
        for where in ("other", "same"):
            found = latency(seconds, backlog, where)
            print(f"| {backlog:,} wait on the {where} channel | {found} |", flush=True)
    if "rate" in parts:
        print("\n## Sustained\n")
        print(f"webhook: {webhooks(5_000, seconds):,.0f} alerts/s", flush=True)
        print(f"SMTP: {mails(2_000, seconds):,.0f} alerts/s", flush=True)
    if "drain" in parts:
        done, took, found = drain(rows, seconds * 2)
        print(f"\n## Drain of {rows:,} rows, new alerts on the same channel\n")
        whole = f"; all would take {rows / (done / took):,.0f} s" if done < rows else ""
        print(f"{done:,} sent in {took:,.0f} s: {done / took:,.0f} a second{whole}")
        print(f"| | alerts | p50 | p99 | latest |\n|---|--:|--:|--:|--:|\n| new | {found} |")
