"""Alerts to Mattermost, by incoming webhook: one attachment each.

Source: Mattermost's documentation of incoming webhooks and of message attachments. Everything is
markdown there, so every sign stands behind a backslash, and ``@`` and ``:`` are followed by
something invisible, which no backslash could keep from making a mention or an emoji.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alerts.alert import Alert
from alerts.channel import PermanentFailure, Receipt, Tools
from alerts.http import Reply, post_json, settle, silence
from alerts.markdown import MATTERMOST
from alerts.message import Entry, Message, small_print, when
from alerts.settings import ChannelSettings, HttpUrl

LIMIT = 16_000
"""Code points of an attachment's text; Mattermost's own limit of a post is 16,383."""

_COLOURS = {"low": "#95a5a6", "normal": "#3498db", "high": "#e67e22", "critical": "#e74c3c"}
_RENEW = "make a new incoming webhook in Mattermost and put its address into url"
_REFUSALS = {
    "web.incoming_webhook.invalid.app_error": f"this webhook was deleted; {_RENEW}",
    "web.incoming_webhook.channel.app_error": f"its Mattermost channel no longer exists; {_RENEW}",
    "web.incoming_webhook.channel_locked.app_error": "the webhook is bound to another channel; "
    "unlock it in Mattermost",
    "web.incoming_webhook.permissions.app_error": "the webhook's owner may not write there; "
    "invite them to the channel",
    "web.incoming_webhook.disabled.app_error": "incoming webhooks are switched off; "
    "ask Mattermost's admin to allow them",
}


class Settings(ChannelSettings):
    """``url``: the incoming webhook's address."""

    url: HttpUrl


class Mattermost:
    """POSTs each alert as a message attachment."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        self._url = settings.url.get_secret_value()
        self._http = tools.http
        self._message = tools.message

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        """POST the alert.

        Raises:
            TemporaryFailure: no answer, a server error, or a request for silence.
            PermanentFailure: the webhook is gone, or Mattermost refuses the message.
        """
        reply = await post_json(self._http, self._url, render(self._message(alert)))
        if limited := silence(reply, self._url, now):
            raise limited
        if refusal := _refusal(reply):
            raise refusal
        return settle(reply, self._url, now)


def _refusal(reply: Reply) -> PermanentFailure | None:
    meaning = _REFUSALS.get(str(reply.told.get("id", "")))
    if not 400 <= reply.status < 500 or meaning is None:
        return None
    return PermanentFailure(f"Mattermost: {meaning}", disables=True)


def render(message: Message) -> dict[str, Any]:
    """The body of the POST: one attachment, and a text for notifications."""
    return {
        "attachments": [
            {
                "fallback": MATTERMOST.words(message.heading, 300),
                "color": _COLOURS[message.severity],
                "text": "\n".join(_lines(message)),
            }
        ]
    }


def _lines(message: Message) -> list[str]:
    if len(message.entries) == 1 and not message.more:
        return _article(message, message.entries[0])
    heading = [f"**{MATTERMOST.words(message.heading, 300)}**"]
    if message.text:
        heading.append(MATTERMOST.words(message.text, 4_000))
    shown, room = list[str](), LIMIT - 1_000 - sum(map(len, heading))
    for entry in message.entries:
        line = f"- {_title(entry)} · {_about(entry)}"
        if len(line) > room:
            break
        shown.append(line)
        room -= len(line) + 1
    left = message.more + len(message.entries) - len(shown)
    small = MATTERMOST.words(small_print(message), 800)
    return [*heading, *shown, *([f"and {left} more"] if left else []), *([small] if small else [])]


def _article(message: Message, entry: Entry) -> list[str]:
    why = [*([entry.lang] if entry.lang else []), small_print(message)]
    return [
        f"##### {_title(entry)}",
        *(f"> {MATTERMOST.line(excerpt, 900)}" for excerpt in entry.excerpts[:3]),
        "",
        _about(entry),
        MATTERMOST.words(" · ".join(why), 1_500),
    ]


def _title(entry: Entry) -> str:
    title = MATTERMOST.line(entry.title, 600)
    if not entry.link:
        return title
    if entry.labels_link:
        return f"[{title}](<{entry.link}>)"
    return f"{title} [{MATTERMOST.words(entry.host, 300)}](<{entry.link}>)"


def _about(entry: Entry) -> str:
    parts = (entry.source, entry.host, when(entry.at))
    return " · ".join(MATTERMOST.words(part, 300) for part in parts if part)
