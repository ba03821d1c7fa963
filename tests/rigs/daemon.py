"""The real program as child processes: `wirewatch run` to be killed or stopped, and its commands.

    with Daemon(folder) as daemon:          # python -m monitor.cli run -c folder
        daemon.wait_ready()                 # READY=1 came through NOTIFY_SOCKET
        ...
        assert daemon.stop() == 0           # SIGTERM; kill() is SIGKILL
        assert "Traceback" not in daemon.log

A `Nursery` holds one process that has imported everything and forks daemons from itself: the same
program in a process of its own, without the second that importing takes. Tests that kill hundreds
of daemons use it for most of them::

    with Nursery() as nursery, Daemon(folder, nursery) as daemon: ...
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

_UNWANTED = ("NOTIFY_SOCKET", "JOURNAL_STREAM", "STATE_DIRECTORY", "WATCHDOG_USEC", "WATCHDOG_PID")


def wait_until(
    what: str, question: Callable[[], object], timeout: float = 30, every: float = 0.02
) -> None:
    """Return as soon as ``question``, asked ``every`` so many seconds, says yes.

    Raises:
        TimeoutError: it never did; ``what`` says what was waited for.
    """
    deadline = time.monotonic() + timeout
    while not question():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout:g} s there was still no: {what}")
        time.sleep(every)


def wirewatch(
    folder: Path, *words: str, timeout: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """One command on the configuration in ``folder``; whatever it says, never with a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli", *words, "-c", str(folder)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=surroundings(environment),
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr + done.stdout
    return done


def surroundings(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: ours, without what a service manager would tell us."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    return kept | {"PYTHONUNBUFFERED": "1"} | dict(more)


class Daemon:
    """`wirewatch run` in a process of its own. Its stderr is kept in ``log``, over restarts too
    when the same ``log_file`` is given again."""

    def __init__(
        self,
        folder: Path,
        nursery: Nursery | None = None,
        *,
        log_file: Path | None = None,
        wrapper: Sequence[str] = (),
        **environment: str,
    ) -> None:
        self.log_file = log_file or folder / f"daemon-{uuid4().hex[:8]}.log"
        self.pid = 0
        self._nursery = nursery
        self._words = ["run", "-c", str(folder)]
        self._wrapper = list(wrapper)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._told: list[str] = []
        self._ended: int | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        name = f"wirewatch-test-{uuid4().hex}"
        self._socket.bind(f"\0{name}")
        self._socket.setblocking(False)
        environment = surroundings(self._environment | {"NOTIFY_SOCKET": f"@{name}"})
        if self._nursery is not None:
            self.pid = self._nursery.fork(self._words, environment, self.log_file)
            return self
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._wrapper, sys.executable, "-m", "monitor.cli", *self._words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )
        self.pid = self._process.pid
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._socket.close()

    @property
    def log(self) -> str:
        """What it wrote to stderr and stdout."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    @property
    def told(self) -> list[str]:
        """What it told the service manager, one assignment each, oldest first."""
        while True:
            try:
                message = self._socket.recv(65536)
            except BlockingIOError:
                return self._told
            self._told += message.decode().split("\n")

    @property
    def status(self) -> str:
        """The last STATUS it told."""
        known = [line for line in self.told if line.startswith("STATUS=")]
        return known[-1].removeprefix("STATUS=") if known else ""

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self._ended is None:
            if self._nursery is not None:
                self._ended = self._nursery.ended(self.pid)
            elif self._process is not None:
                self._ended = self._process.poll()
        return self._ended

    def wait_ready(self, timeout: float = 30) -> Self:
        """Wait for READY=1; a daemon that ends before is told with its log."""

        def ready() -> bool:
            assert self.returncode is None, f"ended with {self.returncode}: {self.log}"
            return "READY=1" in self.told

        wait_until("READY=1", ready, timeout)
        return self

    def wait_ended(self, timeout: float = 30) -> int:
        """Wait for its end; the exit code."""
        wait_until("end of the daemon", lambda: self.returncode is not None, timeout)
        assert self.returncode is not None
        return self.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait."""
        self.signal(signal.SIGKILL)
        self.wait_ended()

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM, and wait; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait_ended(timeout)


class Nursery:
    """A process that has imported the program and forks daemons from itself when asked to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).resolve())],  # -P: rigs hide no modules
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=surroundings({}),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()  # its children follow it
        self._process.communicate()

    def fork(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
        """Start the program with these words; its pid."""
        return int(self._ask(words=list(words), environment=dict(environment), log=str(log)))

    def ended(self, pid: int) -> int | None:
        """The exit code of one it started, negative for a signal; None while it runs."""
        code = self._ask(pid=pid)
        return None if code is None else int(code)

    def _ask(self, **request: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _nurse() -> None:
    """What a nursery's process does: one request a line."""
    from importlib import import_module

    for name in ("monitor.daemon", "monitor.cli.run", "monitor.config_load", "alembic.command"):
        import_module(name)
    for channel in ("webhook", "slack", "mail"):
        import_module(f"alerts.{channel}")
    for line in sys.stdin:
        request = json.loads(line)
        answer = _state(request["pid"]) if "pid" in request else _born(request)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _state(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _born(request: dict[str, Any]) -> int:
    nurse = os.getpid()
    if (pid := os.fork()) != 0:
        return pid
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != nurse:
        os._exit(1)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(source, number)
    os.environ.clear()
    os.environ.update(request["environment"])
    from monitor.cli import main

    sys.argv = ["wirewatch", *request["words"]]
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    else:
        code = 0
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    _nurse()
