"""Beside publishers that do their worst the daemon stays small, and the other feeds their time.

Hostile feeds of each kind of the catalogue's rows B2 to B5 and B19 stand beside a good one, in the
real daemon. By default the small ones do their worst together, then a large one;
``WIREWATCH_BOMBS=1`` takes them one after the other, which takes a minute or two.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from rigs.bombs import KINDS, answers, documents
from rigs.daemon import Daemon, wait_until
from rigs.history import Article
from rigs.newsroom import Newsroom
from rigs.origin import Raw, Reply

EACH = bool(os.environ.get("WIREWATCH_BOMBS"))
MEGABYTES = 50
_LATEST = 15.0
_LARGE = 1 << 20


def test_no_bomb_fills_the_daemon_and_a_good_feed_keeps_its_schedule(
    tmp_path: Path,
) -> None:  # B1 to B5, B9, B19
    with Newsroom(tmp_path, feeds=1 + KINDS) as news:
        hostile: dict[str, Reply | Raw] = dict(answers())
        bodies = documents(news.origin.url("/leak").encode())
        hostile |= {name: Reply(200, body) for name, body in bodies.items()}
        small = [name for name in hostile if len(bodies.get(name, b"")) < _LARGE]
        stages = [[name] for name in hostile] if EACH else [small, ["UTF-16"]]
        good, *others = news.feeds
        feeds = dict(zip(hostile, others, strict=True))
        with Daemon(tmp_path) as daemon:
            daemon.wait_ready()
            wait_until("a first poll of each", lambda: all(_polls(daemon, f) for f in news.feeds))
            before = _memory(daemon.pid, "VmRSS")
            Path(f"/proc/{daemon.pid}/clear_refs").write_text("5")  # forget the highest so far
            begun = time.time()
            for number, stage in enumerate(stages):
                for name in stage:
                    news.origin.serve(f"/{feeds[name]}", hostile[name])
                news.publish(Article(good, str(number), f"Xi and Putin met {number} times"))
                _wait_for_polls(daemon, news, [feeds[name] for name in stage])
                for name in stage:
                    news.origin.serve(f"/{feeds[name]}", Reply(410))
            # Only webhooks get every hit; elsewhere these articles tell one story.
            wait_until("every alert", lambda: "siem" not in dict(news.missing()), 30)
            grown = _memory(daemon.pid, "VmHWM") - before
            assert daemon.stop() == 0

        asked = [r.at for r in news.origin.requests_for(f"/{good}") if r.at > begun - 1]
        assert grown < MEGABYTES << 10, f"{grown} kB"
        assert max(b - a for a, b in pairwise(asked)) < _LATEST
        assert news.origin.requests_for("/leak") == []
        assert "Traceback" not in daemon.log


def _wait_for_polls(daemon: Daemon, news: Newsroom, feeds: Sequence[str]) -> None:
    """Until the answers that each of these feeds gives now were heard out, and recorded."""
    asked = {feed: len(news.origin.requests_for(f"/{feed}")) for feed in feeds}

    def heard() -> bool:
        return all(
            len(news.origin.requests_for(f"/{feed}")) > count and _polls(daemon, feed) > count
            for feed, count in asked.items()
        )

    wait_until("an end of each", heard, 90, 0.1)


def _polls(daemon: Daemon, feed: str) -> int:
    return daemon.log.count(f"poll feed={feed} outcome=")


def _memory(pid: int, name: str) -> int:
    """Kilobytes, by the kernel's account of the daemon without its workers."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.split(f"{name}:")[1].split()[0])
