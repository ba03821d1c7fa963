"""Alerts to a Telegram chat, by a bot: one message each, in Telegram's HTML.

Source: Telegram's Bot API (sendMessage, HTML style, ResponseParameters) and its FAQ for limits:
4,096 UTF-16 units of what is read, a message a second to one chat. Nothing is previewed; what is
of low severity makes no sound.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, SecretStr

from alerts import simple_html as html
from alerts.alert import Alert
from alerts.channel import First, FirstGone, PermanentFailure, Receipt, Tools
from alerts.http import Reply, post_json, settle, silence
from alerts.message import SIGNS, Entry, Message, about, follow_up_of, small_print, text_of
from alerts.settings import ChannelSettings, HttpUrl
from alerts.text import cut

LIMIT = 4_096

_NOT_READ = re.compile(r"can't parse entities|message is too long|entities? .* too", re.IGNORECASE)
_REFUSALS = (
    (
        re.compile("chat not found", re.IGNORECASE),
        "chat not found. Add the bot to the group, or use the numeric id",
    ),
    (
        re.compile("bot was blocked", re.IGNORECASE),
        "the bot was blocked. Unblock it in that chat, and press Start",
    ),
    (
        re.compile("bot was kicked|not a member|chat was deleted", re.IGNORECASE),
        "the bot is not in the chat. Add it to the group or channel",
    ),
    (
        re.compile("can't initiate conversation|PEER_ID_INVALID", re.IGNORECASE),
        "the bot may not write first. Open a chat with it and press Start",
    ),
    (
        re.compile("not enough rights|have no rights|CHAT_WRITE_FORBIDDEN", re.IGNORECASE),
        "the bot may not write there. Let it post messages (in a channel: make it an admin)",
    ),
    (
        re.compile("thread not found|TOPIC_(CLOSED|DELETED)", re.IGNORECASE),
        "the topic is closed or gone. Open it, or put another into topic",
    ),
)


def _token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"\d{3,20}:[A-Za-z0-9_-]{30,100}", value.get_secret_value()):
        raise ValueError("not a bot token; @BotFather gives one such as 123456789:AAE-x…")
    return value


def _chat(value: str) -> str:
    if not re.fullmatch(r"-?[1-9]\d{0,19}|@[A-Za-z]\w{3,63}", value, re.ASCII):
        raise ValueError("not a chat; expected a numeric id such as -1001234567890, or @name")
    return value


def _topic(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,9}", value, re.ASCII):
        raise ValueError("not a topic; expected the number in its link")
    return value


class Settings(ChannelSettings):
    """``token`` of the bot; ``chat`` it writes to; ``topic`` within a group that has topics.
    ``api``: a Bot API server of one's own."""

    token: Annotated[SecretStr, AfterValidator(_token)]
    chat: Annotated[str, AfterValidator(_chat)]
    topic: Annotated[str, AfterValidator(_topic)] | None = None
    api: HttpUrl = SecretStr("https://api.telegram.org")

    @property
    def destination(self) -> str:
        """The chat; its limits are the same for every topic."""
        api, token = self.api.get_secret_value(), self.token.get_secret_value()
        return f"{api.rstrip('/')}/bot{token}/{self.chat}"


class Telegram:
    """Sends each alert; when Telegram cannot read the markup, once more as plain text, and when
    the group has become another, once more to that one."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        api, token = settings.api.get_secret_value(), settings.token.get_secret_value()
        self._url = f"{api.rstrip('/')}/bot{token}/sendMessage"
        self._chat = settings.chat
        self._topic = settings.topic
        self._http = tools.http
        self._message = tools.message

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        """Send the alert.

        Raises:
            TemporaryFailure: no answer, a server error, or a request for silence.
            PermanentFailure: the bot or its chat is gone, or refuses us.
        """
        message = self._message(alert)
        body = {**self._where(self._chat), **render(message)}
        reply = await self._post(body)
        moved = _parameters(reply).get("migrate_to_chat_id")
        if reply.status == 400 and isinstance(moved, int):
            body |= self._where(str(moved))
            reply = await self._post(body)
        if reply.status == 400 and _NOT_READ.search(_description(reply)):
            reply = await self._post({**_plain(message), **self._where(str(body["chat_id"]))})
        receipt = self._settled(reply, now)
        if isinstance(moved, int):
            told = f"{receipt.status}; the group's id is now {moved}: put it into chat"
            return Receipt(told, _ref(reply))
        return Receipt(receipt.status, _ref(reply))

    async def follow(self, alert: Alert, first: First, now: datetime) -> Receipt:
        """Answer the story's first message without a sound.

        Raises:
            FirstGone: the message was deleted, or the chat is another.
            TemporaryFailure, PermanentFailure: as `send`.
        """
        if not re.fullmatch(r"-?\d{1,20}/\d{1,20}", first.ref, re.ASCII):
            raise FirstGone("the first alert was not told in Telegram")
        chat, _, message = first.ref.rpartition("/")
        reply_to = {"message_id": int(message), "allow_sending_without_reply": False}
        said, entry = follow_up_of(alert, first.alert)
        body = {
            **self._where(chat),
            "text": f"{html.words(said, 200)}: {html.title(entry, 400)}",
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
            "disable_notification": True,
            "reply_parameters": reply_to,
        }
        reply = await self._post(body)
        if reply.status == 400:
            raise FirstGone(f"Telegram cannot answer the first message ({_description(reply)})")
        return self._settled(reply, now)

    def _where(self, chat: str) -> dict[str, Any]:
        return {"chat_id": chat, **({"message_thread_id": self._topic} if self._topic else {})}

    async def _post(self, body: dict[str, Any]) -> Reply:
        return await post_json(self._http, self._url, body)

    def _settled(self, reply: Reply, now: datetime) -> Receipt:
        if limited := silence(reply, self._url, now, _parameters(reply).get("retry_after")):
            raise limited
        if reply.status in {401, 404}:
            raise PermanentFailure(
                "Telegram: there is no such bot. Copy its token from @BotFather again",
                disables=True,
            )
        said = _description(reply) if 400 <= reply.status < 500 else ""
        for pattern, meaning in _REFUSALS:
            if pattern.search(said):
                raise PermanentFailure(f"Telegram: {meaning}", disables=True)
        return settle(reply, self._url, now)


def _ref(reply: Reply) -> str:
    """The chat's id and the message's in it, as ``-100123/7``."""
    result = reply.told.get("result")
    message = result.get("message_id") if isinstance(result, dict) else None
    chat = result.get("chat") if isinstance(result, dict) else None
    chat_id = chat.get("id") if isinstance(chat, dict) else None
    return f"{chat_id}/{message}" if isinstance(message, int) and isinstance(chat_id, int) else ""


def _description(reply: Reply) -> str:
    return str(reply.told.get("description", ""))[:500]


def _parameters(reply: Reply) -> dict[str, Any]:
    found = reply.told.get("parameters")
    return found if isinstance(found, dict) else {}


def render(message: Message) -> dict[str, Any]:
    """The message as sendMessage takes it, but for the chat."""
    return {
        "text": "\n".join(_lines(message)),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "disable_notification": message.severity == "low",
    }


def _plain(message: Message) -> dict[str, Any]:
    """The same in few words without any markup."""
    parts = [message.heading, message.text]
    parts += [f"{text_of(entry.title)}\n{entry.link}" for entry in message.entries[:1]]
    text = cut("\n".join(dict.fromkeys(part for part in parts if part)), 3_000, html.utf16)
    return {"text": text, "link_preview_options": {"is_disabled": True}}


def _lines(message: Message) -> list[str]:
    sign = SIGNS[message.severity]
    if len(message.entries) == 1 and not message.more:
        return _article(message, message.entries[0], sign)
    lines = [f"{sign}<b>{html.words(message.heading, 300)}</b>"]
    if message.text:
        lines.append(html.words(message.text, 2_000))
    lines += [f"• {html.title(e, 200)}\n   {_about(e)}" for e in message.entries]
    if message.more:
        lines.append(f"and {message.more} more")
    small = html.words(small_print(message), 500)
    return [*lines, f"<i>{small}</i>"] if small else lines


def _article(message: Message, entry: Entry, sign: str) -> list[str]:
    quotes = [
        f"<blockquote>{html.inline(excerpt, 600)}</blockquote>" for excerpt in entry.excerpts[:3]
    ]
    return [
        f"{sign}{html.title(entry, 400)}",
        *quotes,
        _about(entry),
        f"<i>{html.words(small_print(message), 700)}</i>",
    ]


def _about(entry: Entry) -> str:
    return html.words(about(entry), 300)
