"""Alerts to a Matrix room: one notice each, by the client-server API.

Source: the Matrix specification, client-server API (send event, transaction identifiers, standard
error response) and its size limit of 65,536 bytes an event. The transaction id is the delivery's,
so that a repeat is the same event. Nobody is mentioned: ``m.mentions`` is empty.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, SecretStr

from alerts import simple_html as html
from alerts.alert import Alert
from alerts.channel import First, FirstGone, PermanentFailure, Receipt, Tools
from alerts.http import Reply, post_json, settle, silence
from alerts.message import SIGNS, Entry, Message, about, follow_up_of, small_print, text_of
from alerts.plain import plain
from alerts.settings import ChannelSettings, HttpUrl
from alerts.text import clean, cut

LIMIT = 65_536

_REFUSALS = {
    "M_UNKNOWN_TOKEN": "the token is no longer valid. Log the bot in again and put its access "
    "token into token",
    "M_MISSING_TOKEN": "no token arrived. Put the bot's access token into token",
    "M_FORBIDDEN": "the bot may not write in this room. Invite it, and let it join",
    "M_USER_DEACTIVATED": "the bot's account was deactivated. Use another",
    "M_NOT_FOUND": "there is no such room. Use its internal id (Room settings, Advanced)",
}


def _room(value: str) -> str:
    if value.startswith("#"):
        raise ValueError(
            "that is an alias; expected the room's internal id, such as !abc:example.org "
            "(Room settings, Advanced)"
        )
    if not re.fullmatch(r"![^\s/?#]{1,250}", value):
        raise ValueError("not a room; expected its internal id, such as !abc:example.org")
    return value


class Settings(ChannelSettings):
    """``homeserver``'s address, the bot's access ``token``, and the ``room``'s internal id."""

    homeserver: HttpUrl
    token: SecretStr
    room: Annotated[str, AfterValidator(_room)]

    @property
    def destination(self) -> str:
        """The room."""
        return f"{self.homeserver.get_secret_value().rstrip('/')}/{self.room}"


class Matrix:
    """Sends each alert as a notice with formatted text."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        server = settings.homeserver.get_secret_value().rstrip("/")
        room = quote(settings.room, safe="")
        self._url = f"{server}/_matrix/client/v3/rooms/{room}/send/m.room.message/"
        self._headers = {"authorization": f"Bearer {settings.token.get_secret_value()}"}
        self._http = tools.http
        self._message = tools.message

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        """Send the alert; the same id twice is one event.

        Raises:
            TemporaryFailure: no answer, a server error, or a request for silence.
            PermanentFailure: the room or the token is gone, or refuses us.
        """
        reply = await self._put(alert.id, render(self._message(alert)))
        event = reply.told.get("event_id")
        ref = event if isinstance(event, str) and len(event) < 300 else ""
        return Receipt(self._settled(reply, now).status, ref)

    async def follow(self, alert: Alert, first: First, now: datetime) -> Receipt:
        """A notice in the thread of the story's first; the same id twice is one event.

        Raises:
            FirstGone: the room does not have the first notice, or it may begin no thread.
            TemporaryFailure, PermanentFailure: as `send`.
        """
        if not first.ref.startswith("$"):
            raise FirstGone("the first alert was not told in Matrix")
        reply = await self._put(alert.id, _in_thread(alert, first))
        if reply.status == 400:
            said = cut(clean(str(reply.told.get("error", ""))), 160)
            raise FirstGone(f"Matrix cannot begin a thread under the first notice ({said})")
        return self._settled(reply, now)

    async def _put(self, id: str, content: dict[str, Any]) -> Reply:  # noqa: A002 - the alert's own name for it
        url = self._url + quote(id, safe="")
        return await post_json(self._http, url, content, headers=self._headers, method="PUT")

    def _settled(self, reply: Reply, now: datetime) -> Receipt:
        milliseconds = reply.told.get("retry_after_ms")
        seconds = milliseconds / 1000 if isinstance(milliseconds, int | float) else None
        if limited := silence(reply, self._url, now, seconds):
            raise limited
        if refusal := _refusal(reply):
            raise refusal
        return settle(reply, self._url, now)


def _refusal(reply: Reply) -> PermanentFailure | None:
    code = str(reply.told.get("errcode", ""))
    if not 400 <= reply.status < 500 or code not in _REFUSALS:
        return None
    return PermanentFailure(f"Matrix: {_REFUSALS[code]}", disables=True)


def render(message: Message) -> dict[str, Any]:
    """The content of the event: HTML, and plain text for clients and notifications without."""
    return {
        "msgtype": "m.notice",
        "body": cut(plain(message), 6_000),
        "format": "org.matrix.custom.html",
        "formatted_body": "".join(_lines(message)),
        "m.mentions": {},
    }


def _in_thread(alert: Alert, first: First) -> dict[str, Any]:
    """The content of a follow-up. Clients that know no threads show it as a reply."""
    said, entry = follow_up_of(alert, first.alert)
    title = cut(text_of(entry.title), 400)
    return {
        "msgtype": "m.notice",
        "body": f"{cut(said, 200)}: {title} {entry.link}".rstrip(),
        "format": "org.matrix.custom.html",
        "formatted_body": f"{html.words(said, 200)}: {html.title(entry, 400)}",
        "m.mentions": {},
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": first.ref,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": first.ref},
        },
    }


def _lines(message: Message) -> list[str]:
    sign = SIGNS[message.severity]
    if len(message.entries) == 1 and not message.more:
        return _article(message, message.entries[0], sign)
    lines = [f"<p>{sign}<strong>{html.words(message.heading, 300)}</strong></p>"]
    if message.text:
        lines.append(f"<p>{html.words(message.text, 2_000)}</p>")
    if message.entries:
        each = (f"<li>{html.title(e, 300)}<br>{_about(e)}</li>" for e in message.entries)
        lines.append(f"<ul>{''.join(each)}</ul>")
    if message.more:
        lines.append(f"<p>and {message.more} more</p>")
    small = html.words(small_print(message), 800)
    return [*lines, f"<p><em>{small}</em></p>"] if small else lines


def _article(message: Message, entry: Entry, sign: str) -> list[str]:
    return [
        f"<p>{sign}{html.title(entry, 400)}</p>",
        *(f"<blockquote>{html.inline(text, 700)}</blockquote>" for text in entry.excerpts[:3]),
        f"<p>{_about(entry)}<br><em>{html.words(small_print(message), 1_000)}</em></p>",
    ]


def _about(entry: Entry) -> str:
    return html.words(about(entry), 400)
