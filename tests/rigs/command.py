"""Running `wirewatch` in tests: as a process of its own, or here, which is ten times faster."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Done:
    """What a command line gave."""

    code: int
    out: str
    err: str


def run_here(words: Sequence[str]) -> Done:
    """In this process: the command line as typed, its exit code, and what it wrote."""
    from monitor.cli import main

    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(words))
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    return Done(code, out.getvalue(), err.getvalue())


def run_process(words: Sequence[str], timeout: float = 60, out: Path | None = None) -> Done:
    """As a process of its own, as a shell would; ``out`` is where its stdout goes instead."""
    with contextlib.ExitStack() as stack:
        done = subprocess.run(
            [sys.executable, "-m", "monitor.cli", *words],
            stdout=stack.enter_context(out.open("w")) if out else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout,
            check=False,
        )
    return Done(done.returncode, done.stdout or "", done.stderr)


class Terminal(io.StringIO):
    """What a terminal of 80 columns would be sent."""

    def isatty(self) -> bool:
        return True
