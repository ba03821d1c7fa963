"""Texts as the matcher searches them: one run of bytes with a space around every word.

A text becomes ``b" gas pipeline "``: words in normal form, one space between, words of scripts
without spaces side by side where nothing stands between them in the text. So a word, a phrase or
a prefix is a literal to find: ``b" gas pipeline "``, ``b" pipelin"``, ``b"\\xe6\\x99..."``.

A text is folded piece by piece, by the page that knows its letters (`rules.pages`), or, where it
is of Han, kana, Hangul or Thai, by a regular expression. Around what neither knows, words
are cut by `rules.text` itself, so that every text gives the same words there and here.

Chose bytes of our own instead of UTF-8 because the C loops of Python fold a text of a small
alphabet in two passes, a tenth of what a regular expression takes to cut words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import NamedTuple

from rules import characters as chars
from rules import text as words
from rules.pages import ASCII, SIGNS, ZWNJ, Alphabet, Script, alphabets, script_of
from rules.text import Text

BORDER = b"\x00"
"""Stands, as a word of its own, between the fields of a stream."""

_WINDOW = 4_096  # characters a page is tried on at once
_SWITCHES = 64  # so many changes of script a window are followed; what is left is cut slowly


class Stream(NamedTuple):
    """``found_is_there``: a literal of a script without spaces that is found is a term there."""

    data: bytes
    found_is_there: bool


def join(fields: Iterable[str]) -> str:
    """Fields as one text that `stream` keeps apart."""
    return " \x00 ".join(
        field.replace("\x00", " ") if "\x00" in field else field for field in fields
    )


def stream(text: str) -> Stream:
    """The words of the text, in order; see `join` for several fields."""
    if text.isascii():
        return Stream(_spaced(text.encode().translate(ASCII)), found_is_there=True)
    if ZWNJ in text:
        text = text.replace(f" {ZWNJ}", " ").replace(f"{ZWNJ} ", " ")
    folding = _Folding(text)
    return Stream(_spaced(folding.folded()), folding.found_is_there)


def _spaced(data: bytes) -> bytes:
    """One space for several, and one around; takes two thirds of the time of a `re.sub`."""
    return b" %b " % b" ".join(filter(None, map(bytes.strip, data.split(b"  "))))


@lru_cache(1 << 16)
def letters(form: str) -> bytes:
    """A normal form as it stands in a stream."""
    return _letters(form)


def _letters(form: str) -> bytes:
    if form.isascii():
        return form.encode()
    codes = alphabets().codes
    return b"".join(codes.get(c) or c.encode("utf-8", "surrogatepass") for c in form)


# --- scripts without an alphabet -------------------------------------------------------------

_HIRAGANA = "\u3041-\u3096"
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff"
_KATAKANA = "\u30a1-\u30fa\u30fc"
_HANGUL = "\uac00-\ud7a3"
_THAI_VOWELS = "\u0e38\u0e39"
_THAI_TONES = "\u0e48-\u0e4b"
_THAI_MARKS = f"\u0e31\u0e34-\u0e37{_THAI_VOWELS}\u0e47{_THAI_TONES}\u0e4c-\u0e4e"
_THAI_LETTERS = f"\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46{_THAI_MARKS}"
_THAI_DIGITS = "\u0e50-\u0e59"
_FULL_WIDTH = "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
_WIDE_SIGNS = (
    "\x80-\xa9\xac\xae-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7\u0e3f\u0e4f\u0e5a\u0e5b"
    "\u2000-\u200a\u2010-\u2029\u202f-\u205f\u2190-\u245f\u2500-\u2775"
    "\u2794-\u2bff\u3000-\u3003\u3008-\u3020\u3030\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40"
    "\uff5b-\uff65\uffe0-\uffe6" + SIGNS
)
_ASCII_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ASCII_SIGNS = "\x01-/:-@\\[-`{-\x7f"
_COMMON_SIGNS = tuple((sign, " ") for sign in "，。、・：；！？「」（）《》“”\u3000")
_PLAIN = ASCII[:128] + bytes(range(128, 256))  # normal forms where all else is UTF-8


class _Wide(NamedTuple):
    """Scripts of too many letters for an alphabet, with the signs and the ASCII between.

    ``words`` takes along the ASCII signs between words, to cut less often; ``astray`` ends
    with a character that rules.text has to look at.
    """

    run: re.Pattern[str]
    astray: re.Pattern[str]
    written: tuple[tuple[str, str], ...]
    words: re.Pattern[str]
    digits: re.Pattern[str]
    leads_digits: int

    def folded(self, text: str, start: int, stop: int) -> tuple[bytes, int]:
        """As `Alphabet.folded`; does not end inside a word, but where one is astray."""
        run = self._run_of(text, start, stop)
        end = start + len(run)
        for met, written in self.written:
            run = run.replace(met, written)
        found = " ".join(self.words.findall(run))
        data = found.encode()
        if self.leads_digits in data:
            data = self.digits.sub(_narrow, found).encode()
        return b" %b " % data.translate(_PLAIN), end

    def _run_of(self, text: str, start: int, stop: int) -> str:
        found = self.run.match(text, start, stop)
        if not found:
            return ""
        run = found[0] if found.end() == stop else found[0].rstrip(_ASCII_LETTERS)
        astray = self.astray.search(run)
        return run[: astray.end() - 1] if astray else run


def _narrow(digits: re.Match[str]) -> str:
    return words.normal(digits[0])


_EAST_ASIAN = _Wide(
    run=re.compile(f"[{_HAN}{_HIRAGANA}{_KATAKANA}{_HANGUL}{_FULL_WIDTH}{_WIDE_SIGNS}\x01-\x7f]+"),
    astray=re.compile(f"ー(?<=[{_HIRAGANA}]ー)"),
    written=_COMMON_SIGNS,
    words=re.compile(
        f"[{_HAN}{_HIRAGANA}{_ASCII_SIGNS}]+|[0-9A-Za-z{_FULL_WIDTH}{_ASCII_SIGNS}]+"
        f"|[{_KATAKANA}{_ASCII_SIGNS}]+|[{_HANGUL}{_ASCII_SIGNS}]+"
    ),
    digits=re.compile(f"[{_FULL_WIDTH}]+"),
    leads_digits="\uff10".encode()[0],
)
_THAI = _Wide(
    run=re.compile(f"(?![{_THAI_MARKS}])[{_THAI_LETTERS}{_THAI_DIGITS}{_WIDE_SIGNS}\x01-\x7f]+"),
    astray=re.compile(f"[^{_THAI_LETTERS}][{_THAI_MARKS}]|[{_THAI_TONES}][{_THAI_VOWELS}]"),
    written=(("\u0e33", "\u0e4d\u0e32"), *_COMMON_SIGNS),
    words=re.compile(f"[{_THAI_LETTERS}{_ASCII_SIGNS}]+|[0-9A-Za-z{_THAI_DIGITS}{_ASCII_SIGNS}]+"),
    digits=re.compile(f"[{_THAI_DIGITS}]+"),
    leads_digits="\u0e50".encode()[0],
)


# --- folding ---------------------------------------------------------------------------------

_Page = Alphabet | Script | _Wide
_GAPS = " \n\x00,.。、，！？"  # nothing of a word stands on both sides
_GAP = re.compile(f"[{_GAPS}]")
_NEAR = 256
_PICTURE = "\u2190-\u245f\u2500-\u2775\u2794-\u2bff\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff"
_PICTURES = re.compile(f"[{_PICTURE}\u200d\ufe0f]+")
# Neighbours that are of one word, or of words side by side, and that pages would set apart.
_GOES_ON = f"{_FULL_WIDTH}{_THAI_DIGITS}"
_SPACELESS = f"{_HAN}{_HIRAGANA}{_KATAKANA}{_THAI_LETTERS}"
_TIED = re.compile(
    f"[^{_GAPS}{_PICTURE}][{_GOES_ON}{chars.MARK.low}{chars.IGNORED.low}]"
    f"|[{_GOES_ON}][^{_GAPS}]|[{_SPACELESS}][{_SPACELESS}]"
)
_IS_EAST_ASIAN = re.compile(
    f"[{_HAN}{_HIRAGANA}{_KATAKANA}{_HANGUL}{_FULL_WIDTH}{_WIDE_SIGNS}]"
).match
_ELSEWHERE = re.compile(
    "(?<![\u0621-\u064a\u066e-\u06d3])\u200c|\u200c(?![\u0621-\u064a\u066e-\u06d3])"
)


class _Piece(NamedTuple):
    start: int
    page: _Page | None
    data: bytes


class _Folding:
    """One text being folded, piece by piece; each piece is of one page, or cut slowly."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found_is_there = True
        self._pages = alphabets()
        self._page = self._page_of(text[0]) or self._pages.first
        self._pieces: list[_Piece] = []

    def folded(self) -> bytes:
        """All of the text."""
        position, size = 0, len(self.text)
        switches = _SWITCHES * (1 + size // _WINDOW)
        while position < size:
            stop = self._window(position)
            position = self._take(position, stop, self._page)
            if position < stop:
                switches -= 1
                position = self._turn(position) if switches else self._cut_slowly(position, size)
            elif position < size and self._parts_words(position):
                position = self._cut_slowly(position, position)
        return b"".join([piece.data for piece in self._pieces])

    def _window(self, start: int) -> int:
        """Where to stop: after so many characters; wide ones are parted where a gap is, if any."""
        stop = min(start + _WINDOW, len(self.text))
        if stop == len(self.text) or not isinstance(self._page, _Wide):
            return stop
        return max(self.text.rfind(sign, start, stop) for sign in _GAPS) + 1 or stop

    def _parts_words(self, stop: int) -> bool:
        return isinstance(self._page, _Wide) and self.text[stop - 1] not in _GAPS

    def _take(self, start: int, stop: int, page: _Page) -> int:
        data, end = page.folded(self.text, start, stop)
        if end > start:
            self._pieces.append(_Piece(start, page, data))
            self.found_is_there &= page is not _THAI
        return end

    def _turn(self, index: int) -> int:
        """Turn to the page that knows the character, or go past it; the index to go on at."""
        if self.text[index] == ZWNJ and self._is_joined:
            self._page = self._pages.with_zwnj
            return index
        if index and _TIED.match(self.text, index - 1):
            return self._cut_slowly(index, index + 1)
        page = self._page_of(self.text[index])
        if page is not None and page is not self._page:
            self._page = page
            return index
        pictures = _PICTURES.match(self.text, index)
        if pictures:
            self._pieces.append(_Piece(index, None, b" "))
            return pictures.end()
        return self._cut_slowly(index, index + 1)

    def _page_of(self, character: str) -> _Page | None:
        """The page that may know the character."""
        page = self._pages.of.get(character)
        if page is None and character.isascii():
            return self._pages.first
        if page is None and _IS_EAST_ASIAN(character):
            return _EAST_ASIAN
        if page is None and "\u0e00" <= character <= "\u0e7f":
            return _THAI
        return page or script_of(character)

    @cached_property
    def _is_joined(self) -> bool:
        """Do all zero-width non-joiners stand between Arabic letters, where they are hyphens?"""
        return not _ELSEWHERE.search(self.text)

    def _cut_slowly(self, start: int, end: int) -> int:
        """Cut whole words that hold this piece as `rules.text` does."""
        start = self._back_to_a_gap(start)
        end = self._gap_behind(end)
        data, clear = _cut(self.text[start:end])
        self.found_is_there &= clear
        self._pieces.append(_Piece(start, None, data))
        return end

    def _gap_behind(self, index: int) -> int:
        gap = _GAP.search(self.text, index)
        return gap.start() if gap else len(self.text)

    def _gap_before(self, index: int) -> int:
        """The index after the last gap; looks ever farther, for most are near."""
        near, gap = index, -1
        while gap < 0 < near:
            near = max(index - 8 * (index - near) - _NEAR, 0)
            gap = max(self.text.rfind(sign, near, index) for sign in _GAPS)
        return gap + 1

    def _back_to_a_gap(self, start: int) -> int:
        """Give back the pieces after the last gap before ``start``."""
        gap = self._gap_before(start)
        begin = start
        while begin > gap and self._pieces:
            begin, page, _ = self._pieces.pop()
            if begin < gap and page is not None:
                return self._take(begin, gap, page)
        return begin


def _cut(chunk: str) -> tuple[bytes, bool]:
    """The words of a chunk as `rules.text` cuts them, with the borders between fields, and
    whether each word of a script without spaces is one character."""
    pieces: list[bytes] = []
    clear = True
    for part in chunk.split("\x00"):
        pieces.append(BORDER if pieces else b"")
        beside = False
        cut = Text(part)
        for index, (surface, form) in enumerate(zip(cut.surfaces, cut.normals, strict=True)):
            spaceless = words.is_spaceless(surface)
            if not (beside and spaceless and not words.signs(cut.before(index))):
                pieces.append(b" ")
            pieces.append(_letters(form))
            clear &= not spaceless or len(form) == 1
            beside = spaceless
        pieces.append(b" ")
    return b"".join(pieces), clear
