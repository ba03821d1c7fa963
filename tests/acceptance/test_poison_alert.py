"""One alert that no service takes, among good ones, on every kind of channel (C14, E14)."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from loguru import logger
from rigs.desk import Desk
from rigs.mailbox import Mailbox
from rigs.origin import Origin
from rigs.receiver import Answer, Receiver, Request, status

pytestmark = pytest.mark.usefixtures("parsing_here")

GOOD = 30
POISON = "pipa POISON \u202e\u2028 &lt;script&gt; @everyone &lt;!channel&gt;"
SECRET = "5ecret-of-"
CHANNELS = """\
  webhook: {type: webhook, url: '{o}/webhook/5ecret-of-webhook',
    secret: whsec_NWVjcmV0LXNpZ25pbmctLS0t}
  slack: {type: slack, url: '{o}/slack/5ecret-of-slack'}
  discord: {type: discord, url: '{o}/discord/5ecret-of-discord'}
  telegram: {type: telegram, token: '1234:5ecret-of-telegram-xxxxxxxxxxxxxxxxxxxxx', chat: '-1',
    api: '{o}/telegram'}
  teams: {type: teams, url: '{o}/teams/5ecret-of-teams'}
  matrix: {type: matrix, homeserver: '{o}', token: 5ecret-of-matrix, room: '!r:matrix.example'}
  mattermost: {type: mattermost, url: '{o}/mattermost/5ecret-of-mattermost'}
  googlechat: {type: googlechat, url: '{o}/googlechat?key=5ecret-of-googlechat'}
  ntfy: {type: ntfy, url: '{o}/ntfy/topic', token: tk_5ecret-of-ntfy}
  mail: {type: mail, to: desk@example.org, from: wirewatch@example.org, smtp: 'smtp://127.0.0.1:{p}'}
"""  # fmt: skip
HTTP = (
    "webhook", "slack", "discord", "telegram", "teams", "matrix", "mattermost", "googlechat", "ntfy"
)  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Origin() as origin, Receiver() as receiver:
        yield Desk(tmp_path, origin, receiver)


def channel_of(request: Request) -> str:
    known = [name for name in HTTP if f"/{name}" in request.target]
    return known[0] if known else "ntfy"


def service(request: Request) -> Answer:
    """Refuses the poison, and says back to the sender all that it was asked with."""
    if b"POISON" in request.body:
        whole = f"cannot read {request.target} {request.header('authorization')}"
        return status(400, json.dumps({"description": whole}))
    answers = {
        "slack": "ok",
        "telegram": '{"ok": true, "result": {"message_id": 7}}',
        "matrix": '{"event_id": "$e"}',
        "discord": '{"id": "7"}',
    }
    return status(200, answers.get(channel_of(request), "{}"))


def test_the_good_ones_arrive_and_the_poison_is_a_dead_letter_with_its_cause(desk: Desk) -> None:
    """No time passes on the daemon's clock: nothing waits for a retry."""
    log: list[str] = []
    desk.receiver.default = service
    with Mailbox() as mailbox:
        named = CHANNELS.replace("{o}", desk.receiver.origin).replace("{p}", str(mailbox.port))
        names = [*HTTP, "mail"]
        desk.configure(f"{{match: pipa, send: [{', '.join(names)}]}}", channels=named)
        for number in range(GOOD // 2):
            desk.publish(f"good {number} morning")
        desk.publish(POISON)
        for number in range(GOOD // 2, GOOD):
            desk.publish(f"good {number} morning")
        sink = logger.add(lambda message: log.append(str(message)), level="DEBUG")
        try:
            desk.now()
        finally:
            logger.remove(sink)
        assert len({mail.message["Subject"] for mail in mailbox.mails}) == GOOD + 1
    states = stored(desk.folder)
    for name in HTTP:
        assert len(states[name, "sent"]) == GOOD, name
        [cause] = states[name, "dead"]
        assert "400" in cause or "cannot read" in cause, name
    assert len(states["mail", "sent"]) == GOOD + 1  # a mailbox takes any text
    told(desk.folder, "\n".join(log))


def stored(folder: Path) -> dict[tuple[str, str], list[str]]:
    """What the service answered, by channel and state."""
    found = defaultdict(list)
    with closing(sqlite3.connect(folder / "wirewatch.db")) as connection:
        for channel, state, answer in connection.execute(
            "SELECT channel, state, answer FROM deliveries WHERE kind = 'hit'"
        ):
            found[channel, state].append(answer)
    return found


def told(folder: Path, log: str) -> None:
    """E14: whatever a service says back, no secret of ours is in the database or in the log."""
    with closing(sqlite3.connect(folder / "wirewatch.db")) as connection:
        dump = "\n".join(connection.iterdump())
    for where, text in (("database", dump), ("log", log)):
        at = text.find(SECRET)
        assert at < 0, f"in the {where}: {text[max(0, at - 200) : at + 80]}"
    assert "cannot read" in dump
