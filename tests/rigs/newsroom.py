"""A whole world on loopback: publishers, receivers, and a configuration that joins them.

    with Newsroom(tmp_path, feeds=4) as news:
        news.publish(Article("feed-0", "1", "Xi and Putin met"))
        with Daemon(news.folder) as daemon: ...
        news.check()

Each feed lives at a loopback address of its own, so that they are polled side by side. The rules
are `RULES`; every rule is told on every channel, each hit by itself: stories would hold them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from email.utils import formatdate
from html import escape
from pathlib import Path
from time import time
from types import TracebackType
from typing import Any, Self

from rigs.history import (
    Arrival,
    Article,
    Expected,
    Told,
    chat_arrivals,
    check_history,
    mail_arrivals,
    matching,
    webhook_arrivals,
)
from rigs.mailbox import Mailbox
from rigs.origin import Origin, Page
from rigs.receiver import Receiver

RULES = {"xi-putin": "Xi AND Putin", "pipes": "pipeline* OR pipa"}
CHANNELS = ("siem", "chat", "desk")
SOON = "{first: 1s, factor: 1, max: 1s, for: 1h}"
"""A retry schedule for tests: every second, never given up."""


class Newsroom:
    """Publishers, receivers and the folder of a configuration.

    Args:
        folder: where the configuration and the database go.
        feeds: how many, called ``feed-0``, ``feed-1`` ...
        retry: of every channel, as YAML.
        every: of every feed.
        window: how many articles a feed shows; absent: all that were published.
        more: YAML that follows the rest.
        channel: keys of every channel besides its own, as YAML after a comma.
    """

    def __init__(
        self,
        folder: Path,
        *,
        feeds: int = 1,
        retry: str = SOON,
        every: str = "1s",
        window: int | None = None,
        more: str = "",
        channel: str = "",
    ) -> None:
        self.folder = folder
        self.database = folder / "wirewatch.db"
        self.feeds = tuple(f"feed-{number}" for number in range(feeds))
        self.published: list[Article] = []
        self.untold: list[Article] = []
        self._dates: dict[Article, float] = {}
        self._told: dict[Article, frozenset[Told]] = {}
        self._arrived: list[Arrival] = []
        self._seen = dict.fromkeys(CHANNELS, 0)
        self._retry, self._every, self._window = retry, every, window
        self._more, self._channel = more, channel
        self.origin = Origin(
            *(f"127.0.{number // 250}.{number % 250 + 1}" for number in range(feeds))
        )
        self.webhook, self.chat, self.mailbox = Receiver(), Receiver(), Mailbox()
        self._readers: dict[str, tuple[Any, Callable[[], Any]]] = {
            "siem": (webhook_arrivals, lambda: self.webhook.accepted),
            "chat": (chat_arrivals, lambda: self.chat.accepted),
            "desk": (mail_arrivals, lambda: self.mailbox.mails),
        }

    def __enter__(self) -> Self:
        for part in (self.origin, self.webhook, self.chat, self.mailbox):
            part.__enter__()
        for feed in self.feeds:
            self._serve(feed)
        self.configure(self.yaml())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for part in (self.mailbox, self.chat, self.webhook, self.origin):
            part.__exit__(kind, error, trace)

    def yaml(self) -> str:
        """The configuration."""
        common = f"retry: {self._retry}{self._channel}"
        feeds = "\n".join(
            f"  {f}: {{url: '{self.url(f)}', every: {self._every}}}" for f in self.feeds
        )
        rules = "\n".join(f"  {name}: '{expression}'" for name, expression in RULES.items())
        return f"""\
contact: desk@example.org
allow_private: [127.0.0.0/8]
feeds:
{feeds}
channels:
  siem: {{type: webhook, url: "{self.webhook.url}", {common}}}
  chat: {{type: slack, url: "{self.chat.url}", {common}}}
  desk: {{type: mail, to: desk@example.org, from: wirewatch@example.org,
         smtp: "smtp://127.0.0.1:{self.mailbox.port}", {common}}}
defaults: {{send: [{", ".join(CHANNELS)}], repeat: each}}
rules:
{rules}
{self._more}
"""

    def configure(self, text: str) -> None:
        """Write the configuration."""
        (self.folder / "wirewatch.yaml").write_text(text)

    def url(self, feed: str) -> str:
        """Where a feed is."""
        address = self.origin.addresses[self.feeds.index(feed)]
        return self.origin.url(f"/{feed}", host=address)

    def publish(self, *articles: Article, told: bool = True) -> None:
        """Put articles on top of their feeds. ``told`` False: before the first poll."""
        self.published = [*articles, *self.published]
        if not told:
            self.untold += articles
        for feed in {article.feed for article in articles}:
            self._serve(feed)

    def _serve(self, feed: str) -> None:
        all_ = [article for article in self.published if article.feed == feed]
        for article in all_:  # a little ahead: news must not look older than the last poll
            self._dates.setdefault(article, time() + 60 + len(self._dates))
        body = rss(feed, all_[: self._window], self._dates)
        self.origin.serve(f"/{feed}", Page(body, etag=f'"{len(all_)}"'))

    @property
    def requests(self) -> int:
        """How many attempts the receivers have seen; of mails those that were taken in."""
        attempts = len(self.webhook.requests) + len(self.chat.requests)
        return attempts + len(self.mailbox.mails)

    def arrivals(self) -> list[Arrival]:
        """Everything that the receivers took in."""
        for channel, (read, taken) in self._readers.items():
            new = taken()[self._seen[channel] :]
            self._seen[channel] += len(new)
            self._arrived += read(channel, new)
        return list(self._arrived)

    def expected(self) -> Expected:
        """What the reference evaluator wants to be told."""
        for article in self.published:
            if article not in self._told:
                self._told[article] = matching([article], RULES)
        quiet = frozenset(told for a in self.untold for told in self._told[a])
        told = frozenset(told for a in self.published for told in self._told[a])
        return Expected(told - quiet, dict.fromkeys(RULES, CHANNELS), quiet)

    def missing(self) -> set[tuple[str, tuple[str, str]]]:
        """(channel, what) of alerts that did not arrive yet."""
        expected = self.expected()
        came = {(a.channel, (a.link, a.rule)) for a in self.arrivals()}
        return {(c, told) for told in expected.told for c in expected.send[told[1]]} - came

    def waiting(self) -> int:
        """How many alerts are still to be sent, by the database."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM deliveries WHERE state IN ('due', 'sending')"
            ).fetchone()
        return int(count)

    def check(self, *, waiting: bool = False, dead: bool = False) -> None:
        """The history checker on all that happened here."""
        check_history(self.database, self.expected(), self.arrivals(), waiting=waiting, dead=dead)


def rss(
    name: str, articles: Iterable[Article], dates: Mapping[Article, float] | None = None
) -> bytes:
    """A feed of these articles, in this order; without ``dates`` they are of 2023. Each says where
    it stands: what differs in nothing but its link would be one article in several feeds."""

    def date(article: Article) -> str:
        return formatdate((dates or {}).get(article, 1_700_000_000), usegmt=True)

    entries = "".join(
        f"<item><guid isPermaLink='false'>{escape(a.guid)}</guid><title>{escape(a.title)}</title>"
        f"<link>{escape(a.link)}</link><pubDate>{date(a)}</pubDate>"
        f"<description>{escape(f'{a.text} ({a.feed}, {a.guid})')}</description></item>"
        for a in articles
    )
    return (
        "<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel>"
        f"<title>{name}</title><link>https://news.example/</link>{entries}</channel></rss>"
    ).encode()
