"""Alerts to a Google Chat space, by its webhook: one card each.

Source: Google's documentation of Chat webhooks, of the message resource and of cards. A card's
text is HTML, where feed text can be escaped; a message's own text cannot be (``<users/all>``
would ring everybody), so nothing of a feed ever stands there.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from alerts import simple_html as html
from alerts.alert import Alert
from alerts.channel import PermanentFailure, Receipt, Tools
from alerts.http import Reply, post_json, settle, silence
from alerts.message import SIGNS, Entry, Message, about, small_print
from alerts.settings import ChannelSettings, HttpUrl

LIMIT = 30_000
"""Bytes of a message; Google refuses more than 32,000."""

_RENEW = "make a new webhook in the space (Apps & integrations) and put its address into url"


class Settings(ChannelSettings):
    """``url``: the webhook's address, with its key and token."""

    url: HttpUrl


class GoogleChat:
    """POSTs each alert as a card; the same id twice is one message."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        self._url = settings.url.get_secret_value()
        self._http = tools.http
        self._message = tools.message

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        """POST the alert.

        Raises:
            TemporaryFailure: no answer, a server error, or a request for silence.
            PermanentFailure: the webhook or its space is gone, or the message is refused.
        """
        joint = "&" if urlsplit(self._url).query else "?"
        url = f"{self._url}{joint}requestId={quote(alert.id, safe='')}"
        reply = await post_json(self._http, url, render(self._message(alert)))
        if limited := silence(reply, self._url, now):
            raise limited
        if reply.status in {401, 403, 404}:
            raise PermanentFailure(f"Google Chat: {_meaning(reply)}; {_RENEW}", disables=True)
        return settle(reply, self._url, now)


def _meaning(reply: Reply) -> str:
    if reply.status == 404:
        return "this webhook or its space no longer exists"
    return "this webhook may not write there"


def render(message: Message) -> dict[str, Any]:
    """The body of the POST: a card that stays within the limit."""
    body: dict[str, Any] = {}
    for excerpts, entries in ((3, 10), (1, 5), (0, 2)):
        widgets = _widgets(message, excerpts, entries)
        card = {"sections": [{"widgets": widgets}]}
        body = {"cardsV2": [{"cardId": "alert", "card": card}]}
        if len(json.dumps(body, ensure_ascii=False).encode()) <= LIMIT:
            break
    return body


def _widgets(message: Message, excerpts: int, entries: int) -> list[dict[str, Any]]:
    sign = SIGNS[message.severity]
    if len(message.entries) == 1 and not message.more:
        return _article(message, message.entries[0], sign, excerpts)
    widgets = [_paragraph(f"{sign}<b>{html.words(message.heading, 300)}</b>")]
    if message.text:
        widgets.append(_paragraph(html.words(message.text, 2_000)))
    shown = message.entries[:entries]
    widgets += [_paragraph(f"• {html.title(e, 300)}<br>{_about(e)}") for e in shown]
    left = message.more + len(message.entries) - len(shown)
    if left:
        widgets.append(_paragraph(f"and {left} more"))
    small = html.words(small_print(message), 800)
    return [*widgets, _paragraph(f"<i>{small}</i>")] if small else widgets


def _article(message: Message, entry: Entry, sign: str, excerpts: int) -> list[dict[str, Any]]:
    return [
        _paragraph(f"{sign}{html.title(entry, 400)}"),
        *(_paragraph(html.inline(text, 700)) for text in entry.excerpts[:excerpts]),
        _paragraph(f"{_about(entry)}<br><i>{html.words(small_print(message), 1_000)}</i>"),
    ]


def _about(entry: Entry) -> str:
    return html.words(about(entry), 400)


def _paragraph(text: str) -> dict[str, Any]:
    return {"textParagraph": {"text": text}}
