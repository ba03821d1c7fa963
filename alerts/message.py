"""Message: what an alert says, before any channel's markup.

Every renderer works on this one tree, so each channel says the same things in the same order and
only markup differs. Texts in it are clean (`alerts.text.clean`); links are plain ASCII addresses
that go where they seem to go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote as quote_word
from urllib.parse import quote, urlsplit, urlunsplit

from alerts.alert import Alert, Digest, Event, Hit, Severity, Span
from alerts.text import ELLIPSIS, clean, clean_with_offsets, cut, cut_point, longest_prefix, may_cut

LONGEST_LINK = 2_000
LONGEST_TITLE = 1_000
LONGEST_LABEL = 200
MOST_ENTRIES = 10
SHORT_ID = 23
"""So much of an id is unlike all others; commands take it as the whole."""


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text; ``marked`` when it is a matched word."""

    text: str
    marked: bool = False


Text = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One article: its title, where it stands, who says so and when, and the words around what
    matched. ``link`` is empty when there is none to trust; ``host`` is where it leads.
    ``labels_link``: the title may itself be the link, as it names no other place."""

    title: Text
    link: str
    host: str
    source: str
    at: datetime
    lang: str
    excerpts: tuple[Text, ...] = ()
    labels_link: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """What to say. ``heading`` is the sentence for a subject or a notification; ``text`` what an
    event tells; ``more`` how many hits of a digest are not among ``entries``; ``ask`` the command
    that tells more."""

    heading: str
    rule: str
    severity: Severity
    at: datetime
    entries: tuple[Entry, ...] = ()
    more: int = 0
    text: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    ask: str = ""


def small_print(message: Message) -> str:
    """Why it came, and how to ask for more, in one line."""
    alone = len(message.entries) == 1 and not message.more
    rule = [f"rule {message.rule}"] if message.rule and alone else []
    facts = (f"{name} {value}" for name, value in message.facts)
    return " · ".join([*rule, *facts, *([message.ask] if message.ask else [])])


def message_of(alert: Alert) -> Message:
    """What the alert says."""
    match alert.body:
        case Hit() as hit:
            return _of_hit(hit, alert.at)
        case Digest() as digest:
            return _of_digest(digest, alert.at)
        case Event() as event:
            return _of_event(event, alert.at)


def _of_hit(hit: Hit, at: datetime) -> Message:
    entry = _entry(hit)
    return Message(
        heading=text_of(entry.title),
        rule=_label(hit.rule.name),
        severity=hit.rule.severity,
        at=at,
        entries=(entry,),
        facts=_facts(hit),
        ask=f"why: wirewatch why {_label(hit.id)[:SHORT_ID]}",
    )


def follow_up_of(alert: Alert, first: Alert) -> tuple[str, Entry]:
    """More of a story that ``first`` told: ``also in Kompas``, and the article.

    Raises:
        TypeError: it is not about one hit.
    """
    if not isinstance(alert.body, Hit):
        raise TypeError(f"a {alert.kind} follows no story")
    entry = _entry(alert.body)
    before = _entry(first.body).source if isinstance(first.body, Hit) else ""
    return f"{'more' if entry.source == before else 'also'} in {entry.source}", entry


def _of_digest(digest: Digest, at: datetime) -> Message:
    name = _label(digest.rule.name)
    entries = tuple(_entry(hit) for hit in digest.hits[:MOST_ENTRIES])
    return Message(
        heading=digest_heading(digest),
        rule=name,
        severity=digest.rule.severity,
        at=at,
        entries=entries,
        more=digest.more + len(digest.hits) - len(entries),
        facts=_digest_facts(digest),
        ask=f"all: wirewatch hits --rule {quote_word(name)}",
    )


def _digest_facts(digest: Digest) -> tuple[tuple[str, str], ...]:
    """The rule, where the heading does not name it, and why its hits come together."""
    rule = (("rule", _label(digest.rule.name)),) if digest.about else ()
    return (*rule, ("why together", _label(digest.why))) if digest.why else rule


def digest_heading(digest: Digest) -> str:
    """``3 hits of pipelines``, or of one story ``3 more on "Xi meets Putin" (Antara, Kompas)``."""
    if digest.about is None:
        hits = "hit" if digest.count == 1 else "hits"
        return f"{digest.count} {hits} of {_label(digest.rule.name)}"
    title = _label(digest.about.title) or "(no title)"
    sources = list(dict.fromkeys(_label(h.item.source or h.item.feed) for h in digest.hits))
    if digest.about.told_before:
        return f'{digest.count} more on "{title}" ({_some(sources)})'
    return f'"{title}" in {len(sources)} sources'


def _of_event(event: Event, at: datetime) -> Message:
    name = _label(event.name).replace("_", " ")
    subject = _label(event.subject)
    heading = f"{name[:1].upper()}{name[1:]}"
    return Message(
        heading=f"{heading}: {subject}" if subject else heading,
        rule="",
        severity="normal",
        at=at,
        text=cut(clean(event.message), 2_000),
    )


def _entry(hit: Hit) -> Entry:
    item = hit.item
    title = cut_text(
        marked(item.title, (s for s in hit.match.spans if s.field == "title")), LONGEST_TITLE
    )
    link, host = safe_link(item.url)
    excerpts = tuple(marked(e.text, e.spans) for e in hit.match.excerpts)
    shown = tuple(excerpt for excerpt in excerpts if excerpt) or _opening(item.summary, title)
    return Entry(
        title=title or (Run("(no title)"),),
        link=link,
        host=host,
        source=_label(item.source) or _label(item.feed),
        at=item.published or item.first_seen,
        lang=_label(item.lang),
        excerpts=shown,
        labels_link=not names_other_place(text_of(title), host),
    )


def _opening(summary: str, title: Text) -> tuple[Text, ...]:
    """The start of the summary, for a match in the title alone."""
    text = cut(clean(summary), 240)
    return ((Run(text),),) if text and text != text_of(title) else ()


def _facts(hit: Hit) -> tuple[tuple[str, str], ...]:
    facts = []
    terms = [_label(term) for term in dict.fromkeys(hit.match.terms)]
    if terms:
        more = f" and {len(terms) - 8} more" if len(terms) > 8 else ""
        facts.append(("matched", cut(", ".join(terms[:8]), LONGEST_LABEL) + more))
    if hit.story.items > 1:
        others = [_label(name) for name in hit.story.sources if name != hit.item.source]
        count = hit.story.items - 1
        told = f"also in {_some(others)}" if others else f"{count} more article{'s' * (count > 1)}"
        facts.append(("story", told))
    if hit.item.author:
        facts.append(("author", _label(hit.item.author)))
    return tuple(facts)


def _some(names: Sequence[str]) -> str:
    """``ANTARA, Kompas and 3 more sources``."""
    if len(names) <= 4:
        return ", ".join(names)
    return f"{', '.join(names[:3])} and {len(names) - 3} more sources"


def _label(text: str) -> str:
    return cut(clean(text), LONGEST_LABEL)


def marked(text: str, spans: Iterable[Span]) -> Text:
    """``text`` clean, in runs; what ``spans`` cover is marked. Spans that lie outside are left
    out, those inside a grapheme cluster are widened to its end."""
    usable = [(s.start, s.end) for s in spans if 0 <= s.start < s.end <= len(text)]
    shown, moved = clean_with_offsets(text, (offset for pair in usable for offset in pair))
    runs: list[Run] = []
    done = 0
    for start, end in sorted((moved[start], moved[end]) for start, end in usable):
        first, last = max(_outward(shown, start, -1), done), _outward(shown, end, 1)
        if first >= last:
            continue
        runs += [Run(shown[done:first]), Run(shown[first:last], marked=True)]
        done = last
    runs.append(Run(shown[done:]))
    return tuple(run for run in runs if run.text)


def _outward(text: str, at: int, step: int) -> int:
    while not may_cut(text, at):
        at += step
    return at


def text_of(text: Text) -> str:
    """The words alone."""
    return "".join(run.text for run in text)


def cut_text(text: Text, limit: int, cost: Callable[[Run], int] | None = None) -> Text:
    """``text`` in at most ``limit`` units, an ellipsis showing that it was longer.

    ``cost`` measures one run as the service will count it, markup and escapes included (code
    points when absent). Neither a grapheme cluster nor markup is ever split: runs are cut before
    they are rendered.
    """
    measure = cost or _length
    if sum(map(measure, text)) <= limit:
        return text
    room = limit - measure(Run(ELLIPSIS))
    kept: list[Run] = []
    for run in text:
        if measure(run) > room:
            kept += _prefix(run, room, measure)
            break
        kept.append(run)
        room -= measure(run)
    return (*kept, Run(ELLIPSIS)) if limit >= measure(Run(ELLIPSIS)) else ()


def _prefix(run: Run, room: int, measure: Callable[[Run], int]) -> Sequence[Run]:
    at = longest_prefix(run.text, room, lambda text: measure(Run(text, run.marked)))
    text = run.text[: cut_point(run.text, at)].rstrip()
    return [Run(text, run.marked)] if text else []


def _length(run: Run) -> int:
    return len(run.text)


def safe_link(url: str) -> tuple[str, str]:
    """``url`` in plain ASCII and the host it leads to, or two empty texts.

    Only http and https; names in other scripts are shown in their ASCII form (xn--), user names
    are taken out, signs that could end a link in some markup are percent-encoded.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        host = host.encode("idna").decode() if not host.isascii() else host
    except ValueError:
        return "", ""
    if "\\" in parts.netloc:
        return "", ""  # programs do not agree where such an address leads
    if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[a-z0-9._:%-]+", host):
        return "", ""
    netloc = f"[{host}]" if ":" in host else host
    if port:
        netloc += f":{port}"
    link = urlunsplit((parts.scheme, netloc, *(_quoted(p) for p in parts[2:])))
    return (link, netloc) if len(link) <= LONGEST_LINK else ("", "")


def _quoted(part: str) -> str:
    return quote(part, safe="/:@!$&+,;=?%-._~#", errors="replace")


_PLACE = re.compile(r"(?:https?://|www\.)\S|\b\w[\w-]*(?:\.[\w-]+)*\.[^\W\d_]{2,}\b", re.IGNORECASE)


def names_other_place(text: str, host: str) -> bool:
    """Whether ``text`` holds what reads as an address, so that it must not label a link to
    ``host``: a reader would take it for where the link leads."""
    return any(
        found.group().lower() != host.removeprefix("www.") for found in _PLACE.finditer(text)
    )


SIGNS = {"low": "", "normal": "", "high": "🟠 ", "critical": "🔴 "}
"""What stands before a title, by severity, where a chat has no sign of its own for it."""


def about(entry: Entry) -> str:
    """Who says so, where the link leads, when, and in which language: one line."""
    parts = (entry.source, entry.host, when(entry.at), entry.lang)
    return " · ".join(part for part in parts if part)


def when(at: datetime) -> str:
    """``2026-11-22 19:46 UTC``: the time where a channel cannot show the reader's own."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
