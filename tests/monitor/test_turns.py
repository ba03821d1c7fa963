"""Whose turn it is: claims, hosts, restarts. A number such as A12 names a requirement."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from unittest.mock import Mock

import pytest
from rigs.feedbook import NOT_MODIFIED, START, Feedbook, window

from monitor.addresses import allowance
from monitor.fetch import FetchFailed, ServerHints
from monitor.item import FeedHints
from monitor.poller import LEASE, Watch
from monitor.recorder import Recorder
from monitor.settle import Poll
from monitor.store import ConfiguredFeed
from monitor.turns import Turns, Way
from monitor.writer import Writer

S = timedelta(seconds=1)
M = timedelta(minutes=1)
H = timedelta(hours=1)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Feedbook]:
    with Feedbook(tmp_path) as book:
        yield book


def test_a13_where_redirects_lead_one_is_asked_at_a_time_and_nobody_waits_for_ever() -> None:
    turns = Turns()
    busy: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def poll(*hosts: str) -> None:
        async with Way(turns) as way:
            for host in hosts:
                await way.to(host)
                busy[host] += 1
                most[host] = max(most[host], busy[host])
                await asyncio.sleep(0.001)
                busy[host] -= 1

    async def main() -> None:
        there = [poll("a", "b") for _ in range(10)]
        back = [poll("b", "a") for _ in range(10)]
        stays = [poll("a", "a") for _ in range(10)]
        await asyncio.wait_for(asyncio.gather(*there, *back, *stays), 10)

    asyncio.run(main())
    assert most == {"a": 1, "b": 1}
    assert len(turns) == 0


def test_a_poll_that_is_cancelled_while_it_waits_leaves_no_trace() -> None:
    async def main() -> None:
        turns = Turns()
        async with Way(turns) as first, Way(turns) as second:
            await first.to("a")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(second.to("a"), 0.01)
            await second.to("b")
            assert len(turns) == 2
        assert len(turns) == 0

    asyncio.run(main())


def test_a13_where_redirects_lead_the_pause_is_kept_and_what_is_over_is_forgotten() -> None:
    async def main() -> None:
        turns = Turns()
        loop = asyncio.get_running_loop()
        at: list[float] = []

        async def poll(host: str) -> None:
            async with Way(turns, lambda _: 0.03 * S) as way:
                await way.to(host)
                at.append(loop.time())

        await asyncio.gather(*[poll("a") for _ in range(3)])
        assert all(later - sooner >= 0.03 for sooner, later in pairwise(at))
        for n in range(20):
            await poll(f"{n}")
        await asyncio.sleep(0.03)
        for n in range(15):
            await poll(f"{n} again")
        assert len(turns._free_at) == 15

    asyncio.run(main())


def test_a_poll_that_is_cancelled_in_a_pause_leaves_the_pause_to_the_next() -> None:
    async def main() -> None:
        turns = Turns()
        loop = asyncio.get_running_loop()
        async with Way(turns, lambda _: 0.05 * S) as first:
            await first.to("a")
        over = loop.time() + 0.04
        async with Way(turns) as second, Way(turns) as third:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(second.to("a"), 0.001)
            await third.to("a")
            assert loop.time() >= over
        assert len(turns) == 0

    asyncio.run(main())


def crowd(book: Feedbook, feeds: int, hosts: int) -> None:
    """So many new feeds on so many hosts, in order of their hosts."""
    book.store.sync_feeds(
        [
            ConfiguredFeed(
                f"f{n}",
                f"https://{n * hosts // feeds}.example/{n}",
                f"{n * hosts // feeds}.example",
            )
            for n in range(feeds)
        ],
        book.now,
    )


def test_a13_of_a_thousand_due_feeds_on_ten_hosts_each_host_has_one_at_a_time(
    book: Feedbook,
) -> None:
    crowd(book, 1000, 10)
    for _ in range(3):
        first = book.store.claim_feeds("me", book.now, LEASE, 64, S)
        assert Counter(row.host for row in first) == {f"{n}.example": 1 for n in range(10)}
        assert book.store.claim_feeds("me", book.now, LEASE, 64, S) == []
        book.store.release_hosts({row.host: book.now + S for row in first})
        assert book.store.claim_feeds("me", book.now, LEASE, 64, S) == []
        book.now += S
    assert len({row.id for row in first}) == 10


def test_a13_the_longest_due_come_first_and_no_more_than_wanted(book: Feedbook) -> None:
    crowd(book, 300, 300)
    book.now += 1 * M
    claimed = []
    while rows := book.store.claim_feeds("me", book.now, LEASE, 64, S):
        assert len(rows) <= 64
        claimed += [row.id for row in rows]
    assert len(claimed) == len(set(claimed)) == 300


def test_a12_fifty_restarts_ask_for_nothing_that_is_not_due(book: Feedbook) -> None:
    book.poll(window("a"), hints=ServerHints(2 * H))
    due = book.row().next_poll_at
    for _ in range(50):
        book.now += 2 * M
        book.store.release_claims(book.now, S)
        book.store.follow_clock_back(book.now, LEASE)
        book.reload({"one": ""})
        assert book.store.claim_feeds("me", book.now, LEASE, 64, S) == []
    assert book.row().next_poll_at == due


def test_a12_a_back_off_outlives_a_restart_and_a_reload(book: Feedbook) -> None:
    for _ in range(5):
        book.now = max(book.now, book.row().next_poll_at)
        book.poll(FetchFailed("refused", "nobody answers"))
    due = book.row().next_poll_at
    assert due - book.now >= 4 * H
    book.reload({"one": "every: 1m"})
    book.store.release_claims(book.now, S)
    assert book.row().next_poll_at == due


def test_a11_a_poll_that_did_not_end_is_repeated_after_the_pause_it_had_before(
    book: Feedbook,
) -> None:
    book.poll(window("a", hints=FeedHints(ttl=3 * H)))
    book.now = book.row().next_poll_at
    (row,) = book.store.claim_feeds("me", book.now, LEASE, 64, S)
    after = book.row()
    assert after.next_poll_why == "the last poll did not end"
    assert after.next_poll_at - book.now >= 3 * H
    assert row.next_poll_why == "ttl 3h"  # as it was, for those who undo the claim
    book.store.unclaim_feeds([row], book.now)
    assert book.row().next_poll_at == book.now


def test_a23_a_poll_that_did_not_end_is_not_repeated_in_an_hour_to_skip(book: Feedbook) -> None:
    book.poll(window("a", hints=FeedHints(skip_hours=frozenset({13, 14}))))
    book.now = START + 50 * M
    book.store.claim_feeds("me", book.now, LEASE, 64, S)
    assert book.row().next_poll_at == START + 3 * H


def test_a11_a_changed_interval_keeps_the_distance_the_document_wishes(book: Feedbook) -> None:
    book.poll(window("a", hints=FeedHints(ttl=3 * H)))
    book.reload({"one": "every: 10m"})
    assert book.row().next_poll_at == START + 10 * M
    book.reload({"one": ""})
    row = book.row()
    assert (row.next_poll_at, row.next_poll_why) == (START + 3 * H, "every was changed")


def test_a24_a_feed_is_asked_more_often_only_down_to_five_minutes_and_less_up_to_an_hour(
    book: Feedbook,
) -> None:
    pauses = []
    for number in range(40):
        guids = [f"{number // 3}-{n}" for n in range(10)] if number < 20 else ["same"] * 1
        book.now = book.row().next_poll_at
        book.poll(window(*guids) if number < 21 else NOT_MODIFIED)
        pauses.append(book.row().next_poll_at - book.now)
    assert min(pauses) >= 5 * M
    assert max(pauses) <= 66 * M
    assert pauses[-1] >= 60 * M


def test_a10_a_feed_without_validators_is_asked_hourly_at_most_unless_every_says_otherwise(
    tmp_path: Path,
) -> None:
    with Feedbook(tmp_path, {"one": "", "two": "every: 10m"}) as book:
        for name in ("one", "two"):
            book.poll(window("a", "b"), name, validators=None)
        one, two = book.row("one"), book.row("two")
        assert one.next_poll_why == "no validators, 1h"
        assert one.next_poll_at >= book.now + 1 * H
        assert two.next_poll_why == "every 10m"
        assert book.now + 10 * M <= two.next_poll_at <= book.now + 11 * M


def test_a13_a_host_whose_feed_left_while_it_was_asked_is_given_its_pause(book: Feedbook) -> None:
    crowd(book, 2, 1)
    (asked,) = book.store.claim_feeds("me", START, LEASE, 2, 5 * S)
    nothing_left = Watch(replace(book.config, host_pause=5 * S), Mock(), {}, allowance(()))

    async def main() -> None:
        writer = Writer()
        record = Recorder(book.store, writer, lambda: START, lambda: nothing_left)
        await record(Poll(asked, (), NOT_MODIFIED))
        writer.close()

    asyncio.run(main())
    assert not book.store.claim_feeds("me", START + 4 * S, LEASE, 2, 5 * S)
    assert book.store.claim_feeds("me", START + 5 * S, LEASE, 2, 5 * S)
