"""Leads through the demo: starts everything, publishes step by step, waits, compares, ends.

Nothing is left behind: the daemon is a child that is always ended, and everything it writes lies
in one temporary directory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from monitor.demo.configuration import rules_text, write_configuration
from monitor.demo.looker import FeedState, Looker
from monitor.demo.papers import Article, Paper, load_papers
from monitor.demo.process import DaemonEndedError, DaemonProcess, LogLine
from monitor.demo.programme import BROKEN, CHAT, MAIL, PROGRAMME, SERIALS, Step
from monitor.demo.receivers import Arrivals, ChatRoom, Mailbox
from monitor.demo.show import Show
from monitor.demo.site import NewsSite
from monitor.demo.tape import Tape
from monitor.demo.verdict import Tally, Told, tally


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. ``read``: to look at a scene, and ``line`` more for each line in it, until
    ``hurry`` have passed; ``patience``: for the alerts of one step; ``linger``: for repeats, at
    the end; ``longest``: for everything until the end begins; ``between``: from one item to the
    next when it goes on."""

    read: float = 0.4
    line: float = 0.03
    patience: float = 12.0
    linger: float = 2.5
    hurry: float = 30.0
    longest: float = 48.0
    between: float = 6.0


class Director:
    """One showing of the demo. ``stop`` is set to end it early."""

    def __init__(
        self,
        tape: Tape,
        show: Show,
        pace: Pace,
        arrivals: Arrivals,
        programme: Sequence[Step] = PROGRAMME,
    ) -> None:
        self.stop = asyncio.Event()
        self.arrivals = arrivals
        self._programme = programme
        self._tape = tape
        self._show = show
        self._pace = pace
        self._published: list[tuple[Step, str]] = []
        self._expected: list[Told] = []
        self._problems: list[str] = []
        self._began = self._published_at = time.monotonic()
        self._finished = False

    async def play(self, folder: Path, *, keep: bool) -> int:
        """Show everything; the exit code: 0 when every alert arrived once, 1 when not, 130 when
        it was stopped before the programme was over.

        Raises:
            OSError: this machine offers no loopback ports, or ``folder`` cannot be written.
        """
        async with AsyncExitStack() as stack:
            await self._set_up(stack, folder)
            acts = asyncio.create_task(self._acts(keep))
            await self._watch(acts, keep)
            return await self._end()

    async def _set_up(self, stack: AsyncExitStack, folder: Path) -> None:
        self._papers = {paper.name: paper for paper in load_papers()}
        self._site = await stack.enter_async_context(NewsSite(self._papers.values(), BROKEN))
        chat = await stack.enter_async_context(ChatRoom(CHAT, self.arrivals.add))
        box = await stack.enter_async_context(Mailbox(MAIL, self.arrivals.add))
        for paper in self._papers.values():
            for article in paper.before:
                self._site.publish(paper.name, article)
        self._directory = write_configuration(
            folder,
            feeds=self._site.urls,
            titles={name: paper.title for name, paper in self._papers.items()},
            chat=chat.url,
            smtp=box.port,
        )
        self._looker = Looker(folder / "wirewatch.db")
        stack.callback(self._looker.close)
        self._daemon = DaemonProcess(self._directory, folder / "wirewatch.log")
        stack.push_async_callback(self._daemon.kill)

    async def _watch(self, acts: asyncio.Task[None], keep: bool) -> None:
        """Until the acts are over, somebody wants to stop, or it takes too long."""
        stopped = asyncio.create_task(self.stop.wait())
        limit = None if keep else self._pace.longest
        await asyncio.wait({acts, stopped}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if not (acts.done() or stopped.done()):
            self._problems.append(f"not over after {self._pace.longest:g} s")
        for task in (acts, stopped):
            task.cancel()
        for result in await asyncio.gather(acts, stopped, return_exceptions=True):
            if isinstance(result, DaemonEndedError):
                self._problems.append(f"the daemon ended too early: {result}")
            elif isinstance(result, Exception):
                self._problems.append(f"a bug in the demo: {result!r}")

    async def _acts(self, keep: bool) -> None:
        self._show.opening(self._directory if keep else None, rules_text())
        await self._first_polls()
        for step in self._programme:
            await self._step(step)
        await asyncio.sleep(self._pace.linger)
        self._finished = True
        if keep:
            self._show.going_on(self._directory, self._daemon.log)
            for number in count():
                await asyncio.sleep(self._pace.between)
                part, which = divmod(number, len(SERIALS))
                await self._step(replace(SERIALS[which], number=part + 1))

    async def _first_polls(self) -> None:
        with self._show.starting():
            await self._daemon.start()
            await self._looker.open()  # takes as long as the daemon's start, beside it
            names = set(self._site.urls)
            await self._daemon.until(
                lambda lines: names <= {line.facts.get("feed") for line in lines}
            )
            feeds, finds = await self._looker.feeds(), await self._looker.new_finds()
        self._daemon.lines.clear()
        self._show.first_polls(feeds, finds)
        await self._pause(0)

    async def _step(self, step: Step) -> None:
        """Publish, wait until it was seen and its alerts are here, and show all that."""
        printed = self._tape.printed
        paper, article = self._papers[step.paper], self._article(step)
        url = self._site.url(step.paper, article.slug)
        expected = [Told(to, rule, url) for rule, tos in step.alerts.items() for to in tos]
        self._published.append((step, url))
        self._expected += expected
        self._show.published(step, paper.title, article.title)
        self._site.publish(step.paper, article)
        self._published_at = time.monotonic()
        await self._daemon.until(lambda lines: _was_seen(lines, step.paper))
        await self.arrivals.until(expected, self._pace.patience)
        await self._tell(step, article)
        await self._pause(self._tape.printed - printed)

    async def _tell(self, step: Step, article: Article) -> None:
        self._show.polled(self._daemon.lines)
        self._daemon.lines.clear()
        finds = await self._looker.new_finds()
        for found in finds:
            self._show.matched(found)
        if not finds:
            self._show.silent(step, article)
        self._show_arrivals()

    def _show_arrivals(self) -> None:
        for arrival in self.arrivals.unseen():
            self._show.arrived(arrival, arrival.at - self._published_at)

    def _article(self, step: Step) -> Article:
        paper: Paper = self._papers[step.paper]
        if step.number:
            return paper.part(step.number)
        return (paper.corrected if step.corrected else paper.later)[step.slug]

    async def _pause(self, lines: int) -> None:
        if time.monotonic() - self._began < self._pace.hurry or self._finished:
            await asyncio.sleep(self._pace.read + self._pace.line * lines)

    async def _end(self) -> int:
        """End the daemon, count, and say what came of it."""
        feeds = await self._looker.feeds() if self._finished else []
        if self._finished:
            await self.arrivals.until(self._expected, self._pace.linger)
        code = await self._daemon.stop()
        self._show_arrivals()
        if self.stop.is_set() and not self._finished:
            self._show.stopped()
            return 130
        if code != 0 and not self._problems:
            self._problems.append(f"the daemon ended with {code}")
        counted = tally(self._expected, self.arrivals.told(), self._problems)
        self._summarise(counted, feeds)
        return 0 if counted.good else 1

    def _summarise(self, counted: Tally, feeds: list[FeedState]) -> None:
        if self._published:
            self._show.ending(self._site.answers, feeds)
            self._show.table(self._published, counted)
        self._show.verdict(counted)


def _was_seen(lines: list[LogLine], feed: str) -> bool:
    return any(
        line.what == "poll"
        and line.facts.get("feed") == feed
        and (line.count("new") or line.count("edited"))
        for line in lines
    )
