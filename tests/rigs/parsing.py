"""A parser pool without processes, for tests of what is done with what it says."""

from __future__ import annotations

from typing import Any, Self

from monitor.feedreader import read
from monitor.item import ParseResult, ParseTask
from monitor.language import Detector


class ParsesHere:
    """Parses in this process: enough for what a test serves itself."""

    def __init__(self, **_: Any) -> None:
        """Takes what `monitor.parse.ParserPool` takes."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held."""

    async def parse(self, task: ParseTask) -> ParseResult:
        """The items of ``task.body``, or why there are none."""
        return read(task, Detector(lambda _: ("", 0.0)))
