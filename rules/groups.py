"""Groups of terms: each entry read once, groups in groups resolved, before any rule uses them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rules import foreign
from rules.errors import Mistake
from rules.expression import FIELDS
from rules.parser import LONGEST, MOST_TERMS, Entry, close_to, mistake_in
from rules.terms import StrayStarError, TermError, Written, read_regex, read_words
from rules.tokens import MARKS, plain

_REGEX = re.compile(r"/((?:[^/\\]|\\.)+)/([A-Za-z]*)", re.DOTALL)
_QUOTED = re.compile(r'([=~]?)"([^"]*)"(?:~(\d+))?')
_OPERATORS = frozenset({"AND", "OR", "NOT", "NEAR", "ONEAR", "ATLEAST"})
_FIELD = re.compile(r"([A-Za-z]+):(?!//)")
_ONE_TERM = "an entry is one term"
_HINT = "write each term as an entry of its own, operators in the rule"


@dataclass(frozen=True, slots=True)
class GroupSet:
    """All groups: their terms with those of groups they use, their own entries (``None`` stands
    for a group), what each uses directly, and their mistakes."""

    entries: Mapping[str, tuple[Entry, ...] | None]
    own: Mapping[str, tuple[Entry | None, ...]]
    uses: Mapping[str, frozenset[str]]
    mistakes: tuple[Mistake, ...]

    def reached(self, names: frozenset[str]) -> frozenset[str]:
        """The groups themselves and all that they use."""
        found: set[str] = set()
        left = list(names)
        while left:
            name = left.pop()
            if name not in found and name in self.uses:
                found.add(name)
                left.extend(self.uses[name])
        return frozenset(found)


def read_groups(terms: Mapping[str, Sequence[str]]) -> GroupSet:
    """Read every group; the mistakes of all of them come together."""
    mistakes: list[Mistake] = []
    raw: dict[str, list[Entry | str]] = {}
    broken: set[str] = set()
    for name, texts in terms.items():
        raw[name], wrong = _read(name, texts, terms)
        mistakes += wrong
        if wrong:
            broken.add(name)
    uses = {
        name: frozenset(entry for entry in entries if isinstance(entry, str))
        for name, entries in raw.items()
    }
    ordered, circles = _ordered(uses)
    for circle in circles:
        mistakes.append(_circle(circle, terms))
        broken.update(circle)
    resolved: dict[str, tuple[Entry, ...] | None] = {}
    for name in ordered:
        if name in broken or any(resolved.get(used) is None for used in uses[name]):
            resolved[name] = None
        else:
            resolved[name] = _resolve(raw[name], resolved)
    own = {
        name: tuple(None if isinstance(entry, str) else entry for entry in entries)
        for name, entries in raw.items()
    }
    return GroupSet({name: resolved[name] for name in terms}, own, uses, tuple(mistakes))


def _read(
    name: str, texts: Sequence[str], known: Collection[str]
) -> tuple[list[Entry | str], list[Mistake]]:
    """The entries of one group; a text stands for another group."""
    entries: list[Entry | str] = []
    mistakes: list[Mistake] = []
    if not texts:
        mistakes.append(
            replace(mistake_in("", f"group @{name} has no terms", "", 0), rule=f"@{name}")
        )
    for index, text in enumerate(texts):
        try:
            entries.append(_known(read_entry(text), text, known))
        except TermError as error:
            mistake = mistake_in(text, error.message, error.hint, error.offset)
            mistakes.append(replace(mistake, rule=f"@{name}", entry=index))
    return entries, mistakes


def _known(entry: Entry | str, text: str, known: Collection[str]) -> Entry | str:
    """The entry, if it is no unknown group.

    Raises:
        TermError: it is.
    """
    if isinstance(entry, str) and entry not in known:
        close = close_to(entry, tuple(known))
        hint = f"did you mean @{close}?" if close else ""
        raise TermError(f"no group named @{entry}", hint, offset=text.find("@"))
    return entry


def read_entry(text: str) -> Entry | str:
    """One entry: a term, or the name of another group.

    Raises:
        TermError: it is not one term.
    """
    if len(text) > LONGEST:
        message = f"an entry of {len(text):,} characters; the limit is {LONGEST:,}"
        raise TermError(message, "write only the words that tell it from others")
    seen = plain(text)
    start = len(seen) - len(seen.lstrip(" "))
    seen = seen.strip(" ")
    written = text[start : start + len(seen)]
    if seen.startswith("@"):
        return _name(written, seen, start)
    if seen.startswith("/"):
        return _regex(written, start)
    quoted = _QUOTED.fullmatch(seen)
    if quoted:
        begin, end = quoted.span(2)
        reach = None if quoted[3] is None else int(quoted[3][:9])
        inner = written[begin:end].replace("＊", "*")
        term = Written(written, inner, start, MARKS[quoted[1]], quoted=True, reach=reach)
        return Entry(read_words(term), term)
    _check(seen, start)
    mark = MARKS.get(seen[:1], "")
    inner = written[len(mark) :].replace("＊", "*")
    term = Written(written, inner, start, mark)
    try:
        return Entry(read_words(term), term)
    except StrayStarError as error:
        return Entry(None, term, error)


def _name(written: str, seen: str, start: int) -> str:
    if " " in seen or len(seen) == 1:
        raise TermError(_ONE_TERM, _HINT, offset=start)
    return written[1:]


def _regex(written: str, start: int) -> Entry:
    found = _REGEX.fullmatch(written)
    if not found or found[2] not in ("", "c"):
        raise TermError(
            "a regular expression must end in / or /c",
            "put a term that begins with / in double quotes",
            offset=start,
        )
    return Entry(read_regex(written, found[1], start, cased=found[2] == "c"), None)


def _check(seen: str, start: int) -> None:
    """Refuse an entry that is more than one term.

    Raises:
        TermError: it is.
    """
    if seen[:1] in ("=", "~") and seen[1:2] in ("=", "~", "", " "):
        raise TermError(f"{seen[0]} needs a term right after it", offset=start)
    if seen[:1] in ('"', "-") or seen[1:2] == '"':
        raise TermError(_ONE_TERM, _HINT, offset=start)
    field = _FIELD.match(seen)
    if field and field[1].lower() in FIELDS:
        raise TermError(
            "a group holds terms without fields",
            f"write {field[1]}:@group in the rule",
            offset=start,
        )
    for found in re.finditer(r"[^ ()|]+|[()|]", seen):
        word, offset = found[0], start + found.start()
        if word in _OPERATORS or word in ("(", ")", "|"):
            raise TermError(_ONE_TERM, _HINT, offset=offset)
        told = foreign.operator(word) if re.search(r"\w", word) else None
        if told:
            raise TermError(*told, offset=offset)


def _resolve(
    entries: Sequence[Entry | str], resolved: Mapping[str, tuple[Entry, ...] | None]
) -> tuple[Entry, ...]:
    """All terms, each once; more than a rule may hold are not needed."""
    found = dict.fromkeys(leaf for leaf in _leaves(entries, resolved))
    return tuple(found)[: MOST_TERMS + 1]


def _leaves(
    entries: Sequence[Entry | str], resolved: Mapping[str, tuple[Entry, ...] | None]
) -> Iterator[Entry]:
    for entry in entries:
        if isinstance(entry, str):
            yield from resolved[entry] or ()
        else:
            yield entry


def _ordered(uses: Mapping[str, frozenset[str]]) -> tuple[list[str], list[tuple[str, ...]]]:
    """The groups, each after those it uses, and the circles there are."""
    done: dict[str, None] = {}
    circles: list[tuple[str, ...]] = []
    for first in uses:
        path: dict[str, Iterator[str]] = {}
        name: str | None = first
        while name is not None:
            if name not in done and name not in path:
                path[name] = iter(sorted(uses[name]))
            name = _step(path, done, circles)
    return list(done), circles


def _step(
    path: dict[str, Iterator[str]], done: dict[str, None], circles: list[tuple[str, ...]]
) -> str | None:
    """The next group to enter; groups whose uses are all done leave the path."""
    while path:
        name = next(reversed(path))
        for used in path[name]:
            if used in path:
                names = list(path)
                circles.append(tuple(names[names.index(used) :]))
            elif used not in done:
                return used
        del path[name]
        done[name] = None
    return None


def _circle(circle: tuple[str, ...], terms: Mapping[str, Sequence[str]]) -> Mistake:
    first, second = circle[0], (*circle, circle[0])[1]
    way = " -> ".join(f"@{name}" for name in (*circle, first))
    entry = next(i for i, text in enumerate(terms[first]) if plain(text).strip(" ") == f"@{second}")
    mistake = mistake_in(terms[first][entry], f"group @{first} uses itself: {way}", "", 0)
    return replace(mistake, rule=f"@{first}", entry=entry)
