"""Documents made to hurt: each costs itself, and the pool parses on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import psutil
import pytest
from rigs.bombs import GOOD, SLOW

from monitor import parse, parse_worker
from monitor.item import Parsed, ParseFailed, ParseTask
from monitor.parse import ParserPool
from monitor.parse_wire import task_to_frames

T = TypeVar("T")
URL = "https://desk.example/feed.xml"


def with_pool(
    use: Callable[[ParserPool], Awaitable[T]], *, seconds: float = 20, megabytes: int = 256
) -> T:
    async def run() -> T:
        timeout = timedelta(seconds=seconds)
        async with ParserPool(workers=1, timeout=timeout, megabytes=megabytes) as pool:
            return await use(pool)

    return asyncio.run(run())


def test_a_document_that_needs_too_much_memory_is_given_up() -> None:  # B2
    bomb = GOOD.replace(b"<title>t", b"<title>" + "é".encode() * 6_000_000)

    async def use(pool: ParserPool) -> tuple[object, object]:
        return await pool.parse(ParseTask(bomb, URL)), await pool.parse(ParseTask(GOOD, URL))

    after_bomb, after = with_pool(use, megabytes=60)

    assert after_bomb == ParseFailed("memory", "the document needs over 60 MB to parse")
    assert isinstance(after, Parsed)


def test_a_worker_that_keeps_more_than_half_of_its_memory_takes_no_other_task() -> None:
    held = psutil.Process().memory_info().rss >> 20

    assert parse_worker._is_slim(held * 3)
    assert not parse_worker._is_slim(held)


def test_a_worker_ends_itself_when_nobody_is_left_to_end_it() -> None:
    """The kernel's limit on CPU time, for a daemon that hangs or is stopped in a debugger."""
    arguments = [sys.executable, "-I", parse_worker.__file__, str(os.getpid()), "1", "256"]
    worker = subprocess.run(
        arguments,
        input=b"".join(task_to_frames(ParseTask(SLOW, URL))),
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )

    assert worker.returncode == -signal.SIGXCPU


DAEMON = """
import asyncio, os, time
from monitor.parse import ParserPool, ParseTask
async def main():
    async with ParserPool(workers=1) as pool:
        await pool.parse(ParseTask(b"<rss/>", "http://a.example/"))
        print("ready", flush=True)
        time.sleep(60)
asyncio.run(main())
"""


def test_no_worker_outlives_a_daemon_that_is_killed() -> None:
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    with daemon:
        assert daemon.stdout
        assert daemon.stdout.readline() == b"ready\n"
        workers = psutil.Process(daemon.pid).children()
        assert len(workers) == 1
        daemon.kill()
        daemon.wait()

    gone, alive = psutil.wait_procs(workers, timeout=10)
    assert (len(gone), alive) == (1, [])


def test_a_worker_whose_parent_is_already_gone_does_not_stay() -> None:
    arguments = [sys.executable, "-I", parse_worker.__file__, "1", "20", "256"]

    ended = subprocess.run(arguments, stdin=subprocess.DEVNULL, timeout=30, check=False)

    assert ended.returncode == 0


def test_a_pool_whose_workers_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    result = with_pool(lambda pool: pool.parse(ParseTask(GOOD, URL)))

    assert result == ParseFailed("crashed", "the parser process could not be started")


def test_a_closed_pool_refuses_and_leaves_no_process() -> None:
    async def run() -> tuple[object, object]:
        pool = ParserPool(workers=2)
        await pool.parse(ParseTask(GOOD, URL))
        busy = asyncio.create_task(pool.parse(ParseTask(SLOW, URL)))
        await asyncio.sleep(0.1)
        await pool.close()
        return await busy, await pool.parse(ParseTask(GOOD, URL))

    busy, after = asyncio.run(run())

    assert isinstance(busy, ParseFailed)
    assert after == ParseFailed("crashed", "the parser was shut down")
    assert psutil.Process().children() == []


def escaped(text: str) -> bytes:
    return GOOD.replace(
        b"<title>", f"<description><![CDATA[{text}]]></description><title>".encode()
    )


TRAPS = {
    "elements in each other": GOOD.replace(b"<item>", b"<a>" * 20_000),
    "markup in each other": escaped("<div>" * 20_000 + "deep"),
    "tags that are never closed": escaped("<a <b " * 30_000),
    "comments that are never closed": escaped("<!-- " * 30_000),
    "scripts that are never closed": escaped("<script>" * 30_000),
    "ampersands": GOOD.replace(b"t</", b"&" * 30_000 + b"</"),
    "references": GOOD.replace(b"t</", b"&#x1F600;" * 10_000 + b"</"),
    "a long address": GOOD.replace(b"<item>", b"<item><author>" + b"a@" * 300 + b"</author>"),
    "spaces": GOOD.replace(b"t</", b" " * 500_000 + b"</"),
    "declarations": b"<!DOCTYPE rss [" + b"<!ENTITY a 'b'>" * 499 + b"]>" + GOOD,
    "a long comment": b"<!--" + b"-" * 500_000 + b"-->" + GOOD,
    "a thousand prologs": b"<?xml ?>" * 1_000 + GOOD,
    "open brackets": b"<" * 100_000,
    "json": b"[" * 100_000,
    "one long word": GOOD.replace(b"t</", "é".encode() * 300_000 + b"</"),
    "an inline namespace": GOOD.replace(b"<item>", b'<item xmlns="' + b"x" * 100_000 + b'">'),
    "a link of brackets": GOOD.replace(
        b"<title>", b"<link>http://[" + b"[" * 9_999 + b"</link><title>"
    ),
}


def test_what_looks_like_a_trap_is_read_within_the_limits() -> None:
    """Work that grows with the square would take minutes at these sizes, and be given up."""

    async def use(pool: ParserPool) -> dict[str, type]:
        return {name: type(await pool.parse(ParseTask(body, URL))) for name, body in TRAPS.items()}

    kinds = with_pool(use)

    assert [name for name, kind in kinds.items() if kind is ParseFailed] == []


def test_documents_that_take_long_keep_only_their_like_waiting() -> None:  # B2
    async def run() -> tuple[object, list[bool], object]:
        async with ParserPool(workers=2) as pool:
            slow = [asyncio.create_task(pool.parse(ParseTask(SLOW, URL))) for _ in range(4)]
            await asyncio.sleep(0)
            good = await pool.parse(ParseTask(GOOD, URL))
            answered = [task.done() for task in slow]
            again = await pool.parse(ParseTask(GOOD, URL))
            for task in slow:
                task.cancel()
            return good, answered, again

    good, answered, again = asyncio.run(run())

    assert isinstance(good, Parsed)
    assert answered == [False] * 4
    assert again == good


def test_a_document_that_takes_long_waits_for_its_like_for_a_minute_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parse, "_LONGEST_QUEUE", timedelta(seconds=0.1))

    async def use(pool: ParserPool) -> object:
        both = [asyncio.create_task(pool.parse(ParseTask(SLOW, URL))) for _ in range(2)]
        done, parsing = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        parsing.pop().cancel()
        return done.pop().result()

    message = "the document takes long to parse, as do those before it"
    assert with_pool(use) == ParseFailed("timeout", message)
