"""More of a story, from the poll to the thread of its first alert, or else to the summary."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rigs.clockwork import work_for
from rigs.desk import Desk
from rigs.origin import Origin
from rigs.receiver import Answer, Receiver, Request, status

from monitor.daemon import Engine

pytestmark = pytest.mark.usefixtures("parsing_here")

M = timedelta(minutes=1)
H = timedelta(hours=1)
TITLES = (
    "Xi and Putin sign pipa deal in Beijing today",
    "Xi and Putin sign pipa deal in Beijing",
    "Now Xi and Putin sign pipa deal in Beijing",
)
TOKEN = "1234:AAE-secret-in-the-path-0123456789"
GONE = status(400, '{"ok": false, "description": "message to be replied not found"}')


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Origin() as origin, Receiver() as receiver:
        receiver.default = _telegram()
        yield Desk(tmp_path, origin, receiver)


def _telegram() -> Callable[[Request], Answer]:
    taken = iter(range(1, 1_000))

    def answer(_: Request) -> Answer:
        result = {"message_id": next(taken), "chat": {"id": -100}}
        return status(200, json.dumps({"ok": True, "result": result}))

    return answer


def configure(desk: Desk, rule: str = "pipa", more: str = "", extra: str = "") -> None:
    chat = (
        f"{{type: telegram, token: '{TOKEN}', chat: '-100', api: '{desk.receiver.origin}'{more}}}"
    )
    desk.configure(rule, channels=f"  chat: {chat}\n{extra}")


def play(desk: Desk, *steps: str | timedelta | Answer) -> list[tuple[str, str]]:
    """Articles that are published, minutes apart; what the service answers next; time that passes.
    What has become of the deliveries then, as kind and state."""
    found: list[tuple[str, str]] = []

    async def all_of_it(parts: Engine) -> None:
        for step in steps:
            match step:
                case str():
                    desk.publish(step)
                    await work_for(parts, desk.clock, 6 * M, 6 * M)
                case timedelta():
                    await work_for(parts, desk.clock, step, step / 4)
                case _:
                    desk.receiver.script(step)
        rows = sorted(parts.store.deliveries(100), key=lambda row: row.id)
        found.extend((row.kind, row.state) for row in rows)

    desk.run(all_of_it)
    return found


def plain(body: Any) -> str:
    return re.sub(r"</?b>", "", body["text"])


def asks(bodies: list[Any]) -> list[int | None]:
    """Which message each one answers."""
    return [body.get("reply_parameters", {}).get("message_id") for body in bodies]


def test_more_of_a_story_answers_its_first_alert_at_once_and_rings_no_more(desk: Desk) -> None:
    configure(desk)
    play(desk, *TITLES)
    first, second, third = desk.new()
    assert asks([first, second, third]) == [None, 1, 1]
    assert not first["disable_notification"]
    assert second["disable_notification"]
    assert third["disable_notification"]
    assert second["text"].startswith("more in T: ")
    play(desk, 30 * H)  # after a restart
    assert desk.new() == []  # nothing is left to sum up


def test_what_cannot_be_put_under_the_first_alert_is_summed_up(desk: Desk) -> None:
    configure(desk)
    states = play(desk, TITLES[0], GONE, *TITLES[1:])
    assert len(desk.new()) == 1
    assert len(desk.receiver.requests) == 2  # the third was not even tried
    assert states == [("hit", "sent"), ("hit", "folded"), ("digest", "held")]
    play(desk, 30 * H)
    [summary] = desk.new()
    assert "2 " in summary["text"]
    assert all(title in plain(summary) for title in TITLES[1:])


def test_an_alert_that_is_not_sent_yet_is_followed_by_a_summary(desk: Desk) -> None:
    configure(desk)
    states = play(desk, status(500), status(500), *TITLES[:2])
    assert ("digest", "held") in states
    play(desk, 30 * H)
    bodies = desk.new()
    assert asks(bodies) == [None, None]
    assert TITLES[1] in plain(bodies[1])


def test_a_follow_up_that_goes_on_failing_joins_the_summary_and_no_fallback(desk: Desk) -> None:
    spare = f"  spare: {{type: webhook, url: '{desk.receiver.url}', repeat: story}}\n"
    configure(desk, "{match: pipa, send: [chat]}", ", fallback: spare", spare)
    failing = (status(500), status(502), status(500))
    states = play(desk, TITLES[0], *failing, TITLES[1], 2 * H)
    assert len(desk.new()) == 1
    assert states[1:] == [("hit", "folded"), ("digest", "held")]
    play(desk, 30 * H)
    [summary] = desk.new()
    assert TITLES[1] in plain(summary)


def test_a_follow_up_that_was_taken_but_not_confirmed_is_sent_again_as_it_was(desk: Desk) -> None:
    configure(desk)
    play(desk, TITLES[0], Answer(hang_up="before"), TITLES[1], 12 * M)
    _, second, repeat = desk.new()
    assert second == repeat


@pytest.mark.parametrize(
    "manner",
    ["throttle: {max: 1, per: 12h}", 'quiet: {from: "12:08", to: "23:00", timezone: UTC}'],
)
def test_patience_holds_for_follow_ups_too(desk: Desk, manner: str) -> None:
    configure(desk, f"{{match: pipa, {manner}}}")
    assert ("digest", "held") in play(desk, *TITLES[:2])
    assert asks(desk.new()) == [None]


def test_a_follow_up_uses_up_nothing_of_a_throttle(desk: Desk) -> None:
    configure(desk, "{match: pipa, throttle: {max: 2, per: 12h}}")
    play(desk, *TITLES, "Oil price falls in Jakarta over pipa strike")
    assert asks(desk.new()) == [None, 1, 1, None]


def test_discords_first_message_is_edited_with_what_is_known_by_then(desk: Desk) -> None:
    desk.receiver.default = status(200, '{"id": "998877"}')
    url = f"{desk.receiver.origin}/api/webhooks/1/secret"
    desk.configure("pipa", channels=f"  chat: {{type: discord, url: '{url}'}}\n")
    play(desk, *TITLES[:2])
    _, edit = desk.receiver.requests
    assert (edit.method, edit.target) == ("PATCH", "/api/webhooks/1/secret/messages/998877")
    assert "1 more article" in json.dumps(edit.json)
