"""Throttles, quiet hours, digest times and routes as YAML says them, and what it may say wrong."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rigs.configured import Configured

from alerts.policy import Digest, Manner, Quiet, Throttle
from monitor.config import Config

JAKARTA, UTC = ZoneInfo("Asia/Jakarta"), ZoneInfo("UTC")
CHANNELS = "channels: {a: {type: console}, b: {type: console}, c: {type: console}}\n"


@pytest.fixture
def etc(tmp_path: Path) -> Configured:
    """An empty configuration directory."""
    return Configured(tmp_path)


def told(etc: Configured, text: str) -> list[str]:
    """What is wrong with a main file."""
    return etc.write(text).mistakes()


def rule(etc: Configured, keys: str, more: str = "") -> Config:
    return etc.write(f"contact: a@b.org\n{CHANNELS}{more}rules:\n  x: {keys}\n").load()


@pytest.mark.parametrize(
    ("keys", "manner"),
    [
        ("", Manner()),
        ("throttle: {max: 5, per: 1h}", Manner(throttle=Throttle(5, timedelta(hours=1)))),
        (
            'quiet: {from: "22:00", to: 07:00, timezone: Asia/Jakarta, except: [critical, high]}',
            Manner(quiet=Quiet(time(22), time(7), JAKARTA, frozenset({"critical", "high"}))),
        ),
        (
            "quiet: {from: 9:30, to: 12:00}",
            Manner(quiet=Quiet(time(9, 30), time(12), UTC, frozenset())),
        ),
        ('digest: "0 8 * * mon-fri"', Manner(digest=Digest("0 8 * * mon-fri", UTC))),
        (
            'digest: {at: "0 8 * * *", timezone: Asia/Jakarta}',
            Manner(digest=Digest("0 8 * * *", JAKARTA)),
        ),
    ],
)
def test_a_rule_says_how_its_alerts_are_sent(etc: Configured, keys: str, manner: Manner) -> None:
    assert rule(etc, f"{{match: pipa, send: a{keys and ', '}{keys}}}").rules["x"].manner == manner


def test_times_count_in_the_time_zone_of_the_configuration(etc: Configured) -> None:
    keys = "{match: pipa, send: a, quiet: {from: 1:00, to: 2:00}}"
    quiet = rule(etc, keys, "timezone: Asia/Jakarta\n").rules["x"].manner.quiet
    assert quiet is not None
    assert quiet.zone == JAKARTA


def test_what_defaults_say_holds_for_all_rules_but_those_that_say_otherwise(
    etc: Configured,
) -> None:
    defaults = "defaults: {send: a, throttle: {max: 1, per: 1h}, digest: 0 8 * * *}\n"
    usual = rule(etc, "pipa", defaults).rules["x"].manner
    assert usual == Manner(
        throttle=Throttle(1, timedelta(hours=1)), digest=Digest("0 8 * * *", UTC)
    )
    lifted = rule(etc, "{match: pipa, throttle: no}", defaults).rules["x"].manner
    assert lifted == Manner(digest=usual.digest)
    own = rule(etc, "{match: pipa, throttle: {max: 9, per: 1m}}", defaults).rules["x"].manner
    assert own.throttle == Throttle(9, timedelta(minutes=1))


ROUTES = """\
defaults:
  send: a
  routes:
    - {tags: [energy, oil], severity: high, send: [b]}
    - {severity: critical, send: [c, a]}
"""


@pytest.mark.parametrize(
    ("keys", "send"),
    [
        ("pipa", ("a",)),
        ("{match: pipa, tags: [energy]}", ("a",)),
        ("{match: pipa, tags: [gas, oil], severity: high}", ("b",)),
        ("{match: pipa, tags: [energy], severity: critical}", ("b",)),
        ("{match: pipa, severity: critical}", ("c", "a")),
        ("{match: pipa, severity: critical, send: b}", ("b",)),
    ],
)
def test_a_rule_without_a_place_of_its_own_takes_the_first_route_that_fits(
    etc: Configured, keys: str, send: tuple[str, ...]
) -> None:
    assert rule(etc, keys, ROUTES).rules["x"].send == send


def test_routes_may_stand_by_themselves(etc: Configured) -> None:
    assert rule(etc, "pipa", "routes: [{send: b}]\n").rules["x"].send == ("b",)


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        (
            "throttle: 5",
            "3:39: throttle: holds keys and values, here is one value; write {max: …, per: …}",
        ),
        ("throttle: {max: 5}", "3:39: throttle: needs per:"),
        (
            "throttle: {max: many, per: 1h}",
            "3:45: 'many' is not a number of alerts; write it as 5",
        ),
        (
            "quiet: {from: 22, to: 7:00}",
            "3:43: '22' is not a time of day; write it as 22:00",
        ),
        ("quiet: {timezone: UTC}", "3:36: quiet: needs from: and to:"),
        (
            "quiet: {from: 7:00, to: 07:00}",
            "3:36: quiet: begins when it ends; to hold all day, write a digest: instead",
        ),
        (
            "quiet: {from: 7:00, to: 8:00, timezone: Asia/Jakata}",
            "3:69: no time zone is called 'Asia/Jakata'; did you mean Asia/Jakarta?",
        ),
        (
            "digest: daily",
            (
                "3:37: 'daily' is not a time for a digest: Wrong number of fields; "
                'write it as cron does, "0 8 * * mon-fri"'
            ),
        ),
        (
            "digest: 0 0 31 2 *",
            (
                "3:37: '0 0 31 2 *' is not a time for a digest: Bad day-of-month; "
                'write it as cron does, "0 8 * * mon-fri"'
            ),
        ),
        ("digest: {timezone: UTC}", "3:37: digest: needs at:"),
    ],
)
def test_what_is_wrong_with_a_manner_says_where_and_how_to_mend_it(
    etc: Configured, keys: str, mistake: str
) -> None:
    found = told(etc, f"{CHANNELS}rules:\n  x: {{match: pipa, send: a, {keys}}}\n")
    assert found == [f"wirewatch.yaml:{mistake}"]


@pytest.mark.parametrize(
    ("routes", "mistake"),
    [
        ("[{tags: [a]}]", "a route does not say where alerts go; write send: [channel]"),
        ("[{send: [d]}]", "no channel named 'd'; known are a, b, c"),
        ("[{send: [a], severity: bad}]", "'bad' is not known here; write low, normal, high or"),
    ],
)
def test_a_route_that_is_wrong(etc: Configured, routes: str, mistake: str) -> None:
    text = f"{CHANNELS}defaults: {{send: a, routes: {routes}}}\nrules: {{x: pipa}}\n"
    [found] = told(etc, text)
    assert mistake in found
