"""Alerts in Slack, and in chats that speak its language: by an incoming webhook, or by an app's
bot token (`alerts.slack_app`), with which more of a story goes into the thread of its first alert.

Chose rich_text blocks for what feeds say, instead of sections of mrkdwn, because mrkdwn has no
escape for ``* _ ~ ` `` and shows no bold inside Chinese, Japanese or Thai, where words have no
spaces around them; in rich_text a text is only ever a text. Sources: docs.slack.dev, "Sending
messages using incoming webhooks", "Formatting message text", "Rich text block".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, SecretStr, model_validator

from alerts.alert import Alert
from alerts.channel import First, FirstGone, PermanentFailure, Receipt, Tools
from alerts.http import Reply, origin, post, settle
from alerts.message import (
    Entry,
    Message,
    Run,
    Text,
    cut_text,
    follow_up_of,
    small_print,
    text_of,
    when,
)
from alerts.settings import ChannelSettings, HttpUrl
from alerts.slack_app import App
from alerts.text import cut

LIMIT = 12_500  # characters of a whole message; Slack refuses at about 13,200
SECTION = 3_000
HEADER = 150
LONGEST_LINK = 2_000

_RENEW = "make a new incoming webhook in Slack and put its address into url"
_GONE = {
    "invalid_token": f"Slack no longer accepts this address; {_RENEW}",
    "no_service": f"this webhook was removed or switched off; {_RENEW}",
    "no_service_id": f"the address is not complete; {_RENEW}",
    "no_active_hooks": f"this webhook was switched off; {_RENEW}",
    "no_team": f"the workspace no longer exists; {_RENEW}",
    "team_disabled": "the workspace is disabled; ask its owner",
    "channel_not_found": f"the Slack channel no longer exists; {_RENEW}",
    "channel_is_archived": "the Slack channel is archived; unarchive it, or "
    "make a webhook for another",
    "action_prohibited": "an admin has forbidden posting here; ask for it, or choose another "
    "Slack channel",
    "posting_to_general_channel_denied": "an admin has forbidden posting to #general; choose "
    "another Slack channel",
    "user_not_found": f"the person it writes to no longer exists; {_RENEW}",
    "user_not_in_channel": f"it is no longer in the Slack channel; {_RENEW}",
}
_MALFORMED = frozenset(
    {
        "invalid_payload",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "too_many_attachments",
    }
)


def _token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"xox[a-z]-[A-Za-z0-9-]{10,250}", value.get_secret_value()):
        raise ValueError("not a bot token; Slack gives one such as xoxb-1234-5678-AbC")
    return value


def _channel(value: str) -> str:
    if not re.fullmatch(r"[CDG][A-Z0-9]{2,20}|#[^\s,<>@]{1,80}", value):
        raise ValueError("not a Slack channel; expected its id, such as C0123456789, or #its-name")
    return value


class Settings(ChannelSettings):
    """``url``: the address Slack gave for the incoming webhook. Or the bot's ``token`` and the
    ``channel`` it writes to; ``api``: where Slack's methods are."""

    url: HttpUrl | None = None
    token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    channel: Annotated[str, AfterValidator(_channel)] | None = None
    api: HttpUrl = SecretStr("https://slack.com/api")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (self.token is None) or bool(self.token) != bool(self.channel):
            raise ValueError("write either url: (a webhook's), or token: and channel: (an app's)")
        return self

    @property
    def destination(self) -> str:
        """The webhook's address, or the channel that the app writes to."""
        if self.url is not None:
            return self.url.get_secret_value()
        token = self.token.get_secret_value() if self.token else ""
        return f"{self.api.get_secret_value()}/{token}/{self.channel}"


class Slack:
    """POSTs each alert as blocks; when Slack finds blocks malformed, once more as plain text."""

    def __init__(self, _name: str, settings: Settings, tools: Tools) -> None:
        self._url = settings.url.get_secret_value() if settings.url else ""
        self._http = tools.http
        self._message = tools.message
        self._app: App | None = None
        if settings.token and settings.channel:
            api, token = settings.api.get_secret_value(), settings.token.get_secret_value()
            self._app = App(api, token, settings.channel, tools.http)

    async def send(self, alert: Alert, now: datetime) -> Receipt:
        """POST the alert.

        Raises:
            TemporaryFailure: no answer, a server error, or a request for silence.
            PermanentFailure: the address or the Slack channel is gone, or refuses us.
        """
        body = render(self._message(alert))
        if self._app is not None:
            return await self._app.post(body, now)
        reply = await self._post(body)
        if reply.status == 400 and _code(reply) in _MALFORMED:
            reply = await self._post({key: body[key] for key in body if key != "blocks"})
        if reply.status >= 400 and (meaning := _GONE.get(_code(reply))):
            raise PermanentFailure(f"{_code(reply)}: {meaning}", disables=True)
        if reply.status >= 400 and _code(reply) in _MALFORMED:
            raise PermanentFailure(f"{_code(reply)}: {origin(self._url)} refused the message")
        return settle(reply, self._url, now)

    async def follow(self, alert: Alert, first: First, now: datetime) -> Receipt:
        """Answer the story's first message in its thread.

        Raises:
            FirstGone: the message is not there any more, or it is a webhook, which knows no
                threads.
            TemporaryFailure, PermanentFailure: as `send`.
        """
        if self._app is None:
            raise FirstGone("an incoming webhook cannot write in threads")
        return await self._app.answer(_follow_up(alert, first), first.ref, now)

    async def _post(self, body: dict[str, Any]) -> Reply:
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json; charset=utf-8"}
        return await post(self._http, self._url, content, headers)


def _code(reply: Reply) -> str:
    """Slack's word for what is wrong; some services wrap it in JSON."""
    text = reply.text.strip()
    if not text.startswith("{"):
        return text if len(text) < 60 else ""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    error = told.get("error", "")
    return error if isinstance(error, str) else ""


@dataclass(frozen=True, slots=True)
class _Measure:
    """How much is shown: code points of a title and of an excerpt, excerpts, entries."""

    title: int
    excerpt: int
    excerpts: int
    entries: int


_ONE = (_Measure(300, 500, 3, 1), _Measure(300, 300, 2, 1), _Measure(200, 200, 1, 1))
_SEVERAL = (_Measure(200, 0, 0, 10), _Measure(150, 0, 0, 5), _Measure(150, 0, 0, 2))


def render(message: Message) -> dict[str, Any]:
    """The body of the POST: blocks, and a text for notifications and for chats without blocks."""
    body: dict[str, Any] = {}
    for measure in _SEVERAL if _is_list(message) else _ONE:
        body = {
            "text": _fallback(message),
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
            "blocks": _blocks(message, measure),
        }
        if len(json.dumps(body, ensure_ascii=False)) <= LIMIT:
            break
    return body


def _is_list(message: Message) -> bool:
    return len(message.entries) > 1 or message.more > 0


def _blocks(message: Message, measure: _Measure) -> list[dict[str, Any]]:
    if _is_list(message) or not message.entries:
        blocks = [_header(message.heading)]
        if message.text:
            blocks.append(_rich({"type": "rich_text_section", "elements": _texts(message.text)}))
    else:
        blocks = []
    if _is_list(message):
        blocks.append(_list(message, measure))
        left = message.more + len(message.entries) - len(message.entries[: measure.entries])
        more = [_plain(f"and {left} more")] if left else []
        return [*blocks, _context(*more, _plain(small_print(message)))]
    for entry in message.entries:
        blocks += [_rich(*_article(message, entry, measure)), _about(message, entry)]
    return blocks


def _follow_up(alert: Alert, first: First) -> dict[str, Any]:
    """More of a story in one line."""
    said, entry = follow_up_of(alert, first.alert)
    said = cut(said, 200)
    line = [*_texts(f"{said}: "), *_title(entry, _ONE[0])]
    return {
        "text": f"{_inert(said)}: {_inert(text_of(cut_text(entry.title, 300)))}",
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [_rich({"type": "rich_text_section", "elements": line})],
    }


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": _plain(cut(text, HEADER, _escaped_length))}


def _article(message: Message, entry: Entry, measure: _Measure) -> list[dict[str, Any]]:
    signs = {"high": "large_orange_circle", "critical": "red_circle"}
    sign = signs.get(message.severity)
    title = [{"type": "emoji", "name": sign}, {"type": "text", "text": " "}] if sign else []
    title += _title(entry, measure)
    quotes = [
        {"type": "rich_text_quote", "elements": _runs(cut_text(text, measure.excerpt))}
        for text in entry.excerpts[: measure.excerpts]
    ]
    return [{"type": "rich_text_section", "elements": title}, *quotes]


def _list(message: Message, measure: _Measure) -> dict[str, Any]:
    lines = [
        {
            "type": "rich_text_section",
            "elements": [*_title(entry, measure), *_texts(f" · {entry.source} · {when(entry.at)}")],
        }
        for entry in message.entries[: measure.entries]
    ]
    return _rich({"type": "rich_text_list", "style": "bullet", "elements": lines})


def _title(entry: Entry, measure: _Measure) -> list[dict[str, Any]]:
    """The title as the link, matched words in bold; with a long link in one piece, without."""
    title, link = cut_text(entry.title, measure.title), _link(entry)
    if not link:
        return _runs(title)
    if not entry.labels_link:
        return [*_runs(title), *_texts(" "), {"type": "link", "url": link, "text": entry.host}]
    if len(link) * len(title) > SECTION:
        return [{"type": "link", "url": link, "text": escape(text_of(title))}]
    return [{**element, "type": "link", "url": link} for element in _runs(title)]


def _about(message: Message, entry: Entry) -> dict[str, Any]:
    """Source, host, time and why, in small type."""
    link = _link(entry)
    seconds = int(entry.at.timestamp())
    date = f"<!date^{seconds}^{{date_short_pretty}} {{time}}|{when(entry.at)}>"
    words = [small_print(message)]
    parts = [
        *([_plain(entry.source)] if entry.source else []),
        *([_mrkdwn(f"<{escape(link)}|{escape(entry.host)}>")] if link else []),
        _mrkdwn(date),
        _plain(" · ".join([entry.lang, *words] if entry.lang else words)),
    ]
    return _context(*parts)


def _link(entry: Entry) -> str:
    return entry.link if _escaped_length(entry.link) <= LONGEST_LINK else ""


def _rich(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(elements)}


def _context(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "context", "elements": list(elements)}


def _plain(text: str) -> dict[str, Any]:
    return {
        "type": "plain_text",
        "text": escape(cut(text, SECTION, _escaped_length)),
        "emoji": False,
    }


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _texts(text: str) -> list[dict[str, Any]]:
    return _runs((Run(text),))


def _runs(text: Text) -> list[dict[str, Any]]:
    return [
        {
            "type": "text",
            "text": escape(run.text),
            **({"style": {"bold": True}} if run.marked else {}),
        }
        for run in text
    ]


def escape(text: str) -> str:
    """Slack's three control characters as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped_length(text: str) -> int:
    return len(escape(text))


_LOOKALIKES = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ", "@": "@\u200b"})


def _fallback(message: Message) -> str:
    """A few lines of mrkdwn: what, who says so, the link; for notifications and for chats that
    know no blocks. Here signs that would be markup or a mention are shown by ones that are not."""
    lines = [_headline(message), *([_inert(cut(message.text, 1_500))] if message.text else [])]
    for entry in message.entries[:1]:
        lines.append(_inert(f"{entry.source} · {when(entry.at)}"))
        lines += [f"<{escape(link)}>" for link in [_link(entry)] if link]
    return "\n".join(lines)


def _headline(message: Message) -> str:
    if _is_list(message) or not message.entries:
        return _inert(message.heading)
    title = cut_text(message.entries[0].title, 300)
    bold = _can_be_bold(title)
    words = (f"*{_inert(r.text)}*" if r.marked and bold else _inert(r.text) for r in title)
    return f"{_inert(message.rule)}: {''.join(words)}"


def _can_be_bold(text: Text) -> bool:
    """Whether mrkdwn shows each matched word in bold: it has to stand between spaces or signs."""
    whole = text_of(text)
    at, fits = 0, True
    for run in text:
        start, at = at, at + len(run.text)
        if run.marked:
            around = whole[max(start - 1, 0) : start] + whole[at : at + 1]
            fits = fits and not any(c.isalnum() for c in around) and run.text == run.text.strip()
    return fits


def _inert(text: str) -> str:
    return escape(text.translate(_LOOKALIKES).replace("](", "]\u200b("))
