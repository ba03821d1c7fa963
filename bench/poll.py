"""How politely, how cheaply and how fast feeds are polled.

Three parts: the scoreboard of a month; CPU for the same feeds beside others; ten thousand feeds
under one daemon. Everything is on loopback; the origin is a process of its own, whose CPU is told
apart.
"""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import psutil

from bench.contestants import CONTESTANTS, configuration, urls

ROOT = Path(__file__).resolve().parent.parent
COLD_RUNS = 2
ROUNDS = 4
OFFERED = 200  # polls a second that fall due
CHANGED = 0.1


def scoreboard(days: float) -> None:
    """Print how each publisher was treated."""
    sys.path.insert(0, str(ROOT / "tests"))
    from rigs.simulation import World, run  # noqa: PLC0415 - found only now

    print(f"## The scoreboard: {days:g} days, 20 restarts\n")
    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        board = run(World(Path(folder)), timedelta(days=days))
        took = time.process_time() - begin
    print(board.table())
    asked = sum(row.count["requests"] for row in board.rows.values())
    print(f"\n{len(board.rows)} feeds, {asked:,} requests, {took:.0f} s of CPU. Bad: {board.bad}\n")


class Publisher:
    """The origin."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.publisher"], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.process = psutil.Process(self._process.pid)

    def ask(self, path: str) -> bytes:
        """The answer of ``path``."""
        with urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=10) as answer:
            return bytes(answer.read())

    def counts(self) -> tuple[int, int]:
        """How many 200s and 304s so far."""
        full, same = self.ask("count").split()
        return int(full), int(same)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def _publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    try:
        yield publisher
    finally:
        publisher.close()


class _Contestant:
    """A process that polls all feeds once when it is told to."""

    def __init__(self, name: str, folder: Path, port: int, feeds: int) -> None:
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.contestants", name, folder, str(port), str(feeds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
            )
        self._said("ready")

    def _said(self, expected: str = "") -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line or (expected and line != expected):
            raise RuntimeError(f"a contestant said {line!r}: {self._log.read_text()[-3000:]}")
        return line

    def round(self) -> float:
        """Poll; the CPU seconds it took."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._said())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


class Cost(NamedTuple):
    """CPU seconds of a round, the least of several."""

    cold: float
    unchanged: float
    three_new: float


def cost(feeds: int, names: Sequence[str] = tuple(CONTESTANTS)) -> dict[str, Cost]:
    """The same feeds, polled by each: print and return what it takes."""
    print(f"## Cost: {feeds} feeds of 30 items, CPU seconds of the process tree\n")
    runs = [_cost_once(feeds, names) for _ in range(COLD_RUNS)]
    best = {
        name: Cost(*(min(values) for values in zip(*(run[name] for run in runs), strict=True)))
        for name in names
    }
    _print_cost(best, feeds)
    return best


def _cost_once(feeds: int, names: Sequence[str]) -> dict[str, Cost]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        publisher = stack.enter_context(_publisher())
        entered = {}
        for name in names:
            home = Path(folder) / name
            home.mkdir()
            entered[name] = stack.enter_context(
                closing(_Contestant(name, home, publisher.port, feeds))
            )
        cold = _rounds(entered, publisher, expected=(feeds, 0))
        same = [_rounds(entered, publisher, expected=(0, feeds)) for _ in range(ROUNDS)]
        new = []
        for _ in range(ROUNDS // 2):
            publisher.ask("publish/3")
            new.append(_rounds(entered, publisher, expected=(feeds, 0)))
        return {
            name: Cost(cold[name], min(r[name] for r in same), min(r[name] for r in new))
            for name in names
        }


def _rounds(
    entered: dict[str, _Contestant], publisher: Publisher, expected: tuple[int, int]
) -> dict[str, float]:
    """One round of each, and a look at whether it asked what it should have asked."""
    took = {}
    for name, contestant in entered.items():
        before = publisher.counts()
        took[name] = contestant.round()
        after = publisher.counts()
        asked = (after[0] - before[0], after[1] - before[1])
        if asked != expected:
            raise RuntimeError(f"{name} got {asked} answers of 200 and 304, not {expected}")
    return took


def _print_cost(best: dict[str, Cost], feeds: int) -> None:
    base = best.get("loop")
    print("| | cold | unchanged | three new items each | unchanged, a poll |")
    print("|---|--:|--:|--:|--:|")
    for name, found in best.items():
        cells = [
            f"{value:.3f}" + (f" ({value / other:.2f})" if base else "")
            for value, other in zip(found, base or found, strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} | {found.unchanged / feeds * 1e3:.2f} ms |")
    print("\nIn brackets: of the loop's.\n")


@dataclass
class _Watch:
    """What is seen of a daemon while it works, a look a second."""

    database: Path
    process: psutil.Process
    late: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)

    def look(self) -> None:
        """How late is what has been due longest, and how much memory do all processes take."""
        (oldest,) = self._connection.execute(
            "SELECT min(next_poll_at) FROM feeds WHERE active = 1"
        ).fetchone()
        due = datetime.fromisoformat(oldest).replace(tzinfo=UTC)
        self.late.append(max(0.0, (datetime.now(UTC) - due).total_seconds()))
        tree = [self.process, *self.process.children(recursive=True)]
        self.memory.append(sum(process.memory_info().rss for process in tree))

    def cpu(self) -> float:
        """Seconds of the tree so far, of children that ended too."""
        live = self.process.children(recursive=True)
        return sum(self.process.cpu_times()[:4]) + sum(sum(one.cpu_times()[:2]) for one in live)


def scale(feeds: int, seconds: float, items: int) -> None:
    """Ten thousand feeds on a thousand addresses under one `wirewatch run`: print how it goes."""
    sys.path.insert(0, str(ROOT / "tests"))
    _allow_files()
    every = max(1, feeds // OFFERED)
    print(f"## Scale: {feeds:,} feeds on 1,000 addresses, each every {every} s, {items} items\n")
    with tempfile.TemporaryDirectory() as name, _publisher() as publisher:
        folder = Path(name)
        options = f", every: {every}s"
        (folder / "wirewatch.yaml").write_text(
            configuration(
                urls(publisher.port, feeds), options, f"http://127.0.0.1:{publisher.port}/alert"
            ),
            encoding="utf-8",
        )
        publisher.ask(f"items/{items}")
        _first_day(folder, publisher, feeds)
        publisher.ask(f"flow/{round(1 / CHANGED)}")
        _second_day(folder, publisher, seconds, feeds)


def _allow_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, most), most))


def _daemon(folder: Path) -> Any:
    from rigs.daemon import Daemon  # noqa: PLC0415 - found only when asked for

    return Daemon(folder)


def _started(daemon: Any) -> float:
    begin = time.monotonic()
    daemon.wait_ready()
    return time.monotonic() - begin


def _first_day(folder: Path, publisher: Publisher, feeds: int) -> None:
    """Every feed for the first time: all items are new to us."""
    with _daemon(folder) as daemon:
        ready = _started(daemon)
        begin = time.monotonic()
        watch = _Watch(folder / "wirewatch.db", psutil.Process(daemon.pid))
        while publisher.counts()[0] < feeds and time.monotonic() - begin < 600:
            time.sleep(0.5)
        took = time.monotonic() - begin
        watch.look()
        cpu = watch.cpu()
        stop = time.monotonic()
        code = daemon.stop()
        print(f"first start: ready after {ready:.1f} s; every feed read once in {took:.0f} s")
        print(f"  {feeds / took:.0f} feeds/s, {cpu / feeds * 1e3:.1f} ms of CPU a feed; ")
        print(f"  {_megabytes(max(watch.memory))}; stopped in {time.monotonic() - stop:.1f} s")
        assert code == 0, daemon.log[-2000:]


def _second_day(folder: Path, publisher: Publisher, seconds: float, feeds: int) -> None:
    """After a stop: first what has become due meanwhile, then the steady flow."""
    with _daemon(folder) as daemon:
        ready = _started(daemon)
        watch = _Watch(folder / "wirewatch.db", psutil.Process(daemon.pid))
        print(f"second start, {feeds:,} feeds known: ready after {ready:.1f} s")
        _measure("catching up", watch, publisher, lambda: watch.late[-1] < 2, most=60)
        end = time.monotonic() + seconds
        _measure("the steady flow", watch, publisher, lambda: time.monotonic() > end, most=seconds)
        stop = time.monotonic()
        assert daemon.stop() == 0, daemon.log[-2000:]
        print(f"stopped in {time.monotonic() - stop:.1f} s")
        polls = daemon.log.count(" poll ")
        bad = daemon.log.count("WARNING") + daemon.log.count("ERROR")
        print(f"log: {polls:,} polls, {bad} warnings and errors\n")


def _measure(
    what: str, watch: _Watch, publisher: Publisher, done: Callable[[], bool], most: float
) -> None:
    watch.late.clear()
    watch.memory.clear()
    cpu, theirs = watch.cpu(), _own_cpu(publisher)
    full, same = publisher.counts()
    begin = time.monotonic()
    watch.look()
    while not done() and time.monotonic() - begin < most:
        time.sleep(1)
        watch.look()
    took = max(time.monotonic() - begin, 0.001)
    full, same = (now - then for now, then in zip(publisher.counts(), (full, same), strict=True))
    polls = max(full + same, 1)
    cpu, theirs = watch.cpu() - cpu, _own_cpu(publisher) - theirs
    print(f"{what}, {took:.0f} s: {polls / took:.0f} polls/s, {same / polls:.0%} unchanged")
    print(f"  {cpu / polls * 1e3:.2f} ms of CPU a poll, {cpu / took:.0%} of a core", end="")
    print(f" (the origin {theirs / took:.0%}); {_megabytes(max(watch.memory))};")
    print(f"  the longest due was at most {max(watch.late):.1f} s late")


def _own_cpu(publisher: Publisher) -> float:
    return sum(publisher.process.cpu_times()[:2])


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB with the parser processes"
