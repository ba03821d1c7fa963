"""What the daemon does when its database says no: nothing it cannot go on from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rigs.daemon import wait_until

from monitor import systemd
from monitor.config import load
from monitor.daemon import Daemon, Engine, engine
from monitor.logs import Redactor
from monitor.store import Store

QUIET = "contact: desk@example.org\nrules: {xi-putin: Xi AND Putin}\n"


class DatabaseSaysNoError(Exception):
    """What a full disk raises, for one."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wirewatch.yaml").write_text(QUIET)
    return tmp_path


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What systemd was told, one message each."""
    messages: list[str] = []
    monkeypatch.setattr(systemd, "notify", lambda *parts: messages.append("\n".join(parts)))
    return messages


def fails(monkeypatch: pytest.MonkeyPatch, method: str, times: int) -> None:
    """Let a question to the database fail so often."""
    real: Callable[..., Any] = getattr(Store, method)
    left = [times]

    def asked(*args: object) -> object:
        if left[0]:
            left[0] -= 1
            raise DatabaseSaysNoError
        return real(*args)

    monkeypatch.setattr(Store, method, asked)


async def serving(folder: Path, then: Callable[[Daemon, Engine], Any]) -> None:
    """A daemon that serves while ``then`` looks at it."""
    async with engine(load(folder), Redactor()) as parts:
        daemon = Daemon(parts, folder)
        task = asyncio.create_task(daemon.serve())
        try:
            await then(daemon, parts)
        finally:
            daemon._end()
            await task


async def until(what: str, question: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_until, what, question, 10)


def test_a_start_that_fails_says_what_failed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, "release_claims", 1)

    async def start() -> None:
        async with engine(load(folder), Redactor()):
            raise AssertionError("it started")

    with pytest.raises(DatabaseSaysNoError):
        asyncio.run(start())
    asyncio.run(serving(folder, nothing))  # the lock was given back


async def nothing(_daemon: Daemon, _parts: Engine) -> None:
    """Look at nothing."""


def test_the_watchdog_is_fed_again_after_a_question_that_failed(
    folder: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "300000")

    async def look(_daemon: Daemon, _parts: Engine) -> None:
        await until("ready", lambda: told)
        fails(monkeypatch, "pulse", 2)
        count = len(told)
        await until("meal", lambda: any(m.startswith("WATCHDOG=1") for m in told[count:]))

    asyncio.run(serving(folder, look))


def test_a_reload_that_the_database_refuses_leaves_the_old_configuration_at_work(
    folder: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(daemon: Daemon, parts: Engine) -> None:
        await until("ready", lambda: told)
        (folder / "wirewatch.yaml").write_text(QUIET.replace("rules: {", "rules: {minsk: Minsk, "))
        watch, senders = parts.poller.watch, parts.deliverer.senders
        fails(monkeypatch, "sync_feeds", 1)
        await daemon._reload()
        assert told[-1].endswith(
            "with 1 rules; 0 hits in 24 h; 0 alerts waiting, 0 dead; "
            "RELOAD FAILED: the log says why; try again"
        )
        assert (parts.poller.watch, parts.deliverer.senders) == (watch, senders)
        assert len(parts._stacks) == 1  # and its clients are not on their way out
        await daemon._reload()
        assert "with 2 rules" in told[-1]
        assert "RELOAD" not in told[-1]

    asyncio.run(serving(folder, look))
