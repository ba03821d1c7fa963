"""Which new entries are articles we have already: publishers change guids and links. Pure.

An entry whose key is new is an item known before when

- its canonical link is that item's: within one site always, unless the page shows another article
  now; between sites, as with an aggregator, when the titles are alike as well (a comment that only
  links to an article is an article of its own);
- or its title is that item's, both are of one feed or site and dated within two days of each
  other, and the texts are nearly the same; short texts, which may be boilerplate, must be the
  same and bear the same time. Between sites the same title and text are an agency's report in two
  papers: one story, two items.

A link that several entries of a document share without sharing a title, and a link or title that
more than four stored items have, identify nothing. What stands beside an item in one document is
not that item under a changed guid. When in doubt an entry is new: being told twice costs less
than not being told.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from difflib import SequenceMatcher

from monitor.canonical import canonical_link, site_of, title_key
from monitor.item import Item

WITHIN = timedelta(days=2)
TEXT_CAP = 2_000
"""So much of a summary and of a content is compared."""

_ALIKE = 0.75
_NEARLY_THE_SAME = 0.98
_LONG = 48
_ANOTHER = 1 / 3
_CROWD = 4
_TITLE_CAP = 300
_CUT = 15
_PATIENCE = 200


@dataclass(frozen=True, slots=True)
class Marks:
    """What an item may be known by again besides its key; empty: it cannot be known by that."""

    canonical: str
    title_key: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored item that has the canonical link or the title of a new entry.

    ``feed_id``, ``feed`` (its name) and ``host`` of the feed that had it first; ``text`` is the
    beginning of its summary and content, as `text_of` gives it.
    """

    item_id: str
    feed_id: str
    feed: str
    host: str
    canonical: str
    title_key: str
    title: str
    text: str
    published: datetime | None
    first_seen: datetime

    @property
    def at(self) -> datetime:
        """When it was published, as far as known."""
        return self.published or self.first_seen


@dataclass(frozen=True, slots=True)
class Place:
    """Where the new entries stand: the feed, its host, and the ids of the items that its document
    shows under keys known before."""

    feed_id: str
    host: str
    beside: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Repaired:
    """``known``: of which stored item each of these keys is another; ``twins``: which keys are of
    the same new article as another new key of their document; ``familiar``: since when an item is
    stored that has the key's link, or within its site its title, whether or not it is the same."""

    known: Mapping[str, Candidate]
    twins: Mapping[str, str]
    familiar: Mapping[str, datetime]


def marks_of(item: Item) -> Marks:
    """The marks of an item by itself."""
    return Marks(canonical_link(item.url), title_key(item.title))


def marks_in(document: Sequence[Item], new: Iterable[Item]) -> dict[str, Marks]:
    """The marks of new entries by key. A link that the document also has under another title
    identifies nothing."""
    shared = _shared((item.url, item.title or item.summary) for item in document)
    marks = {
        item.key: Marks("", title_key(item.title)) if item.url in shared else marks_of(item)
        for item in new
    }
    ambiguous = _shared((mark.canonical, mark.title_key) for mark in marks.values())
    return {
        key: Marks("", mark.title_key) if mark.canonical in ambiguous else mark
        for key, mark in marks.items()
    }


def _shared(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Links that stand for more than one title."""
    titles: dict[str, str] = {}
    return {link for link, title in pairs if titles.setdefault(link, title) != title}


def text_of(summary: str, content: str) -> str:
    """What of an item's texts is compared."""
    return f"{summary[:TEXT_CAP]}\n{content[:TEXT_CAP]}"


def repaired(
    new: Sequence[Item],
    marks: Mapping[str, Marks],
    candidates: Iterable[Candidate],
    place: Place,
    now: datetime,
) -> Repaired:
    """Which new entries are stored items, and which are one article among themselves.

    Bounded: after 200 comparisons of titles and texts in one document, entries with a known link
    of their own site are taken for it and all others are new.
    """
    search = _Search(candidates, place, now)
    known: dict[str, Candidate] = {}
    twins: dict[str, str] = {}
    firsts: dict[Marks, str] = {}
    for item in new:
        mark = marks[item.key]
        found = search.find(item, mark)
        if found is not None:
            known[item.key] = found
        elif mark.canonical and mark.title_key and mark in firsts:
            twins[item.key] = firsts[mark]
        else:
            firsts[mark] = item.key
    familiar = {item.key: search.familiar_since(marks[item.key]) for item in new}
    return Repaired(known, twins, {key: since for key, since in familiar.items() if since})


@dataclass(slots=True)
class _Search:
    """The candidates by what they are known by, and how many comparisons are left."""

    candidates: Iterable[Candidate]
    place: Place
    now: datetime
    patience: int = _PATIENCE
    by_link: dict[str, list[Candidate]] = field(default_factory=lambda: defaultdict(list))
    by_title: dict[str, list[Candidate]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for candidate in self.candidates:
            self.by_link[candidate.canonical].append(candidate)
            self.by_title[candidate.title_key].append(candidate)

    def find(self, item: Item, mark: Marks) -> Candidate | None:
        """The stored item that this entry is, or None: those of its own feed first."""
        for by, value, same in (
            (self.by_link, mark.canonical, self._same_by_link),
            (self.by_title, mark.title_key, self._same_by_title),
        ):
            found = by.get(value, []) if value else []
            if len(found) > _CROWD:
                continue
            for candidate in sorted(found, key=lambda c: c.feed_id != self.place.feed_id):
                if same(item, mark, candidate):
                    return candidate
        return None

    def familiar_since(self, mark: Marks) -> datetime | None:
        """Since when an item is stored that has this link, or within its site this title."""
        alike = self.by_link.get(mark.canonical, []) if mark.canonical else []
        titled = self.by_title.get(mark.title_key, []) if mark.title_key else []
        alike = alike + [candidate for candidate in titled if self._one_site(mark, candidate)]
        return min((candidate.first_seen for candidate in alike), default=None)

    def _same_by_link(self, item: Item, mark: Marks, candidate: Candidate) -> bool:
        if mark.title_key and candidate.title_key == mark.title_key:
            return True
        if candidate.item_id in self.place.beside:
            return False
        one_site = site_of(candidate.host) == site_of(self.place.host)
        if not self._may_compare():
            return one_site
        if not one_site:
            return titles_alike(candidate.title, item.title)
        return not is_another(candidate, item)

    def _same_by_title(self, item: Item, mark: Marks, candidate: Candidate) -> bool:
        if candidate.item_id in self.place.beside or not self._one_site(mark, candidate):
            return False
        if abs((item.published or self.now) - candidate.at) > WITHIN or not self._may_compare():
            return False
        text = text_of(item.summary, item.content)
        old, new = _words(candidate.text), _words(text)
        if min(old.total(), new.total()) >= _LONG:
            return _overlap(old, new) > _NEARLY_THE_SAME
        return item.published == candidate.published and _is_exact(item.published) and old == new

    def _one_site(self, mark: Marks, candidate: Candidate) -> bool:
        """Of one feed, also when it moved; else by the links, where both tell: many sites' feeds
        may live at one service's host."""
        if candidate.feed_id == self.place.feed_id:
            return True
        ours, theirs = _host_in(mark.canonical), _host_in(candidate.canonical)
        if not ours or not theirs:
            ours, theirs = self.place.host, candidate.host
        return site_of(ours) == site_of(theirs)

    def _may_compare(self) -> bool:
        self.patience -= 1
        return self.patience >= 0


def _is_exact(at: datetime | None) -> bool:
    """Whether this is a time of day, and not a date alone."""
    return at is not None and at.astimezone(UTC).time() != time()


def _host_in(canonical: str) -> str:
    """The host of a canonical link; empty where there is none, or only a hash of it."""
    return "" if canonical.startswith("#") else re.split(r"[/?#:]", canonical, maxsplit=1)[0]


def titles_alike(one: str, other: str) -> bool:
    """Whether one title may be an edit of the other, or a cut one; no title is of anything."""
    if not one or not other:
        return False
    both = (title[:_TITLE_CAP].casefold().rstrip(" .…") for title in (one, other))
    shorter, longer = sorted(both, key=len)
    if len(shorter) >= _CUT and longer.startswith(shorter):
        return True
    matcher = SequenceMatcher(None, shorter, longer, autojunk=False)
    return matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE


def is_another(old: Candidate, item: Item) -> bool:
    """Whether an entry with a known link is a wholly different article: dated later, and nothing
    in common with the old one."""
    later = item.published is not None and item.published > old.at
    return later and differs(old.title, f"{old.title}\n{old.text}", item)


def differs(title: str, text: str, item: Item) -> bool:
    """Whether an entry has nothing in common with an old title and text (title, summary and
    content): titles not alike, and less than a third of the telling words shared."""
    if titles_alike(title, item.title):
        return False
    new = f"{item.title}\n{text_of(item.summary, item.content)}"
    return _overlap(_telling(text), _telling(new)) < _ANOTHER


# Scripts that put no spaces between words are counted by pairs of letters.
_NO_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_NO_SPACES}]+|(?:(?![{_NO_SPACES}])[^\W_])+")
_PAIRED = re.compile(rf"[{_NO_SPACES}]")


def _words(text: str) -> Counter[str]:
    words: Counter[str] = Counter()
    for word in _WORD.findall(text.casefold()):
        if _PAIRED.match(word) and len(word) > 1:
            words.update(word[at : at + 2] for at in range(len(word) - 1))
        else:
            words[word] += 1
    return words


def _telling(text: str) -> Counter[str]:
    """The words that tell a text from another: not the short ones, where there are others."""
    words = _words(text)
    telling = Counter(
        {word: n for word, n in words.items() if len(word) > 3 or _PAIRED.match(word)}
    )
    return telling or words


def _overlap(one: Counter[str], other: Counter[str]) -> float:
    """How much two bags of words share, from 0 to 1 (Dice)."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0
