"""Messages to Slack by an app's bot token: chat.postMessage, which knows threads.

Source: docs.slack.dev, "chat.postMessage" (errors, rate limits) and "Using token types". Slack
answers 200 to what it refuses and says why in ``error``; only a request for silence is a 429.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx

from alerts.channel import FirstGone, PermanentFailure, Receipt, TemporaryFailure
from alerts.http import PAUSE_UNTOLD, Reply, post_json, settle, silence

_TOKEN = "copy the Bot User OAuth Token (xoxb-…) of the app into token"  # noqa: S105 - words, not one
_INVITE = "write /invite and the app's name in that Slack channel"
_REFUSALS = {
    "not_in_channel": f"the app is not in the Slack channel; {_INVITE}",
    "channel_not_found": "there is no such Slack channel, or it is private and the app is not in "
    f"it; {_INVITE}, and put its id (in its details, C…) into channel",
    "is_archived": "the Slack channel is archived; unarchive it, or choose another",
    "invalid_auth": f"Slack does not accept the token; {_TOKEN}",
    "not_authed": f"no token arrived; {_TOKEN}",
    "token_revoked": f"the token was revoked; install the app again, and {_TOKEN}",
    "token_expired": f"the token has expired; install the app again, and {_TOKEN}",
    "account_inactive": f"the app was removed from the workspace; install it again, and {_TOKEN}",
    "missing_scope": "the app may not write; add chat:write under OAuth & Permissions, and "
    "install it again",
    "not_allowed_token_type": f"this is another kind of token; {_TOKEN}",
    "restricted_action": "an admin has forbidden posting there; ask for it, or choose another "
    "Slack channel",
    "restricted_action_read_only_channel": "only some may post in that Slack channel; let the "
    "app, or choose another",
    "team_access_not_granted": "the app has no access to the workspace; ask its admin",
    "ekm_access_denied": "an admin has suspended posting; ask for it",
    "org_login_required": "the workspace is being moved; try again when that is done",
}
_PASSING = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
)
_NO_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
_NO_THREAD = frozenset(
    {
        "cannot_reply_to_message",
        "channel_not_found",
        "invalid_thread_ts",
        "is_archived",
        "message_not_found",
        "not_in_channel",
        "thread_locked",
        "thread_not_found",
    }
)


class App:
    """An app in a workspace, that writes to one channel."""

    def __init__(self, api: str, token: str, channel: str, http: httpx.AsyncClient) -> None:
        self._url = f"{api.rstrip('/')}/chat.postMessage"
        self._headers = {"authorization": f"Bearer {token}"}
        self._channel = channel
        self._http = http

    async def post(self, body: Mapping[str, Any], now: datetime) -> Receipt:
        """Post a message; its name is ``channel/ts``.

        Raises:
            TemporaryFailure, PermanentFailure: as Slack answers.
        """
        reply = await self._post({**body, "channel": self._channel})
        return Receipt(self._settled(reply, now).status, _ref(reply))

    async def answer(self, body: Mapping[str, Any], ref: str, now: datetime) -> Receipt:
        """Post a message in the thread of another, which the channel at large is not told of.

        Raises:
            FirstGone: the message or its channel is not there any more.
            TemporaryFailure, PermanentFailure: as Slack answers.
        """
        if not _REF.fullmatch(ref):
            raise FirstGone("the first alert was not told by this app")
        channel, _, ts = ref.partition("/")
        reply = await self._post({**body, "channel": channel, "thread_ts": ts})
        if _error(reply) in _NO_THREAD:
            raise FirstGone(f"{_error(reply)}: Slack has no thread under the story's first message")
        return self._settled(reply, now)

    async def _post(self, body: Mapping[str, Any]) -> Reply:
        reply = await post_json(self._http, self._url, body, headers=self._headers)
        if _error(reply) in _NO_BLOCKS:
            plain = {key: body[key] for key in body if key != "blocks"}
            reply = await post_json(self._http, self._url, plain, headers=self._headers)
        return reply

    def _settled(self, reply: Reply, now: datetime) -> Receipt:
        if limited := silence(reply, self._url, now):
            raise limited
        error = _error(reply)
        if meaning := _REFUSALS.get(error):
            raise PermanentFailure(f"{error}: {meaning}", disables=True)
        if error in {"ratelimited", "rate_limited", "message_limit_exceeded"}:
            raise TemporaryFailure(
                f"{error}: too many messages", retry_at=now + PAUSE_UNTOLD, blocks=True
            )
        if error in _PASSING:
            raise TemporaryFailure(f"{error}: Slack has trouble", retry_at=now + _LATER)
        if error and reply.status < 300:
            raise PermanentFailure(f"{error}: Slack refused the message")
        if reply.status < 300 and reply.told.get("ok") is not True:
            raise TemporaryFailure("Slack's answer cannot be read; check api")
        return settle(reply, self._url, now)


_LATER = timedelta(seconds=30)
_REF = re.compile(r"[A-Z0-9]{2,20}/\d{1,20}\.\d{1,10}", re.ASCII)


def _error(reply: Reply) -> str:
    """Slack's word for what is wrong; empty when nothing is."""
    told = reply.told
    error = told.get("error", "unknown_error")
    if told.get("ok") is not False or not isinstance(error, str):
        return ""
    return error if re.fullmatch(r"\w{1,60}", error, re.ASCII) else "unknown_error"


def _ref(reply: Reply) -> str:
    channel, ts = reply.told.get("channel"), reply.told.get("ts")
    if not isinstance(channel, str) or not isinstance(ts, str):
        return ""
    ref = f"{channel}/{ts}"
    return ref if _REF.fullmatch(ref) else ""
