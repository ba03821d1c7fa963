"""Feeds in a database, polled without a network: the test says what the server answered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from monitor.checkup import check_up
from monitor.config import Config, load
from monitor.database import open_engine, prepare
from monitor.fetch import FetchFailed, Validators
from monitor.item import FeedHints, Item, Parsed
from monitor.poller import LEASE, configured, feeds_by_url
from monitor.record import record
from monitor.settle import Answer, Poll, Recorded, Unchanged
from monitor.store import Store

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def item(guid: str, published: datetime | None = None) -> Item:
    """An item that rules do not match."""
    url = f"https://one.example/{guid}"
    return Item(guid, 1, guid, f"Story {guid}", url, published=published)


def window(*guids: str, hints: FeedHints | None = None) -> Parsed:
    """A document with these items."""
    return Parsed("rss20", "One", tuple(map(item, guids)), hints or FeedHints())


NOT_MODIFIED = Unchanged("not_modified")
PAIR = Validators("https://one.example/feed", b'"1"')


@cache
def _empty_database() -> bytes:
    """One that is migrated, made once: that takes longer than most of these tests."""
    with TemporaryDirectory() as folder:
        prepare(f"sqlite:///{folder}/wirewatch.db")
        return (Path(folder) / "wirewatch.db").read_bytes()


class Feedbook:
    """``feeds`` by name, each with the keys it has besides its URL; the first is ``one``."""

    def __init__(
        self, folder: Path, feeds: dict[str, str] | None = None, *, start: datetime = START
    ) -> None:
        self.folder = folder
        self.now = start
        self.configure(feeds or {"one": ""})
        database = folder / "wirewatch.db"
        database.write_bytes(_empty_database())
        self.store = Store(open_engine(f"sqlite:///{database}"))
        self._sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.store.close()

    def configure(self, feeds: dict[str, str]) -> None:
        """Write the configuration."""
        lines = "".join(
            f"  {name}: {{url: https://{name}.example/feed{more and ', '}{more}}}\n"
            for name, more in feeds.items()
        )
        (self.folder / "wirewatch.yaml").write_text(
            f"contact: desk@example.org\nfeeds:\n{lines}rules: {{none: nothing-of-the-kind}}\n"
        )
        self.config: Config = load(self.folder)

    def reload(self, feeds: dict[str, str]) -> None:
        """The configuration is another from now on."""
        self.configure(feeds)
        self._sync()

    def _sync(self) -> None:
        self.store.sync_feeds(configured(feeds_by_url(self.config)), self.now)

    def poll(self, answer: Answer, name: str = "one", **more: Any) -> Recorded:
        """The feed is asked now, and this is what came."""
        row = self.row(name)
        claimed = self.store.claim_feeds("test", self.now, LEASE, 1000, timedelta())
        row = next((other for other in claimed if other.id == row.id), row)
        if isinstance(answer, FetchFailed):
            more.setdefault("status", answer.status)
        elif not isinstance(answer, Unchanged):
            more.setdefault("status", 200)
        feeds = feeds_by_url(self.config)[row.url]
        poll = Poll(row, feeds, answer, began=self.now, **{"validators": PAIR, **more})
        return record(self.store, poll, self.config, self.now)

    def polls(
        self, answers: Iterable[Answer], every: timedelta, name: str = "one", **more: Any
    ) -> None:
        """One after the other, so much time before each."""
        for answer in answers:
            self.now += every
            self.poll(answer, name, **more)

    def row(self, name: str = "one") -> Any:
        """What is known about the feed."""
        return next(row for row in self.store.feeds() if row.name == name)

    def told(self) -> list[tuple[str, str]]:
        """The events so far, oldest first, as (name, message)."""
        return [(event.name, event.message) for event in reversed(self.store.events(1000))]

    def check_up(self, after: timedelta = timedelta()) -> None:
        """The regular look at all feeds."""
        self.now += after
        check_up(self.store, self.config, self.now)
