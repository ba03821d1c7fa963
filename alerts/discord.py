"""Alerts to a Discord channel, by webhook: one embed each.

Source: Discord's documentation of webhooks, of the message object's embed limits and of rate
limits. Nothing is ever mentioned: ``allowed_mentions`` is empty and every sign of Discord's
markdown stands behind a backslash.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from alerts.alert import Alert
from alerts.channel import First, FirstGone, PermanentFailure, Receipt, Tools
from alerts.http import Reply, post_json, settle, silence
from alerts.markdown import DISCORD
from alerts.message import Entry, Message, small_print, when
from alerts.settings import ChannelSettings, HttpUrl
from alerts.text import cut

TITLE = 256
DESCRIPTION = 4_096
FOOTER = 2_048
AUTHOR = 256
EMBED = 6_000

_COLOURS = {"low": 0x95A5A6, "normal": 0x3498DB, "high": 0xE67E22, "critical": 0xE74C3C}
_UNKNOWN_MESSAGE = 10008
_RENEW = "make a new webhook in the Discord channel's settings and put its address into url"
_REFUSALS = {
    10015: f"this webhook was deleted; {_RENEW}",
    10003: f"the Discord channel no longer exists; {_RENEW}",
    50013: f"the webhook may not write there; {_RENEW}",
    50027: f"the address is not complete or no longer valid; {_RENEW}",
    220001: "this webhook writes to a forum; choose a text channel",
}


class Settings(ChannelSettings):
    """``url``: the webhook's address, as Discord shows it."""

    url: HttpUrl


class Discord:
    """POSTs each alert as an embed and waits for Discord to say that it shows it."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        self._webhook = settings.url.get_secret_value()
        self._url = f"{self._webhook}{'&' if urlsplit(self._webhook).query else '?'}wait=true"
        self._http = tools.http
        self._message = tools.message

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        """POST the alert.

        Raises:
            TemporaryFailure: no answer, a server error, or a request for silence.
            PermanentFailure: the webhook is gone, or Discord refuses the message.
        """
        reply = await post_json(self._http, self._url, render(self._message(alert)))
        receipt = self._settled(reply, now)
        return Receipt(receipt.status, self._ref(reply.told.get("id")))

    async def follow(self, alert: Alert, first: First, now: datetime) -> Receipt:  # noqa: ARG002 - the first says all
        """Edit the story's first message so that it names every source there is now; doing so
        twice changes nothing.

        Raises:
            FirstGone: the message was deleted, or another webhook wrote it.
            TemporaryFailure, PermanentFailure: as `send`.
        """
        message = first.ref.rpartition("/")[2]
        if self._ref(message) != first.ref:
            raise FirstGone("another webhook wrote the story's first message")
        url = urlsplit(self._webhook)
        url = url._replace(path=f"{url.path.rstrip('/')}/messages/{message}")
        reply = await post_json(
            self._http, url.geturl(), render(self._message(first.alert)), method="PATCH"
        )
        if reply.status == 404 and reply.told.get("code") == _UNKNOWN_MESSAGE:
            raise FirstGone("the story's first message was deleted")
        return self._settled(reply, now)

    def _ref(self, message: object) -> str:
        """The message's number under that of the webhook, which alone may edit it."""
        if not isinstance(message, str) or not re.fullmatch(r"\d{1,25}", message, re.ASCII):
            return ""
        webhook = hashlib.sha256(urlsplit(self._webhook).path.encode()).hexdigest()[:16]
        return f"{webhook}/{message}"

    def _settled(self, reply: Reply, now: datetime) -> Receipt:
        if limited := silence(reply, self._url, now, reply.told.get("retry_after")):
            raise limited
        if refusal := _refusal(reply):
            raise refusal
        return settle(reply, self._url, now)


def _refusal(reply: Reply) -> PermanentFailure | None:
    """Why not, in words that say what to mend."""
    if not 400 <= reply.status < 500:
        return None
    code = reply.told.get("code")
    if isinstance(code, int) and (meaning := _REFUSALS.get(code)):
        return PermanentFailure(f"Discord: {meaning}", disables=True)
    if reply.status in {401, 403, 404}:
        return PermanentFailure(f"Discord does not know this webhook; {_RENEW}", disables=True)
    return None


def render(message: Message) -> dict[str, Any]:
    """The body of the POST: one embed that stays within Discord's limits."""
    several = len(message.entries) > 1 or bool(message.more)
    embed = _of_one(message, message.entries[0]) if message.entries and not several else {}
    if not embed:
        embed = {
            "title": DISCORD.words(message.heading, TITLE),
            "description": _lines(message) if several else DISCORD.words(message.text, DESCRIPTION),
        }
    footer = _footer(message)
    return {
        "allowed_mentions": {"parse": []},
        "embeds": [
            {
                **{name: value for name, value in embed.items() if value},
                "color": _COLOURS[message.severity],
                "timestamp": _time(message.entries[0].at if embed.get("author") else message.at),
                **({"footer": {"text": footer}} if footer else {}),
            }
        ],
    }


def _of_one(message: Message, entry: Entry) -> dict[str, Any]:
    del message
    linked = bool(entry.link and entry.labels_link)
    return {
        "author": {"name": cut(entry.source or entry.host or "unknown source", AUTHOR)},
        "title": DISCORD.line(entry.title, TITLE, DISCORD.loud),
        "url": entry.link if linked else "",
        "description": "\n".join(_said(entry, linked=linked)),
    }


def _said(entry: Entry, *, linked: bool) -> list[str]:
    lines = [f"> {DISCORD.line(excerpt, 900)}" for excerpt in entry.excerpts[:3]]
    if entry.link and not linked:
        return [*lines, f"[{DISCORD.words(entry.host, 200)}](<{entry.link}>)"]
    return [*lines, DISCORD.words(entry.host, 200)] if entry.host else lines


def _lines(message: Message) -> str:
    """A digest: a line for each hit that fits, and how many do not."""
    lines: list[str] = []
    room = DESCRIPTION - 40
    for entry in message.entries:
        line = _line(entry)
        if len(line) + 1 > room:
            break
        lines.append(line)
        room -= len(line) + 1
    left = message.more + len(message.entries) - len(lines)
    return "\n".join([*lines, f"and {left} more"] if left else lines)


def _line(entry: Entry) -> str:
    title = DISCORD.line(entry.title, 300)
    about = DISCORD.words(f" · {entry.source} · {when(entry.at)}", 300)
    if entry.link and entry.labels_link:
        return f"- [{title}](<{entry.link}>){about}"
    host = f" [{DISCORD.words(entry.host, 200)}](<{entry.link}>)" if entry.link else ""
    return f"- {title}{host}{about}"


def _footer(message: Message) -> str:
    """Why it came. A footer shows text as it is."""
    lang = message.entries[0].lang if len(message.entries) == 1 else ""
    return cut(" · ".join(part for part in (lang, small_print(message)) if part), FOOTER)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
