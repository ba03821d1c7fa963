"""The contract of every channel: send once; return, or say what kind of failure it was.

A channel neither retries, waits nor remembers: the outbox does. It is given everything it needs
at its making (`Tools`) and `now` at each call, so a test replaces only the edge.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from alerts.alert import Alert
from alerts.message import Message, message_of

if TYPE_CHECKING:
    import httpx  # by name only: importing it takes longer than all of alerts


@dataclass(frozen=True, slots=True)
class Receipt:
    """The service accepted the alert. ``status`` is its short answer, such as ``200``; ``ref``
    what the service calls the message, where more can be put under it."""

    status: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class First:
    """The first alert of a story, as its service knows it by ``ref``. ``alert`` is what it said,
    its story as it is now."""

    ref: str
    alert: Alert


class TemporaryFailure(Exception):  # noqa: N818 - an outcome, not a mistake of ours
    """The same alert may succeed later.

    ``retry_at``: not before then, when the service said so. ``blocks``: the service asked for
    silence, so the whole channel waits until ``retry_at``, across restarts. ``done``: recipients,
    of several, who have it now: the next attempt is given them (`Alert.done`).
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_at: datetime | None = None,
        blocks: bool = False,
        done: Collection[str] = (),
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_at = retry_at
        self.blocks = blocks
        self.done = done


class PermanentFailure(Exception):  # noqa: N818 - an outcome, not a mistake of ours
    """The same alert can never succeed: it becomes a dead letter with this reason.

    ``disables``: the place itself is gone or refuses us, so the channel stops until mended.
    ``done``: recipients, of several, who have it: a dead letter sent again is not for them.
    """

    def __init__(self, reason: str, *, disables: bool = False, done: Collection[str] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.disables = disables
        self.done = done


class FirstGone(Exception):  # noqa: N818 - an outcome, not a mistake of ours
    """What a follow-up belongs under is no longer there: it has to be told another way."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Tools:
    """What the daemon lends to channels. Everything here goes through its guard.

    ``http``: follows no redirects, keeps no cookies. ``dial``: host and port to a connected,
    non-blocking socket; raises OSError. ``write``: one message to the terminal or the journal.
    ``message``: what an alert says, in our words or in the operator's (`alerts.template`).
    """

    http: httpx.AsyncClient
    dial: Callable[[str, int], Awaitable[socket.socket]]
    write: Callable[[str], None]
    message: Callable[[Alert], Message] = message_of


class Channel(Protocol):
    """A place alerts go.

    The deliverer bounds every call by the channel's timeout and treats anything raised besides
    the two failures as a bug of ours: logged with its traceback, that delivery retried.
    """

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        """Send once.

        Raises:
            TemporaryFailure: try again later.
            PermanentFailure: do not.
        """
        ...


@runtime_checkable
class FollowingChannel(Channel, Protocol):
    """A channel that can put more of a story under, or into, the story's first alert."""

    async def follow(self, alert: Alert, first: First, now: datetime) -> Receipt:
        """Tell one more hit of a story once, so that nothing rings.

        Raises:
            FirstGone: there is nothing to put it under.
            TemporaryFailure: try again later.
            PermanentFailure: do not.
        """
        ...
