"""What real feeds hold is told apart when new, and known again when it has moved (B11, B12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rigs.archive import NOW, Archive

from monitor.feedreader import read
from monitor.item import Item, Parsed, ParseTask
from monitor.language import Detector

pytestmark = pytest.mark.corpus
H = timedelta(hours=1)
MOST = 40  # items of a feed; the long ones tell nothing more


def _documents(corpora: Path) -> dict[str, tuple[Item, ...]]:
    found: dict[str, tuple[Item, ...]] = {}
    for file in sorted((corpora / "feeds" / "captured").glob("*.xml")):
        task = ParseTask(file.read_bytes(), "https://feed.example/", "text/xml", now=NOW)
        parsed = read(task, Detector(lambda _: ("", 0.0)))
        if isinstance(parsed, Parsed) and len(parsed.items) <= MOST:
            found[f"feed-{len(found)}"] = parsed.items
    assert len(found) >= 6
    return found


def _flipped(item: Item, number: int) -> Item:
    """The same entry, its guid made anew, its link with another scheme and a tracker."""
    sign = "&" if "?" in item.url else "?"
    url = f"{item.url.replace('https:', 'http:')}{sign}utm_source={number}"
    return replace(item, key=f"g:flipped-{number}", url=url)


def _moved(item: Item, number: int) -> Item:
    """The same entry after its site has moved to another domain."""
    return replace(item, key=f"g:moved-{number}", url=f"https://moved.example/{number}")


def test_every_entry_of_a_real_feed_is_an_item_and_stays_it(corpora: Path, tmp_path: Path) -> None:
    documents = _documents(corpora)
    feeds = "".join(f"  {name}: https://{name}.example/rss\n" for name in documents)
    config = f"contact: desk@example.org\nfeeds:\n{feeds}channels: {{}}\n"
    archive = Archive(tmp_path, config, "rules: {never: qzqzqz}\n")
    changes: list[Callable[[Item, int], Item]] = [lambda item, _: item, _flipped, _moved]
    for at, change in enumerate(changes):
        for name, items in documents.items():
            window = [change(item, number) for number, item in enumerate(items)]
            done = archive.poll(name, *window, now=NOW + at * H)
            known = len(items) if at else 0
            assert (name, done.new, done.again) == (name, len(items) - known, known)
