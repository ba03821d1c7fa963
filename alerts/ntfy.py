"""Alerts to a phone or a desktop by ntfy: one notification each.

Source: ntfy's documentation of publishing as JSON and of its limits: 4,096 bytes a message (what
is longer becomes a file). Text is shown as it is: nothing in it is markup.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, SecretStr

from alerts.alert import Alert
from alerts.channel import PermanentFailure, Receipt, Tools
from alerts.http import origin, post_json, settle, silence
from alerts.message import Entry, Message, about, small_print, text_of
from alerts.plain import inline
from alerts.settings import ChannelSettings, HttpUrl
from alerts.text import cut, utf8

LIMIT = 4_000
TITLE = 250

_PRIORITIES = {"low": 2, "normal": 3, "high": 4, "critical": 5}
_TAGS = {"low": [], "normal": [], "high": ["orange_circle"], "critical": ["red_circle"]}


def _with_topic(value: SecretStr) -> SecretStr:
    topic = urlsplit(value.get_secret_value()).path.rstrip("/").rpartition("/")[2]
    if not topic:
        raise ValueError("names no topic; expected https://ntfy.sh/your-topic")
    return value


class Settings(ChannelSettings):
    """``url``: the server and the topic, such as https://ntfy.sh/your-topic. ``token``: an access
    token, where the topic is reserved."""

    url: Annotated[HttpUrl, AfterValidator(_with_topic)]
    token: SecretStr | None = None


class Ntfy:
    """POSTs each alert as a notification that opens the article."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        url = settings.url.get_secret_value().rstrip("/")
        base, _, topic = urlsplit(url).path.rpartition("/")
        self._url = f"{url.removesuffix(topic).removesuffix('/')}/" if not base else _base(url)
        self._topic = unquote(topic)
        token = settings.token.get_secret_value() if settings.token else ""
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = tools.http
        self._message = tools.message

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        """POST the alert.

        Raises:
            TemporaryFailure: no answer, a server error, or a request for silence.
            PermanentFailure: the topic is not ours, or the message is refused.
        """
        body = {"topic": self._topic, **render(self._message(alert))}
        reply = await post_json(self._http, self._url, body, headers=self._headers)
        if limited := silence(reply, self._url, now):
            raise limited
        if reply.status in {401, 403}:
            raise PermanentFailure(
                f"{origin(self._url)} does not let us write to this topic; "
                f"put an access token that may into token",
                disables=True,
            )
        return settle(reply, self._url, now)


def _base(url: str) -> str:
    return f"{url.rpartition('/')[0]}/"


def render(message: Message) -> dict[str, Any]:
    """The notification, but for its topic."""
    single = len(message.entries) == 1 and not message.more
    entry = message.entries[0] if message.entries else None
    title = text_of(entry.title) if entry and single else message.heading
    lines = _article(message, entry) if entry and single else _lines(message)
    return {
        "title": cut(title, TITLE, utf8),
        "message": cut("\n".join(lines), LIMIT, utf8),
        "priority": _PRIORITIES[message.severity],
        "tags": _TAGS[message.severity],
        **({"click": entry.link} if entry and single and entry.link else {}),
    }


def _article(message: Message, entry: Entry) -> list[str]:
    return [
        *(cut(inline(text), 900, utf8) for text in entry.excerpts[:2]),
        _about(entry),
        cut(small_print(message), 700, utf8),
        *([entry.link] if len(entry.link) < 1_000 else []),
    ]


def _lines(message: Message) -> list[str]:
    lines = [message.text] if message.text else []
    small = cut(small_print(message), 400, utf8)
    room = LIMIT - 100 - utf8(small)
    for shown, entry in enumerate(message.entries):
        line = f"- {cut(text_of(entry.title), 300, utf8)}\n  {_about(entry)}"
        line += f"\n  {entry.link}" if entry.link else ""
        room -= utf8(line) + 1
        if room < 0:
            return [*lines, f"and {message.more + len(message.entries) - shown} more", small]
        lines.append(line)
    if message.more:
        lines.append(f"and {message.more} more")
    return [*lines, small] if small else lines


def _about(entry: Entry) -> str:
    return cut(about(entry), 400, utf8)
