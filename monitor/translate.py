"""What the daemon knows, in the words of its neighbours: `rules.Document` in, `alerts.Hit` out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

import alerts
import rules
from alerts.excerpts import excerpts_of
from monitor.config import FeedConfig, RuleConfig
from monitor.parse import Item

TEXT_LIMIT = 4000
_PAYLOAD_FIELDS = ("title", "summary", "author", "url", "source")


def document_of(item: Item, feeds: Sequence[FeedConfig]) -> rules.Document:
    """The item as rules see it. Several feeds of one URL are one feed with all their names."""
    first, *others = feeds
    labels = [*first.tags]
    for other in others:
        labels += [other.name, *other.tags]
    return rules.Document(
        title=item.title,
        summary=item.summary,
        content=item.content,
        author=item.author,
        tags=item.tags,
        url=item.url,
        feed=first.name,
        feed_tags=tuple(dict.fromkeys(labels)),
        source=item.source,
        lang=item.lang,
    )


def hit_of(
    match: rules.Match,
    item: Item,
    rule: RuleConfig,
    feed: str,
    *,
    hit_id: str,
    item_id: str,
    first_seen: datetime,
) -> alerts.Hit:
    """What a channel is told of this hit. Texts are cut at `TEXT_LIMIT` code points, and spans
    beyond the cut, or in texts the alert does not carry, are left out; the excerpts show them."""
    texts = {"title": item.title, "summary": item.summary, "content": item.content}
    spans = [alerts.Span(*span) for span in match.spans]
    return alerts.Hit(
        id=hit_id,
        rule=alerts.Rule(name=rule.name, severity=rule.severity, tags=rule.tags),
        item=alerts.Item(
            title=item.title[:TEXT_LIMIT],
            url=item.url,
            feed=feed,
            source=item.source,
            author=item.author[:TEXT_LIMIT],
            published=item.published,
            first_seen=first_seen,
            lang=item.lang,
            summary=item.summary[:TEXT_LIMIT],
            summary_cut=len(item.summary) > TEXT_LIMIT,
        ),
        match=alerts.Match(
            terms=_terms(spans),
            spans=tuple(s for s in spans if s.field in _PAYLOAD_FIELDS and s.end <= TEXT_LIMIT),
            excerpts=excerpts_of(texts, spans),
        ),
        story=alerts.Story(id=item_id),
    )


def stored_hit(row: Row[Any], rule: RuleConfig) -> alerts.Hit:
    """A hit that was stored, as a channel is told of it: `monitor.store.gathering` gives the row.
    A hit of no story is one of its own."""
    match = json.loads(row.match)
    story = row.story_id is not None
    return alerts.Hit(
        id=row.hit_id,
        rule=alerts.Rule(name=rule.name, severity=rule.severity, tags=rule.tags),
        item=alerts.Item(
            title=row.title[:TEXT_LIMIT],
            url=row.url,
            feed=row.feed,
            source=row.source,
            author=row.author[:TEXT_LIMIT],
            published=row.published_at,
            first_seen=row.first_seen_at,
            lang=row.lang,
            summary=row.summary[:TEXT_LIMIT],
            summary_cut=len(row.summary) > TEXT_LIMIT,
        ),
        match=alerts.Match(
            terms=tuple(match["terms"]),
            spans=tuple(alerts.Span(**span) for span in match["spans"]),
            excerpts=tuple(_excerpt(raw) for raw in match["excerpts"]),
        ),
        story=alerts.Story(
            id=row.story_id if story else row.item_id,
            items=row.story_size if story else 1,
            sources=tuple(json.loads(row.story_sources)) if story else (),
        ),
    )


def _excerpt(raw: Mapping[str, Any]) -> alerts.Excerpt:
    name = raw["field"]
    spans = tuple(alerts.Span(field=name, **span) for span in raw["spans"])
    return alerts.Excerpt(name, raw["text"], spans)


def _terms(spans: Iterable[alerts.Span]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(span.term for span in spans))
