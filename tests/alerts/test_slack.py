"""The Slack channel: blocks in which feed text is only ever text, and errors in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.made_alerts import HOSTILE, NOW, a_digest, a_hit, an_alert, an_event, send
from rigs.receiver import Receiver, status

from alerts import Alert, Excerpt, PermanentFailure, Rule, Span, Story, TemporaryFailure
from alerts.message import message_of
from alerts.slack import LIMIT, Settings, escape, render


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def settings(receiver: Receiver) -> Settings:
    return Settings.model_validate({"url": receiver.url})


def shown(alert: Alert) -> list[str]:
    """The blocks as lines, as Slack would show them: **bold**, [label](link), entities undone."""
    return [_line(part) for block in render(message_of(alert))["blocks"] for part in _parts(block)]


def _parts(block: dict[str, Any]) -> list[dict[str, Any]]:
    if block["type"] == "rich_text":
        return [
            line
            for part in block["elements"]
            for line in (part["elements"] if part["type"] == "rich_text_list" else [part])
        ]
    return [block]


def _line(part: dict[str, Any]) -> str:
    if part["type"] == "header":
        return "# " + _unescape(part["text"]["text"])
    if part["type"] == "context":
        return "~ " + " | ".join(_unescape(e["text"]) for e in part["elements"])
    mark = {"rich_text_section": "", "rich_text_quote": "> "}[part["type"]]
    return mark + "".join(_element(element) for element in part["elements"])


def _element(element: dict[str, Any]) -> str:
    if element["type"] == "emoji":
        return f":{element['name']}:"
    text = _unescape(element["text"])
    text = f"**{text}**" if element.get("style") == {"bold": True} else text
    return f"[{text}]({element['url']})" if element["type"] == "link" else text


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


URL = "https://news.example/1"


def test_a_hit_shows_title_excerpt_source_host_time_and_why() -> None:
    excerpt = Excerpt("content", "…pidato Putin di balai…", (Span("content", 8, 13, "Putin"),))
    hit = a_hit(
        "Xi tiba", url=URL, excerpts=(excerpt,), rule=Rule("xi", "critical"), story=Story("s", 3)
    )
    assert shown(an_alert(hit)) == [
        f":red_circle: [**Xi**]({URL})[ tiba]({URL})",
        "> …pidato **Putin** di balai…",
        (
            "~ ANTARA | <https://news.example/1|news.example>"
            " | <!date^1795376400^{date_short_pretty} {time}|2026-11-22 19:40 UTC>"
            " | id · rule xi · matched Xi · story 2 more articles · author A. Wartawan"
            " · why: wirewatch why hit-1"
        ),
    ]


def test_matched_words_are_bold_inside_chinese_where_no_space_stands() -> None:
    hit = a_hit("中国普京访华", spans=((2, 4, "普京"),), url=URL, summary="")
    assert shown(an_alert(hit))[0] == f"[中国]({URL})[**普京**]({URL})[访华]({URL})"


def test_a_digest_is_a_list_that_counts_what_it_leaves_out() -> None:
    assert shown(an_alert(a_digest(count=12, more=37))) == [
        "# 49 hits of xi-putin",
        *(
            f"[**Xi**](https://news.example/{n})[ number {n}](https://news.example/{n})"
            " · ANTARA · 2026-11-22 19:40 UTC"
            for n in range(10)
        ),
        "~ and 39 more | all: wirewatch hits --rule xi-putin",
    ]


def test_a_digest_of_long_links_shows_fewer_hits_and_counts_the_others() -> None:
    digest = a_digest(count=10, more=0)
    long = "https://news.example/" + "x" * 1_900
    hits = tuple(
        type(h)(h.id, h.rule, type(h.item)(**{**_fields(h.item), "url": long}), h.match, h.story)
        for h in digest.hits
    )
    alert = an_alert(type(digest)(digest.rule, 10, hits, 0))
    body = render(message_of(alert))
    assert len(json.dumps(body, ensure_ascii=False)) <= LIMIT
    lines = shown(alert)
    left = 10 - (len(lines) - 2)
    assert lines[-1] == f"~ and {left} more | all: wirewatch hits --rule xi-putin"


def _fields(item: Any) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__slots__}


def test_an_event_is_a_heading_and_its_sentence() -> None:
    assert shown(an_alert(an_event())) == [
        "# Feed broken: bbc-world",
        "feeds.bbci.co.uk has answered 503 for 24 hours; see: wirewatch feeds bbc-world",
    ]


def test_the_text_for_notifications_marks_words_and_disarms_markup_and_mentions() -> None:
    hit = a_hit("Xi: @everyone [a](https://b.example) *x* <!here>", url=URL, summary="")
    assert render(message_of(an_alert(hit)))["text"] == "\n".join(
        [
            "xi-putin: *Xi*: @\u200beveryone [a]\u200b(https://b.example) ∗x∗ &lt;!here&gt;",
            "ANTARA · 2026-11-22 19:40 UTC",
            f"<{URL}>",
        ]
    )


def test_a_title_that_names_another_place_is_no_link_but_its_host_is() -> None:
    hit = a_hit("https://bank.example/login is down", spans=(), url="https://evil.example/x")
    first, *_ = shown(an_alert(hit))
    assert first == ("https://bank.example/login is down [evil.example](https://evil.example/x)")


@pytest.mark.parametrize("title", HOSTILE.values(), ids=HOSTILE)
def test_nothing_in_a_feed_becomes_markup_a_mention_or_a_link(title: str) -> None:
    hit = a_hit(title, spans=(), summary=title, source=title, author=title, lang=title, url=URL)
    body = render(message_of(an_alert(hit)))
    sent = json.dumps(body, ensure_ascii=False)
    assert len(sent) <= LIMIT
    sent.encode()
    assert _links(body) <= {URL}
    assert all("\n" not in text and "\x00" not in text for text in _texts(body))
    for text in _texts(body):
        own = text.startswith((f"<{URL}|news.example>", "<!date^1795376400^"))
        assert own or ("<" not in text and ">" not in text)
    assert "@everyone" not in body["text"]
    assert body["parse"] == "none"
    assert not (body["link_names"])
    assert not (body["unfurl_links"])
    assert not (body["unfurl_media"])


def _links(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["url"]} if "url" in node else set()
        return own.union(*(_links(value) for value in node.values()))
    return set().union(*map(_links, node)) if isinstance(node, list) else set()


def _texts(node: Any) -> list[str]:
    """Every text inside the blocks."""
    if isinstance(node, dict):
        if "blocks" in node:
            return _texts(node["blocks"])
        own = [node["text"]] if isinstance(node.get("text"), str) else []
        return own + [text for value in node.values() for text in _texts(value)]
    return [text for value in node for text in _texts(value)] if isinstance(node, list) else []


@given(
    title=st.text(max_size=400),
    source=st.text(max_size=300),
    path=st.text(alphabet="ab&<>|%é ", max_size=2_500),
    spans=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 30)), max_size=8),
)
def test_whatever_a_feed_holds_slacks_limits_are_kept(
    title: str, source: str, path: str, spans: list[tuple[int, int]]
) -> None:
    marked = tuple((start, start + size, "x") for start, size in spans)
    url = f"https://news.example/{path}"
    body = render(message_of(an_alert(a_hit(title, spans=marked, source=source, url=url))))
    assert len(json.dumps(body, ensure_ascii=False)) <= LIMIT
    assert len(body["blocks"]) <= 50
    assert all(1 <= len(text) <= 3_000 for text in _texts(body))
    assert all(not set(link) & set("<>| ") and len(link) <= 2_000 for link in _links(body))


def test_a_header_is_at_most_150_characters_with_its_escapes() -> None:
    alert = an_alert(a_digest(count=2, title="x"))
    digest = a_digest(count=2)
    alert = Alert(alert.id, alert.at, type(digest)(Rule("&" * 150), 2, digest.hits, 0))
    header = render(message_of(alert))["blocks"][0]["text"]["text"]
    assert len(header) <= 150
    assert header.endswith("&amp;…")


@given(st.text(max_size=100))
def test_escaping_is_undone_by_reading(text: str) -> None:
    assert _unescape(escape(text)) == text


@pytest.mark.parametrize(
    ("code", "answer", "reason"),
    [
        (
            403,
            "invalid_token",
            (
                "invalid_token: Slack no longer accepts this address;"
                " make a new incoming webhook in Slack and put its address into url"
            ),
        ),
        (
            404,
            "no_service",
            (
                "no_service: this webhook was removed or switched off;"
                " make a new incoming webhook in Slack and put its address into url"
            ),
        ),
        (
            404,
            "channel_not_found",
            (
                "channel_not_found: the Slack channel no longer exists;"
                " make a new incoming webhook in Slack and put its address into url"
            ),
        ),
        (
            410,
            "channel_is_archived",
            (
                "channel_is_archived: the Slack channel is archived; unarchive it,"
                " or make a webhook for another"
            ),
        ),
        (
            403,
            "action_prohibited",
            (
                "action_prohibited: an admin has forbidden posting here; ask for it,"
                " or choose another Slack channel"
            ),
        ),
        (
            404,
            '{"ok": false, "error": "no_team"}',
            (
                "no_team: the workspace no longer exists;"
                " make a new incoming webhook in Slack and put its address into url"
            ),
        ),
    ],
)
def test_slacks_errors_are_told_in_words_that_say_what_to_mend(
    receiver: Receiver, code: int, answer: str, reason: str
) -> None:
    receiver.script(status(code, answer))
    with pytest.raises(PermanentFailure) as failure:
        send("slack", settings(receiver), an_alert())
    assert failure.value.reason == reason
    assert failure.value.disables


def test_when_blocks_are_refused_the_alert_goes_out_as_plain_text(receiver: Receiver) -> None:
    receiver.script(status(400, "invalid_blocks"))
    assert send("slack", settings(receiver), an_alert()).status == "200"
    first, second = receiver.requests
    assert "blocks" in first.json
    assert "blocks" not in second.json
    assert second.json["text"] == first.json["text"]


def test_what_is_refused_even_as_plain_text_is_a_dead_letter(receiver: Receiver) -> None:
    receiver.script(status(400, "invalid_blocks"), status(400, "invalid_payload"))
    with pytest.raises(PermanentFailure) as failure:
        send("slack", settings(receiver), an_alert())
    assert failure.value.reason == f"invalid_payload: {receiver.origin} refused the message"
    assert not failure.value.disables


def test_an_answer_made_to_exhaust_the_reader_is_a_refusal_like_any_other(
    receiver: Receiver,
) -> None:
    receiver.script(status(400, '{"a":' * 12_000))
    with pytest.raises(PermanentFailure, match="answered 400: it refused the alert as malformed"):
        send("slack", settings(receiver), an_alert())


def test_a_rate_limit_blocks_the_channel_for_as_long_as_slack_says(receiver: Receiver) -> None:
    receiver.script(status(429, "rate_limited", retry_after="30"))
    with pytest.raises(TemporaryFailure) as failure:
        send("slack", settings(receiver), an_alert())
    assert failure.value.blocks
    assert failure.value.retry_at == NOW + timedelta(seconds=30)


def test_slacks_own_server_error_is_temporary(receiver: Receiver) -> None:
    receiver.script(status(500, "rollup_error"))
    with pytest.raises(TemporaryFailure, match="answered 500 \\(rollup_error\\)"):
        send("slack", settings(receiver), an_alert())


def test_the_body_is_utf_8_json(receiver: Receiver) -> None:
    send("slack", settings(receiver), an_alert(a_hit("习近平会见普京", spans=())))
    (request,) = receiver.requests
    assert request.header("content-type") == "application/json; charset=utf-8"
    assert "习近平会见普京".encode() in request.body
