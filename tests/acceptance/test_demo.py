"""`make demo`: the real daemon on our own news site, and a verdict that can be trusted."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from monitor.cli import main
from monitor.demo import director, process
from monitor.demo.director import Director, Pace
from monitor.demo.programme import PROGRAMME
from monitor.demo.receivers import Arrival, Arrivals
from monitor.demo.show import Show
from monitor.demo.tape import Tape

QUICK = Pace(read=0, line=0, patience=60, linger=1, longest=150)


def play(folder: Path, arrivals: Arrivals, pace: Pace = QUICK, steps: int = 2) -> tuple[int, str]:
    """The beginning of the demo, with receivers of our choice; exit code and what was shown."""
    out = io.StringIO()
    tape = Tape(Console(file=out, width=120, highlight=False, markup=False))
    showing = Director(tape, Show(tape), pace, arrivals, PROGRAMME[:steps])
    return asyncio.run(showing.play(folder, keep=False)), out.getvalue()


def daemons(folder: Path) -> list[psutil.Process]:
    """Processes that were started on a configuration in ``folder``."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


def eventually(true: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def test_the_demo_ends_with_0_when_every_alert_arrived_exactly_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    root: Path,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(director, "Pace", lambda: QUICK)
    with pytest.raises(SystemExit) as end:
        main(["demo"])
    shown = capsys.readouterr().out
    assert end.value.code == 0, shown
    assert "10 alerts expected, 10 arrived, each exactly once." in shown
    assert "rule xi-putin in wanghai, because of 习近平, 普京" in shown
    assert "rule pipelines in warta-selat, because of pipa" in shown
    assert "> Переговоры Владимира *Путина* с *Си Цзиньпином*" in shown
    assert "Subject: [harbour-strikes] Harbour pilots walk out at midnight" in shown
    assert 'old-herald: not a feed: an HTML page titled "The Old Herald"' in shown
    assert "no match   The musical about Rasputin" in shown
    assert "2 of these articles match, but came before we watched" in shown
    assert "answered 304, not modified" in shown
    assert "Where to go next" in shown
    assert list(tmp_path.iterdir()) == []
    documented = (root / "docs" / "demo.txt").read_text("utf-8")
    assert lasting(shown) == lasting(documented), "new: make demo > docs/demo.txt"


def lasting(shown: str) -> Counter[str]:
    """The lines of a showing that are the same in every other, whatever their order: without
    times, ports, ids, counts and commands."""
    shown = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}", "0", shown)
    lines = (re.sub(r"[0-9]+", "0", line.rstrip()) for line in shown.splitlines())
    varying = re.compile(r"polled|requests| +(\S*wirewatch (init|once)|README)|.*tried 0 times")
    return Counter(re.sub(r"^0\.0 s", "     ", line) for line in lines if not varying.match(line))


class Careless(Arrivals):
    """A receiver that says it took an alert in and loses it, or shows it twice."""

    def __init__(self, lost: str, doubled: str) -> None:
        super().__init__()
        self._lost, self._doubled = lost, doubled

    def add(self, arrival: Arrival) -> None:
        if arrival.told.rule == self._lost:
            return
        super().add(arrival)
        if arrival.told.channel == self._doubled:
            super().add(arrival)


def test_the_demo_ends_with_1_when_an_alert_is_lost_or_doubled_and_says_which(
    tmp_path: Path,
) -> None:
    pace = Pace(read=0, line=0, patience=4, linger=0.2)
    code, shown = play(tmp_path, Careless(lost="pipelines", doubled="desk"), pace, steps=1)
    assert code == 1
    assert "3 alerts expected, 3 arrived, and not all is as it should be:" in shown
    assert "missing: pipelines to newsroom about http://127.0.0." in shown
    assert "2 times: xi-putin to desk about http://127.0.0." in shown
    assert "0 of 1" in shown
    assert "2 of 1" in shown


def test_the_demo_ends_with_1_and_the_daemons_words_when_the_daemon_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(director, "rules_text", lambda: "")
    monkeypatch.setattr(
        "monitor.demo.configuration.rules_text", lambda: "rules:\n  broken: Xi AND\n"
    )
    code, shown = play(tmp_path, Arrivals())
    assert code == 1
    words = " ".join(shown.split())
    assert "0 alerts expected, 0 arrived, and not all is as it should be:" in words
    assert "the daemon ended too early: " in words
    assert "rules/desk.yaml:2:17: expected a term after AND" in words
    assert "the daemon ended with" not in words


@pytest.mark.parametrize(
    ("number", "once"),
    [
        (signal.SIGINT, "published"),
        (signal.SIGTERM, "start "),
        (signal.SIGHUP, "start "),
        (signal.SIGKILL, "start "),
    ],
    ids=["Ctrl-C", "terminated", "the terminal was closed", "killed"],
)
def test_whatever_ends_the_demo_leaves_no_process_and_no_file_behind(
    number: signal.Signals, once: str, tmp_path: Path
) -> None:
    """Files stay when it is killed; nothing can help that. Its output knows ASCII only."""
    shown = tmp_path / "shown"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with shown.open("w") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "monitor.cli", "demo"],
            stdout=out,
            stderr=out,
            env=os.environ | {"TMPDIR": str(temporary), "PYTHONIOENCODING": "ascii"},
        )
    assert eventually(lambda: once in shown.read_text()), shown.read_text()
    assert eventually(lambda: bool(daemons(temporary)))
    demo.send_signal(number)
    code = demo.wait(timeout=20)
    assert eventually(lambda: not daemons(temporary))
    if number != signal.SIGKILL:
        assert code == 130
        assert list(temporary.iterdir()) == []
        assert "before the end; nothing is left behind" in shown.read_text()
    assert "Traceback" not in shown.read_text()


def test_a_daemon_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """The demo waits for a daemon that ignores SIGTERM, but not for ever."""

    async def stubborn() -> int:
        running = process.DaemonProcess(tmp_path, tmp_path / "log")
        code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(99)"
        running.command = (sys.executable, "-c", code)
        await running.start()
        await asyncio.sleep(0.5)
        return await running.stop(patience=0.1)

    assert asyncio.run(stubborn()) == -signal.SIGKILL
