"""More of a story, put quietly under its first alert, where a service has threads or edits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from rigs.made_alerts import HOSTILE, NOW, a_hit, an_alert, an_event, tools
from rigs.mailbox import Mailbox
from rigs.receiver import Receiver, status

from alerts import (
    CHANNEL_TYPES,
    Alert,
    First,
    FirstGone,
    FollowingChannel,
    Hit,
    PermanentFailure,
    Receipt,
    Story,
    TemporaryFailure,
    make,
    settings_model,
)
from alerts.message import follow_up_of

TOKEN = "1234:AAE-secret-in-the-path-0123456789"
ACCEPTS = {
    "discord": '{"id": "998877"}',
    "matrix": '{"event_id": "$first"}',
    "slack": '{"ok": true, "channel": "C024BE91L", "ts": "1700000000.000100"}',
    "telegram": '{"ok": true, "result": {"message_id": 7, "chat": {"id": -100}}}',
}
REFS = {"matrix": "$first", "slack": "C024BE91L/1700000000.000100", "telegram": "-100/7"}
CHATS = sorted(ACCEPTS)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def settings_of(kind: str, receiver: Receiver) -> BaseModel:
    keys: dict[str, dict[str, Any]] = {
        "discord": {"url": f"{receiver.origin}/api/webhooks/1/secret?thread_id=5"},
        "matrix": {"homeserver": receiver.origin, "token": "syt_x", "room": "!a:example.org"},
        "slack": {"token": "xoxb-1234567890-x", "channel": "#news", "api": receiver.origin},
        "telegram": {"token": TOKEN, "chat": "-100", "topic": "9", "api": receiver.origin},
    }
    return settings_model(kind).model_validate(keys[kind])


def first_alert(**fields: Any) -> Alert:
    return an_alert(a_hit("Xi dan Putin bertemu", **fields))


def more(**fields: Any) -> Alert:
    given = {"source": "Kompas", "url": "https://kompas.example/2", "id": "hit-2", **fields}
    return replace(an_alert(a_hit("Xi bertemu Putin di Beijing", **given)), id="0199-delivery-2")


def as_now(alert: Alert) -> Alert:
    """The first alert, its story as it is now."""
    assert isinstance(alert.body, Hit)
    return replace(alert, body=replace(alert.body, story=Story("s", 3, ("ANTARA", "Kompas"))))


def tell(kind: str, settings: BaseModel, *follow_ups: Alert, ref: str | None = None) -> Receipt:
    """Send the first alert, then what follows; the receipt of the first."""

    async def run() -> Receipt:
        async with tools() as lent:
            channel = make(kind, "test", settings, lent)
            assert isinstance(channel, FollowingChannel)
            receipt = await channel.send(first_alert(), NOW)
            first = First(receipt.ref if ref is None else ref, as_now(first_alert()))
            for alert in follow_ups:
                await channel.follow(alert, first, NOW)
            return receipt

    return asyncio.run(run())


def test_the_kinds_that_say_so_can_be_followed_and_no_others(receiver: Receiver) -> None:
    for name, kind in CHANNEL_TYPES.items():
        made = __import__(kind.module, fromlist=[kind.name])
        assert bool(kind.follows) == hasattr(getattr(made, kind.name), "follow"), name


@pytest.mark.parametrize("kind", CHATS)
def test_the_services_name_of_the_message_is_kept(kind: str, receiver: Receiver) -> None:
    receiver.script(status(200, ACCEPTS[kind]))
    ref = tell(kind, settings_of(kind, receiver)).ref
    assert ref == REFS.get(kind, ref)
    assert ref.endswith("/998877") or kind != "discord"
    assert "secret" not in ref


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize("said", ["ok", "[]", '{"id": "../x", "ok": true, "event_id": 5}'])
def test_a_strange_answer_names_nothing(kind: str, said: str, receiver: Receiver) -> None:
    receiver.script(status(200, said))
    if kind == "slack" and "true" not in said:
        with pytest.raises(TemporaryFailure, match="cannot be read; check api"):
            tell(kind, settings_of(kind, receiver))
        return
    assert tell(kind, settings_of(kind, receiver)).ref == ""


def test_slack_is_answered_in_the_thread(receiver: Receiver) -> None:
    receiver.default = status(200, ACCEPTS["slack"])
    tell("slack", settings_of("slack", receiver), more())
    first, second = receiver.requests
    assert (first.target, first.header("authorization")) == (
        "/chat.postMessage",
        "Bearer xoxb-1234567890-x",
    )
    assert first.json["channel"] == "#news"
    assert "thread_ts" not in first.json
    body = second.json
    assert (body["channel"], body["thread_ts"]) == ("C024BE91L", "1700000000.000100")
    assert "reply_broadcast" not in body
    assert body["text"] == "also in Kompas: Xi bertemu Putin di Beijing"
    [block] = body["blocks"]
    [line] = block["elements"]
    assert line["elements"][0] == {"type": "text", "text": "also in Kompas: "}
    assert {part["url"] for part in line["elements"][1:]} == {"https://kompas.example/2"}


def test_telegram_is_answered_without_a_sound(receiver: Receiver) -> None:
    receiver.default = status(200, ACCEPTS["telegram"])
    tell("telegram", settings_of("telegram", receiver), more())
    body = receiver.requests[1].json
    assert body["text"] == (
        'also in Kompas: <a href="https://kompas.example/2">'
        "<b>Xi</b> bertemu <b>Putin</b> di Beijing</a>"
    )
    assert (body["chat_id"], body["message_thread_id"]) == ("-100", "9")
    assert body["disable_notification"] is True
    assert body["reply_parameters"] == {"message_id": 7, "allow_sending_without_reply": False}


def test_matrix_is_told_in_a_thread_under_the_deliverys_id(receiver: Receiver) -> None:
    receiver.default = status(200, ACCEPTS["matrix"])
    tell("matrix", settings_of("matrix", receiver), more(), more())
    _, second, repeat = receiver.requests
    assert second.target == repeat.target
    assert second.target.endswith("/send/m.room.message/0199-delivery-2")
    body = second.json
    assert body["msgtype"] == "m.notice"
    assert body["body"] == "also in Kompas: Xi bertemu Putin di Beijing https://kompas.example/2"
    assert body["m.mentions"] == {}
    assert body["m.relates_to"]["rel_type"] == "m.thread"
    assert body["m.relates_to"]["event_id"] == "$first"


def test_discords_first_message_comes_to_name_every_source(receiver: Receiver) -> None:
    receiver.default = status(200, ACCEPTS["discord"])
    tell("discord", settings_of("discord", receiver), more(), more())
    first, edit, repeat = receiver.requests
    assert (edit.method, edit.target) == (
        "PATCH",
        "/api/webhooks/1/secret/messages/998877?thread_id=5",
    )
    assert edit.body == repeat.body  # doing so twice changes nothing
    was, now = first.json["embeds"][0], edit.json["embeds"][0]
    assert "also in Kompas" not in json.dumps(was)
    assert "also in Kompas" in json.dumps(now)
    assert now["title"] == was["title"]
    assert edit.json["allowed_mentions"] == {"parse": []}


def test_a_mail_answers_the_first_one() -> None:
    with Mailbox() as mailbox:
        keys = {
            "to": "d@example.org",
            "from": "w@example.org",
            "smtp": f"smtp://127.0.0.1:{mailbox.port}",
        }
        tell("mail", settings_model("mail").model_validate(keys), more())
        first, second = (mail.message for mail in mailbox.mails)
        text = mailbox.mails[1].part("plain")
    assert second["In-Reply-To"] == first["Message-ID"]
    assert first["Message-ID"] in second["References"]
    assert second["References"].strip().startswith(first["References"].strip())
    assert second["Message-ID"] == "<0199-delivery-2@example.org>"
    assert second["Subject"] == f"Re: {first['Subject']}"
    assert text.splitlines() == [
        "also in Kompas: Xi bertemu Putin di Beijing",
        "https://kompas.example/2",
    ]


def test_a_second_article_of_the_same_source_is_more_in_it() -> None:
    assert follow_up_of(more(source="ANTARA"), first_alert())[0] == "more in ANTARA"
    with pytest.raises(TypeError, match="a event follows no story"):
        follow_up_of(an_alert(an_event()), first_alert())


GONE = {
    "discord": status(404, '{"message": "Unknown Message", "code": 10008}'),
    "matrix": status(400, '{"errcode": "M_UNKNOWN", "error": "unknown event"}'),
    "slack": status(200, '{"ok": false, "error": "message_not_found"}'),
    "telegram": status(
        400, '{"ok": false, "description": "Bad Request: message to be replied not found"}'
    ),
}


@pytest.mark.parametrize("kind", CHATS)
def test_where_the_first_message_is_gone_that_is_told(kind: str, receiver: Receiver) -> None:
    receiver.script(status(200, ACCEPTS[kind]), GONE[kind])
    with pytest.raises(FirstGone) as gone:
        tell(kind, settings_of(kind, receiver), more())
    assert "first" in gone.value.reason
    assert "secret" not in gone.value.reason


@pytest.mark.parametrize("kind", CHATS)
def test_trouble_of_the_service_is_no_reason_to_give_the_thread_up(
    kind: str, receiver: Receiver
) -> None:
    receiver.script(status(200, ACCEPTS[kind]), status(500, "{}"))
    with pytest.raises(TemporaryFailure):
        tell(kind, settings_of(kind, receiver), more())


@pytest.mark.parametrize("kind", CHATS)
def test_a_request_for_silence_counts_for_follow_ups_too(kind: str, receiver: Receiver) -> None:
    receiver.script(status(200, ACCEPTS[kind]), status(429, "{}", retry_after="90"))
    with pytest.raises(TemporaryFailure) as failure:
        tell(kind, settings_of(kind, receiver), more())
    assert failure.value.blocks
    assert failure.value.retry_at == NOW + timedelta(seconds=90)


@pytest.mark.parametrize("kind", CHATS)
def test_what_was_told_by_a_channel_of_another_kind_cannot_be_followed(
    kind: str, receiver: Receiver
) -> None:
    receiver.default = status(200, ACCEPTS[kind])
    with pytest.raises(FirstGone):
        tell(kind, settings_of(kind, receiver), more(), ref="<0199-delivery-1@example.org>")
    assert len(receiver.requests) == 1


def test_another_webhook_cannot_edit_the_message(receiver: Receiver) -> None:
    receiver.default = status(200, ACCEPTS["discord"])
    with pytest.raises(FirstGone, match="another webhook wrote"):
        tell("discord", settings_of("discord", receiver), more(), ref="0123456789abcdef/998877")
    assert len(receiver.requests) == 1


def test_an_incoming_webhook_of_slack_has_no_threads(receiver: Receiver) -> None:
    settings = settings_model("slack").model_validate({"url": receiver.url})
    with pytest.raises(FirstGone, match="an incoming webhook cannot write in threads"):
        tell("slack", settings, more())


@pytest.mark.parametrize("kind", ["matrix", "slack", "telegram"])
def test_no_text_of_a_feed_gets_out_of_a_follow_up(kind: str, receiver: Receiver) -> None:
    receiver.default = status(200, ACCEPTS[kind])
    hostile = [
        replace(an_alert(a_hit(text, spans=((0, 3, text),), source=text)), id="0199-delivery-2")
        for text in HOSTILE.values()
    ]
    tell(kind, settings_of(kind, receiver), *hostile)
    for request in receiver.requests[1:]:
        body = request.json
        assert len(request.body) < 12_000
        assert not set(request.body.decode()) & set("\x00\x1b\x9b\u2028\u202e")
        markup = {"matrix": "formatted_body", "slack": "text", "telegram": "text"}[kind]
        for sign in ("<script", "<!channel>", "<@U123>", 'href="https://evil', "<https://evil"):
            assert sign not in body[markup]
            assert sign not in json.dumps(body.get("blocks"))


# What Slack's method says.

SLACK_ERRORS = [
    ("not_in_channel", "the app is not in the Slack channel; write /invite and the app's name"),
    ("channel_not_found", "there is no such Slack channel, or it is private and the app is not in"),
    ("is_archived", "the Slack channel is archived; unarchive it, or choose another"),
    ("invalid_auth", "Slack does not accept the token; copy the Bot User OAuth Token (xoxb-…)"),
    ("missing_scope", "the app may not write; add chat:write under OAuth & Permissions"),
]


def post(receiver: Receiver) -> Receipt:
    return tell("slack", settings_of("slack", receiver))


@pytest.mark.parametrize(("error", "words"), SLACK_ERRORS)
def test_slacks_word_is_told_in_words_that_say_what_to_mend(
    error: str, words: str, receiver: Receiver
) -> None:
    receiver.script(status(200, json.dumps({"ok": False, "error": error})))
    with pytest.raises(PermanentFailure) as failure:
        post(receiver)
    assert failure.value.reason.startswith(f"{error}: {words}")
    assert failure.value.disables


def test_an_error_that_is_not_known_is_a_dead_letter_with_slacks_word(receiver: Receiver) -> None:
    receiver.script(status(200, '{"ok": false, "error": "message_is_cursed"}'))
    with pytest.raises(PermanentFailure, match=r"^message_is_cursed: Slack refused the message$"):
        post(receiver)


@pytest.mark.parametrize("error", ["internal_error", "ratelimited"])
def test_what_passes_is_tried_again(error: str, receiver: Receiver) -> None:
    receiver.script(status(200, json.dumps({"ok": False, "error": error})))
    with pytest.raises(TemporaryFailure) as failure:
        post(receiver)
    assert failure.value.blocks == (error == "ratelimited")
    assert failure.value.retry_at is not None


def test_blocks_that_slack_refuses_are_sent_once_more_as_text(receiver: Receiver) -> None:
    receiver.script(
        status(200, '{"ok": false, "error": "invalid_blocks"}'), status(200, ACCEPTS["slack"])
    )
    assert post(receiver).ref == REFS["slack"]
    assert ["blocks" in request.json for request in receiver.requests] == [True, False]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "write either url: (a webhook's), or token: and channel: (an app's)"),
        ({"token": "xoxb-1234567890-x"}, "write either url:"),
        ({"url": "https://h.example/x", "token": "xoxb-1234567890-x", "channel": "#a"}, "either"),
        ({"token": "Bearer x", "channel": "#a"}, "not a bot token; Slack gives one such as xoxb-"),
        ({"token": "xoxb-1234567890-x", "channel": "news room"}, "not a Slack channel; expected"),
    ],
)
def test_a_mistaken_slack_app_says_what_to_write(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        settings_model("slack").model_validate(keys)
    assert said in str(wrong.value)
    assert "Bearer x" not in str(wrong.value)
