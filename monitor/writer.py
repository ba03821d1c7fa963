"""The writer thread: the one thread that talks to the database for the daemon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import OperationalError as Refused

from monitor.logs import outcome

P = ParamSpec("P")
T = TypeVar("T")
_INSIST_EVERY = 2.0
_SAY_AGAIN = 60.0
_SURE_AFTER = 5.0

__all__ = ["Refused", "Writer"]


class Writer:
    """Runs the store's questions one after another, away from the event loop.

    A database that says no for now (full, locked, read-only) raises `Refused`. The log has it once
    a minute, whoever asked, and says when the database works again. ``refusal`` is what it said,
    empty while it works.
    """

    def __init__(self) -> None:
        self.refusal = ""
        self._said_at = self._refused_at = 0.0
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")

    async def __call__(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``question`` in the writer thread. Once begun it is always finished, also when the
        caller is cancelled meanwhile: a half-told outcome would be a lost one."""
        loop = asyncio.get_running_loop()
        try:
            answer = await asyncio.shield(
                loop.run_in_executor(self._executor, lambda: question(*args, **kwargs))
            )
        except Refused as refused:
            self._refused(str(refused.orig))
            raise
        self._answered()
        return answer

    async def insist(
        self, patience: timedelta, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same for what would be a pity to lose: while the database refuses it is asked again,
        for as long as ``patience``."""
        end = time.monotonic() + patience.total_seconds()
        while True:
            try:
                return await self(question, *args, **kwargs)
            except Refused:
                if time.monotonic() + _INSIST_EVERY > end:
                    raise
            await asyncio.sleep(_INSIST_EVERY)

    def _refused(self, said: str) -> None:
        now = time.monotonic()
        if said != self.refusal or now - self._said_at >= _SAY_AGAIN:
            outcome("ERROR", "database", outcome="refused", said=said, next="asked again")
            self._said_at = now
        self.refusal, self._refused_at = said, now

    def _answered(self) -> None:
        """It works again when nothing was refused for a while: a full disk still answers reads."""
        if self.refusal and time.monotonic() - self._refused_at >= _SURE_AFTER:
            outcome("INFO", "database", outcome="works again")
            self.refusal = ""

    def close(self) -> None:
        """Wait for what has begun."""
        self._executor.shutdown(wait=True)
