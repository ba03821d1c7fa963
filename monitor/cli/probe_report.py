"""What one poll of a feed came to, step by step, as plain values: for people and for ``--json``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor import charset
from monitor.config import Config, FeedConfig
from monitor.discover import feed_format
from monitor.fetch import Fetched, FetchFailed, NotModified, Validators
from monitor.item import Item, NotAFeed, Parsed, ParseFailed
from monitor.probe import Headers, Hop, Probe
from monitor.schedule import NEVER, Bad, Good, NextPoll, Rhythm, next_poll
from monitor.schedule import period as spelled
from monitor.translate import document_of
from monitor.wishes import Wishes

SHOWN = 10
_TELLING = (
    "content-type",
    "content-length",
    "content-encoding",
    "location",
    "etag",
    "last-modified",
    "cache-control",
    "expires",
    "age",
    "date",
    "retry-after",
    "server",
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes reports of one feed's probes. ``redact`` takes secrets out of texts; ``interval`` is
    its adaptive one; ``known``: it is in the configuration."""

    config: Config
    feed: FeedConfig
    redact: Callable[[str], str]
    interval: timedelta
    _: KW_ONLY
    known: bool

    def report(self, probe: Probe) -> Report:
        """Everything that is worth telling; a key whose value would be nothing is None or empty."""
        parsed = probe.parsed
        return {
            "url": self.redact(self.feed.url),
            "feed": self.feed.name if self.known else None,
            "ok": isinstance(parsed, Parsed) or isinstance(probe.answer, NotModified),
            "requests": [self._hop(hop) for hop in probe.hops],
            "answer": self._answer(probe),
            "seconds": round(probe.seconds, 3),
            "validators": _validators(_kept(probe)),
            "next_poll": self._next(probe),
            "hints": list(_hints(probe)),
            "document": self._document(probe, parsed) if isinstance(parsed, Parsed) else None,
            "problems": [self.redact(text) for text in _problems(probe)],
            "items": self._items(parsed) if isinstance(parsed, Parsed) else [],
        }

    def _hop(self, hop: Hop) -> Report:
        return {
            "url": self.redact(hop.url),
            "sent": [[name, self._own(name, text)] for name, text in _texts(hop.sent)],
            "status": hop.status,
            "received": [
                [name, self.redact(text)]
                for name, text in _texts(hop.received)
                if name.lower() in _TELLING
            ],
            "seconds": round(hop.seconds, 3),
        }

    def _own(self, name: str, text: str) -> str:
        """A header as it was sent, unless it is, or may hold, one of the operator's secrets."""
        is_own = any(name.lower() == own.lower() for own in self.feed.headers)
        if name.lower() == "authorization" or (is_own and text in self.config.secrets):
            return "[secret]"
        return self.redact(text)

    def _answer(self, probe: Probe) -> str:
        match probe.answer, probe.parsed:
            case FetchFailed(message=message), _:
                return self.redact(message)
            case NotModified(), _:
                return "not modified since the poll that gave these validators"
            case _, NotAFeed(looks_like):
                return f"not a feed: {self.redact(looks_like)}"
            case _, ParseFailed(message=message):
                return message
            case _, Parsed() as feed:
                return f"a feed, {feed_format(feed)}"
        return ""

    def _next(self, probe: Probe) -> Report:
        found = self._polled_next(probe)
        never = found.at == NEVER
        wait = None if never else (found.at - probe.asked_at).total_seconds()
        return {"after_seconds": None if wait is None else round(wait), "why": found.why}

    def _polled_next(self, probe: Probe) -> NextPoll:
        """What the daemon would decide after this answer, had it asked."""
        hints = probe.parsed.hints if isinstance(probe.parsed, Parsed) else None
        wishes = Wishes()
        if hints:
            wishes = Wishes(hints.ttl, hints.sy, hints.skip_hours, hints.skip_days)
        rhythm = Rhythm(
            feed_id="",
            every=self.feed.every,
            interval=self.interval,
            validators=isinstance(probe.answer, NotModified) or _kept(probe) is not None,
            wishes=wishes,
            on_time=False,
        )
        match probe.answer:
            case FetchFailed(kind=kind, status=status, retry_at=retry_at):
                bad = Bad(1, status, retry_at, gone=kind == "gone")
                return next_poll(rhythm, bad, probe.asked_at)
            case Fetched() if not isinstance(probe.parsed, Parsed):
                return next_poll(rhythm, Bad(1), probe.asked_at)
            case answer:
                return next_poll(rhythm, Good(max_age=answer.hints.max_age), probe.asked_at)

    def _document(self, probe: Probe, parsed: Parsed) -> Report:
        body = probe.answer.body if isinstance(probe.answer, Fetched) else b""
        kind = probe.answer.content_type if isinstance(probe.answer, Fetched) else ""
        counted = Counter(item.lang for item in parsed.items if item.lang)
        return {
            "format": feed_format(parsed),
            "title": parsed.title,
            "bytes": len(body),
            "charset": charset.decoded(body[:65536], kind)[1],
            "items": len(parsed.items),
            "newest_item": max(_times(parsed), default=None),
            "lang": counted.most_common(1)[0][0] if counted else "",
            "parse_seconds": round(probe.parse_seconds, 3),
        }

    def _items(self, parsed: Parsed) -> list[Report]:
        return [self._item(item) for item in parsed.items[:SHOWN]]

    def _item(self, item: Item) -> Report:
        matches = self.config.ruleset.match(document_of(item, (self.feed,)))
        return {
            "title": item.title,
            "link": item.url,
            "published": item.published,
            "key": item.key,
            "lang": item.lang,
            "rules": [match.rule for match in matches],
        }


def _texts(headers: Headers) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        yield name.decode("latin-1"), value.decode("latin-1")


def _kept(probe: Probe) -> Validators | None:
    """The pair that the daemon would keep of this answer."""
    match probe.answer, probe.parsed:
        case Fetched(validators=validators), Parsed():
            return validators
        case NotModified(validators=validators), _:
            return validators
    return None


def _validators(kept: Validators | None) -> Report | None:
    if kept is None:
        return None
    texts = (value and value.decode("latin-1") for value in (kept.etag, kept.last_modified))
    return dict(zip(("etag", "last_modified"), texts, strict=True))


def _hints(probe: Probe) -> Iterator[str]:
    """What server and document say about when to come back, in words."""
    if isinstance(probe.answer, Fetched | NotModified) and probe.answer.hints.max_age:
        yield f"max-age: fresh for {spelled(probe.answer.hints.max_age)} more"
    if isinstance(probe.answer, FetchFailed) and probe.answer.retry_at:
        yield f"Retry-After: not before {probe.answer.retry_at:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(probe.parsed, Parsed):
        hints = probe.parsed.hints
        for name, wish in (("ttl", hints.ttl), ("sy:update", hints.sy)):
            if wish:
                yield f"{name}: {spelled(wish)}"
        if hints.skip_hours:
            yield f"skipHours: {', '.join(map(str, sorted(hints.skip_hours)))} GMT"
        if hints.skip_days:
            yield f"skipDays: {', '.join(_DAYS[day] for day in sorted(hints.skip_days))}"


def _problems(probe: Probe) -> Iterator[str]:
    """What an operator may want to know that is no failure."""
    answer, parsed = probe.answer, probe.parsed
    if isinstance(answer, Fetched | NotModified) and answer.moved_to:
        yield f"moved for good, says the server, to {answer.moved_to}"
    if not isinstance(parsed, Parsed):
        return
    if _kept(probe) is None:
        yield "no validators: every poll fetches the whole document, at most every 60 minutes"
    if parsed.bozo:
        yield f"the document is not as it should be: {parsed.bozo}"
    if parsed.cut:
        yield "the document ends early; its last entry was left out and is read at the next poll"
    if parsed.dropped:
        yield f"{parsed.dropped:,} entries were left out: empty, repeated or after the 10,000th"
    yield from _lacks(parsed)


def _lacks(parsed: Parsed) -> Iterator[str]:
    checks: Collection[tuple[str, Callable[[Item], object]]] = (
        ("a link that may be followed", lambda item: item.url),
        ("a usable date", lambda item: item.published),
        ("a title", lambda item: item.title),
    )
    total = len(parsed.items)
    for what, has in checks:
        count = sum(not has(item) for item in parsed.items)
        if count:
            yield f"{count:,} of {total:,} items lack {what}"


def _times(parsed: Parsed) -> Iterator[datetime]:
    return (item.published for item in parsed.items if item.published)
