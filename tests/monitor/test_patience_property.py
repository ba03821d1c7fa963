"""Stories, floods, bursts and everything that waits: each told hit is in one delivery a channel.

Polls are recorded without a network, in any order with restarts, mutes, sends and steps of the
clock. ``WIREWATCH_EXAMPLES=500`` makes it a long run.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rigs.feedbook import Feedbook

import alerts
from monitor.config import load
from monitor.database import open_engine
from monitor.ids import new_id
from monitor.item import FeedHints, Item, Parsed
from monitor.mutes import ActiveMute
from monitor.store import Store
from monitor.store.base import deliveries, delivery_hits, hits, stories
from monitor.store.gathering import WAITING

pytestmark = pytest.mark.usefixtures("parsing_here")

EXAMPLES = int(os.environ.get("WIREWATCH_EXAMPLES", "4"))
H = timedelta(hours=1)
CHANNELS = {"hook": "webhook, url: https://hook.example/1", "chat": "discord, url: %s"}
DISCORD = "https://discord.com/api/webhooks/1/abc"
TOPICS = (
    "ministers sign great pipeline contract in eastern harbour town",
    "storm closes northern pipeline bridge after heavy winter rain",
    "museum opens restored pipeline gallery with lost paintings",
)
FEEDS = ("one", "two", "three")
RULES = {
    "plain": "match: pipeline",
    "throttled": "match: pipeline, throttle: {max: 2, per: 1h}",
    "quiet": 'match: pipeline, quiet: {from: "20:00", to: "07:00"}',
    "daily": "match: pipeline, digest: 0 8 * * *",
    "sources": "match: pipeline, when: {sources: 2, within: 6h}",
    "burst": "match: pipeline, when: {hits: 3, within: 2h}, throttle: {max: 1, per: 30m}",
}


class Waitingroom(Feedbook):
    """Feeds, all rules there are, and two channels that nobody reads."""

    published = 0

    def configure(self, feeds: dict[str, str]) -> None:
        channels = "".join(
            f"  {name}: {{type: {kind.replace('%s', DISCORD)}}}\n"
            for name, kind in CHANNELS.items()
        )
        named = "".join(
            f"  {name}: {{url: https://{name}.example/feed, first_poll: alert}}\n" for name in FEEDS
        )
        rules = "".join(f"  {name}: {{{keys}}}\n" for name, keys in RULES.items())
        (self.folder / "wirewatch.yaml").write_text(
            "contact: a@b.org\ndefaults: {send: [hook, chat]}\n"
            f"channels:\n{channels}feeds:\n{named}rules:\n{rules}"
        )
        self.config = load(self.folder)

    def restart(self) -> None:
        self.store.close()
        self.store = Store(open_engine(f"sqlite:///{self.folder}/wirewatch.db"))

    def publish(self, feed: str, topics: list[int]) -> None:
        items = []
        for topic in topics:
            self.published += 1
            guid = str(self.published)
            if topic < len(TOPICS):
                title = f"{TOPICS[topic]} {'now' * (self.published % 2)}"
            else:  # news of its own
                title = " ".join(f"w{self.published}x{part}" for part in range(6)) + " pipeline"
            url = f"https://{feed}.example/{guid}"
            items.append(Item(guid, 1, guid, title, url, source=feed))
        self.poll(Parsed("rss20", feed, tuple(items), FeedHints()), feed)

    def send(self) -> None:
        """Everything that is due is sent."""
        lease = dict.fromkeys(CHANNELS, H)
        for claimed in self.store.claim_deliveries("me", self.now, lease, dict.fromkeys(lease, 99)):
            with self.store.transaction():
                self.store.settle_sent(claimed.id, self.now, "ok")

    def mute(self, kind: str, hours: int) -> None:
        names: dict[str, str | None] = {"rule": "plain", "feed": "one", "story": self._a_story()}
        name = names[kind]
        if name is not None:
            until = self.now + hours * H
            self.store.mute(ActiveMute(new_id(), kind, name, until, ""), self.now)

    def _a_story(self) -> str | None:
        found = self.rows(sa.select(stories.c.id).order_by(stories.c.id.desc()).limit(1))
        return found[0].id if found else None

    def lift(self) -> None:
        for mute in self.store.mutes(self.now)[:1]:
            self.store.lift_mute(mute.id, self.now)

    def rows(self, question: Any) -> list[Any]:
        with self.store.transaction():
            return list(self.store._run(question))


def check(room: Waitingroom) -> None:
    """Each hit that is told is in one delivery of each channel, others are in none, and every
    delivery says how many it carries."""
    carried: Counter[tuple[str, str]] = Counter()
    of_delivery: Counter[str] = Counter()
    for row in room.rows(sa.select(delivery_hits)):
        carried[row.hit_id, row.channel] += 1
        of_delivery[row.delivery_id] += 1
    for row in room.rows(sa.select(hits)):
        waits = row.untold.startswith(WAITING)
        assert waits == bool(row.untold)
        counts = [carried[row.id, channel] for channel in CHANNELS]
        assert counts == ([0, 0] if waits else [1, 1]), (row.rule, counts, row.untold)
    for row in room.rows(sa.select(deliveries)):
        body = alerts.Alert.from_json(row.id, row.alert).body
        if isinstance(body, alerts.Digest):
            assert body.count == of_delivery[row.id] == len(body.hits) + body.more
            assert len({hit.id for hit in body.hits}) == len(body.hits)
        elif isinstance(body, alerts.Hit):
            assert of_delivery[row.id] == 1
    for story in room.rows(sa.select(stories)):
        members = room.rows(sa.text(f"SELECT 1 FROM story_items WHERE story_id = '{story.id}'"))
        assert story.size == len(members)


ACTIONS = st.one_of(
    st.tuples(
        st.just("publish"),
        st.sampled_from(FEEDS),
        st.lists(st.integers(0, len(TOPICS)), min_size=1, max_size=5),
    ),
    st.tuples(st.just("publish"), st.just("two"), st.just([len(TOPICS)] * 60)),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 0.6, 3, 13, 25])),
    st.tuples(st.just("wait"), st.sampled_from([-0.6, -30])),
    st.tuples(st.just("restart")),
    st.tuples(st.just("send")),
    st.tuples(st.just("lift")),
    st.tuples(st.just("mute"), st.sampled_from(["rule", "feed", "story"]), st.integers(1, 40)),
)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
@given(st.lists(ACTIONS, min_size=5, max_size=12))
def test_every_hit_is_told_once_a_channel_or_says_what_it_waits_for(
    actions: list[tuple[Any, ...]],
) -> None:
    with TemporaryDirectory() as folder, Waitingroom(Path(folder)) as room:
        for name, *arguments in actions:
            if name == "wait":
                room.now += arguments[0] * H
            else:
                getattr(room, name)(*arguments)
        check(room)
        room.now += 100 * H
        room.send()
        held = sa.select(deliveries).where(deliveries.c.state == "held")
        assert [row for row in room.rows(held) if row.due_at <= room.now] == []
        check(room)
