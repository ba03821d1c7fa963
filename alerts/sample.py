"""Alerts to try a channel with: they look like the real ones and say that they are none."""

from __future__ import annotations

from datetime import datetime

from alerts.alert import (
    Alert,
    Digest,
    Event,
    Excerpt,
    Hit,
    Item,
    Kind,
    Match,
    Rule,
    Severity,
    Span,
    Story,
)

_ARTICLES = (
    (
        "Test: Xi dan Putin bertemu di Beijing, pipa gas belum disepakati",
        "…pembicaraan tentang pipa gas antara Xi dan Putin masih berlanjut…",
        ("Xi", "Putin"),
        "id",
    ),
    (
        "测试：习近平与普京在北京会晤",
        "…习近平与普京就天然气管道交换了意见…",
        ("习近平", "普京"),
        "zh",
    ),
    (
        "اختبار: لقاء بوتين وشي في بكين",
        "…لم يتفق بوتين وشي بعد على خط الأنابيب…",
        ("بوتين", "شي"),
        "ar",
    ),
)


def sample(kind: Kind, id: str, at: datetime, severity: Severity = "normal") -> Alert:  # noqa: A002 - the field's own name
    """An alert of that kind, in three scripts where there is room for them."""
    rule = Rule("send-test", severity, ("test",))
    if kind == "event":
        message = "this is a test; nothing is wrong. Sent by: wirewatch send-test"
        return Alert(id, at, Event("test", "send-test", message))
    hits = tuple(_hit(number, rule, at) for number in range(len(_ARTICLES)))
    if kind == "digest":
        return Alert(id, at, Digest(rule, len(hits), hits, 0))
    return Alert(id, at, hits[0])


def _hit(number: int, rule: Rule, at: datetime) -> Hit:
    title, text, terms, lang = _ARTICLES[number]
    item = Item(
        title=title,
        url=f"https://example.org/wirewatch-test/{number + 1}",
        feed="send-test",
        source="wirewatch",
        author="",
        published=at,
        first_seen=at,
        lang=lang,
        summary=text,
    )
    excerpt = Excerpt("summary", text, _spans("summary", text, terms))
    spans = _spans("title", title, terms)
    return Hit(
        id=f"send-test-{number + 1}",
        rule=rule,
        item=item,
        match=Match(terms, spans, (excerpt,)),
        story=Story(f"send-test-{number + 1}"),
    )


def _spans(field: str, text: str, terms: tuple[str, ...]) -> tuple[Span, ...]:
    starts = ((text.find(term), term) for term in terms)
    return tuple(Span(field, at, at + len(term), term) for at, term in starts if at >= 0)
