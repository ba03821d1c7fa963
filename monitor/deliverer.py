"""READ SECOND: claim due deliveries -> render -> send -> settle.

T2 (`Store.claim_deliveries`) writes that a delivery is being sent before it is sent; T3
(`Store.settle_sent` and its siblings) writes what came of it. A crash in between sends it again
under the same id: at least once, never not at all.

Each channel has places of its own (`PER_CHANNEL`), so a dead one delays no other. Within a channel
the oldest due goes first; one that failed waits for its own time and does not hold up the rest.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from loguru import logger

from alerts import Alert, Channel, PermanentFailure, Receipt, TemporaryFailure
from monitor.config import ChannelConfig, Config
from monitor.logs import outcome
from monitor.notices import tell
from monitor.schedule import Retry, next_attempt_at
from monitor.store import ClaimedDelivery, Store
from monitor.writer import Refused, Writer

PER_CHANNEL = 4
_LEASE_MARGIN = timedelta(seconds=15)
_QUIET = timedelta(hours=1)  # between two events about dead letters of one channel


@dataclass(frozen=True, slots=True)
class Senders:
    """What to send with: one configuration and the channels made for it, swapped as one.

    ``pauses``: seconds from one send to the next, of channels whose service wants them one by one.
    """

    config: Config
    channels: Mapping[str, Channel]
    pauses: Mapping[str, float] = field(default_factory=dict)


class Deliverer:
    """Sends what is due. ``progress`` counts claims that the database answered, with
    yes or no."""

    def __init__(
        self,
        *,
        store: Store,
        writer: Writer,
        senders: Senders,
        owner: str,
        clock: Callable[[], datetime],
        fraction: Callable[[], float] = random.random,
    ) -> None:
        self.senders = senders
        self.progress = 0
        self.sent = 0
        self._store = store
        self._writer = writer
        self._owner = owner
        self._clock = clock
        self._fraction = fraction
        self._busy: Counter[str] = Counter()
        self._claims = 0
        self._free_at: dict[str, float] = {}  # of channels with a pause, on the monotonic clock
        self._running: set[asyncio.Task[None]] = set()
        self._going_on: set[asyncio.Task[int]] = set()
        self._sending: set[str] = set()  # after a leap of the clock one may be claimed again
        self._stopping = asyncio.Event()

    @property
    def running(self) -> int:
        """How many sends are under way."""
        return len(self._running)

    @property
    def full(self) -> bool:
        """No channel has a place left: no claim is to be expected."""
        return not self._claims and not any(self._places().values())

    def _places(self) -> dict[str, int]:
        """How many sends each channel may begin now."""
        return {name: self._places_of(name) for name in self.senders.channels}

    def _places_of(self, name: str) -> int:
        if not self.senders.pauses.get(name):
            return PER_CHANNEL - self._busy[name]
        waits = self._busy[name] or time.monotonic() < self._free_at.get(name, 0.0)
        return 0 if waits else 1

    async def deliver_due(self) -> int:
        """T2, and start what it claimed. How many were started."""
        senders = self.senders
        slots = self._places()
        if self._stopping.is_set() or not any(slots.values()):
            return 0
        leases = {name: senders.config.channels[name].timeout + _LEASE_MARGIN for name in slots}
        # Taken before the claim: two rounds under way at once must not share a place.
        self._claims += 1
        for name, free in slots.items():
            self._busy[name] += free
        try:
            claimed = await self._writer(
                self._store.claim_deliveries, self._owner, self._clock(), leases, slots
            )
        finally:
            for name, free in slots.items():
                self._busy[name] -= free
            self._claims -= 1
            self.progress += 1
        if self._stopping.is_set():  # not begun: the next start makes them due at once
            return 0
        new = [delivery for delivery in claimed if delivery.id not in self._sending]
        for delivery in new:
            self._start(delivery, senders)
        return len(new)

    def _start(self, delivery: ClaimedDelivery, senders: Senders) -> None:
        self._sending.add(delivery.id)
        self._busy[delivery.channel] += 1
        if pause := senders.pauses.get(delivery.channel):
            self._free_at[delivery.channel] = time.monotonic() + pause
            asyncio.get_running_loop().call_later(pause, self._go_on)
        task = asyncio.create_task(self._deliver(delivery, senders), name=f"send {delivery.id}")
        self._running.add(task)
        task.add_done_callback(lambda done: self._ended(done, delivery))

    def _go_on(self) -> None:
        """The pause of a channel is over: do not wait for the tick."""
        task = asyncio.create_task(self.deliver_due())
        self._going_on.add(task)
        task.add_done_callback(self._gone_on)

    def _gone_on(self, task: asyncio.Task[int]) -> None:
        self._going_on.discard(task)
        if not task.cancelled():
            task.exception()  # the tick, which meets it again, says so

    def _ended(self, task: asyncio.Task[None], delivery: ClaimedDelivery) -> None:
        self._running.discard(task)
        self._sending.discard(delivery.id)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, Refused):  # sent again when its lease is over, with the same id
            _log("ERROR", delivery, "not_settled", error=error.orig)
        else:
            logger.opt(exception=error).error("send channel={} outcome=bug", delivery.channel)

    async def stop(self, grace: timedelta) -> None:
        """Start no more; give what is under way ``grace`` to end. What is cut off is sent again,
        with the same id."""
        self._stopping.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _deliver(self, delivery: ClaimedDelivery, senders: Senders) -> None:
        """One delivery, from its stored alert to T3, then the next of its channel."""
        config = senders.config.channels[delivery.channel]
        try:
            result = await self._send(delivery, senders.channels[delivery.channel], config)
            await self._writer.insist(_LEASE_MARGIN, self._settle, delivery, result, senders.config)
        finally:
            self._busy[delivery.channel] -= 1
        if isinstance(result, Receipt):
            self.sent += 1
            with suppress(Refused):  # then at the next tick
                await self.deliver_due()

    async def _send(
        self, delivery: ClaimedDelivery, channel: Channel, config: ChannelConfig
    ) -> Receipt | TemporaryFailure | PermanentFailure:
        try:
            alert = Alert.from_json(delivery.id, delivery.alert)
        except (ValueError, KeyError, TypeError) as error:
            return PermanentFailure(f"the stored alert cannot be read: {error}")
        limit = config.timeout.total_seconds()
        try:
            async with asyncio.timeout(limit):
                return await channel.send(alert, self._clock())
        except TimeoutError:
            return TemporaryFailure(f"no answer within {limit:g} s")
        except (TemporaryFailure, PermanentFailure) as failure:
            return failure
        except Exception as error:  # noqa: BLE001 - caught around one delivery, logged whole, retried
            logger.exception("send channel={} delivery={} outcome=bug", config.name, delivery.id)
            return TemporaryFailure(f"a bug in wirewatch: {error!r}")

    def _settle(
        self,
        delivery: ClaimedDelivery,
        result: Receipt | TemporaryFailure | PermanentFailure,
        config: Config,
    ) -> None:
        now = self._clock()
        with self._store.transaction():
            match result:
                case Receipt():
                    self._store.settle_sent(delivery.id, now, result.status)
                    _log("INFO", delivery, "sent", answer=result.status)
                case TemporaryFailure():
                    self._settle_temporary(delivery, result, config, now)
                case PermanentFailure():
                    self._settle_permanent(delivery, result, config, now)

    def _settle_temporary(
        self, delivery: ClaimedDelivery, failure: TemporaryFailure, config: Config, now: datetime
    ) -> None:
        if failure.blocks and failure.retry_at is not None:
            self._store.block_channel(delivery.channel, failure.retry_at)
        at = next_attempt_at(
            delivery.attempts,
            delivery.retry_from,
            now,
            fraction=self._fraction(),
            retry=_retry(config.channels[delivery.channel]),
            retry_at=failure.retry_at,
        )
        if at is None:
            reason = f"given up after {delivery.attempts} attempts: {failure.reason}"
            self._bury(delivery, reason, config, now)
            return
        self._store.settle_retry(delivery, at, failure.reason)
        _log("WARNING", delivery, "retry", error=failure.reason, next=f"{at:%Y-%m-%dT%H:%M:%SZ}")

    def _settle_permanent(
        self, delivery: ClaimedDelivery, failure: PermanentFailure, config: Config, now: datetime
    ) -> None:
        if failure.disables and self._store.disable_channel(delivery.channel, failure.reason, now):
            name = delivery.channel
            message = (
                f"channel '{name}' is stopped: {failure.reason}; mend it in the configuration, or: "
                f"wirewatch deliveries retry --channel {name}"
            )
            tell(self._store, config, now, "channel_stopped", name, message)
        self._bury(delivery, failure.reason, config, now)

    def _bury(self, delivery: ClaimedDelivery, reason: str, config: Config, now: datetime) -> None:
        if not self._store.settle_dead(delivery, reason):
            return  # another attempt has had, or will have, the last word
        _log("ERROR", delivery, "dead", error=reason)
        if delivery.kind == "event":  # an event about an event would never end
            return
        name = delivery.channel
        if self._store.was_told("delivery_dead", name, now - _QUIET, now):
            return  # a thousand dead letters are not a thousand events
        message = (
            f"an alert for channel '{name}' could not be delivered: {reason}; send it again with: "
            f"wirewatch deliveries retry {delivery.id}; what else fails there within the hour is "
            f"only listed, see: wirewatch deliveries --state dead --channel {name}"
        )
        tell(self._store, config, now, "delivery_dead", name, message)


def _retry(config: ChannelConfig) -> Retry | None:
    own = config.retry
    return None if own is None else Retry(own.first, own.factor, own.max, own.total)


def _log(level: str, delivery: ClaimedDelivery, what: str, **facts: object) -> None:
    outcome(
        level,
        "send",
        channel=delivery.channel,
        delivery=delivery.id,
        kind=delivery.kind,
        rule=delivery.rule or None,
        outcome=what,
        attempt=delivery.attempts,
        **facts,
    )
