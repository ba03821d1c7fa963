"""The senders: render a message, send it once, say what happened."""

from alerts.alert import About, Alert, Digest, Event, Excerpt, Hit, Item, Match, Rule, Span, Story
from alerts.channel import (
    Channel,
    First,
    FirstGone,
    FollowingChannel,
    PermanentFailure,
    Receipt,
    TemporaryFailure,
    Tools,
)
from alerts.excerpts import excerpts_of
from alerts.registry import CHANNEL_TYPES, ChannelType, make, settings_model

__all__ = [
    "CHANNEL_TYPES",
    "About",
    "Alert",
    "Channel",
    "ChannelType",
    "Digest",
    "Event",
    "Excerpt",
    "First",
    "FirstGone",
    "FollowingChannel",
    "Hit",
    "Item",
    "Match",
    "PermanentFailure",
    "Receipt",
    "Rule",
    "Span",
    "Story",
    "TemporaryFailure",
    "Tools",
    "excerpts_of",
    "make",
    "settings_model",
]
