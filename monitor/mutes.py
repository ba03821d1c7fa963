"""Mutes: what is kept quiet, by whom it was said, and which hits that concerns. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ActiveMute:
    """A rule, feed or story kept quiet until a time."""

    id: str
    kind: str
    name: str
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Mutes:
    """The mutes that hold now."""

    active: tuple[ActiveMute, ...] = ()

    def on(self, rule: str, feeds: Collection[str], story: str) -> ActiveMute | None:
        """The one that holds longest of those on a rule, on its item's feeds and on its story."""
        if not self.active:
            return None
        names = {"rule": (rule,), "feed": feeds, "story": (story,)}
        fitting = [mute for mute in self.active if mute.name in names[mute.kind]]
        return max(fitting, key=lambda mute: mute.until, default=None)
