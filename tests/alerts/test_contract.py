"""The contract that every channel keeps, against a stand-in for its service that misbehaves.

A new channel adds one `Place` to `PLACES`; what the table cannot say belongs in the channel's
own tests.
"""

from __future__ import annotations

import asyncio
import json
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from html import unescape
from typing import Any, ClassVar, TypeVar

import pytest
from pydantic import BaseModel
from rigs.made_alerts import HOSTILE, NOW, a_digest, a_hit, an_alert, an_event, tools
from rigs.mailbox import DROP_AFTER, DROP_BEFORE, NEVER, Mailbox
from rigs.receiver import Receiver, drop_after, drop_before, never, status

from alerts import (
    CHANNEL_TYPES,
    Alert,
    Channel,
    PermanentFailure,
    Receipt,
    TemporaryFailure,
    make,
    settings_model,
)


class Place(ABC):
    """A stand-in for the service of one kind of channel."""

    kind: str
    hostile_script: tuple[str, ...] = ()

    @abstractmethod
    def open(self, stack: ExitStack) -> None:
        """Start it; ``stack`` ends it."""

    @abstractmethod
    def settings(self) -> BaseModel:
        """What an operator would write for it."""

    @abstractmethod
    def nowhere(self, port: int) -> BaseModel:
        """Settings that lead to a port where nothing listens."""

    @abstractmethod
    def will(self, behaviour: str) -> None:
        """Behave so at the next message: ``fail``, ``refuse``, ``drop_before``, ``drop_after``,
        ``never`` or ``limit``."""

    @abstractmethod
    def taken(self) -> list[tuple[str, str]]:
        """What it took in: what identifies the message, and its text."""


class HttpPlace(Place):
    """A service that takes a POST."""

    answers: ClassVar[dict[str, Any]]

    def open(self, stack: ExitStack) -> None:
        self.receiver = stack.enter_context(Receiver())

    def settings(self) -> BaseModel:
        return settings_model(self.kind).model_validate({"url": self.receiver.url, **self.more()})

    def nowhere(self, port: int) -> BaseModel:
        url = f"http://127.0.0.1:{port}/hook/secret-in-the-path"
        return settings_model(self.kind).model_validate({"url": url, **self.more()})

    def more(self) -> dict[str, Any]:
        return {}

    def will(self, behaviour: str) -> None:
        usual = {"drop_before": drop_before(), "drop_after": drop_after(), "never": never()}
        self.receiver.script({**usual, **self.answers}[behaviour])


class WebhookPlace(HttpPlace):
    kind = "webhook"
    answers: ClassVar[dict[str, Any]] = {
        "fail": status(500),
        "refuse": status(422, "no such field"),
        "limit": status(429, retry_after="90"),
    }

    def more(self) -> dict[str, Any]:
        return {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}

    def taken(self) -> list[tuple[str, str]]:
        return [(r.header("webhook-id") or "", r.body.decode()) for r in self.receiver.accepted]


class SlackPlace(HttpPlace):
    kind = "slack"
    answers: ClassVar[dict[str, Any]] = {
        "fail": status(500, "rollup_error"),
        "refuse": status(404, "channel_not_found"),
        "limit": status(429, "rate_limited", retry_after="90"),
    }

    def taken(self) -> list[tuple[str, str]]:
        # An incoming webhook knows no id: a repeat is known by being the same to the letter.
        return [(r.body.decode(), r.body.decode()) for r in self.receiver.accepted]


class ChatPlace(HttpPlace):
    """A chat service: a repeat is known by being the same to the letter, address included."""

    def settings(self) -> BaseModel:
        return self._at(self.receiver.origin)

    def nowhere(self, port: int) -> BaseModel:
        return self._at(f"http://127.0.0.1:{port}")

    def _at(self, origin: str) -> BaseModel:
        return settings_model(self.kind).model_validate(self.keys(origin))

    def keys(self, origin: str) -> dict[str, Any]:
        return {"url": f"{origin}/hook/secret-in-the-path"}

    def taken(self) -> list[tuple[str, str]]:
        return [
            (f"{r.method} {r.target} {r.body.decode()}", self.read(r.json))
            for r in self.receiver.accepted
        ]

    def read(self, body: Any) -> str:
        """What people read of it, markup and escapes undone."""
        return unescape(json.dumps(body, ensure_ascii=False)).replace("\\\\", "")


class DiscordPlace(ChatPlace):
    kind = "discord"
    answers: ClassVar[dict[str, Any]] = {
        "fail": status(500, "error code: 500"),
        "refuse": status(404, '{"message": "Unknown Webhook", "code": 10015}'),
        "limit": status(429, '{"message": "slow", "retry_after": 89.2, "global": false}'),
    }


class TelegramPlace(ChatPlace):
    kind = "telegram"
    answers: ClassVar[dict[str, Any]] = {
        "fail": status(500, '{"ok": false, "error_code": 500, "description": "Internal"}'),
        "refuse": status(
            400, '{"ok": false, "error_code": 400, "description": "Bad Request: chat not found"}'
        ),
        "limit": status(429, '{"ok": false, "error_code": 429, "parameters": {"retry_after": 90}}'),
    }

    def keys(self, origin: str) -> dict[str, Any]:
        return {"token": "1234:AAE-secret-in-the-path-0123456789", "chat": "-100", "api": origin}


class TeamsPlace(ChatPlace):
    kind = "teams"
    answers: ClassVar[dict[str, Any]] = {
        "fail": status(500, '{"error": {"code": "InternalError", "message": "x"}}'),
        "refuse": status(404, '{"error": {"code": "WorkflowNotFound", "message": "x"}}'),
        "limit": status(429, '{"error": {"code": "WorkflowThrottled"}}', retry_after="90"),
    }


class MatrixPlace(ChatPlace):
    kind = "matrix"
    answers: ClassVar[dict[str, Any]] = {
        "fail": status(500, '{"errcode": "M_UNKNOWN", "error": "Internal server error"}'),
        "refuse": status(403, '{"errcode": "M_FORBIDDEN", "error": "not in room"}'),
        "limit": status(429, '{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 90000}'),
    }

    def keys(self, origin: str) -> dict[str, Any]:
        return {"homeserver": origin, "token": "syt_secret-in-the-path", "room": "!a:example.org"}


class MattermostPlace(ChatPlace):
    kind = "mattermost"
    answers: ClassVar[dict[str, Any]] = {
        "fail": status(500, '{"id": "store.sql.app_error", "message": "x"}'),
        "refuse": status(404, '{"id": "web.incoming_webhook.channel.app_error", "message": "x"}'),
        "limit": status(429, "limit exceeded", retry_after="90"),
    }


class GoogleChatPlace(ChatPlace):
    kind = "googlechat"
    answers: ClassVar[dict[str, Any]] = {
        "fail": status(503, '{"error": {"code": 503, "status": "UNAVAILABLE"}}'),
        "refuse": status(404, '{"error": {"code": 404, "status": "NOT_FOUND"}}'),
        "limit": status(429, '{"error": {"status": "RESOURCE_EXHAUSTED"}}', retry_after="90"),
    }

    def keys(self, origin: str) -> dict[str, Any]:
        return {"url": f"{origin}/v1/spaces/A/messages?key=k&token=secret-in-the-path"}


class NtfyPlace(ChatPlace):
    kind = "ntfy"
    answers: ClassVar[dict[str, Any]] = {
        "fail": status(500, '{"code": 50001, "http": 500, "error": "internal server error"}'),
        "refuse": status(403, '{"code": 40301, "http": 403, "error": "forbidden"}'),
        "limit": status(429, '{"code": 42901, "http": 429}', retry_after="90"),
    }


class ApprisePlace(ChatPlace):
    kind = "apprise"
    answers: ClassVar[dict[str, Any]] = {"fail": status(500, "no")}

    def keys(self, origin: str) -> dict[str, Any]:
        return {"url": f"{origin.replace('http', 'json')}/secret-in-the-path"}


class MailPlace(Place):
    kind = "mail"

    def open(self, stack: ExitStack) -> None:
        self.mailbox = stack.enter_context(Mailbox())

    def settings(self) -> BaseModel:
        return self.nowhere(self.mailbox.port)

    def nowhere(self, port: int) -> BaseModel:
        return settings_model("mail").model_validate(
            {"to": "d@example.org", "from": "w@example.org", "smtp": f"smtp://127.0.0.1:{port}"}
        )

    def will(self, behaviour: str) -> None:
        stage, reply = {
            "fail": ("rcpt", "451 4.7.1 try later"),
            "refuse": ("rcpt", "550 5.1.1 no such user"),
            "drop_before": ("data", DROP_BEFORE),
            "drop_after": ("data", DROP_AFTER),
            "never": ("mail", NEVER),
        }[behaviour]
        self.mailbox.script(stage, reply)

    def taken(self) -> list[tuple[str, str]]:
        return [(mail.message["Message-ID"], mail.part("plain")) for mail in self.mailbox.mails]


class ConsolePlace(Place):
    """The terminal, which neither fails nor refuses."""

    kind = "console"

    def open(self, stack: ExitStack) -> None:
        self.lines: list[str] = []

    def settings(self) -> BaseModel:
        return settings_model("console")()

    def nowhere(self, port: int) -> BaseModel:
        raise AssertionError("a terminal is somewhere")

    def will(self, behaviour: str) -> None:
        raise AssertionError("a terminal does as it is told")

    def taken(self) -> list[tuple[str, str]]:
        return [(text, text) for text in self.lines]


PLACES: dict[str, type[Place]] = {
    made.kind: made
    for made in (
        ApprisePlace,
        ConsolePlace,
        DiscordPlace,
        GoogleChatPlace,
        MailPlace,
        MatrixPlace,
        MattermostPlace,
        NtfyPlace,
        SlackPlace,
        TeamsPlace,
        TelegramPlace,
        WebhookPlace,
    )
}
REMOTE = sorted(set(PLACES) - {"console"})
LIMITED = sorted(set(REMOTE) - {"apprise", "mail"})
REFUSING = sorted(set(REMOTE) - {"apprise"})  # which says yes or no, not why for good


T = TypeVar("T")


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with ExitStack() as stack:
        made = PLACES[request.param]()
        made.open(stack)
        yield made


everywhere = pytest.mark.parametrize("place", sorted(PLACES), indirect=True)
remotely = pytest.mark.parametrize("place", REMOTE, indirect=True)


def using(place: Place, use: Callable[[Channel], Awaitable[T]], port: int | None = None) -> T:
    """Make the channel, use it, and close everything."""

    async def run() -> T:
        write = getattr(place, "lines", []).append
        async with tools(write) as lent:
            settings = place.settings() if port is None else place.nowhere(port)
            return await use(make(place.kind, "test", settings, lent))

    return asyncio.run(run())


def send(place: Place, *alerts: Alert, port: int | None = None) -> list[Receipt]:
    async def each(channel: Channel) -> list[Receipt]:
        return [await channel.send(alert, NOW) for alert in alerts]

    return using(place, each, port)


def test_every_kind_of_channel_keeps_the_contract() -> None:
    assert set(PLACES) == set(CHANNEL_TYPES)


@everywhere
def test_every_kind_of_alert_is_accepted_and_says_what_it_is_about(place: Place) -> None:
    receipts = send(place, an_alert(), an_alert(a_digest()), an_alert(an_event()))
    assert all(receipt.status for receipt in receipts)
    hit, digest, event = (text for _, text in place.taken())
    assert "ANTARA" in hit
    assert "https://news.example/0" in digest
    assert "https://news.example/2" in digest
    assert "wirewatch feeds bbc-world" in event


@everywhere
def test_a_repeat_is_known_to_be_one(place: Place) -> None:
    send(place, an_alert())
    send(place, an_alert())
    first, second = place.taken()
    assert first == second


@remotely
def test_a_failure_of_the_service_is_temporary(place: Place) -> None:
    place.will("fail")
    with pytest.raises(TemporaryFailure) as failure:
        send(place, an_alert())
    assert failure.value.reason
    assert not failure.value.blocks
    assert place.taken() == []


@pytest.mark.parametrize("place", LIMITED, indirect=True)
def test_a_request_for_silence_blocks_the_channel_for_as_long_as_it_says(place: Place) -> None:
    place.will("limit")
    with pytest.raises(TemporaryFailure) as failure:
        send(place, an_alert())
    assert failure.value.blocks
    assert failure.value.retry_at is not None
    assert (failure.value.retry_at - NOW).total_seconds() == 90


@remotely
@pytest.mark.parametrize("when", ["drop_before", "drop_after"])
def test_a_connection_that_ends_without_an_answer_is_temporary_and_the_repeat_is_the_same(
    place: Place, when: str
) -> None:
    place.will(when)
    with pytest.raises(TemporaryFailure):
        send(place, an_alert())
    send(place, an_alert())
    assert len(place.taken()) == (1 if when == "drop_before" else 2)
    assert len(set(place.taken())) == 1


@remotely
def test_where_nothing_listens_it_is_temporary_and_says_where(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TemporaryFailure, match=f"cannot connect to .*127.0.0.1:{port}") as failure:
        send(place, an_alert(), port=port)
    assert "secret-in-the-path" not in failure.value.reason


@pytest.mark.parametrize("place", REFUSING, indirect=True)
def test_a_refusal_is_permanent_with_its_cause_in_words(place: Place) -> None:
    place.will("refuse")
    with pytest.raises(PermanentFailure) as failure:
        send(place, an_alert())
    assert len(failure.value.reason.split()) > 4
    assert "\n" not in failure.value.reason
    assert "secret-in-the-path" not in failure.value.reason
    assert place.taken() == []


@remotely
def test_a_service_that_never_answers_can_be_given_up_and_used_again(place: Place) -> None:
    place.will("never")

    async def give_up(channel: Channel) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await channel.send(an_alert(), NOW)
        await channel.send(an_alert(), NOW)

    using(place, give_up)
    assert len(place.taken()) == 1


@everywhere
def test_several_alerts_at_once_all_arrive(place: Place) -> None:
    async def together(channel: Channel) -> None:
        alerts = [an_alert(a_hit(f"number {n} Xi")) for n in range(4)]
        await asyncio.gather(*(channel.send(alert, NOW) for alert in alerts))

    using(place, together)
    assert {n for n in range(4) for _, text in place.taken() if f"number {n}" in text} == {
        *range(4)
    }


@everywhere
def test_no_text_from_a_feed_sticks_and_each_arrives_with_its_link(place: Place) -> None:
    async def all_of_them(channel: Channel) -> None:
        for title in HOSTILE.values():
            await channel.send(an_alert(_hostile(title)), NOW)
            await channel.send(an_alert(a_digest(3, title=title)), NOW)

    using(place, all_of_them)
    texts = [text for _, text in place.taken()]
    assert len(texts) == 2 * len(HOSTILE)
    assert all("https://www.antaranews.com/berita/1/xi-putin?a=1" in text for text in texts[::2])
    for text in texts:
        assert not set(text) & set("\x00\x1b\x9b\u2028") or place.kind == "webhook"


def _hostile(title: str) -> Any:
    return a_hit(title, spans=((0, 3, title),), summary=title, source=title, author=title)
