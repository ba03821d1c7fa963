"""Excerpts: the few pieces of a text that show why it matched.

Made once, when an alert is queued, from the texts the rules saw; after that an alert carries its
excerpts and the long texts are not needed again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from alerts.alert import Excerpt, Span
from alerts.text import ELLIPSIS, clean_with_offsets, cut_point, may_cut

MOST_SPANS = 1_000  # spans looked at; an article with more is not better understood
MARGIN = 30  # code points of text around matched words, where the text has them
NUDGE = 25  # code points an end may move to find a space


class Place(Protocol):
    """What `excerpts_of` needs of a span; `rules.Span` has it."""

    @property
    def field(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def term(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Group:
    """Neighbouring spans that one window can show."""

    field: str
    spans: tuple[Span, ...]

    @property
    def start(self) -> int:
        return self.spans[0].start

    @property
    def end(self) -> int:
        return max(span.end for span in self.spans)

    @property
    def terms(self) -> frozenset[str]:
        return frozenset(span.term for span in self.spans)


def excerpts_of(
    texts: Mapping[str, str],
    spans: Iterable[Place],
    *,
    skip: Collection[str] = ("title",),
    most: int = 3,
    width: int = 200,
) -> tuple[Excerpt, ...]:
    """At most ``most`` windows of about ``width`` code points around matched words.

    ``texts`` are the fields in reading order; those in ``skip`` are shown anyway. Windows are
    chosen so that they show as many different terms as they can; one that would show no new term
    is left out. They begin and end between words, or between grapheme clusters where a script
    has no spaces, with an ellipsis where text is left out, and are clean, one-line texts.
    """
    places = tuple(spans)
    groups = [
        group
        for field, text in texts.items()
        if field not in skip
        for group in _groups(_inside(field, text, places), width - 2 * MARGIN)
    ]
    chosen = sorted(_telling(groups, most))
    ends: dict[str, int] = {}
    made = []
    for index in chosen:
        group = groups[index]
        excerpt, ends[group.field] = _window(
            texts[group.field], group, ends.get(group.field, 0), width
        )
        made.append(excerpt)
    return tuple(made)


def _inside(field: str, text: str, places: Iterable[Place]) -> list[Span]:
    """The spans of ``field`` that lie in ``text``, in reading order."""
    found = sorted(
        (span.start, span.end, span.term)
        for span in places
        if span.field == field and 0 <= span.start < span.end <= len(text)
    )
    return [Span(field, *place) for place in found[:MOST_SPANS]]


def _groups(spans: list[Span], width: int) -> Iterator[_Group]:
    group: list[Span] = []
    for span in spans:
        if group and max(span.end, group[-1].end) - group[0].start > width:
            yield _Group(span.field, tuple(group))
            group = []
        group.append(span)
    if group:
        yield _Group(group[0].field, tuple(group))


def _telling(groups: list[_Group], most: int) -> list[int]:
    """Which groups to show: again and again the one with the most terms not shown yet."""
    chosen: list[int] = []
    shown: frozenset[str] = frozenset()
    while len(chosen) < most:
        news = [(len(group.terms - shown), -index) for index, group in enumerate(groups)]
        gain, index = max(news, default=(0, 0))
        if not gain:
            break
        chosen.append(-index)
        shown |= groups[-index].terms
    return chosen


def _window(text: str, group: _Group, after: int, width: int) -> tuple[Excerpt, int]:
    """The excerpt around ``group``, beginning not before ``after``, and where it ends."""
    last = min(group.end, group.start + 2 * width)
    room = max(width - (last - group.start), 2 * MARGIN)
    start = max(group.start - room // 2, after, 0)
    end = min(last + room - (group.start - start), len(text))
    start = max(min(start, end - (last - group.start) - room), after, 0)
    start, end = _nudged_start(text, start, group.start), _nudged_end(text, end, last)
    shown_spans = [span for span in group.spans if span.end <= end]
    offsets = [offset - start for span in shown_spans for offset in (span.start, span.end)]
    shown, moved = clean_with_offsets(text[start:end], offsets)
    before = ELLIPSIS if text[:start].strip() else ""
    rest = ELLIPSIS if text[end : end + 2 * width].strip() else ""
    spans = (
        replace(
            span,
            start=moved[span.start - start] + len(before),
            end=moved[span.end - start] + len(before),
        )
        for span in shown_spans
    )
    visible = tuple(span for span in spans if span.start < span.end)
    return Excerpt(group.field, f"{before}{shown}{rest}", visible), end


def _nudged_start(text: str, start: int, word: int) -> int:
    """``start``, moved towards the matched ``word`` until it lies between words."""
    if start == 0 or text[start - 1].isspace():
        return start
    for at in range(start, min(start + NUDGE, word)):
        if text[at].isspace():
            return at + 1
    while start < word and not may_cut(text, start):
        start += 1
    return start


def _nudged_end(text: str, end: int, word: int) -> int:
    """``end``, moved back towards the end of the matched ``word`` until it lies between words."""
    if end == len(text) or text[end].isspace():
        return end
    for at in range(end, max(end - NUDGE, word), -1):
        if text[at - 1].isspace():
            return at - 1
    return max(cut_point(text, end), min(word, end))
