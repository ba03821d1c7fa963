"""``when:`` of a rule: how many sources or hits there have to be before anybody is told."""

from __future__ import annotations

import re
from datetime import timedelta

from alerts.policy import Burst, Sources, When
from monitor import config_values as values
from monitor.config_schema import Keys, Reader
from monitor.config_values import WrongValueError, shown
from rules.source import Node

_LONGEST = timedelta(days=7)
_MOST = {"sources": 20, "hits": 1_000}


def _count(of: str, text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII) or not 2 <= int(text) <= _MOST[of]:
        message = f"'{shown(text)}' is not a number of {of} from 2 to {_MOST[of]}"
        raise WrongValueError(message, "write it as 3")
    return int(text)


def _within(text: str) -> timedelta:
    value = values.some_time(text)
    if value > _LONGEST:
        raise WrongValueError(f"'{shown(text)}' is longer than 7d", "write it as 1h")
    return value


_WHEN: Keys = {
    "sources": lambda reader, node: reader.one(node, lambda text: _count("sources", text)),
    "hits": lambda reader, node: reader.one(node, lambda text: _count("hits", text)),
    "within": lambda reader, node: reader.one(node, _within),
}


def when_of(reader: Reader, node: Node) -> When | None:
    """What ``when:`` asks for; None, and mistakes, where it is wrong."""
    before = len(reader.findings.mistakes)
    found = reader.fields(node, _WHEN, "when:")
    if len(reader.findings.mistakes) > before:
        return None
    if "sources" in found and "hits" in found:
        reader.wrong(node, "when: has both sources: and hits:", "write two rules")
    elif "sources" not in found and "hits" not in found:
        reader.wrong(node, "when: needs sources: or hits:", "write it as {sources: 3, within: 1h}")
    elif "within" not in found:
        reader.wrong(node, "when: needs within:", "write it as within: 1h")
    elif "sources" in found:
        return Sources(found["sources"], found["within"])
    else:
        return Burst(found["hits"], found["within"])
    return None
