"""Alerts to Microsoft Teams, by a workflow's webhook: one Adaptive Card each.

Source: Microsoft's documentation of Workflows webhooks and of Adaptive Cards. Text stands in
``RichTextBlock``s, whose runs know no markdown: in a ``TextBlock`` a title could make a link.
Teams counts bytes and refuses cards somewhere beyond 20 kB; it answers some failures with 200
and a sentence.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from alerts.alert import Alert
from alerts.channel import PermanentFailure, Receipt, TemporaryFailure, Tools
from alerts.http import Reply, origin, post_json, settle, silence
from alerts.message import Entry, Message, Text, about, cut_text, small_print
from alerts.settings import ChannelSettings, HttpUrl
from alerts.text import cut

LIMIT = 20_000
"""Bytes of the whole body."""

_COLOURS = {"low": "default", "normal": "default", "high": "warning", "critical": "attention"}
_RENEW = (
    'make a workflow "Post to a channel when a webhook request is received" and put its '
    "address into url"
)
_GONE = frozenset(
    {
        "WorkflowNotFound",
        "WorkflowTriggerIsNotEnabled",
        "DirectApiAuthorizationRequired",
        "DirectApiInvalidAuthorizationScheme",
        "InvalidTriggerAuthorization",
    }
)


def _not_retired(value: SecretStr) -> SecretStr:
    host = urlsplit(value.get_secret_value()).hostname or ""
    if host.endswith(("webhook.office.com", "outlook.office.com", "outlook.office365.com")):
        raise ValueError(f"Office 365 connectors are retired; {_RENEW}")
    return value


class Settings(ChannelSettings):
    """``url``: the address that the workflow shows."""

    url: Annotated[HttpUrl, AfterValidator(_not_retired)]


class Teams:
    """POSTs each alert as an Adaptive Card."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        self._url = settings.url.get_secret_value()
        self._http = tools.http
        self._message = tools.message

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        """POST the alert.

        Raises:
            TemporaryFailure: no answer, a server error, or a request for silence.
            PermanentFailure: the workflow is gone or switched off, or refuses the card.
        """
        reply = _meant(await post_json(self._http, self._url, render(self._message(alert))))
        if limited := silence(reply, self._url, now):
            raise limited
        if refusal := _refusal(reply):
            raise refusal
        if 200 <= reply.status < 300 and re.search(r"\berror\b", reply.text, re.IGNORECASE):
            raise TemporaryFailure(
                f"{origin(self._url)} answered {reply.status} with an error: {reply.excerpt}"
            )
        return settle(reply, self._url, now)


def _meant(reply: Reply) -> Reply:
    """The answer with the status that its sentence names: Teams says 200 of what failed behind."""
    found = re.search(r"HTTP error (\d{3})", reply.text) if 200 <= reply.status < 300 else None
    return Reply(int(found[1]), reply.headers, reply.text) if found else reply


def _refusal(reply: Reply) -> PermanentFailure | None:
    error = reply.told.get("error")
    code = str(error.get("code", "")) if isinstance(error, dict) else ""
    if 400 <= reply.status < 500 and (code in _GONE or reply.status in {401, 403, 404}):
        why = "the workflow was deleted, switched off, or does not accept this address"
        return PermanentFailure(f"Teams: {why}; switch it on, or {_RENEW}", disables=True)
    return None


def render(message: Message) -> dict[str, Any]:
    """The body of the POST: a card that stays within the limit."""
    body: dict[str, Any] = {}
    for title, excerpt, entries in ((300, 600, 10), (200, 250, 5), (120, 0, 2)):
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "msteams": {"width": "Full"},
            "body": _blocks(message, title, excerpt, entries),
            **_actions(message),
        }
        kind = "application/vnd.microsoft.card.adaptive"
        attachment = {"contentType": kind, "contentUrl": None, "content": card}
        body = {
            "type": "message",
            "summary": cut(message.heading, 200),
            "attachments": [attachment],
        }
        if len(json.dumps(body, ensure_ascii=False).encode()) <= LIMIT:
            break
    return body


def _blocks(message: Message, title: int, excerpt: int, entries: int) -> list[dict[str, Any]]:
    if len(message.entries) == 1 and not message.more:
        return _article(message, message.entries[0], title, excerpt)
    blocks = [_block([_run(cut(message.heading, title), size="large", weight="bolder")])]
    if message.text:
        blocks.append(_block([_run(message.text)]))
    shown = message.entries[:entries]
    for entry in shown:
        blocks.append(_block([_run("• "), *_title(entry, title)]))
        blocks.append(_small(about(entry)))
    left = message.more + len(message.entries) - len(shown)
    if left:
        blocks.append(_small(f"and {left} more"))
    small = cut(small_print(message), 800)
    return [*blocks, _small(small)] if small else blocks


def _article(message: Message, entry: Entry, title: int, excerpt: int) -> list[dict[str, Any]]:
    colour = _COLOURS[message.severity]
    heading = [{**run, "size": "large", "color": colour} for run in _title(entry, title)]
    quotes = [_quote(cut_text(text, excerpt)) for text in entry.excerpts[:3]] if excerpt else []
    return [
        _block(heading),
        *quotes,
        _small(about(entry)),
        _small(cut(small_print(message), 1_000)),
    ]


def _title(entry: Entry, limit: int) -> list[dict[str, Any]]:
    runs = _runs(cut_text(entry.title, limit))
    if not entry.link:
        return runs
    open_it = {"selectAction": {"type": "Action.OpenUrl", "url": entry.link}}
    if entry.labels_link:
        return [{**run, **open_it} for run in runs]
    return [*runs, _run(" "), {**_run(entry.host), **open_it}]


def _actions(message: Message) -> dict[str, Any]:
    single = len(message.entries) == 1 and not message.more
    link = message.entries[0].link if single else ""
    if not link:
        return {}
    title = f"Open {cut(message.entries[0].host, 60)}"
    return {"actions": [{"type": "Action.OpenUrl", "title": title, "url": link}]}


def _runs(text: Text) -> list[dict[str, Any]]:
    return [
        _run(run.text, weight="bolder", highlight=True) if run.marked else _run(run.text)
        for run in text
    ]


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}


def _block(inlines: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": inlines}


def _quote(text: Text) -> dict[str, Any]:
    return {"type": "Container", "style": "emphasis", "items": [_block(_runs(text))]}


def _small(text: str) -> dict[str, Any]:
    return _block([_run(text, size="small", isSubtle=True)])
