"""Store: every question the daemon asks its database, one method each.

`Store.transaction` is visible where things must be committed together; a method called outside one
runs in a transaction of its own. A store belongs to one thread (the daemon's writer thread, a
command's main thread). Transactions are short and none is open while the network is used.
"""

from __future__ import annotations

from monitor.store.base import tags_text
from monitor.store.clock import ClockQuestions
from monitor.store.deliveries import ClaimedDelivery, NewDelivery
from monitor.store.events import EventQuestions
from monitor.store.feeds import ConfiguredFeed, FeedQuestions
from monitor.store.follow_ups import FollowUpQuestions
from monitor.store.gathering import GatheringQuestions
from monitor.store.items import ItemQuestions, KnownItem
from monitor.store.numbers import NumberQuestions
from monitor.store.stories import StoryQuestions
from monitor.store.turns import TurnQuestions
from monitor.store.waiting import WaitingQuestions

__all__ = ["ClaimedDelivery", "ConfiguredFeed", "KnownItem", "NewDelivery", "Store", "tags_text"]


class Store(
    FeedQuestions,
    TurnQuestions,
    ItemQuestions,
    WaitingQuestions,
    StoryQuestions,
    FollowUpQuestions,
    GatheringQuestions,
    NumberQuestions,
    EventQuestions,
    ClockQuestions,
):
    """The database behind named questions, which stand in the modules beside."""
