"""READ SECOND: claim due deliveries -> render -> send -> settle.

T2 (`Store.claim_deliveries`) writes that a delivery is being sent before it is sent; T3
(`Store.settle_sent` and its siblings) writes what came of it. A crash in between sends it again
under the same id: at least once, never not at all.

Each channel has places of its own (`PER_CHANNEL`), so a dead one delays no other. Within a channel
the oldest due goes first; one that failed waits for its own time and does not hold up the rest.
When a channel does not keep up, every second place goes to the newest (C12): chose this instead of
the oldest first always, because after an outage what happens now would be told hours late; and
instead of the newest first always, because then a channel that never catches up never tells the
old.

Commits cost more than anything else here. So what ended while one was made shares the next (T3),
and one claim (T2) fills all places that are free by then.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from loguru import logger

from alerts import (
    Alert,
    Channel,
    First,
    FirstGone,
    FollowingChannel,
    PermanentFailure,
    Receipt,
    TemporaryFailure,
)
from monitor.config import ChannelConfig, Config
from monitor.follow_ups import fold, fold_waiting, with_first
from monitor.logs import Redactor, outcome
from monitor.notices import tell
from monitor.outbox import less
from monitor.schedule import Retry, last_attempt_at, next_attempt_at, period
from monitor.store import ClaimedDelivery, Store
from monitor.writer import Refused, Writer

PER_CHANNEL = 8  # a service that takes 50 ms for an alert gets a hundred a second
_LEASE_MARGIN = timedelta(seconds=15)
_PATIENCE = 3  # attempts that fail before a channel's fallback, or a story's summary, tells it
_QUIET = timedelta(hours=1)  # between two events about dead letters of one channel


@dataclass(frozen=True, slots=True)
class TooLate:
    """It has waited for longer than its channel tries to send anything: nobody is told now."""

    reason: str


Result = Receipt | TemporaryFailure | PermanentFailure | FirstGone | TooLate


@dataclass(slots=True, eq=False)
class _Ended:
    """A send that ended, until that is written. ``error``: why it could not be."""

    delivery: ClaimedDelivery
    result: Result
    senders: Senders
    began: datetime
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """What the place that a channel leads to allows: one send after another, ``pause`` seconds from
    one to the next; 0: as many at once as there are places. ``destination`` names the place:
    channels that lead to one share its pause and its requests for silence (C29)."""

    destination: str
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Senders:
    """What to send with: one configuration and the channels made for it, swapped as one."""

    config: Config
    channels: Mapping[str, Channel]
    limits: Mapping[str, Limit] = field(default_factory=dict)

    def limit(self, name: str) -> Limit:
        """The limit of a channel."""
        return self.limits.get(name) or Limit(name)

    def beside(self, name: str) -> list[str]:
        """The channels that lead where this one leads, itself among them."""
        to = self.limit(name).destination
        return [other for other in self.channels if self.limit(other).destination == to]


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
        self._claiming = self._claim_again = False
        self._turns: Counter[str] = Counter()  # places offered, to share them with the newest
        self._ended: deque[_Ended] = deque()
        self._free_at: dict[str, float] = {}  # of places with a pause, on the monotonic clock
        self._offered: dict[str, int] = {}  # the round in which a channel last had a place
        self._rounds = 0
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
        return not self._claiming and not any(self._places().values())

    def _places(self) -> dict[str, int]:
        """How many sends each channel may begin now; of those that lead to one place where one
        send follows another, one begins, and they take turns."""
        places: dict[str, int] = {}
        taken: set[str] = set()
        for name in sorted(self.senders.channels, key=lambda one: self._offered.get(one, 0)):
            limit = self.senders.limit(name)
            if not limit.pause:
                places[name] = PER_CHANNEL - self._busy[name]
                continue
            waits = time.monotonic() < self._free_at.get(limit.destination, 0.0)
            busy = any(self._busy[other] for other in self.senders.beside(name))
            if waits or busy or limit.destination in taken:
                places[name] = 0
                continue
            places[name] = 1
            taken.add(limit.destination)
        return places

    async def deliver_due(self) -> int:
        """T2, and start what it claimed. How many were started. While a claim is under way, none:
        another follows it."""
        if self._claiming:
            self._claim_again = True
            return 0
        self._claiming, started = True, 0
        try:
            while True:
                self._claim_again = False
                started += await self._begin_due()
                if not self._claim_again:
                    return started
        finally:
            self._claiming = False

    async def _begin_due(self) -> int:
        senders = self.senders
        slots = self._places()
        self._rounds += 1
        self._offered |= {name: self._rounds for name, free in slots.items() if free}
        if self._stopping.is_set() or not any(slots.values()):
            return 0
        leases = {name: senders.config.channels[name].timeout + _LEASE_MARGIN for name in slots}
        newest = {name: self._newest(name, free) for name, free in slots.items()}
        try:
            claimed = await self._writer(self._claim, senders.config, leases, slots, newest)
        finally:
            self.progress += 1
        if self._stopping.is_set():  # not begun: the next start makes them due at once
            return 0
        new = [delivery for delivery in claimed if delivery.id not in self._sending]
        for delivery in new:
            self._start(delivery, senders)
        return len(new)

    def _newest(self, channel: str, free: int) -> int:
        """How many of these places are for the newest: every second one that there is."""
        before, self._turns[channel] = self._turns[channel], self._turns[channel] + free
        return self._turns[channel] // 2 - before // 2

    def _claim(
        self,
        config: Config,
        leases: Mapping[str, timedelta],
        slots: Mapping[str, int],
        newest: Mapping[str, int],
    ) -> list[ClaimedDelivery]:
        """T2. What is due for a channel that is stopped goes to its fallback first."""
        now = self._clock()
        with self._store.transaction():
            for name in self._store.stopped_channels() if self._falls_back(config) else ():
                to = _fallback(config, name)
                if to is not None:
                    fold_waiting(self._store, name, now, f"channel '{name}' is stopped")
                    self._store.hand_over(name, to, now, f"channel '{name}' is stopped", less)
            claimed = self._store.claim_deliveries(self._owner, now, leases, slots, newest)
            return [with_first(self._store, delivery) for delivery in claimed]

    def _falls_back(self, config: Config) -> bool:
        return any(channel.fallback for channel in config.channels.values())

    def _start(self, delivery: ClaimedDelivery, senders: Senders) -> None:
        self._sending.add(delivery.id)
        self._busy[delivery.channel] += 1
        limit = senders.limit(delivery.channel)
        if limit.pause:
            self._free_at[limit.destination] = time.monotonic() + limit.pause
            asyncio.get_running_loop().call_later(limit.pause, self._go_on)
        task = asyncio.create_task(self._deliver(delivery, senders), name=f"send {delivery.id}")
        self._running.add(task)
        task.add_done_callback(lambda done: self._finished(done, delivery))

    def _go_on(self) -> None:
        """The pause of a channel is over: do not wait for the tick."""
        task = asyncio.create_task(self.deliver_due())
        self._going_on.add(task)
        task.add_done_callback(self._gone_on)

    def _gone_on(self, task: asyncio.Task[int]) -> None:
        self._going_on.discard(task)
        if not task.cancelled():
            task.exception()  # the tick, which meets it again, says so

    def _finished(self, task: asyncio.Task[None], delivery: ClaimedDelivery) -> None:
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
            began = self._clock()
            result = _too_late(delivery, config, began) or await self._send(
                delivery, senders.channels[delivery.channel], config
            )
            _forget_secrets(result, senders.config)
            await self._record(_Ended(delivery, result, senders, began))
        finally:
            self._busy[delivery.channel] -= 1
        if isinstance(result, Receipt):
            self.sent += 1
            with suppress(Refused):  # then at the next tick
                await self.deliver_due()

    async def _record(self, ended: _Ended) -> None:
        """T3, together with whatever else ended meanwhile."""
        self._ended.append(ended)
        try:
            await self._writer.insist(_LEASE_MARGIN, self._settle_ended)
        except Refused:  # its lease is over
            with suppress(ValueError):
                self._ended.remove(ended)
            raise
        if ended.error is not None:
            raise ended.error

    def _settle_ended(self) -> None:
        """One commit for everything that has ended. What cannot be written keeps nothing else from
        it."""
        group = [self._ended.popleft() for _ in range(len(self._ended))]
        try:
            with self._store.transaction():
                for one in group:
                    self._settle(one)
        except Refused:
            self._ended.extendleft(reversed(group))
            raise
        except Exception:  # noqa: BLE001 - a bug of ours in one of them: which, is seen one by one
            for one in group:
                self._settle_alone(one)

    def _settle_alone(self, one: _Ended) -> None:
        try:
            self._settle(one)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            one.error = error

    async def _send(
        self, delivery: ClaimedDelivery, channel: Channel, config: ChannelConfig
    ) -> Result:
        try:
            alert = replace(Alert.from_json(delivery.id, delivery.alert), done=delivery.done)
        except (ValueError, KeyError, TypeError) as error:
            return PermanentFailure(f"the stored alert cannot be read: {error}")
        limit = config.timeout.total_seconds()
        try:
            async with asyncio.timeout(limit):
                if delivery.follows is None:
                    return await channel.send(alert, self._clock())
                return await _follow(channel, alert, delivery.first, self._clock())
        except TimeoutError:
            return TemporaryFailure(f"no answer within {limit:g} s")
        except (TemporaryFailure, PermanentFailure, FirstGone) as failure:
            return failure
        except Exception as error:  # noqa: BLE001 - caught around one delivery, logged whole, retried
            logger.exception("send channel={} delivery={} outcome=bug", config.name, delivery.id)
            return TemporaryFailure(f"a bug in wirewatch: {error!r}")

    def _settle(self, ended: _Ended) -> None:
        delivery, result, senders = ended.delivery, ended.result, ended.senders
        now = self._clock()
        with self._store.transaction():
            outcome, answer = _in_words(result)
            self._store.add_attempt(delivery.id, ended.began, now - ended.began, outcome, answer)
            if isinstance(result, TemporaryFailure | PermanentFailure) and result.done:
                self._store.note_done(delivery.id, result.done)
            match result:
                case Receipt():
                    self._store.settle_sent(delivery.id, now, result.status, result.ref)
                    _log("INFO", delivery, "sent", answer=result.status)
                case TemporaryFailure():
                    self._settle_temporary(delivery, result, senders, now)
                case PermanentFailure():
                    self._settle_permanent(delivery, result, senders.config, now)
                case TooLate():
                    self._bury(delivery, result.reason, senders.config, now, late=True)
                case FirstGone():
                    self._store.forget_ref(delivery.follows or "")
                    if not self._fold(delivery, result.reason, now):
                        self._bury(delivery, result.reason, senders.config, now)

    def _settle_temporary(
        self, delivery: ClaimedDelivery, failure: TemporaryFailure, senders: Senders, now: datetime
    ) -> None:
        config = senders.config
        if failure.blocks and failure.retry_at is not None:
            for channel in senders.beside(delivery.channel):
                self._store.block_channel(channel, failure.retry_at)
        if delivery.attempts >= _PATIENCE and self._fold(delivery, failure.reason, now):
            return
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
        if delivery.attempts >= _PATIENCE and self._hand_over(
            delivery, failure.reason, config, now
        ):
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
        if self._fold(delivery, failure.reason, now):
            return
        self._bury(delivery, failure.reason, config, now, told=failure.disables)

    def _fold(self, delivery: ClaimedDelivery, reason: str, now: datetime) -> bool:
        """Let the story's summary tell what a follow-up cannot. False for what is none."""
        if delivery.follows is None or not fold(
            self._store, delivery.id, delivery.channel, delivery.alert, now, reason
        ):
            return False
        _log("WARNING", delivery, "folded", error=reason)
        return True

    def _hand_over(
        self, delivery: ClaimedDelivery, reason: str, config: Config, now: datetime
    ) -> bool:
        """Let the channel's fallback tell it. False where there is none."""
        to = _fallback(config, delivery.channel)
        if to is None:
            return False
        if not self._store.hand_over(delivery.channel, to, now, reason, less, [delivery.id]):
            return False  # another attempt has had the last word
        _log("WARNING", delivery, "handed_over", error=reason, to=to)
        return True

    def _bury(
        self,
        delivery: ClaimedDelivery,
        reason: str,
        config: Config,
        now: datetime,
        *,
        late: bool = False,
        told: bool = False,
    ) -> None:
        """A dead letter here; its fallback tells it, unless it is too ``late`` for anybody.
        ``told``: that its channel stopped, and how both are mended, is an event already."""
        if not late and delivery.kind != "event" and self._hand_over(delivery, reason, config, now):
            return
        if not self._store.settle_dead(delivery, reason):
            return  # another attempt has had, or will have, the last word
        _log("ERROR", delivery, "dead", error=reason)
        if told or delivery.kind == "event":  # an event about an event would never end
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


def _forget_secrets(result: Result, config: Config) -> None:
    """What a service says may repeat what it was asked with; it is stored without that (E14)."""
    if isinstance(result, TemporaryFailure | PermanentFailure | FirstGone):
        redact = Redactor()
        redact.learn(config.secrets)
        result.reason = redact(result.reason)


def _retry(config: ChannelConfig) -> Retry | None:
    own = config.retry
    return None if own is None else Retry(own.first, own.factor, own.max, own.total)


def _too_late(delivery: ClaimedDelivery, config: ChannelConfig, now: datetime) -> TooLate | None:
    """C16: what the schedule of its channel has no attempt for any more is not sent late."""
    retry = _retry(config)
    if now <= last_attempt_at(delivery.retry_from, retry):
        return None
    waited = period(timedelta(seconds=int((now - delivery.retry_from).total_seconds())))
    return TooLate(f"too old: it has waited for {waited}, and this channel tries for no longer")


async def _follow(channel: Channel, alert: Alert, first: First | None, now: datetime) -> Receipt:
    """Tell more of a story under its first alert.

    Raises:
        FirstGone: there is none, or none to put anything under.
        TemporaryFailure, PermanentFailure: as the channel's.
    """
    if first is None or not isinstance(channel, FollowingChannel):
        raise FirstGone("the story's first alert cannot be followed")
    return await channel.follow(alert, first, now)


def _in_words(result: Result) -> tuple[str, str]:
    match result:
        case Receipt():
            return "sent", result.status
        case TemporaryFailure():
            return "temporary", result.reason
        case PermanentFailure():
            return "permanent", result.reason
        case FirstGone():
            return "folded", result.reason
        case TooLate():
            return "too_late", result.reason


def _fallback(config: Config, channel: str) -> str | None:
    """The channel that tells what this one cannot, if it is able to."""
    to = config.channels[channel].fallback if channel in config.channels else None
    return to if to and to in config.channels and config.channels[to].enabled else None


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
