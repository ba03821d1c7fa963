"""Alert: what any channel may know and say.

An alert is fixed when it is queued: a retry after its rule or feed has left the configuration
says the same words. It is kept, and sent by webhook, as the JSON that `Alert.payload` gives.

Chose frozen dataclasses with a hand-written JSON form, instead of a pydantic model, because the
JSON is a published, versioned contract (docs: what a webhook receives) that must not follow a
renamed attribute by accident.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Severity = Literal["low", "normal", "high", "critical"]
Kind = Literal["hit", "digest", "event"]
VERSION = 1


@dataclass(frozen=True, slots=True)
class Span:
    """Code points ``start`` to ``end`` of ``field`` hold ``term``."""

    field: str
    start: int
    end: int
    term: str


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of ``field`` around matched words; its spans count within ``text``."""

    field: str
    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that matched, as it was then."""

    name: str
    severity: Severity = "normal"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """The article. Texts hold no markup; ``url`` is http, https or empty. Times are aware UTC."""

    title: str
    url: str
    feed: str
    source: str
    author: str
    published: datetime | None
    first_seen: datetime
    lang: str
    summary: str
    summary_cut: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Why it matched: the terms, where they stand, and excerpts to show them in."""

    terms: tuple[str, ...]
    spans: tuple[Span, ...]
    excerpts: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The story the item belongs to, with how many items from which sources; an item alone is a
    story of one."""

    id: str
    items: int = 1
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """This rule matched this item."""

    id: str
    rule: Rule
    item: Item
    match: Match
    story: Story


@dataclass(frozen=True, slots=True)
class About:
    """The story that all hits of a digest tell: its first title, and whether it was told before."""

    title: str
    told_before: bool


@dataclass(frozen=True, slots=True)
class Digest:
    """Several hits in one alert: the newest that fit, and how many more there are. ``why`` they
    come together, in a few words; ``about``: the one story that they tell, if they do."""

    rule: Rule
    count: int
    hits: tuple[Hit, ...]
    more: int
    why: str = ""
    about: About | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something operators should know about the daemon itself.

    ``name`` is a fixed word (``feed_broken``, ``reload_refused``, ...), ``subject`` the feed,
    channel or file it is about, ``message`` a sentence with the next step.
    """

    name: str
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Alert:
    """What a channel is given to say.

    ``id`` is the delivery's: the same on every attempt. ``at`` is when it happened, not when it
    is sent. ``done``: recipients, of a channel that has several, who have it already.
    """

    id: str
    at: datetime
    body: Hit | Digest | Event
    done: frozenset[str] = frozenset()

    @property
    def kind(self) -> Kind:
        match self.body:
            case Hit():
                return "hit"
            case Digest():
                return "digest"
            case Event():
                return "event"

    def payload(self) -> dict[str, Any]:
        """``{"type", "timestamp", "data"}``: the body that a webhook receives."""
        return {"type": self.kind, "timestamp": _time(self.at), "data": _data(self.body)}

    def to_json(self) -> str:
        """The stored form: the payload and its version. Times are whole seconds, UTC."""
        return json.dumps({"version": VERSION, **self.payload()}, ensure_ascii=False)

    @classmethod
    def from_json(cls, id: str, stored: str) -> Alert:  # noqa: A002 - the field's own name
        """Read the stored form.

        Raises:
            ValueError: the version is newer than this program.
        """
        raw = json.loads(stored)
        if raw["version"] > VERSION:
            raise ValueError(f"alert of version {raw['version']}; this wirewatch knows {VERSION}")
        return cls(id=id, at=_parse_time(raw["timestamp"]), body=_BODIES[raw["type"]](raw["data"]))


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _data(body: Hit | Digest | Event) -> dict[str, Any]:
    match body:
        case Hit():
            return _hit(body)
        case Digest():
            return {
                "rule": _rule(body.rule),
                "count": body.count,
                "hits": [_hit(hit) for hit in body.hits],
                "more": body.more,
                "why": body.why,
                "story": _about(body.about),
            }
        case Event():
            return {"event": body.name, "subject": body.subject, "message": body.message}


def _about(about: About | None) -> dict[str, Any] | None:
    return {"title": about.title, "told_before": about.told_before} if about else None


def _rule(rule: Rule) -> dict[str, Any]:
    return {"name": rule.name, "severity": rule.severity, "tags": list(rule.tags)}


def _hit(hit: Hit) -> dict[str, Any]:
    item = hit.item
    return {
        "id": hit.id,
        "rule": _rule(hit.rule),
        "item": {
            "title": item.title,
            "url": item.url,
            "feed": item.feed,
            "source": item.source,
            "author": item.author,
            "published": _time(item.published) if item.published else None,
            "first_seen": _time(item.first_seen),
            "lang": item.lang,
            "summary": item.summary,
            "summary_cut": item.summary_cut,
        },
        "match": {
            "terms": list(hit.match.terms),
            "spans": [_span(span) for span in hit.match.spans],
            "excerpts": [
                {
                    "field": excerpt.field,
                    "text": excerpt.text,
                    "spans": [
                        {"start": s.start, "end": s.end, "term": s.term} for s in excerpt.spans
                    ],
                }
                for excerpt in hit.match.excerpts
            ],
        },
        "story": {
            "id": hit.story.id,
            "items": hit.story.items,
            "sources": list(hit.story.sources),
        },
    }


def _span(span: Span) -> dict[str, Any]:
    return {"field": span.field, "start": span.start, "end": span.end, "term": span.term}


def _read_rule(raw: Mapping[str, Any]) -> Rule:
    return Rule(name=raw["name"], severity=raw["severity"], tags=tuple(raw["tags"]))


def _read_hit(raw: Mapping[str, Any]) -> Hit:
    item, match = raw["item"], raw["match"]
    return Hit(
        id=raw["id"],
        rule=_read_rule(raw["rule"]),
        item=Item(
            title=item["title"],
            url=item["url"],
            feed=item["feed"],
            source=item["source"],
            author=item["author"],
            published=_parse_time(item["published"]) if item["published"] else None,
            first_seen=_parse_time(item["first_seen"]),
            lang=item["lang"],
            summary=item["summary"],
            summary_cut=item["summary_cut"],
        ),
        match=Match(
            terms=tuple(match["terms"]),
            spans=tuple(Span(**span) for span in match["spans"]),
            excerpts=tuple(
                Excerpt(
                    field=excerpt["field"],
                    text=excerpt["text"],
                    spans=tuple(Span(field=excerpt["field"], **s) for s in excerpt["spans"]),
                )
                for excerpt in match["excerpts"]
            ),
        ),
        story=Story(
            id=raw["story"]["id"],
            items=raw["story"]["items"],
            sources=tuple(raw["story"].get("sources", ())),
        ),
    )


def _read_digest(raw: Mapping[str, Any]) -> Digest:
    return Digest(
        rule=_read_rule(raw["rule"]),
        count=raw["count"],
        hits=tuple(_read_hit(hit) for hit in raw["hits"]),
        more=raw["more"],
        why=raw.get("why", ""),
        about=About(**about) if (about := raw.get("story")) else None,
    )


def _read_event(raw: Mapping[str, Any]) -> Event:
    return Event(name=raw["event"], subject=raw["subject"], message=raw["message"])


_BODIES: Mapping[str, Callable[[Mapping[str, Any]], Hit | Digest | Event]] = {
    "hit": _read_hit,
    "digest": _read_digest,
    "event": _read_event,
}
