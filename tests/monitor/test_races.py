"""What happens between two steps: a reload, a stop or a slow database while feeds are polled."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rigs.clockwork import Clock, work
from rigs.origin import Origin, Pause, Raw, Reply, Step
from sqlalchemy.exc import OperationalError

from monitor.config import Config, load
from monitor.daemon import Engine, engine, once
from monitor.logs import Redactor
from monitor.poller import AT_ONCE
from monitor.store import Store
from rules import Document, RuleSet

M = timedelta(minutes=1)
ITEM = (
    b"<rss version='2.0'><channel><title>T</title><item><guid>a</guid>"
    b"<title>Xi and Putin met</title></item></channel></rss>"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nConnection: close\r\n\r\n"


class Desk:
    """A configuration that is written again and again, and a feed that answers when it is let."""

    def __init__(self, folder: Path, origin: Origin) -> None:
        self.folder = folder
        self.origin = origin
        self.clock = Clock()
        self.answer = threading.Event()
        self.one = origin.url("/one")
        origin.serve("/one", Raw(more=self.answered()))
        origin.serve("/two", Reply(body=ITEM))
        origin.serve("/hook", Reply(204))
        self.hook = f'{{type: webhook, url: "{origin.url("/hook")}"}}'

    def answered(self, *body: bytes) -> Iterator[Step]:
        """Silence until the feed is let, then an answer."""
        while not self.answer.is_set():
            yield Pause(0.01)
        yield from body or (HEAD + ITEM,)

    def write(self, feed: str, *channels: str) -> Config:
        named = ", ".join(f"{name}: {self.hook}" for name in channels)
        (self.folder / "wirewatch.yaml").write_text(
            "contact: desk@example.org\nallow_private: [127.0.0.0/8]\n"
            f"channels: {{{named}}}\ndefaults: {{send: [{channels[0]}], first_poll: alert}}\n"
            f"feeds: {{one: {feed}}}\nrules: {{leaders: Xi AND Putin}}\n"
        )
        return load(self.folder)

    def running(self, config: Config) -> Any:
        return engine(config, Redactor(), self.clock)

    async def asked(self) -> None:
        """Until the feed has been asked; it has not answered yet."""
        await until(lambda: bool(self.origin.requests_for("/one")))


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 - the other side is a thread
            await asyncio.sleep(0.005)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Origin() as origin:
        yield Desk(tmp_path, origin)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


async def feed(parts: Engine) -> Any:
    (row,) = await parts.writer(parts.store.feeds)
    return row


def test_an_alert_found_while_its_channel_leaves_goes_where_alerts_go_now(desk: Desk) -> None:
    async def main() -> None:
        async with desk.running(desk.write(desk.one, "old")) as parts:
            await parts.tick()
            await desk.asked()
            await parts.swap(desk.write(desk.one, "new"))
            desk.answer.set()
            await work(parts)
            await work(parts)
            rows = await parts.writer(parts.store.deliveries, 10)
            assert [(row.channel, row.state) for row in rows] == [("new", "sent")]

    run(main)


def test_a_shorter_every_counts_at_once_also_for_a_feed_that_is_being_asked(desk: Desk) -> None:
    async def main() -> None:
        async with desk.running(desk.write(f"{{url: '{desk.one}', every: 24h}}", "a")) as parts:
            await parts.tick()
            await desk.asked()
            await parts.swap(desk.write(f"{{url: '{desk.one}', every: 5m}}", "a"))
            desk.answer.set()
            await work(parts)
            row = await feed(parts)
            assert row.next_poll_why == "every 5m"
            assert 5 * M <= row.next_poll_at - desk.clock.now <= 6 * M

    run(main)


def test_the_answer_of_an_old_url_says_nothing_about_the_new_one(desk: Desk) -> None:
    desk.origin.serve(
        "/one", Raw(more=desk.answered(b"HTTP/1.1 404 No\r\nConnection: close\r\n\r\n"))
    )

    async def main() -> None:
        async with desk.running(desk.write(desk.one, "a")) as parts:
            await parts.tick()
            await desk.asked()
            await parts.swap(desk.write(desk.origin.url("/two"), "a"))
            await parts.tick()
            desk.answer.set()
            await until(lambda: not parts.poller.running)
            assert (await feed(parts)).failures == 0
            await work(parts)
            row = await feed(parts)
            assert (row.url, row.state) == (desk.origin.url("/two"), "ok")
            assert len(desk.origin.requests_for("/two")) == 1

    run(main)


def test_a_feed_that_leaves_while_it_is_asked_lets_its_host_go(desk: Desk) -> None:
    async def main() -> None:
        async with desk.running(desk.write(desk.one, "a")) as parts:
            await parts.tick()
            await desk.asked()
            await parts.swap(desk.write(f"{{url: '{desk.one}', enabled: no}}", "a"))
            desk.answer.set()
            await work(parts)
            row = await feed(parts)
            assert (row.active, row.claimed_until) == (False, None)
            assert await parts.writer(parts.store.deliveries, 10) == []

    run(main)


def test_ticks_that_wait_for_a_slow_database_do_not_each_fill_all_places(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = ", ".join(f"f{n}: 'http://127.0.2.{n}:9/x'" for n in range(1, 3 * AT_ONCE))
    config = desk.write(f"'{desk.one}', {feeds}", "a")
    slow(monkeypatch, "claim_feeds", 0.1)

    async def main() -> None:
        async with desk.running(config) as parts:
            hold = asyncio.Event()

            async def asked(*_: object) -> None:
                await hold.wait()
                raise OSError("enough")

            monkeypatch.setattr(parts.poller, "_ask", asked)
            await asyncio.gather(*(parts.poller.poll_due() for _ in range(3)))
            assert parts.poller.running == AT_ONCE
            hold.set()

    run(main)


def slow(monkeypatch: pytest.MonkeyPatch, question: str, seconds: float) -> None:
    fast = getattr(Store, question)

    def slowly(*args: Any) -> Any:
        time.sleep(seconds)
        return fast(*args)

    monkeypatch.setattr(Store, question, slowly)


def test_a_feed_that_was_claimed_while_stopping_is_asked_at_the_next_start(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = desk.write(f"{{url: '{desk.origin.url('/two')}', every: 24h}}", "a")

    async def main() -> None:
        with monkeypatch.context() as patched:
            slow(patched, "claim_feeds", 0.2)
            async with desk.running(config) as parts:
                tick = asyncio.create_task(parts.tick())
                await asyncio.sleep(0.05)
            await tick
        assert desk.origin.requests == []
        async with desk.running(config) as parts:
            row = await feed(parts)
            assert (row.last_request_at, row.next_poll_why) == (None, "new")
            await work(parts)
        assert len(desk.origin.requests_for("/two")) == 1

    run(main)


def test_an_alert_that_was_claimed_while_stopping_is_sent_once_at_the_next_start(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = desk.write(desk.origin.url("/two"), "a")

    async def main() -> None:
        async with desk.running(config) as parts:
            monkeypatch.setattr(parts.deliverer, "deliver_due", nothing)
            await work(parts)
        with monkeypatch.context() as patched:
            slow(patched, "claim_deliveries", 0.2)
            async with desk.running(config) as parts:
                tick = asyncio.create_task(parts.tick())
                await asyncio.sleep(0.1)
            await tick
        assert desk.origin.requests_for("/hook") == []
        async with desk.running(config) as parts:
            await work(parts)
        assert len(desk.origin.requests_for("/hook")) == 1

    run(main)


async def nothing() -> int:
    return 0


class Broken(RuleSet):
    """Rules that fail on every item."""

    def __init__(self) -> None:
        pass

    def match(self, document: Document) -> Any:
        raise ZeroDivisionError(document.title)


def test_a_bug_while_recording_shows_as_a_failure_of_that_feed(desk: Desk) -> None:
    config = replace(desk.write(desk.origin.url("/two"), "a"), ruleset=Broken())

    async def main() -> None:
        async with desk.running(config) as parts:
            await work(parts)
            row = await feed(parts)
            assert (row.state, row.failures) == ("failing", 1)
            assert row.last_error == ("a bug in wirewatch: ZeroDivisionError('Xi and Putin met')")
            assert row.validators_url is None

    run(main)


def test_a_round_ends_when_the_database_takes_no_claims(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk still answers how much is left to do."""
    config = desk.write(desk.one, "a")

    def full(*_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr(Store, "claim_feeds", full)

    async def main() -> None:
        with pytest.raises(OperationalError, match="disk is full"):
            async with asyncio.timeout(10):
                await once(config, Redactor())

    run(main)


def test_reloads_share_the_threads_that_look_names_up(desk: Desk) -> None:
    def lookups() -> int:
        return sum(thread.name == "dns" for thread in threading.enumerate())

    async def main() -> None:
        before = lookups()
        async with desk.running(desk.write(desk.origin.url("/two"), "a")) as parts:
            for _ in range(5):
                await parts.swap(load(desk.folder))
                (await parts.poller.watch.clients.dial("127.0.0.1", desk.origin.port)).close()
            assert lookups() - before <= 1

    run(main)


def test_only_a_chat_that_is_not_the_operators_own_is_given_pauses(desk: Desk) -> None:
    own = f'{{type: slack, url: "{desk.origin.url("/hook")}"}}'
    text = (
        "contact: desk@example.org\nallow_private: [127.0.0.0/8, chat.lan]\nchannels:\n"
        f"  own: {own}\n  named: {{type: slack, url: https://chat.lan/x}}\n"
        "  slack: {type: slack, url: https://hooks.slack.example/x}\n"
        "  hook: {type: webhook, url: https://hook.example/x}\nrules: {}\n"
    )
    (desk.folder / "wirewatch.yaml").write_text(text)

    async def main() -> None:
        async with desk.running(load(desk.folder)) as parts:
            limits = parts.deliverer.senders.limits
            assert {name: limit.pause for name, limit in limits.items() if limit.pause} == {
                "slack": 1.0
            }

    run(main)
