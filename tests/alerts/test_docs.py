"""docs/alerts.md shows what is sent: its renderings are compared, its code is run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rigs.made_alerts import a_hit, an_alert, an_event, send
from rigs.receiver import Receiver

from alerts import Alert, Digest, Excerpt, Hit, Rule, Span
from alerts.mail import address_of
from alerts.mail_message import compose
from alerts.message import message_of
from alerts.payload import payload_bytes
from alerts.plain import plain
from alerts.slack import render
from alerts.webhook import Settings

RULE = Rule("xi-putin", "high", ("leaders",))


def hit() -> Alert:
    text = "…Presiden Rusia Vladimir Putin mengatakan pembicaraan tentang pipa gas masih berlanjut…"
    return an_alert(
        a_hit(
            "Xi dan Putin bertemu di Beijing, pipa gas belum disepakati",
            excerpts=(Excerpt("content", text, (Span("content", 25, 30, "Putin"),)),),
            url="https://news.example/id/2026/xi-putin-beijing",
            author="",
            rule=RULE,
            id="0199f2c4-6b1e-7a20-9c3d-5e8f7a6b4c21",
        )
    )


def digest() -> Alert:
    first = hit().body
    assert isinstance(first, Hit)
    second = a_hit(
        "普京访华，与习近平会谈",
        spans=((0, 2, "普京"), (6, 9, "习近平")),
        summary="",
        url="https://news.example/zh/2026/1",
        source="Example Daily",
        lang="zh",
    )
    return an_alert(Digest(Rule("xi-putin"), 39, (first, second), 37))


def as_console(alert: Alert) -> str:
    return plain(message_of(alert))


def as_mail(alert: Alert) -> str:
    sender, to = address_of("Wirewatch <wirewatch@example.org>"), address_of("desk@example.org")
    mail = compose(alert, sender, (to,))
    shown = ("From", "To", "Subject", "Date", "Message-ID", "List-Id", "Auto-Submitted")
    part = mail.get_body(("plain",))
    assert part is not None
    return "\n".join([*(f"{name}: {mail[name]}" for name in shown), "", part.get_content()])


def as_slack(alert: Alert) -> str:
    rich, about = render(message_of(alert))["blocks"]
    title, *quotes = rich["elements"]
    lines = ["".join(map(_slack_element, title["elements"]))]
    lines += ["> " + "".join(map(_slack_element, quote["elements"])) for quote in quotes]
    lines.append("   ".join(_slack_small(element["text"]) for element in about["elements"]))
    return "\n".join(lines)


def _slack_element(element: dict[str, Any]) -> str:
    if element["type"] == "emoji":
        return f":{element['name']}:"
    text: str = element["text"]
    text = f"**{text}**" if "style" in element else text
    return f"[{text}]" if element["type"] == "link" else text


def _slack_small(text: str) -> str:
    text = re.sub(r"<!date\^[^|]*\|([^>]*)>", r"\1", text)
    return re.sub(r"<[^|]*\|([^>]*)>", r"[\1]", text)


RENDERINGS: dict[str, Callable[[], str]] = {
    "console hit": lambda: as_console(hit()),
    "console digest": lambda: as_console(digest()),
    "console event": lambda: as_console(an_alert(an_event())),
    "slack hit": lambda: as_slack(hit()),
    "slack text": lambda: str(render(message_of(hit()))["text"]),
    "mail hit": lambda: as_mail(hit()),
}


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "alerts.md").read_text(encoding="utf-8")


def block(page: str, marker: str) -> str:
    """The fenced block under a marker."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)\n```", page, re.DOTALL)
    assert found, f"no block under {marker!r}"
    return found[1]


@pytest.mark.parametrize("name", RENDERINGS)
def test_a_rendering_is_what_is_sent(name: str, page: str) -> None:
    assert block(page, f"rendering: {name}") == RENDERINGS[name]().rstrip("\n")


def test_the_payload_is_what_is_sent(page: str) -> None:
    assert json.loads(block(page, "rendering: webhook hit")) == json.loads(payload_bytes(hit()))


def test_every_rendering_of_the_page_is_compared(page: str) -> None:
    assert set(re.findall("<!-- rendering: (.*?) -->", page)) == {*RENDERINGS, "webhook hit"}


SAYS = {
    "Slack": ("slack", "slack_app"),
    "Discord": ("discord",),
    "Telegram": ("telegram",),
    "Teams": ("teams",),
    "Matrix": ("matrix",),
    "Mattermost": ("mattermost",),
    "Google": ("googlechat",),
}


@pytest.mark.parametrize("service", SAYS)
def test_what_the_page_says_that_we_say_is_what_we_say(service: str, page: str, root: Path) -> None:
    sources = ((root / "alerts" / f"{name}.py").read_text("utf-8") for name in SAYS[service])
    code = re.sub(r'"\s*f?"', "", "".join(sources))  # pieces of one text
    tables = re.findall(rf"^\| {service} says \|.*\n((?:\|.*\n)+)", page, re.MULTILINE)
    cells = [row.split(" | ")[1].strip(" |") for table in tables for row in table.splitlines()[1:]]
    ours = [cell for cell in cells if ":" not in cell.replace("chat:write", "")]
    pieces = [piece for cell in ours for piece in re.split(r"; |\. ", cell) if "..." not in piece]
    told = [piece for piece in pieces if not piece.startswith(("what ", "too many requests"))]
    assert told
    assert [piece for piece in told if piece not in code] == []


def test_every_picture_of_the_page_is_there_and_small(page: str, root: Path) -> None:
    shown = set(re.findall(r"\]\((pictures/[^)]+)\)", page))
    there = {f"pictures/{file.name}" for file in (root / "docs" / "pictures").glob("*.png")}
    assert shown == there
    assert all((root / "docs" / name).stat().st_size < 60_000 for name in shown)


def test_the_code_of_the_page_tells_a_genuine_webhook_from_a_forged_one(page: str) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    with Receiver() as receiver:
        settings = Settings.model_validate({"url": receiver.url, "secret": secret})
        send("webhook", settings, hit(), datetime.now(UTC))
        (request,) = receiver.requests
    code: dict[str, Any] = {}
    for name in ("library", "by hand"):
        exec(block(page, f"run: {name}"), code)
    headers = {key.lower(): value for key, value in request.headers}
    assert code["handle"](headers, request.body, secret).startswith("Xi dan Putin")
    assert code["is_genuine"](headers, request.body, secret)
    assert not code["is_genuine"](headers, request.body + b" ", secret)
    assert not code["is_genuine"]({**headers, "webhook-id": "other"}, request.body, secret)
    assert not code["is_genuine"]({**headers, "webhook-timestamp": "1"}, request.body, secret)
