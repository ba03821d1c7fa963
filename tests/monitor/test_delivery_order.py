"""Which alert goes first, which waits for which, and which is too late."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rigs.desk import Desk
from rigs.origin import Origin
from rigs.receiver import Receiver, status
from rigs.scripted import Outbox, S, Scripted, outbox, run
from sqlalchemy.exc import IntegrityError, OperationalError

from alerts import Alert, PermanentFailure, Receipt, TemporaryFailure
from monitor.config import RetryConfig
from monitor.deliverer import Limit
from monitor.store import Store

pytestmark = pytest.mark.usefixtures("parsing_here")

H = timedelta(hours=1)

LATE = "too old: it has waited for 3d19h, and this channel tries for no longer"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Origin() as origin, Receiver() as receiver:
        yield Desk(tmp_path, origin, receiver)


def one_by_one(box: Outbox, *names: str) -> None:
    limits = {name: Limit(name, 0.001) for name in names}
    box.deliverer.senders = replace(box.deliverer.senders, limits=limits)


async def all_sent(box: Outbox, channel: Scripted, count: int) -> None:
    async with asyncio.timeout(20):
        while len(channel.sent) < count:
            await box.round()
            await asyncio.sleep(0.001)
        await box.settled()


def test_alerts_go_out_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    """C12: while the channel keeps up."""
    desk = Scripted()

    async def main() -> None:
        async with outbox(tmp_path, desk=desk) as box:
            one_by_one(box, "desk")
            ids = []
            for _ in range(4):
                ids += box.queue("desk", 3)
                box.clock.now += 0.5 * S
            await all_sent(box, desk, 12)
            assert desk.sent == ids

    run(main)


def test_a_new_alert_waits_for_one_of_those_that_were_there_before(tmp_path: Path) -> None:
    """C12: a channel that does not keep up gives every second place to the newest; the others
    come in their order, and none is left."""

    async def main() -> None:
        async with outbox(tmp_path, desk=Scripted()) as box:
            old, new = box.queue("desk", 20), []
            sent: list[str] = []
            box.clock.now += 10 * S

            def send() -> None:
                newest = {"desk": box.deliverer._newest("desk", 1)}
                one = {"desk": 1}
                claimed = box.store.claim_deliveries("me", box.clock.now, {"desk": H}, one, newest)
                sent.extend(delivery.id for delivery in claimed)

            for _ in range(5):
                new += box.queue("desk")
                send()
                send()
                box.clock.now += S
            assert sent[0::2] == old[:5]
            assert sent[1::2] == new
            for _ in range(20):
                send()
            assert sorted(sent) == sorted(old + new)

    run(main)


def test_the_newest_that_came_together_go_in_their_order(tmp_path: Path) -> None:
    """C12"""

    async def main() -> None:
        async with outbox(tmp_path, desk=Scripted()) as box:
            box.queue("desk", 20)
            box.clock.now += 10 * S
            new = box.queue("desk", 6)
            claimed = box.store.claim_deliveries(
                "me", box.clock.now, {"desk": H}, {"desk": 8}, {"desk": 4}
            )
            assert [one.id for one in claimed][4:] == new[:4]

    run(main)


def test_what_fails_waits_for_its_own_time_and_lets_the_others_pass(tmp_path: Path) -> None:
    """C12: no head of the line blocks it."""
    desk = Scripted(*[TemporaryFailure("500")] * 3)

    async def main() -> None:
        async with outbox(tmp_path, desk=desk) as box:
            one_by_one(box, "desk")
            ids = box.queue("desk", 8)
            await all_sent(box, desk, 8)
            assert desk.sent == ids
            states = [state for state, _, _ in box.states("desk")]
            assert states == ["due"] * 3 + ["sent"] * 5

    run(main)


def test_what_is_due_is_found_by_the_index_however_much_waits(tmp_path: Path) -> None:
    """A hundred thousand revived dead letters are all due at one moment: no sorting of them."""

    async def main() -> None:
        async with outbox(tmp_path, desk=Scripted()):
            pass

    run(main)
    with closing(sqlite3.connect(tmp_path / "wirewatch.db")) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM deliveries WHERE channel = 'a' AND due_at <= 'z' "
            "ORDER BY due_at, id LIMIT 4"
        ).fetchall()
    assert [row[3] for row in plan] == [
        "SEARCH deliveries USING COVERING INDEX deliveries_due (channel=? AND due_at<?)"
    ]


# --- too late -----------------------------------------------------------------------------------


def test_an_alert_that_is_older_than_its_schedule_is_a_dead_letter_and_not_told_late(
    tmp_path: Path,
) -> None:
    """C16: as after a week without power. Nobody tells it, its channel's fallback neither."""
    desk, spare = Scripted(), Scripted()

    async def main() -> None:
        async with outbox(tmp_path, desk=desk, spare=spare) as box:
            config = box.deliverer.senders.config
            told = replace(config.channels["desk"], fallback="spare")
            channels = {**config.channels, "desk": told}
            config = replace(config, channels=channels, notify=("spare",))
            box.deliverer.senders = replace(box.deliverer.senders, config=config)
            [id_] = box.queue("desk")
            await box.round(91 * H)
            assert desk.sent == []
            assert box.states("desk") == [("dead", 1, LATE)]
            await box.round()
            [event] = box.store.events(10)
            assert event.message.startswith(
                f"an alert for channel 'desk' could not be delivered: {LATE}; send it again with: "
                f"wirewatch deliveries retry {id_}"
            )
            assert [row.kind for row in box.store.deliveries(10, channel="spare")] == ["event"]
            box.store.revive(box.clock.now, ids=[id_])
            await box.round()
            assert desk.sent == [id_]

    run(main)


@pytest.mark.parametrize(("minutes", "state"), [(70, "sent"), (73, "dead")])
def test_an_alert_is_too_old_by_the_schedule_of_its_own_channel(
    tmp_path: Path, minutes: int, state: str
) -> None:
    """C16: the last pause of a schedule may be a fifth longer than written."""
    retry = RetryConfig(first=1 * S, factor=1, max=1 * S, total=1 * H)

    async def main() -> None:
        async with outbox(tmp_path, retry, desk=Scripted()) as box:
            box.queue("desk")
            await box.round(timedelta(minutes=minutes))
            assert [row[0] for row in box.states("desk")] == [state]

    run(main)


def test_a_clock_that_is_set_on_makes_no_alert_old(tmp_path: Path) -> None:
    """C16: nobody saw that time pass."""

    async def main() -> None:
        async with outbox(tmp_path, desk=Scripted()) as box:
            box.queue("desk", 2)
            box.clock.now += 365 * 24 * H
            box.store.follow_clock_on(box.clock.now, 365 * 24 * H)
            await box.round()
            assert {state for state, _, _ in box.states("desk")} == {"sent"}

    run(main)


def test_what_waited_for_a_stopped_channel_is_not_old_when_an_operator_starts_it_again(
    tmp_path: Path,
) -> None:
    """C11, C16"""
    desk = Scripted(PermanentFailure("410 Gone", disables=True))

    async def main() -> None:
        async with outbox(tmp_path, desk=desk) as box:
            box.queue("desk")
            await box.round()
            box.queue("desk", 2)
            await box.round(200 * H)
            assert len(desk.sent) == 1
            assert len(box.store.revive(box.clock.now, channel="desk")) == 1
            await box.round()
            assert {state for state, _, _ in box.states("desk")} == {"sent"}

    run(main)


# --- several recipients -------------------------------------------------------------------------


class Group:
    """A channel with recipients, of whom some are not there yet."""

    def __init__(self, **away: Exception) -> None:
        self.away = away
        self.told: list[str] = []

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        del now
        left = [name for name in ("a", "b", "c") if name not in alert.done]
        here = [name for name in left if name not in self.away]
        self.told += here
        for failure in self.away.values():
            failure.done = alert.done | set(here)  # type: ignore[attr-defined] # of both failures
            raise failure
        return Receipt("250")


@pytest.mark.parametrize("failure", [TemporaryFailure("450"), PermanentFailure("550")])
def test_who_has_an_alert_does_not_get_it_again_after_a_restart(
    tmp_path: Path, failure: Exception
) -> None:
    """C22: neither by a retry nor by an operator's."""

    async def main() -> None:
        first, second = Group(b=failure), Group()
        async with outbox(tmp_path, desk=first) as box:  # type: ignore[arg-type] # a channel too
            [id_] = box.queue("desk")
            await box.round()
            assert first.told == ["a", "c"]
        async with outbox(tmp_path, desk=second) as box:  # type: ignore[arg-type] # likewise
            box.store.revive(box.clock.now, ids=[id_])
            await box.round(10 * S)
            assert second.told == ["b"]
            assert box.states("desk")[0][0] == "sent"

    run(main)


# --- T3 together --------------------------------------------------------------------------------


def test_what_ends_together_is_committed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, commits = Scripted(), []
    settle = Store.settle_sent

    def noted(self: Store, *args: object) -> None:
        commits.append(self._connection)
        settle(self, *args)  # type: ignore[arg-type] # whatever it was called with

    monkeypatch.setattr(Store, "settle_sent", noted)

    async def main() -> None:
        desk.hold = asyncio.Event()
        async with outbox(tmp_path, desk=desk) as box:
            box.queue("desk", 4)
            await box.deliverer.deliver_due()
            while len(desk.sent) < 4:  # noqa: ASYNC110 - the deliverer offers no event
                await asyncio.sleep(0)
            desk.hold.set()
            await box.settled()
            assert len(commits) == 4
            assert len(set(map(id, commits))) == 1

    run(main)


def test_what_cannot_be_written_keeps_nothing_that_ended_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Scripted()
    settle = Store.settle_sent

    def broken(self: Store, delivery_id: str, *rest: object) -> None:
        if delivery_id == desk.sent[1]:
            raise IntegrityError("UPDATE", {}, Exception("a bug of ours"))
        settle(self, delivery_id, *rest)  # type: ignore[arg-type] # whatever it was called with

    monkeypatch.setattr(Store, "settle_sent", broken)

    async def main() -> None:
        desk.hold = asyncio.Event()
        async with outbox(tmp_path, desk=desk) as box:
            box.queue("desk", 4)
            await box.deliverer.deliver_due()
            while len(desk.sent) < 4:  # noqa: ASYNC110 - the deliverer offers no event
                await asyncio.sleep(0)
            desk.hold.set()
            await box.settled()
            states = sorted(state for state, _, _ in box.states("desk"))
            assert states == ["sending", "sent", "sent", "sent"]

    run(main)


def test_what_the_database_refuses_is_written_as_soon_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [OperationalError("UPDATE", {}, Exception("database is locked"))]
    settle = Store.settle_sent

    def locked(self: Store, *args: object) -> None:
        if refusals:
            raise refusals.pop()
        settle(self, *args)  # type: ignore[arg-type] # whatever it was called with

    monkeypatch.setattr(Store, "settle_sent", locked)
    monkeypatch.setattr("monitor.writer._INSIST_EVERY", 0.01)

    async def main() -> None:
        async with outbox(tmp_path, desk=Scripted()) as box:
            box.queue("desk", 3)
            await box.round()
            assert box.states("desk") == [("sent", 1, "200")] * 3

    run(main)


# --- what a fallback tells ------------------------------------------------------------------------


def test_a_fallback_tells_of_a_digest_what_it_has_not_told_itself(desk: Desk) -> None:
    """A rule that tells both, one of them in a digest: no hit is counted twice."""
    desk.configure(
        "{match: pipa, send: [room, siem]}",
        channels=f"  room: {{type: webhook, url: '{desk.receiver.origin}/room', fallback: siem}}\n"
        f"  siem: {{type: webhook, url: '{desk.receiver.url}'}}\n",
    )
    desk.receiver.default = lambda request: status(404 if request.target == "/room" else 200)
    desk.publish("a", "b")
    desk.now()
    siem = [body for body in desk.new() if body["type"] == "hit"]
    assert len(siem) == 2  # and no third for what the other could not tell
    desk.configure(
        "{match: pipa, send: [room], digest: '0 13 * * *'}",
        channels=f"  room: {{type: webhook, url: '{desk.receiver.origin}/room', fallback: siem}}\n"
        f"  siem: {{type: webhook, url: '{desk.receiver.url}'}}\n",
    )
    desk.publish("c", "d", "e")
    desk.pass_time(timedelta(minutes=2))
    with closing(sqlite3.connect(desk.folder / "wirewatch.db")) as connection, connection:
        connection.execute(TOLD_THERE)
    desk.pass_time(2 * H, every=timedelta(minutes=30))
    [digest] = desk.new()
    assert (digest["data"]["count"], digest["data"]["more"]) == (2, 0)
    assert len(digest["data"]["hits"]) == 2


TOLD_THERE = """
INSERT INTO delivery_hits SELECT min(hit_id), 'siem', min(delivery_id) FROM delivery_hits
WHERE delivery_id IN (SELECT id FROM deliveries WHERE kind = 'digest')
"""
