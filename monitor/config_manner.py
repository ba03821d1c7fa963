"""How a rule's alerts are sent: ``throttle``, ``digest``, ``quiet``, and routes to channels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from alerts.policy import Digest, Manner, Quiet, Throttle
from monitor import config_values as values
from monitor.config_channels import Channels
from monitor.config_schema import Keys, Reader
from monitor.config_values import WrongValueError, shown
from rules.source import Items, Node, Table, Text

KEYS = ("throttle", "digest", "quiet")
OFF = "no"
"""What lifts at one rule what `defaults` say of all."""

_THROTTLE: Keys = {
    "max": lambda reader, node: reader.one(node, _count),
    "per": lambda reader, node: reader.one(node, values.some_time),
}
_DIGEST: Keys = {
    "at": lambda _reader, node: node,
    "timezone": lambda reader, node: reader.one(node, values.timezone),
}
_QUIET: Keys = {
    "from": lambda reader, node: reader.one(node, time_of_day),
    "to": lambda reader, node: reader.one(node, time_of_day),
    "timezone": lambda reader, node: reader.one(node, values.timezone),
    "except": lambda reader, node: reader.many(node, values.severity),
}
_ROUTE: Keys = {
    "tags": lambda reader, node: reader.many(node, values.word),
    "severity": lambda reader, node: reader.one(node, values.severity),
    "send": lambda _reader, node: node,
}


def manner_of(
    reader: Reader, nodes: Mapping[str, Node], zone: ZoneInfo, usual: Manner | None = None
) -> Manner:
    """The manner that these keys describe; what they leave out is as ``usual``."""
    usual = usual or Manner()
    return Manner(
        throttle=_part(reader, nodes.get("throttle"), _throttle, zone, usual.throttle),
        quiet=_part(reader, nodes.get("quiet"), _quiet, zone, usual.quiet),
        digest=_part(reader, nodes.get("digest"), _digest, zone, usual.digest),
    )


def _part(reader: Reader, node: Node | None, read: Any, zone: ZoneInfo, usual: Any) -> Any:
    if node is None:
        return usual
    if isinstance(node, Text) and node.value == OFF:
        return None
    return read(reader, node, zone)


def _throttle(reader: Reader, node: Node, _zone: ZoneInfo) -> Throttle | None:
    found = _whole(reader, node, _THROTTLE, "throttle:", ("max", "per"))
    return Throttle(found["max"], found["per"]) if found else None


def _quiet(reader: Reader, node: Node, zone: ZoneInfo) -> Quiet | None:
    found = _whole(reader, node, _QUIET, "quiet:", ("from", "to"))
    if not found:
        return None
    if found["from"] == found["to"]:
        reader.wrong(node, "quiet: begins when it ends", "to hold all day, write a digest: instead")
        return None
    but = frozenset(found.get("except", ()))
    return Quiet(found["from"], found["to"], found.get("timezone") or zone, but)


def _digest(reader: Reader, node: Node, zone: ZoneInfo) -> Digest | None:
    if isinstance(node, Table):
        found = _whole(reader, node, _DIGEST, "digest:", ("at",))
        if not found:
            return None
        node, zone = found["at"], found.get("timezone") or zone

    def cron(text: str) -> Digest:
        try:
            return Digest(text, zone)
        except ValueError as error:
            message = f"'{shown(text)}' is not a time for a digest: {error}"
            raise WrongValueError(message, 'write it as cron does, "0 8 * * mon-fri"') from None

    return reader.one(node, cron)


def _whole(
    reader: Reader, node: Node, keys: Keys, what: str, needed: Sequence[str]
) -> dict[str, Any]:
    """A table's values; empty, and mistakes, where what it needs is missing or wrong."""
    before = len(reader.findings.mistakes)
    found = reader.fields(node, keys, what)
    missing = [name for name in needed if name not in found]
    if len(reader.findings.mistakes) > before:
        return {}
    if missing:
        reader.wrong(node, f"{what} needs {' and '.join(f'{name}:' for name in missing)}")
        return {}
    return found


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII):
        raise WrongValueError(f"'{shown(text)}' is not a number of alerts", "write it as 5")
    return int(text)


def time_of_day(text: str) -> time:
    """``22:00``."""
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text, re.ASCII)
    if not found:
        raise WrongValueError(f"'{shown(text)}' is not a time of day", "write it as 22:00")
    return time(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Route:
    """Where alerts of rules go that do not say so themselves: of those with one of the ``tags``
    (of all, where none is given), from a ``severity`` on."""

    tags: frozenset[str]
    severity: str
    send: tuple[str, ...]

    def fits(self, tags: Sequence[str], severity: str) -> bool:
        """Does a rule take this route?"""
        rank = values.SEVERITIES.index
        return rank(severity) >= rank(self.severity) and (
            not self.tags or not self.tags.isdisjoint(tags)
        )


def routes_of(reader: Reader, node: Node, channels: Channels) -> tuple[Route, ...]:
    """The routes, in order: the first that fits counts."""
    found = []
    for entry in node.items if isinstance(node, Items) else [node]:
        before = len(reader.findings.mistakes)
        fields = reader.fields(entry, _ROUTE, "a route")
        if len(reader.findings.mistakes) > before:
            continue
        if "send" not in fields:
            reader.wrong(entry, "a route does not say where alerts go", "write send: [channel]")
            continue
        send = channels.named_by(reader, fields["send"])
        found.append(Route(frozenset(fields.get("tags", ())), fields.get("severity", "low"), send))
    return tuple(found)
