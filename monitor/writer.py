"""The writer thread: the one thread that talks to the database for the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Writer:
    """Runs the store's questions one after another, away from the event loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")

    async def __call__(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``question`` in the writer thread. Once begun it is always finished, also when the
        caller is cancelled meanwhile: a half-told outcome would be a lost one."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(
            loop.run_in_executor(self._executor, lambda: question(*args, **kwargs))
        )

    def close(self) -> None:
        """Wait for what has begun."""
        self._executor.shutdown(wait=True)
