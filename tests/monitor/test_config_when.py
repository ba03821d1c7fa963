"""``when:`` and ``absent:`` as YAML says them, and what it may say wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from rigs.configured import Configured

from alerts.policy import Burst, Sources, When

H = timedelta(hours=1)
CHANNELS = "channels: {a: {type: console}}\n"


@pytest.fixture
def etc(tmp_path: Path) -> Configured:
    """An empty configuration directory."""
    return Configured(tmp_path)


@pytest.mark.parametrize(
    ("keys", "when", "absent"),
    [
        ("", None, None),
        (", when: {sources: 3, within: 1h}", Sources(3, H), None),
        (", when: {hits: 1000, within: 7d}", Burst(1_000, 168 * H), None),
        (", absent: 24h", None, 24 * H),
    ],
)
def test_a_rule_says_how_many_there_have_to_be(
    etc: Configured, keys: str, when: When | None, absent: timedelta | None
) -> None:
    text = f"contact: a@b.org\n{CHANNELS}rules:\n  x: {{match: pipa, send: a{keys}}}\n"
    rule = etc.write(text).load().rules["x"]
    assert (rule.when, rule.absent) == (when, absent)


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ("when: 3", "3:35: when: holds keys and values, here is one value"),
        (
            "when: {within: 1h}",
            "3:35: when: needs sources: or hits:; write it as {sources: 3, within: 1h}",
        ),
        (
            "when: {sources: 3, hits: 3, within: 1h}",
            "3:35: when: has both sources: and hits:; write two rules",
        ),
        ("when: {hits: 3}", "3:35: when: needs within:; write it as within: 1h"),
        (
            "when: {sources: 1, within: 1h}",
            "3:45: '1' is not a number of sources from 2 to 20; write it as 3",
        ),
        (
            "when: {hits: many, within: 1h}",
            "3:42: 'many' is not a number of hits from 2 to 1000; write it as 3",
        ),
        (
            "when: {hits: 3, within: 8d}",
            "3:53: '8d' is longer than 7d; write it as 1h",
        ),
        ("when: {hits: 3, every: 8d}", "3:45: when: has no key 'every'; known are"),
        ("absent: 10m", "3:37: '10m' is not between 1h and 30d; write it as 24h"),
        ("absent: long", "3:37: 'long' is not a period; write it as 30s, 10m, 6h or 7d"),
    ],
)
def test_what_is_wrong_says_where_and_how_to_mend_it(
    etc: Configured, keys: str, mistake: str
) -> None:
    text = f"{CHANNELS}rules:\n  x: {{match: pipa, send: a, {keys}}}\n"
    [found] = etc.write(text).mistakes()
    assert found.startswith(f"wirewatch.yaml:{mistake}")
