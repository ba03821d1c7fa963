"""A configuration and a database with a past: what feeds brought, recorded as the daemon does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

from monitor.config import load
from monitor.database import open_engine, prepare
from monitor.parse import Item, Parsed
from monitor.poller import configured, feeds_by_url
from monitor.record import record
from monitor.settle import Poll, Recorded
from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)

CONFIG = """\
contact: desk@example.org
timezone: Asia/Jakarta
feeds:
  antara: {url: https://antara.example/rss, tags: [asia], first_poll: alert}
  tass: https://tass.example/rss
channels:
  newsroom: {type: slack, url: https://chat.example/hook}
  desk: {type: console}
defaults: {send: [newsroom]}
terms:
  putin: [Putin, Путин*, 普京]
"""
RULES = """\
rules:
  xi-putin: {match: Xi AND @putin, send: [newsroom, desk]}
  gas: gas NEAR/3 pipeline*
"""


class Archive:
    """``etc``, or what it is ``called``, below ``folder``, with a database that `poll` fills."""

    def __init__(
        self, folder: Path, config: str = CONFIG, rules: str = RULES, *, called: str = "etc"
    ) -> None:
        self.etc = folder / called
        (self.etc / "rules").mkdir(parents=True)
        (self.etc / "wirewatch.yaml").write_text(config)
        self.rules(rules)
        prepare(f"sqlite:///{self.etc / 'wirewatch.db'}")
        self._known = 0

    def copied_to(self, folder: Path) -> Archive:
        """The same past once more, for a test that changes something."""
        other = copy(self)
        other.etc = Path(copytree(self.etc, folder / self.etc.name))
        return other

    def rules(self, text: str) -> None:
        """Write the rules; they count from the next poll on."""
        (self.etc / "rules" / "rules.yaml").write_text(text)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database, as the daemon uses it."""
        store = Store(open_engine(f"sqlite:///{self.etc / 'wirewatch.db'}"))
        try:
            yield store
        finally:
            store.close()

    def poll(self, feed: str, *items: Item, now: datetime) -> Recorded:
        """One poll of a feed brought these items."""
        config = load(self.etc)
        feeds = feeds_by_url(config)
        with self.store() as store:
            store.sync_feeds(configured(feeds), now)
            row = next(row for row in store.feeds() if row.name == feed)
            answer = Parsed("rss20", feed, items)
            return record(store, Poll(row, feeds[row.url], answer, 200), config, now)

    def publish(self, title: str, *, feed: str = "antara", now: datetime, **texts: Any) -> str:
        """One new item; gives its id."""
        self._known += 1
        item = Item(
            key=texts.pop("key", f"key-{self._known}"),
            key_version=1,
            guid="",
            title=title,
            url=texts.pop("url", f"https://{feed}.example/{self._known}"),
            **texts,
        )
        self.poll(feed, item, now=now)
        with self.store() as store:
            row = next(row for row in store.feeds() if row.name == feed)
            return store.known_items(row.id, [item.key])[item.key].item_id

    def hits(self) -> list[dict[str, Any]]:
        """The hits there are, oldest first."""
        with closing(sqlite3.connect(self.etc / "wirewatch.db")) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute("SELECT * FROM hits ORDER BY at, id").fetchall()
        return [{**dict(row), "match": json.loads(row["match"])} for row in rows]
