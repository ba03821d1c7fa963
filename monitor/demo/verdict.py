"""Was every expected alert told exactly once, and nothing else? Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Told(NamedTuple):
    """An alert: who is told, which rule says so, about which article."""

    channel: str
    rule: str
    url: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Expected against arrived, alert by alert, and what else went wrong (``problems``)."""

    expected: Counter[Told]
    arrived: Counter[Told]
    problems: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[Told, ...]:
        """Expected, never arrived."""
        return tuple(alert for alert in self.expected if not self.arrived[alert])

    @property
    def repeated(self) -> tuple[Told, ...]:
        """Expected, arrived more than once."""
        return tuple(alert for alert in self.expected if self.arrived[alert] > 1)

    @property
    def unexpected(self) -> tuple[Told, ...]:
        """Arrived, never expected."""
        return tuple(alert for alert in self.arrived if alert not in self.expected)

    @property
    def good(self) -> bool:
        """Every expected alert arrived exactly once, and nothing else happened."""
        return not (self.missing or self.repeated or self.unexpected or self.problems)

    def sentences(self) -> list[str]:
        """What is not as it should be, one line each."""
        return [
            *(f"missing: {_named(alert)}" for alert in self.missing),
            *(f"{self.arrived[alert]} times: {_named(alert)}" for alert in self.repeated),
            *(f"not expected: {_named(alert)}" for alert in self.unexpected),
            *self.problems,
        ]


def tally(expected: Iterable[Told], arrived: Iterable[Told], problems: Iterable[str] = ()) -> Tally:
    """Compare what had to come with what came."""
    return Tally(Counter(expected), Counter(arrived), tuple(problems))


def _named(alert: Told) -> str:
    return f"{alert.rule or 'no rule'} to {alert.channel} about {alert.url or 'no article'}"
