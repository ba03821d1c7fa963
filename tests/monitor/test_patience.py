"""What waits, from the poll to the digest: every hit is told once, alone or counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rigs.command import run_here
from rigs.desk import Desk
from rigs.origin import Origin
from rigs.receiver import Receiver

pytestmark = pytest.mark.usefixtures("parsing_here")

M = timedelta(minutes=1)
H = timedelta(hours=1)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Origin() as origin, Receiver() as receiver:
        yield Desk(tmp_path, origin, receiver)


def kinds(bodies: list[Any]) -> Counter[str]:
    return Counter(body["type"] for body in bodies)


def test_a_throttle_tells_the_first_and_then_one_digest_with_the_exact_count(desk: Desk) -> None:
    desk.configure("{match: pipa, throttle: {max: 2, per: 1h}}")
    desk.publish("a", "b", "c")
    desk.now()
    assert {body["data"]["item"]["title"] for body in desk.new()} == {"pipa c", "pipa b"}
    desk.publish("d", "e")
    desk.pass_time(30 * M, every=10 * M)  # restarted, the window is remembered
    assert desk.new() == []
    desk.pass_time(31 * M, every=10 * M)
    [digest] = desk.new()
    assert digest["type"] == "digest"
    assert digest["data"]["count"] == 3
    assert digest["data"]["why"] == "more than 2 in 1h"
    titles = {hit["item"]["title"] for hit in digest["data"]["hits"]}
    assert titles == {"pipa a", "pipa d", "pipa e"}
    desk.publish("f")
    desk.pass_time(20 * M, every=10 * M)
    assert kinds(desk.new()) == {"hit": 1}  # a new window


def test_quiet_hours_end_with_one_digest_and_let_the_urgent_through(desk: Desk) -> None:
    quiet = 'quiet: {from: "19:00", to: "20:30", timezone: Asia/Jakarta, except: [critical]}'
    desk.configure(
        f"{{match: pipa, {quiet}}}", f"  urgent: {{match: pipa, severity: critical, {quiet}}}\n"
    )
    desk.publish("a", "b")  # at 19:00 in Jakarta
    desk.now()
    assert {body["data"]["rule"]["name"] for body in desk.new()} == {"urgent"}
    desk.pass_time(91 * M, every=13 * M)
    [digest] = desk.new()
    assert (digest["data"]["rule"]["name"], digest["data"]["count"]) == ("pipes", 2)
    assert digest["data"]["why"] == "quiet from 19:00 to 20:30"


def test_a_digest_comes_at_its_time_and_not_before(desk: Desk) -> None:
    desk.configure('{match: pipa, digest: "0 8 * * mon-fri"}')
    desk.publish("a", "b")
    desk.now()
    desk.publish("c")
    desk.pass_time(19 * H, every=H)
    assert desk.new() == []
    desk.pass_time(2 * H, every=30 * M)  # Monday, 08:00
    [digest] = desk.new()
    assert (digest["type"], digest["data"]["count"]) == ("digest", 3)


def test_a_mute_is_summed_up_when_it_ends(desk: Desk) -> None:
    desk.configure("pipa")
    desk.publish("a")
    desk.now()
    assert kinds(desk.new()) == {"hit": 1}
    said = desk_command(desk, "mute", "pipes", "--for", "2h", "--why", "known already")
    assert said.out.startswith("rule 'pipes' is muted until ")
    desk.publish("b", "c")
    desk.pass_time(10 * M, every=5 * M)
    assert desk.new() == []
    listed = desk_command(desk, "mute", "--json").out
    assert '"kind": "rule", "name": "pipes"' in listed
    lifted = desk_command(desk, "mute", "pipes", "--lift").out
    assert lifted == "'pipes' is no longer muted; 1 digest is sent now\n"
    desk.clock.now = datetime.now(UTC)  # the command's clock is the machine's
    desk.pass_time(2 * M)
    [digest, *_] = desk.new()
    assert digest["data"]["count"] == 2
    assert digest["data"]["why"] == "muted: known already"
    assert desk_command(desk, "mute").err == "nothing is muted\n"


def desk_command(desk: Desk, *words: str) -> Any:
    name, *rest = words
    return run_here([name, "-c", str(desk.folder / "wirewatch.yaml"), *rest])


def test_a_flood_is_one_digest_and_an_event(desk: Desk) -> None:
    desk.configure("pipa", "notify: [siem]\n")
    desk.publish(*(f"n{number}" for number in range(60)))
    desk.now()
    bodies = desk.new()
    assert kinds(bodies) == {"digest": 1, "event": 1}
    [digest] = [body for body in bodies if body["type"] == "digest"]
    assert digest["data"]["count"] == 60
    assert len(digest["data"]["hits"]) + digest["data"]["more"] == 60
    [event] = [body for body in bodies if body["type"] == "event"]
    assert event["data"]["message"] == (
        "rule 'pipes' hit 60 items of one in one poll; they are told as one digest; "
        "all of them: wirewatch hits --rule pipes"
    )


def test_what_waits_is_listed(desk: Desk) -> None:
    desk.configure('{match: pipa, digest: "0 8 * * *"}')
    desk.publish("a")
    desk.now()
    listed = desk_command(desk, "deliveries", "--state", "held").out
    assert "1 hit of pipes" in listed
    why = desk_command(desk, "deliveries", "--state", "held", "--json").out
    assert '"state": "held"' in why


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mute", "pipes"), "say for how long, such as --for 2h; every mute ends\n"),
        (("mute", "nobody", "--for", "1h"), "no rule, no feed and no story is called 'nobody'\n"),
        (
            ("mute", "one", "--for", "1h", "--kind", "rule"),
            "no rule, no feed and no story is called 'one'\n",
        ),
        (
            ("mute", "pipes", "--for", "120d"),
            "--for: at most 90d; to stop a rule for good, write enabled: no\n",
        ),
        (("mute", "pipes", "--for", "soon"), "--for: 'soon' is not a period; write it as 30s"),
        (("mute", "pipes", "--lift"), "'pipes' is not muted; what is: wirewatch mute\n"),
    ],
)
def test_a_mistaken_mute_says_what_to_write(desk: Desk, words: tuple[str, ...], said: str) -> None:
    desk.configure("pipa")
    desk.publish()
    desk.now()
    done = desk_command(desk, *words)
    assert done.code == 2
    assert done.err.startswith(said)


def test_a_muted_feed_is_quiet_for_every_rule(desk: Desk) -> None:
    desk.configure("pipa", "  others: item OR pipa\n")
    desk.publish()
    desk.now()
    desk_command(desk, "mute", "one", "--for", "1h")
    desk.publish("a")
    desk.pass_time(2 * M)
    assert desk.new() == []
    assert desk_command(desk, "deliveries", "--state", "held", "--json").out.count("\n") == 2
