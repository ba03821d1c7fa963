"""What each chat is sent: native to it, within its limits, with feed text that is only text.

After a change, look at the renderings, then store them: ``WIREWATCH_GOLDEN=1 pytest ...``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rigs.made_alerts import HOSTILE, NOW, a_digest, a_hit, an_alert, an_event, send
from rigs.receiver import Receiver, status

from alerts import (
    Alert,
    Excerpt,
    PermanentFailure,
    Rule,
    Span,
    Story,
    TemporaryFailure,
    discord,
    googlechat,
    matrix,
    mattermost,
    ntfy,
    settings_model,
    teams,
    telegram,
)
from alerts.markdown import DISCORD, MATTERMOST, Dialect
from alerts.message import Message, message_of
from alerts.simple_html import utf16

RENDERERS: dict[str, Callable[..., dict[str, Any]]] = {
    "discord": discord.render,
    "googlechat": googlechat.render,
    "matrix": matrix.render,
    "mattermost": mattermost.render,
    "ntfy": ntfy.render,
    "teams": teams.render,
    "telegram": telegram.render,
}
BANK = "Read https://bank.example/login now"


def rendered(kind: str, alert: Alert) -> dict[str, Any]:
    return RENDERERS[kind](message_of(alert))


def full_hit(title: str = "Xi dan Putin bertemu di Beijing", **fields: Any) -> Alert:
    text = "…Presiden Rusia Vladimir Putin mengatakan pembicaraan tentang pipa gas berlanjut…"
    excerpt = Excerpt("content", text, (Span("content", 25, 30, "Putin"),))
    given = {"excerpts": (excerpt,), "rule": Rule("xi-putin", "high"), "story": Story("s", 5)}
    return an_alert(a_hit(title, **{**given, **fields}))


ALERTS: dict[str, Callable[[], Alert]] = {
    "hit": full_hit,
    "chinese": lambda: full_hit("中国普京访华", spans=((2, 4, "普京"),), lang="zh", excerpts=()),
    "arabic": lambda: full_hit(
        "بوتين يزور الصين", spans=((0, 5, "بوتين"),), lang="ar", excerpts=()
    ),
    "digest": lambda: an_alert(a_digest(12, more=37)),
    "event": lambda: an_alert(an_event()),
}


@pytest.mark.parametrize("alert", ALERTS)
@pytest.mark.parametrize("kind", RENDERERS)
def test_each_chat_shows_what_was_looked_at_and_stored(kind: str, alert: str) -> None:
    body = json.dumps(rendered(kind, ALERTS[alert]()), ensure_ascii=False, indent=1) + "\n"
    stored = Path(__file__).parent / "golden" / f"{kind}-{alert}.json"
    if os.environ.get("WIREWATCH_GOLDEN"):
        stored.write_text(body, "utf-8")
    assert body == stored.read_text("utf-8")


@cache
def hostile() -> tuple[Message, ...]:
    """Every hostile text in every place where feed text can stand, alone and in a digest."""
    return tuple(map(message_of, _hostile()))


def _hostile() -> Iterator[Alert]:
    for text in HOSTILE.values():
        span = ((0, max(len(text) // 2, 1), text),)
        excerpt = Excerpt("content", text, (Span("content", 0, len(text) // 3, text),))
        fields = {"summary": text, "source": text, "author": text, "lang": text}
        yield an_alert(a_hit(text, spans=span, excerpts=(excerpt,) * 4, **fields))
        yield an_alert(a_digest(10, title=text))


def _size(body: Any) -> int:
    return len(json.dumps(body, ensure_ascii=False).encode())


def _read_html(markup: str) -> tuple[str, list[str], set[str]]:
    """The text, the links and the tags of a piece of HTML."""
    links: list[str] = []
    tags: set[str] = set()
    texts: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)
            links.extend(value or "" for name, value in attrs if name == "href")
            assert all(name == "href" for name, _ in attrs)

        def handle_data(self, data: str) -> None:
            texts.append(data)

    reader = Reader()
    reader.feed(markup)
    reader.close()
    return "".join(texts), links, tags


def test_discord_stays_within_its_limits_and_mentions_nobody() -> None:  # C25
    for message in hostile():
        body = discord.render(message)
        assert body["allowed_mentions"] == {"parse": []}
        [embed] = body["embeds"]
        assert 1 <= len(embed["title"]) <= discord.TITLE
        assert len(embed.get("description", "")) <= discord.DESCRIPTION
        assert len(embed.get("footer", {}).get("text", "")) <= discord.FOOTER
        assert len(embed.get("author", {}).get("name", "")) <= discord.AUTHOR
        shown = [embed["title"], embed.get("description", "")]
        shown += [embed.get("footer", {}).get("text", ""), embed.get("author", {}).get("name", "")]
        assert sum(map(len, shown)) <= discord.EMBED


def test_telegram_stays_within_its_limit_in_its_own_unit() -> None:  # C26
    allowed = {"a", "b", "i", "blockquote"}
    for message in hostile():
        body = telegram.render(message)
        text, links, tags = _read_html(body["text"])
        assert 1 <= utf16(text) <= telegram.LIMIT
        assert tags <= allowed
        assert all(link.startswith("https://") and "evil" not in link for link in links)


def test_matrix_stays_within_the_size_of_an_event() -> None:  # C28
    for message in hostile():
        body = matrix.render(message)
        assert _size(body) < matrix.LIMIT - 4_000
        assert body["m.mentions"] == {}
        assert body["msgtype"] == "m.notice"
        _text, links, tags = _read_html(body["formatted_body"])
        assert tags <= {"a", "b", "blockquote", "br", "em", "li", "p", "strong", "ul"}
        assert all(link.startswith("https://") and "evil" not in link for link in links)


def test_googlechat_stays_within_its_limit_and_says_nothing_outside_the_card() -> None:
    for message in hostile():
        body = googlechat.render(message)
        assert _size(body) <= googlechat.LIMIT
        assert set(body) == {"cardsV2"}  # a message's own text knows mentions and no escapes
        for text in _strings(body["cardsV2"][0]["card"]):
            _text, links, tags = _read_html(text)
            assert tags <= {"a", "b", "br", "i"}
            assert all(link.startswith("https://") and "evil" not in link for link in links)


def test_teams_stays_within_its_limit_and_has_no_text_that_is_markdown() -> None:  # C27
    for message in hostile():
        body = teams.render(message)
        assert _size(body) <= teams.LIMIT
        assert "TextBlock" not in {*re.findall(r'"type": "(\w+)"', json.dumps(body))}


def test_ntfy_stays_within_what_it_shows_as_a_message() -> None:
    for message in hostile():
        body = ntfy.render(message)
        assert len(body["title"].encode()) <= ntfy.TITLE
        assert 1 <= len(body["message"].encode()) <= ntfy.LIMIT


def test_mattermost_stays_within_its_limit() -> None:
    for message in hostile():
        [attachment] = mattermost.render(message)["attachments"]
        assert 1 <= len(attachment["text"]) <= mattermost.LIMIT
        assert not re.search(r"@\w", attachment["text"])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


@pytest.mark.parametrize("kind", sorted(set(RENDERERS) - {"ntfy"}))
def test_a_title_that_names_another_place_is_no_link(kind: str) -> None:  # E12
    """The link stands beside it, under the name of the host it leads to."""
    body = rendered(kind, full_hit(BANK, spans=()))
    texts = [text.replace("\\", "") for text in _strings(body)]
    label = r"(\[[^\]]*bank\.example[^\]]*\]\(|<a [^>]*>[^<]*bank\.example)"
    assert not any(re.search(label, text) for text in texts)
    assert any("www.antaranews.com" in text for text in texts)
    written = json.dumps(body)
    assert not re.search(r'bank\.example[^{}]*"selectAction"', written)
    assert kind != "discord" or '"url"' not in written


@pytest.mark.parametrize("dialect", [DISCORD, MATTERMOST])
@given(st.text(alphabet=st.sampled_from("ab `*_~|>[]()#-<@:\\!{}.+普\n"), max_size=60))
def test_no_sign_of_markdown_in_feed_text_keeps_its_meaning(dialect: Dialect, text: str) -> None:
    escaped = dialect.escape(text)
    left = re.sub(r"\\[^a-z\s]", "", escaped)
    assert not set(left) & set(dialect.signs)
    assert re.sub(r"\\([^a-z\s])|\u200b", lambda m: m[1] or "", escaped) == text


@pytest.mark.parametrize("dialect", [DISCORD, MATTERMOST])
@given(st.text(max_size=200), st.integers(0, 120))
def test_cutting_counts_the_escapes_and_never_splits_one(
    dialect: Dialect, text: str, limit: int
) -> None:
    shown = dialect.words(text, limit)
    assert len(shown) <= limit
    assert len(re.findall(r"\\+$", shown)) == 0 or len(re.findall(r"\\+$", shown)[0]) % 2 == 0


def test_a_matched_word_whose_ends_are_signs_is_shown_without_a_mark_that_would_not_close() -> None:
    hit = full_hit("中国C++普京", spans=((2, 5, "C++"),), excerpts=())
    assert "**" not in rendered("mattermost", hit)["attachments"][0]["text"].replace("\\*", "")


# What the services answer, in words that say what to mend.


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def failure(
    receiver: Receiver, kind: str, code: int, body: str
) -> PermanentFailure | TemporaryFailure:
    receiver.script(status(code, body))
    keys: dict[str, Any] = {"url": f"{receiver.origin}/hook"}
    if kind == "telegram":
        keys = {"token": f"1234:{'x' * 35}", "chat": "-100", "api": receiver.origin}
    if kind == "matrix":
        keys = {"homeserver": receiver.origin, "token": "t", "room": "!a:example.org"}
    settings = settings_model(kind).model_validate(keys)
    with pytest.raises((PermanentFailure, TemporaryFailure)) as raised:
        send(kind, settings, full_hit())
    assert isinstance(raised.value, PermanentFailure | TemporaryFailure)
    return raised.value


def _telegram(description: str) -> str:
    return json.dumps({"ok": False, "error_code": 400, "description": description})


WORDS = [
    (
        "telegram",
        400,
        _telegram("Bad Request: chat not found"),
        "Telegram: chat not found. Add the bot to the group, or use the numeric id",
    ),
    (
        "telegram",
        403,
        _telegram("Forbidden: bot was blocked by the user"),
        "Telegram: the bot was blocked. Unblock it in that chat, and press Start",
    ),
    (
        "telegram",
        403,
        _telegram("Forbidden: bot is not a member of the channel chat"),
        "Telegram: the bot is not in the chat. Add it to the group or channel",
    ),
    (
        "telegram",
        403,
        _telegram("Forbidden: bot can't initiate conversation with a user"),
        "Telegram: the bot may not write first. Open a chat with it and press Start",
    ),
    (
        "telegram",
        400,
        _telegram("Bad Request: not enough rights to send text messages to the chat"),
        (
            "Telegram: the bot may not write there. "
            "Let it post messages (in a channel: make it an admin)"
        ),
    ),
    (
        "telegram",
        400,
        _telegram("Bad Request: message thread not found"),
        "Telegram: the topic is closed or gone. Open it, or put another into topic",
    ),
    (
        "telegram",
        401,
        _telegram("Unauthorized"),
        "Telegram: there is no such bot. Copy its token from @BotFather again",
    ),
    (
        "discord",
        404,
        '{"message": "Unknown Webhook", "code": 10015}',
        (
            "Discord: this webhook was deleted; make a new webhook in the Discord channel's "
            "settings and put its address into url"
        ),
    ),
    (
        "discord",
        401,
        '{"message": "Invalid Webhook Token", "code": 50027}',
        (
            "Discord: the address is not complete or no longer valid; make a new webhook in the "
            "Discord channel's settings and put its address into url"
        ),
    ),
    (
        "matrix",
        403,
        '{"errcode": "M_FORBIDDEN"}',
        "Matrix: the bot may not write in this room. Invite it, and let it join",
    ),
    (
        "matrix",
        401,
        '{"errcode": "M_UNKNOWN_TOKEN"}',
        (
            "Matrix: the token is no longer valid. Log the bot in again and put its access token "
            "into token"
        ),
    ),
    (
        "mattermost",
        400,
        '{"id": "web.incoming_webhook.invalid.app_error"}',
        (
            "Mattermost: this webhook was deleted; make a new incoming webhook in Mattermost "
            "and put its address into url"
        ),
    ),
    (
        "googlechat",
        404,
        "{}",
        (
            "Google Chat: this webhook or its space no longer exists; make a new webhook in the "
            "space (Apps & integrations) and put its address into url"
        ),
    ),
    (
        "teams",
        400,
        '{"error": {"code": "WorkflowTriggerIsNotEnabled"}}',
        (
            "Teams: the workflow was deleted, switched off, or does not accept this address; "
            'switch it on, or make a workflow "Post to a channel when a webhook request is '
            'received" and put its address into url'
        ),
    ),
]


@pytest.mark.parametrize(("kind", "code", "body", "words"), WORDS)
def test_a_refusal_says_what_to_mend_and_stops_the_channel(
    receiver: Receiver, kind: str, code: int, body: str, words: str
) -> None:
    found = failure(receiver, kind, code, body)
    assert isinstance(found, PermanentFailure)
    assert found.reason == words
    assert found.disables


def test_a_group_that_became_another_is_written_to_there(receiver: Receiver) -> None:
    moved = {"ok": False, "description": "x", "parameters": {"migrate_to_chat_id": -100123}}
    receiver.script(status(400, json.dumps(moved)))
    keys = {"token": f"1234:{'x' * 35}", "chat": "-5", "topic": "7", "api": receiver.origin}
    receipt = send("telegram", settings_model("telegram").model_validate(keys), full_hit())
    assert receipt.status == "200; the group's id is now -100123: put it into chat"
    first, second = (request.json for request in receiver.requests)
    assert (first["chat_id"], second["chat_id"]) == ("-5", "-100123")
    assert second["message_thread_id"] == "7"


def test_markup_that_telegram_cannot_read_is_sent_again_as_plain_text(receiver: Receiver) -> None:
    receiver.script(status(400, _telegram("Bad Request: can't parse entities: x")))
    keys = {"token": f"1234:{'x' * 35}", "chat": "@desk", "api": receiver.origin}
    send("telegram", settings_model("telegram").model_validate(keys), full_hit())
    second = receiver.requests[1].json
    assert "parse_mode" not in second
    assert second["chat_id"] == "@desk"
    assert "Xi dan Putin bertemu" in second["text"]
    assert "https://www.antaranews.com/" in second["text"]


def test_an_error_that_teams_calls_200_is_a_failure(receiver: Receiver) -> None:  # C27
    said = "Webhook message delivery failed with error: endpoint returned HTTP error 429 with x"
    found = failure(receiver, "teams", 200, said)
    assert isinstance(found, TemporaryFailure)
    assert found.blocks
    other = failure(receiver, "teams", 200, "Summary or Text is required. Error.")
    assert isinstance(other, TemporaryFailure)
    assert "Summary or Text is required" in other.reason


def test_discord_asks_for_silence_in_fractions_of_a_second(receiver: Receiver) -> None:
    found = failure(receiver, "discord", 429, '{"retry_after": 64.57, "global": true}')
    assert isinstance(found, TemporaryFailure)
    assert found.retry_at == NOW + timedelta(seconds=65)


def test_matrix_puts_the_event_under_the_id_of_the_delivery(receiver: Receiver) -> None:
    keys = {"homeserver": f"{receiver.origin}/", "token": "secret", "room": "!r+om:example.org"}
    send("matrix", settings_model("matrix").model_validate(keys), full_hit())
    [request] = receiver.requests
    assert request.method == "PUT"
    assert request.target == (
        "/_matrix/client/v3/rooms/%21r%2Bom%3Aexample.org/send/m.room.message/0199-delivery-1"
    )
    assert request.header("authorization") == "Bearer secret"


def test_ntfy_is_asked_at_the_root_for_the_topic(receiver: Receiver) -> None:
    for url, root in (("/desk", "/"), ("/ntfy/desk/", "/ntfy/")):
        keys = {"url": receiver.origin + url, "token": "tk_1"}
        send("ntfy", settings_model("ntfy").model_validate(keys), full_hit())
        request = receiver.requests[-1]
        assert (request.target, request.json["topic"]) == (root, "desk")
        assert request.header("authorization") == "Bearer tk_1"
        assert request.json["click"] == "https://www.antaranews.com/berita/1/xi-putin?a=1&b=2"


MISTAKES = [
    (
        "teams",
        {"url": "https://example.webhook.office.com/webhookb2/x"},
        (
            'Office 365 connectors are retired; make a workflow "Post to a channel when a webhook '
            'request is received" and put its address into url'
        ),
    ),
    (
        "telegram",
        {"token": "bot1234", "chat": "@desk"},
        "not a bot token; @BotFather gives one such as 123456789:AAE-x…",
    ),
    (
        "telegram",
        {"token": f"1234:{'x' * 35}", "chat": "desk"},
        "not a chat; expected a numeric id such as -1001234567890, or @name",
    ),
    (
        "telegram",
        {"token": f"1234:{'x' * 35}", "chat": "@desk", "topic": "general"},
        "not a topic; expected the number in its link",
    ),
    (
        "matrix",
        {"homeserver": "https://m.example", "token": "x", "room": "#news:example.org"},
        (
            "that is an alias; expected the room's internal id, such as !abc:example.org "
            "(Room settings, Advanced)"
        ),
    ),
    (
        "matrix",
        {"homeserver": "https://m.example", "token": "x", "room": "news"},
        "not a room; expected its internal id, such as !abc:example.org",
    ),
    (
        "ntfy",
        {"url": "https://ntfy.sh/"},
        "names no topic; expected https://ntfy.sh/your-topic",
    ),
]


@pytest.mark.parametrize(("kind", "keys", "words"), MISTAKES)
def test_a_mistaken_setting_says_what_is_expected(
    kind: str, keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        settings_model(kind).model_validate(keys)
    [mistake] = raised.value.errors()
    assert str(mistake["ctx"]["error"]) == words
