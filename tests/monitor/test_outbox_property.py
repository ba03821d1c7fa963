"""Whatever happens, every hit is told, or waits to be told, or is a dead letter: once a channel.

A state machine lets polls, sends, failures, crashes, clocks, reloads, mutes and operators do what
they like, in any order; the history checker judges after each step, and once more when everything
works again. ``WIREWATCH_EXAMPLES=2000`` makes it a long run.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from rigs.desk_of_doubt import MOODS, RULES, DeskOfDoubt
from rigs.history import Article

from monitor.database import prepare
from monitor.ids import new_id
from monitor.mutes import ActiveMute

pytestmark = pytest.mark.usefixtures("parsing_here")

EXAMPLES = int(os.environ.get("WIREWATCH_EXAMPLES", "5"))
STEPS = int(os.environ.get("WIREWATCH_STEPS", "30"))
CHANNELS = {"hook": False, "room": True, "board": False, "spare": False}
KINDS: dict[str, dict[str, str]] = {
    "hook": {"type": "webhook", "url": "https://hook.example/1"},
    "room": {"type": "discord", "url": "https://discord.com/api/webhooks/1/abc"},
    "board": {"type": "googlechat", "url": "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t"},
    "spare": {"type": "webhook", "url": "https://spare.example/1"},
}  # fmt: skip
FEEDS = ("one", "two")  # the first poll of one is told, that of two is not
TOPICS = (
    "ministers sign the great pipeline contract in eastern harbour town",
    "storm closes northern railway bridge after heavy winter rain",
    "museum opens restored gallery with paintings from lost collection",
)
SHORT = {"first": "5s", "factor": 2, "max": "1m", "for": "10m"}


def _some(values: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these keys, with a value out of each list."""
    return st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in values.items()})


RULE = _some(
    {
        "throttle": [{"max": 1, "per": "1h"}, {"max": 3, "per": "10m"}],
        "quiet": [{"from": "11:00", "to": "12:30"}, {"from": "22:00", "to": "07:00"}],
        "digest": ["0 8 * * *", "*/15 * * * *"],
        "repeat": ["each", "story"],
        "severity": ["low", "critical"],
    }
)
CHANNEL = _some(
    {"repeat": ["each", "story"], "enabled": [False], "retry": [SHORT], "fallback": ["spare"]}
)


@st.composite
def configurations(draw: st.DrawFn) -> str:
    """The rules are always there, and so is the first channel; everything else changes."""
    here = ["hook", *draw(st.lists(st.sampled_from(["room", "board", "spare"]), unique=True))]
    channels = {name: KINDS[name] | draw(CHANNEL) for name in here}
    for name, channel in channels.items():
        if name == "spare" or "spare" not in here:
            channel.pop("fallback", None)
    send = st.lists(st.sampled_from(here), min_size=1, unique=True)
    made = {name: {"match": word, "send": draw(send)} | draw(RULE) for name, word in RULES.items()}
    return configuration(channels, made, notify=draw(st.booleans()))


def configuration(channels: Any, rules: Any, *, notify: bool = False) -> str:
    text = {
        "contact": "desk@example.org",
        "timezone": "UTC",
        "channels": channels,
        "feeds": {
            "one": {"url": "https://one.example/", "first_poll": "alert"},
            "two": {"url": "https://two.example/"},
        },
        "rules": rules,
    }
    return json.dumps(text | ({"notify": ["hook"]} if notify else {}))


PLAIN = configuration(
    KINDS, {name: {"match": word, "send": ["hook"]} for name, word in RULES.items()}
)


@st.composite
def articles(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Which words the titles hold, and what they are about."""
    one = st.tuples(
        st.sampled_from(["alpha", "beta", "alpha beta", "gamma"]), st.sampled_from(TOPICS)
    )
    return draw(st.lists(one, min_size=1, max_size=4))


def _name(number: int) -> str:
    """A word of its own for each number, without digits."""
    return "x" + "".join("abcdefghij"[int(digit)] for digit in str(number))


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    prepare(f"sqlite:///{folder / 'wirewatch.db'}")
    yield folder
    shutil.rmtree(folder)


class Doubt(RuleBasedStateMachine):
    """One world after another. ``template``: a folder with an empty database."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=self.template))
        self.desk = DeskOfDoubt(self.folder, self.template / "wirewatch.db", CHANNELS)
        self.number = 0

    @initialize(yaml=configurations())
    def start(self, yaml: str) -> None:
        self.desk.start(yaml)

    @rule(feed=st.sampled_from(FEEDS), about=articles(), works=st.booleans())
    def poll(self, feed: str, about: list[tuple[str, str]], *, works: bool) -> None:
        self.desk.poll(feed, self._articles(feed, about))
        if works:
            self.desk.work()

    @rule(about=articles())
    def poll_and_send(self, about: list[tuple[str, str]]) -> None:
        self.desk.poll("one", self._articles("one", about))
        self.desk.work()

    @rule(about=articles())
    def poll_a_flood(self, about: list[tuple[str, str]]) -> None:
        self.desk.poll("one", self._articles("one", about * 60))

    @rule(feed=st.sampled_from(FEEDS), about=articles())
    def poll_and_die(self, feed: str, about: list[tuple[str, str]]) -> None:
        self.desk.poll(feed, self._articles(feed, about), dies=True)
        self.desk.crash()

    def _articles(self, feed: str, about: list[tuple[str, str]]) -> list[Article]:
        new = []
        for words, topic in about:
            self.number += 1
            title = f"{words} {topic} {_name(self.number)}"
            new.append(Article(feed, f"n{self.number}", title))
        return new

    @rule()
    def work(self) -> None:
        self.desk.work()

    @rule(
        channel=st.sampled_from(sorted(CHANNELS)),
        moods=st.lists(st.sampled_from(MOODS), max_size=5),
    )
    def spoil(self, channel: str, moods: list[Any]) -> None:
        self.desk.pens[channel].script.extend(moods)

    @rule(minutes=st.sampled_from([1, 6, 31, 65, 130, 600, 1500]))
    def wait(self, minutes: int) -> None:
        self.desk.pass_time(timedelta(minutes=minutes))
        self.desk.work()

    @rule(minutes=st.sampled_from([-1500, -90, -2, 2, 90, 1500, 30000]))
    def set_the_clock(self, minutes: int) -> None:
        self.desk.step(timedelta(minutes=minutes))

    @rule()
    def crash(self) -> None:
        self.desk.crash()

    @rule(yaml=configurations())
    def reload(self, yaml: str) -> None:
        self.desk.reload(yaml)

    @rule(
        what=st.sampled_from([("rule", "alpha"), ("rule", "beta"), ("feed", "one")]),
        minutes=st.sampled_from([5, 120, 3000]),
    )
    def mute(self, what: tuple[str, str], minutes: int) -> None:
        now = self.desk.clock.now
        mute = ActiveMute(new_id(), *what, now + timedelta(minutes=minutes), "enough")
        self.desk.ask(self.desk.parts.store.mute, mute, now)

    @precondition(lambda self: self.number)
    @rule()
    def lift(self) -> None:
        now = self.desk.clock.now
        for mute in self.desk.ask(self.desk.parts.store.mutes, now)[:1]:
            self.desk.ask(self.desk.parts.store.lift_mute, mute.id, now)

    @precondition(lambda self: self.number)
    @rule(channel=st.sampled_from([None, *CHANNELS]))
    def revive(self, channel: str | None) -> None:
        self.desk.revive(channel)

    @invariant()
    def judged(self) -> None:
        self.desk.check()

    def teardown(self) -> None:
        try:
            if self.desk._running:
                self.desk.end_well(PLAIN)
                self.desk.check(over=True)
        finally:
            self.desk.close()
            shutil.rmtree(self.folder)


def test_every_hit_is_told_whatever_happens(template: Path) -> None:
    Doubt.template = template
    Doubt.TestCase.settings = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        derandomize="WIREWATCH_EXAMPLES" not in os.environ,
    )
    Doubt.TestCase("runTest").runTest()
