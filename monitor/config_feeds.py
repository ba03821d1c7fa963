"""Feeds: the section ``feeds:`` of every file, and what OPML files add to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from monitor.config import FeedConfig, FirstPoll
from monitor.config_opml import Outline, Titles, read_outlines, settings_of
from monitor.config_schema import FEED, FEED_URL, Findings, Reader, Section, named
from monitor.config_values import WrongValueError, feed_url, shown
from rules import Mistake
from rules.load import Names
from rules.source import Node, Text


class Feeds:
    """All feeds of a configuration."""

    def __init__(self, findings: Findings, first_poll: FirstPoll) -> None:
        self.configured: dict[str, FeedConfig] = {}
        self._findings = findings
        self._first_poll = first_poll
        self._names = Names("feed", {})
        self._titles = Titles(self._names.places)
        self._by_url: dict[str, str] = {}

    def read(self, sections: Iterable[Section]) -> None:
        """Add the feeds of the sections; two names for one URL are told."""
        for reader, key, node in named(sections, self._names):
            feed = self._feed(reader, key, node)
            if feed is None:
                continue
            self.configured[feed.name] = feed
            first = self._by_url.setdefault(feed.url, feed.name)
            if first != feed.name:
                message = f"feed '{feed.name}' has the same URL as feed '{first}'"
                reader.warn(key, message, f"its items are told under '{first}'; delete one of them")

    def _feed(self, reader: Reader, key: Text, node: Node) -> FeedConfig | None:
        what = f"feed '{shown(key.value)}'"
        if isinstance(node, Text):
            url = FEED_URL(reader, node)
            return FeedConfig(key.value, url, first_poll=self._first_poll) if url else None
        before = len(self._findings.mistakes)
        found = reader.fields(node, FEED, what)
        if "url" in found:
            return FeedConfig(name=key.value, **{"first_poll": self._first_poll, **found})
        if len(self._findings.mistakes) == before:
            reader.wrong(key, f"{what} has no url")
        return None

    def add_outlines(self, files: Iterable[Path]) -> None:
        """Add the feeds of OPML files whose URLs are not configured already."""
        for file in files:
            found = read_outlines(file)
            self._findings.mistakes += [*found.mistakes, *self._add(file, found.feeds)]
            self._findings.warnings += found.warnings

    def _add(self, file: Path, outlines: Iterable[Outline]) -> Iterator[Mistake]:
        for outline in outlines:
            place = Mistake("", "", str(file), outline.line, outline.column)
            try:
                url = feed_url(outline.url)
                settings = settings_of(outline)
            except WrongValueError as error:
                yield replace(place, message=error.message, hint=error.hint)
                continue
            if url not in self._by_url:
                name = self._titles.name(outline)
                self._names.places[name] = f"{file}:{outline.line}:{outline.column}"
                self._by_url[url] = name
                self.configured[name] = FeedConfig(
                    name, url, tags=outline.tags, first_poll=self._first_poll, **settings
                )
