"""Terms: what stands between two operators, read into what the evaluator looks for."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from rules import foreign
from rules import text as words
from rules.expression import Gap, Pattern, Phrase, Whole, Window, Word, in_letters, whole_value
from rules.regex import Regex, RegexError
from rules.text import Text

LONGEST_REGEX = 1_000
LONGEST_TERM = 1_000
WIDEST = 100
MOST_IN_WINDOW = 10
FEWEST_LETTERS = 3

Mark = Literal["", "=", "~"]


class TermError(ValueError):
    """What is wrong, ``offset`` characters into the expression, and what to write instead."""

    def __init__(self, message: str, hint: str = "", *, offset: int = 0) -> None:
        super().__init__(message)
        self.message, self.hint, self.offset = message, hint, offset


class StrayStarError(TermError):
    """A ``*`` beside no word; a value that is compared whole may hold it."""


class Written(NamedTuple):
    """A term as read: ``inner`` without mark, quotes and window, ``offset`` where it begins.

    ``whole`` is the term as written. ``reach`` is the number after ``"..."~``.
    """

    whole: str
    inner: str
    offset: int
    mark: Mark = ""
    quoted: bool = False
    reach: int | None = None


def read_words(term: Written) -> Phrase | Window:
    """A word, a phrase or a window of words.

    Raises:
        TermError: it cannot be looked for.
    """
    _check_length(term)
    phrase = _simple(term) or _phrase(term)
    if term.mark == "~" and any(word.how != "is" for word in phrase.words):
        raise TermError(
            f"~ and * do not combine in {term.whole}",
            "write ~ for inflected forms or * for any ending",
            offset=term.offset,
        )
    if term.reach is None:
        return phrase
    return _window(term, phrase, term.reach)


def read_whole(term: Written, name: str) -> Whole:
    """A value of a field that compares whole values.

    Raises:
        TermError: it cannot be looked for there.
    """
    _check_length(term)
    if term.mark == "~" or term.reach is not None:
        raise TermError(
            f"{name}: compares whole values, so {term.whole} has no meaning there",
            "write the value, with * for any letters",
            offset=term.offset,
        )
    if not len(Text(term.inner)):
        raise _nothing_to_find(term)
    exact = term.mark == "="
    return Whole(tuple(_piece(term.inner, name, exact=exact)), exact, term.whole)


def _check_length(term: Written) -> None:
    if len(term.inner) > LONGEST_TERM:
        raise TermError(
            f"a term of {len(term.inner):,} characters; the limit is {LONGEST_TERM:,}",
            "write only the words that tell it from others",
            offset=term.offset,
        )


def _piece(inner: str, name: str, *, exact: bool) -> list[str]:
    if name == "domain":
        inner = ".".join(in_letters(label) for label in inner.lower().split("."))
    if name == "lang":
        inner = inner.replace("_", "-")
    value = whole_value(inner)
    return (value.exact if exact else value.normal).split("*")


def read_regex(whole: str, pattern: str, offset: int, *, cased: bool) -> Pattern:
    """A regular expression.

    Raises:
        TermError: RE2 refuses it, or it matches the empty text.
    """
    if len(pattern) > LONGEST_REGEX:
        raise TermError(
            f"a regular expression of {len(pattern):,} characters; the limit is {LONGEST_REGEX:,}",
            "divide it with OR",
            offset=offset,
        )
    try:
        return Pattern(pattern, cased, Regex(pattern, cased=cased), whole)
    except RegexError as error:
        raise TermError(f"/{pattern}/ {error}", offset=offset) from None


# --- easy terms ------------------------------------------------------------------------------


def read_easily(piece: str) -> Phrase | None:
    """The same as the parser reads for a word, a prefix or a phrase of nothing but letters and
    digits; ``None`` for all others and for those that may be something else or are worth a
    remark."""
    quoted = piece[0] == '"'
    inner = piece[1:-1] if quoted else piece
    ends = inner[-1:] == "*"
    letters = inner[:-1] if ends else inner
    if not quoted and _MAY_BE_MEANT.match(letters):
        return None
    read = _easy_words(letters) or _cut_words(letters)
    if not read:
        return None
    found, gaps = read
    if ends:
        last = found[-1]
        if len(last.surface) <= FEWEST_LETTERS + 1 and not words.is_dense(last.surface):
            return None
        found[-1] = Word(last.surface, last.normal, "begins", "normal", last.accents)
    elif not (quoted or gaps) and found[0].normal in _LOWER_CASE:
        return None
    return Phrase(tuple(found), gaps, "", "", piece)


_MAY_BE_MEANT = re.compile(foreign.SUSPECT)
_LOWER_CASE = frozenset({"and", "or", "not", "near", "onear"})


def _easy_words(letters: str) -> tuple[list[Word], tuple[Gap, ...]] | None:
    """Words between single spaces, and their gaps."""
    found: list[Word] = []
    for surface in letters.split(" "):
        forms = words.easy_forms(surface)
        if forms is None:
            return None
        normal, accented = forms
        accents = "" if accented == normal else accented
        found.append(Word(surface, normal, "is", "normal", accents))
    return found, (_ANYTHING,) * (len(found) - 1)


def _cut_words(letters: str) -> tuple[list[Word], tuple[Gap, ...]] | None:
    """Words of every script, and their gaps."""
    cut = words.cut_easily(letters)
    if not cut:
        return None
    found: list[Word] = []
    for surface in cut[0]:
        normal, accented = words.normal(surface), words.accented(surface)
        if not normal:
            return None
        accents = "" if accented == normal else accented
        found.append(Word(surface, normal, "is", "normal", accents))
    return found, tuple(map(_GAPS.__getitem__, cut[1]))


# --- phrases ---------------------------------------------------------------------------------


def _simple(term: Written) -> Phrase | None:
    """The same as `_phrase`, sooner, for words of letters and spaces; ``None`` for others."""
    inner = term.inner
    ends = inner.endswith("*")
    if ends:
        inner = inner[:-1]
    if not words.is_plain(inner):
        return None
    surfaces = inner.split(" ")
    last = len(surfaces) - 1
    read = tuple(
        _word(term, surface, open_before=False, open_after=ends and index == last)
        for index, surface in enumerate(surfaces)
    )
    if not all(word.normal for word in read) or (ends and len(read[-1].normal) < FEWEST_LETTERS):
        return None
    return Phrase(read, (_ANYTHING,) * last, "", "", term.whole)


_ANYTHING = Gap()
_GAPS = (_ANYTHING, Gap(close=1), Gap(close=2))


def _phrase(term: Written) -> Phrase:
    text = Text(term.inner)
    count = len(text)
    if not count:
        raise _nothing_to_find(term)
    between = [text.before(index) for index in range(count + 1)]
    begins, ends = [False] * count, [False] * count
    if "*" in term.inner:
        _take_stars(term, text, between, begins, ends)
    read = tuple(
        _word(term, surface, open_before=begins[index], open_after=ends[index])
        for index, surface in enumerate(text.surfaces)
    )
    gaps = tuple(
        _gap(between[index], text.surfaces[index - 1], text.surfaces[index])
        for index in range(1, count)
    )
    _check_wildcards(term, read, gaps)
    return Phrase(read, gaps, words.asked(between[0]), words.asked(between[-1]), term.whole)


def _take_stars(
    term: Written, text: Text, between: list[str], begins: list[bool], ends: list[bool]
) -> None:
    """Take the wildcards out of the gaps and note the words they belong to."""
    for index, gap in enumerate(between):
        left, right = index > 0, index < len(text)
        if gap == "*" and left and right:
            raise _star_inside(term, text, index)
        after = left and gap.startswith("*")
        before = right and len(gap) > after and gap.endswith("*")
        rest = gap[after : len(gap) - before]
        if "*" in rest:
            raise StrayStarError(
                f"* in {term.whole} stands beside no word", _STAR_HINT, offset=term.offset
            )
        if after:
            ends[index - 1] = True
        if before:
            begins[index] = True
        between[index] = rest


_STAR_HINT = 'write pipelin* or *stream, or "gas pipeline"~1 for a word between'


def _star_inside(term: Written, text: Text, index: int) -> TermError:
    before, after = text.surfaces[index - 1], text.surfaces[index]
    instead = [f"{before}*"] if len(before) >= FEWEST_LETTERS else []
    instead += [f"*{after}"] if len(after) >= FEWEST_LETTERS else []
    easier = f"{' or '.join(instead)}, or " if instead else ""
    place = len(term.mark) + term.quoted + text.place(index - 1, index - 1).end
    return TermError(
        f"* stands inside a word in {term.whole}",
        f"write {easier}a regular expression, {_regex_for(term, before, after)}",
        offset=term.offset + place,
    )


def _regex_for(term: Written, before: str, after: str) -> str:
    """The expression that finds what ``before*after`` means, in the text that it is run on."""
    if term.mark == "=":
        return f"/{before}\\pL*{after}/c"
    return f"/{words.normal(before)}\\pL*{words.normal(after)}/"


def _word(term: Written, surface: str, *, open_before: bool, open_after: bool) -> Word:
    how: Literal["is", "begins", "ends", "contains"] = "is"
    if open_before or open_after:
        how = "contains" if open_before and open_after else "ends" if open_before else "begins"
    compare: Literal["normal", "exact", "stem"] = "normal"
    if term.mark:
        compare = "exact" if term.mark == "=" else "stem"
    normal = words.normal(surface)
    accents = ""
    if compare != "exact" and not words.has_no_accents(surface):
        accented = words.accented(surface)
        accents = accented if accented != normal else ""
    return Word(surface, normal, how, compare, accents)


def _gap(between: str, before: str, after: str) -> Gap:
    if words.signs(between):
        return Gap(words.asked(between))
    return _GAPS[2 if words.is_spaceless(before) and words.is_spaceless(after) else 1]


def _check_wildcards(term: Written, read: tuple[Word, ...], gaps: tuple[Gap, ...]) -> None:
    for index, word in enumerate(read):
        if word.how == "is" or words.is_dense(word.surface):
            continue
        letters, at = len(word.normal), index
        while at and gaps[at - 1].close == 2:
            at -= 1
            letters += len(read[at].normal)
        if letters < FEWEST_LETTERS:
            raise TermError(
                f"{term.whole} would find too many words: * needs at least 3 letters",
                "write more letters, or each word",
                offset=term.offset,
            )


def _nothing_to_find(term: Written) -> TermError:
    if term.whole == "*":
        return TermError("* stands beside no word", _STAR_HINT, offset=term.offset)
    told = term.whole or "''"
    return TermError(
        f"{told} has no letter or digit to look for", "write a word", offset=term.offset
    )


# --- windows ---------------------------------------------------------------------------------


def _window(term: Written, phrase: Phrase, reach: int) -> Window:
    if reach > WIDEST:
        raise TermError(
            f'{term.whole} is wider than "..."~{WIDEST}, the limit',
            "write AND for words anywhere in the item",
            offset=term.offset,
        )
    parts = tuple(_parts(phrase))
    if len(parts) > MOST_IN_WINDOW:
        raise TermError(
            f'"..."~{reach} holds {len(parts)} words; the limit is {MOST_IN_WINDOW}',
            "leave the least telling words out",
            offset=term.offset,
        )
    return Window(parts, len(phrase.words) + reach, term.whole)


def _parts(phrase: Phrase) -> list[Phrase]:
    """The words, those together that are held together by signs or by a script without spaces."""
    parts: list[Phrase] = []
    begin = 0
    count = len(phrase.words)
    for end in range(1, count + 1):
        if end == count or phrase.gaps[end - 1] == Gap():
            head = phrase.head if begin == 0 else ""
            tail = phrase.tail if end == count else ""
            parts.append(
                Phrase(
                    phrase.words[begin:end],
                    phrase.gaps[begin : end - 1],
                    head,
                    tail,
                    phrase.written,
                )
            )
            begin = end
    return parts
