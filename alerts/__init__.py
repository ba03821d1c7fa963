"""The senders: render a message, send it once, say what happened."""

from alerts.alert import Alert, Digest, Event, Excerpt, Hit, Item, Match, Rule, Span, Story
from alerts.channel import Channel, PermanentFailure, Receipt, TemporaryFailure, Tools

__all__ = [
    "Alert",
    "Channel",
    "Digest",
    "Event",
    "Excerpt",
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
]
