"""What a webhook receives: the payload of an alert in under 20 kB of UTF-8.

Texts are cut, links never; spans of what is not in the payload are left out; of a digest the
newest hits that fit are sent and the others counted in ``more``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from alerts.alert import Alert, Digest, Event, Excerpt, Hit, Match, Rule, Span
from alerts.text import cut_point

LIMIT = 20_000 - 1  # bytes; the specification of Standard Webhooks says under 20 kB
LONGEST_LINK = 4_000  # bytes; a longer one is left out: half a link leads astray


@dataclass(frozen=True, slots=True)
class _Measure:
    """How much is kept: code points of a text and of a label, entries of a list, excerpts."""

    text: int
    label: int
    entries: int
    excerpts: int = 10


_MEASURES = (
    _Measure(4_000, 1_000, 1_000),
    _Measure(4_000, 500, 100),
    _Measure(2_000, 250, 50),
    _Measure(1_000, 150, 25),
    _Measure(400, 100, 12),
    _Measure(120, 40, 3, excerpts=3),
)
_WITH_SPANS = ("title", "summary", "author", "source", "url")
_IN_DIGEST = _MEASURES[-2:]


def payload_bytes(alert: Alert) -> bytes:
    """The JSON body: UTF-8, not ASCII-escaped, under 20 kB whatever the alert holds."""
    if isinstance(alert.body, Digest):
        return _encode(replace(alert, body=_fitting(alert, alert.body)))
    for measure in _MEASURES:
        encoded = _encode(replace(alert, body=_cut_body(alert.body, measure)))
        if len(encoded) <= LIMIT:
            return encoded
    raise AssertionError("the smallest measure is small enough for every alert")


def _encode(alert: Alert) -> bytes:
    text = json.dumps(alert.payload(), ensure_ascii=False, separators=(",", ":"))
    return re.sub("[\ud800-\udfff]", "\ufffd", text).encode()


def _fitting(alert: Alert, digest: Digest) -> Digest:
    """The digest with its newest hits that fit; what is left out is added to ``more``."""
    rule = _cut_rule(digest.rule, _IN_DIGEST[0])
    bare = replace(digest, rule=rule, hits=())
    room = LIMIT - len(_encode(replace(alert, body=bare))) - 10  # `more` may gain digits
    kept: list[Hit] = []
    for hit in digest.hits:
        for measure in _IN_DIGEST:
            smaller = _cut_hit(hit, measure)
            size = len(_encode(replace(alert, body=smaller)))  # a little more than within
            if size <= room:
                break
        else:
            break
        kept.append(smaller)
        room -= size
    return replace(bare, hits=tuple(kept), more=digest.more + len(digest.hits) - len(kept))


def _cut_body(body: Hit | Event | Digest, measure: _Measure) -> Hit | Event | Digest:
    match body:
        case Hit():
            return _cut_hit(body, measure)
        case Event():
            return Event(
                name=_cut(body.name, measure.label),
                subject=_cut(body.subject, measure.label),
                message=_cut(body.message, measure.text),
            )
        case Digest():
            return replace(body, hits=tuple(_cut_hit(hit, measure) for hit in body.hits))


def _cut_hit(hit: Hit, measure: _Measure) -> Hit:
    item = hit.item
    cut = replace(
        item,
        title=_cut(item.title, measure.text),
        url=item.url if len(json.dumps(item.url, ensure_ascii=False)) <= LONGEST_LINK else "",
        feed=_cut(item.feed, measure.label),
        source=_cut(item.source, measure.label),
        author=_cut(item.author, measure.label),
        lang=_cut(item.lang, measure.label),
        summary=_cut(item.summary, measure.text),
        summary_cut=item.summary_cut or len(item.summary) > measure.text,
    )
    shown = {field: getattr(cut, field) for field in _WITH_SPANS}
    return replace(
        hit,
        rule=_cut_rule(hit.rule, measure),
        item=cut,
        match=_cut_match(hit.match, shown, measure),
    )


def _cut_rule(rule: Rule, measure: _Measure) -> Rule:
    tags = tuple(_cut(tag, measure.label) for tag in rule.tags[: measure.entries])
    return replace(rule, name=_cut(rule.name, measure.label), tags=tags)


def _cut_match(match: Match, shown: Mapping[str, str], measure: _Measure) -> Match:
    inside = (span for span in match.spans if span.end <= len(shown.get(span.field, "")))
    return Match(
        terms=tuple(_cut(term, measure.label) for term in match.terms[: measure.entries]),
        spans=_cut_spans(inside, measure),
        excerpts=tuple(_cut_excerpt(e, measure) for e in match.excerpts[: measure.excerpts]),
    )


def _cut_excerpt(excerpt: Excerpt, measure: _Measure) -> Excerpt:
    text = _cut(excerpt.text, measure.text)
    inside = (span for span in excerpt.spans if span.end <= len(text))
    return replace(excerpt, text=text, spans=_cut_spans(inside, measure))


def _cut_spans(spans: Iterable[Span], measure: _Measure) -> tuple[Span, ...]:
    return tuple(replace(s, term=_cut(s.term, measure.label)) for s in spans)[: measure.entries]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: cut_point(text, most)]
