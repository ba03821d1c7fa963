"""`wirewatch demo`: the whole daemon on a small news site of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import NO, fail

if TYPE_CHECKING:
    from monitor.demo.director import Director
    from monitor.demo.tape import Page

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PIPED_WIDTH = 100


def command(
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on publishing until Ctrl-C; say where the files are.")
    ] = False,
) -> None:
    """Watch the real daemon at work on a small news site of our own, everything on this machine.
    0 when every expected alert arrived exactly once, 1 when not."""
    import tempfile

    from monitor.demo.director import Director, Pace
    from monitor.demo.receivers import Arrivals
    from monitor.demo.show import Show
    from monitor.demo.tape import Tape

    console = _console()
    tape = Tape(console)
    show = Show(tape, _command_name())
    director = Director(tape, show, Pace(), Arrivals())
    console.reader_left = director.stop.set
    try:
        with tempfile.TemporaryDirectory(prefix="wirewatch-demo-") as folder:
            code = asyncio.run(_play(director, Path(folder), keep=keep))
    except OSError as error:
        fail(f"the demo needs a temporary directory and loopback ports: {error}", NO)
    if code in (0, 1):
        show.onwards()
    raise typer.Exit(code)


async def _play(director: Director, folder: Path, *, keep: bool) -> int:
    """Play, and end in order at Ctrl-C, at SIGTERM and when the terminal is closed."""
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, director.stop.set)
    return await director.play(folder, keep=keep)


def _console() -> Page:
    """The terminal, or a plain page where there is none. A letter that stdout's encoding lacks
    becomes a question mark, not an error."""
    import io

    from monitor.demo.tape import Page

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    return Page(width=width, highlight=False, markup=False, emoji=False)


def _command_name() -> str:
    """How the visitor called us, to be typed again."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "wirewatch" else "wirewatch"
