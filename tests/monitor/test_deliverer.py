"""What becomes of a delivery, whatever its channel does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rigs.scripted import NOW, Outbox, S, Scripted, outbox, run

from alerts import PermanentFailure, Receipt, TemporaryFailure
from monitor.config import ChannelConfig, RetryConfig
from monitor.deliverer import PER_CHANNEL, Limit
from monitor.store import NewDelivery


def test_what_is_accepted_is_sent_and_done(tmp_path: Path) -> None:
    async def main() -> None:
        async with outbox(tmp_path, desk=Scripted()) as box:
            box.queue("desk")
            await box.round()
            assert box.states("desk") == [("sent", 1, "200")]
            await box.round(timedelta(days=1))
            assert box.states("desk") == [("sent", 1, "200")]

    run(main)


def test_a_temporary_failure_is_tried_again_with_the_same_id_on_the_standard_schedule(
    tmp_path: Path,
) -> None:
    channel = Scripted(TemporaryFailure("500"), TemporaryFailure("500"))

    async def main() -> None:
        async with outbox(tmp_path, desk=channel) as box:
            (id_,) = box.queue("desk")
            await box.round()
            assert box.states("desk") == [("due", 1, "500")]
            await box.round(4.9 * S)
            assert len(channel.sent) == 1
            await box.round(0.1 * S)
            assert box.states("desk") == [("due", 2, "500")]
            await box.round(300 * S)
            assert box.states("desk") == [("sent", 3, "200")]
            assert channel.sent == [id_] * 3

    run(main)


def test_after_the_last_try_it_is_a_dead_letter_and_operators_are_told_elsewhere(
    tmp_path: Path,
) -> None:
    """C9, C11"""
    retry = RetryConfig(first=1 * S, factor=1, max=1 * S, total=2 * S)
    desk, ops = Scripted(*[TemporaryFailure("500")] * 9), Scripted()

    async def main() -> None:
        async with outbox(tmp_path, retry, desk=desk, ops=ops) as box:
            (id_,) = box.queue("desk")
            for _ in range(4):
                await box.round(1 * S)
            assert box.states("desk") == [("dead", 2, "given up after 2 attempts: 500")]
            await box.round()
            (event,) = box.store.events(10)
            assert event.name == "delivery_dead"
            assert event.message == (
                "an alert for channel 'desk' could not be delivered: given up after 2 attempts: "
                f"500; send it again with: wirewatch deliveries retry {id_}; what else fails there "
                "within the hour is only listed, "
                "see: wirewatch deliveries --state dead --channel desk"
            )
            assert box.states("ops") == [("sent", 1, "200")]

    run(main)


def test_a_service_that_wants_messages_one_by_one_gets_them_so(tmp_path: Path) -> None:
    """C24: Slack takes one a second; the others go on meanwhile, and nobody waits for a tick."""
    chat, hook = Scripted(), Scripted()

    async def main() -> None:
        async with outbox(tmp_path, chat=chat, hook=hook) as box:
            box.deliverer.senders = replace(
                box.deliverer.senders, limits={"chat": Limit("chat", 0.2)}
            )
            began = asyncio.get_running_loop().time()
            box.queue("chat", 4)
            box.queue("hook", 4)
            await box.round()
            assert len(hook.sent) == 4
            assert len(chat.sent) < 4
            async with asyncio.timeout(10):
                while len(chat.sent) < 4:  # noqa: ASYNC110 - the deliverer offers no event
                    await asyncio.sleep(0.005)
            assert asyncio.get_running_loop().time() - began >= 0.6
            assert chat.most_at_once == 1

    run(main)


def test_channels_that_lead_to_one_place_share_what_it_allows(tmp_path: Path) -> None:
    """C29: one bucket a destination, not one a channel; a request for silence is for both."""
    silence = TemporaryFailure("429", retry_at=NOW + 90 * S, blocks=True)
    one, two, far = Scripted(Receipt("200"), silence), Scripted(), Scripted()

    async def main() -> None:
        async with outbox(tmp_path, one=one, two=two, far=far) as box:
            shared = Limit("chat https://chat.example/x", 0.05)
            limits = {"one": shared, "two": shared, "far": Limit("far", 0.05)}
            box.deliverer.senders = replace(box.deliverer.senders, limits=limits)
            for name in limits:
                box.queue(name, 2)
            await box.round()
            assert len(one.sent) + len(two.sent) == 1
            assert len(far.sent) == 1
            for _ in range(8):
                await asyncio.sleep(0.06)
                await box.round()
            assert len(one.sent) == 2  # the second asked for silence
            told = len(two.sent)
            await asyncio.sleep(0.06)
            await box.round(80 * S)
            assert len(two.sent) == told
            for _ in range(8):
                await asyncio.sleep(0.06)
                await box.round(10 * S)
            assert box.states("two") == [("sent", 1, "200")] * 2
            assert {state for state, _, _ in box.states("one")} == {"sent"}

    run(main)


def with_fallback(box: Outbox, name: str, to: str) -> None:
    config = box.deliverer.senders.config
    channels = {**config.channels, name: replace(config.channels[name], fallback=to)}
    senders = replace(box.deliverer.senders, config=replace(config, channels=channels))
    box.deliverer.senders = senders


def test_what_a_channel_cannot_tell_is_told_by_its_fallback(tmp_path: Path) -> None:
    desk, spare = Scripted(PermanentFailure("404: gone")), Scripted()

    async def main() -> None:
        async with outbox(tmp_path, desk=desk, spare=spare) as box:
            with_fallback(box, "desk", "spare")
            [id_] = box.queue("desk")
            await box.round()
            await box.round()
            assert box.states("desk") == [("dead", 1, "404: gone; told by 'spare' instead")]
            assert box.states("spare") == [("sent", 1, "200")]
            assert box.store.revive(box.clock.now) == []
            assert box.store.revive(box.clock.now, channel="desk") == []
            assert box.store.revive(box.clock.now, ids=[id_]) == [id_]

    run(main)


def test_a_channel_that_keeps_failing_hands_over_after_three_attempts(tmp_path: Path) -> None:
    desk, spare = Scripted(*[TemporaryFailure("500")] * 9), Scripted()

    async def main() -> None:
        async with outbox(tmp_path, desk=desk, spare=spare) as box:
            with_fallback(box, "desk", "spare")
            box.queue("desk")
            for _ in range(4):
                await box.round(timedelta(minutes=10))
            assert len(desk.sent) == 3
            assert box.states("desk") == [("dead", 3, "500; told by 'spare' instead")]
            assert box.states("spare") == [("sent", 1, "200")]

    run(main)


def test_what_is_due_for_a_stopped_channel_goes_to_its_fallback(tmp_path: Path) -> None:
    desk, spare = Scripted(PermanentFailure("401", disables=True)), Scripted()

    async def main() -> None:
        async with outbox(tmp_path, desk=desk, spare=spare) as box:
            with_fallback(box, "desk", "spare")
            box.queue("desk", 6)
            for _ in range(3):
                await box.round()
            there = [state for state, _, _ in box.states("desk")]
            assert len(spare.sent) == there.count("dead") == 6 - there.count("sent") > 0
            box.queue("desk")
            await box.round()
            await box.round()
            assert len(spare.sent) == there.count("dead") + 1

    run(main)


def test_each_attempt_leaves_a_line_for_the_record(tmp_path: Path) -> None:
    """C31"""
    desk = Scripted(TemporaryFailure("500"), Receipt("200"))

    async def main() -> None:
        async with outbox(tmp_path, desk=desk) as box:
            [id_] = box.queue("desk")
            await box.round()
            await box.round(timedelta(minutes=1))
            lines = box.store.attempts(id_)
            assert [(line.number, line.outcome, line.answer) for line in lines] == [
                (1, "temporary", "500"),
                (2, "sent", "200"),
            ]
            assert lines[0].at < lines[1].at

    run(main)


def test_many_dead_letters_of_a_channel_are_one_event_an_hour(tmp_path: Path) -> None:
    """An address that answers 404 to everything is not to ring once for every alert."""
    desk, ops = Scripted(*[PermanentFailure("404")] * 40), Scripted()

    async def main() -> None:
        async with outbox(tmp_path, desk=desk, ops=ops) as box:
            box.queue("desk", 30)
            for _ in range(9):
                await box.round(1 * S)
            assert {state for state, _, _ in box.states("desk")} == {"dead"}
            assert len(ops.sent) == 1
            box.queue("desk", 2)
            await box.round(timedelta(hours=1))
            await box.round()
            assert len(ops.sent) == 2

    run(main)


def test_an_event_that_cannot_be_delivered_makes_no_further_event(tmp_path: Path) -> None:
    async def main() -> None:
        async with outbox(tmp_path, ops=Scripted(*[PermanentFailure("404")] * 9)) as box:
            box.queue("ops")
            for _ in range(5):
                await box.round(S)
            assert [row.name for row in box.store.events(10)] == ["delivery_dead"]
            assert [state for state, _, _ in box.states("ops")] == ["dead", "dead"]

    run(main)


def test_a_channel_that_asked_for_silence_gets_it_for_all_its_alerts(tmp_path: Path) -> None:
    silence = TemporaryFailure("429", retry_at=NOW + 60 * S, blocks=True)

    async def main() -> None:
        channel = Scripted(silence)
        async with outbox(tmp_path, desk=channel) as box:
            box.queue("desk")
            await box.round()
            box.queue("desk", 3)
            await box.round(59 * S)
            assert len(channel.sent) == 1
            await box.round(1 * S)
            await box.round(10 * S)
            assert {state for state, _, _ in box.states("desk")} == {"sent"}

    run(main)


def test_a_channel_that_is_gone_stops_and_the_rest_waits_for_the_operator(tmp_path: Path) -> None:
    gone = PermanentFailure("410 Gone", disables=True)

    async def main() -> None:
        channel = Scripted(gone)
        async with outbox(tmp_path, desk=channel, ops=Scripted()) as box:
            box.queue("desk")
            await box.round()
            waiting = box.queue("desk")
            await box.round(timedelta(hours=1))
            assert [state for state, _, _ in box.states("desk")] == ["dead", "due"]
            assert [row.name for row in box.store.events(10)] == ["channel_stopped"]
            box.store.revive(box.clock.now, channel="desk")
            await box.round()
            assert {state for state, _, _ in box.states("desk")} == {"sent"}
            assert waiting[0] in channel.sent

    run(main)


def test_a_channel_that_never_answers_delays_no_other(tmp_path: Path) -> None:
    """C13"""

    async def main() -> None:
        stuck, good = Scripted(), Scripted()
        stuck.hold = asyncio.Event()
        async with outbox(tmp_path, stuck=stuck, good=good) as box:
            box.queue("stuck", 20)
            ids = box.queue("good", 50)
            await box.deliverer.deliver_due()
            async with asyncio.timeout(5):
                while len(good.sent) < 50:  # noqa: ASYNC110 - likewise
                    await asyncio.sleep(0.005)
            assert sorted(good.sent) == sorted(ids)
            assert stuck.most_at_once <= PER_CHANNEL
            stuck.hold.set()
            await box.settled()

    run(main)


def test_a_channel_that_never_answers_is_cut_off_at_its_timeout(tmp_path: Path) -> None:
    async def main() -> None:
        stuck = Scripted()
        stuck.hold = asyncio.Event()
        async with outbox(tmp_path, desk=stuck) as box:
            box.queue("desk")
            await box.round()
            assert box.states("desk") == [("due", 1, "no answer within 0.2 s")]

    run(main)


def test_one_poison_alert_among_a_hundred_holds_up_nothing(tmp_path: Path) -> None:
    """C12, C14"""

    async def main() -> None:
        channel = Scripted(PermanentFailure("400 bad text"))
        async with outbox(tmp_path, desk=channel) as box:
            box.queue("desk", 101)
            await box.round()
            states = [state for state, _, _ in box.states("desk")]
            assert (states.count("sent"), states.count("dead")) == (100, 1)
            assert channel.most_at_once <= PER_CHANNEL

    run(main)


@pytest.mark.parametrize("stored", ["{", "{}", '{"version": 99}', "[]", '"x"'])
def test_a_stored_alert_that_cannot_be_read_is_a_dead_letter_with_its_cause(
    tmp_path: Path, stored: str
) -> None:
    async def main() -> None:
        async with outbox(tmp_path, desk=Scripted()) as box:
            with box.store.transaction():
                box.store.queue([NewDelivery("x", "desk", "hit", stored, "t")], NOW)
            await box.round()
            ((state, _, answer),) = box.states("desk")
            assert state == "dead"
            assert answer.startswith("the stored alert cannot be read: ")

    run(main)


def test_a_bug_in_a_channel_is_a_retry_not_a_loss(tmp_path: Path) -> None:
    async def main() -> None:
        async with outbox(tmp_path, desk=Scripted(ZeroDivisionError("oops"))) as box:
            box.queue("desk")
            await box.round()
            ((state, _, answer),) = box.states("desk")
            assert (state, answer) == ("due", "a bug in wirewatch: ZeroDivisionError('oops')")
            await box.round(6 * S)
            assert box.states("desk")[0][0] == "sent"

    run(main)


def test_what_is_under_way_at_a_stop_is_finished_or_sent_again(tmp_path: Path) -> None:
    async def main() -> None:
        slow = Scripted()
        slow.hold = asyncio.Event()
        async with outbox(tmp_path, desk=slow) as box:
            (id_,) = box.queue("desk")
            box.deliverer.senders = replace(
                box.deliverer.senders,
                config=replace(
                    box.deliverer.senders.config,
                    channels={"desk": ChannelConfig("desk", "console", None)},
                ),
            )
            await box.deliverer.deliver_due()
            await box.deliverer.stop(0.05 * S)
            assert [state for state, _, _ in box.states("desk")] == ["sending"]
            assert await box.deliverer.deliver_due() == 0
            box.store.release_claims(box.clock.now, S)
            (again,) = box.store.claim_deliveries("next", NOW, {"desk": S}, {"desk": 4})
            assert (again.id, again.attempts) == (id_, 2)

    run(main)
