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
from typing import NamedTuple, Protocol

from rules import characters as chars
from rules import text as words
from rules.pages import ASCII, SIGNS, ZWNJ, alphabets, script_of
from rules.text import Text

BORDER = b"\x00"
"""Stands, as a word of its own, between the fields of a stream."""

_WINDOW = 4_096  # characters a page is tried on at once
_SWITCHES = 64  # so many changes of script in a window are followed; what is left is cut slowly


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
_THAI = f"\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46{_THAI_MARKS}"
_THAI_DIGITS = "\u0e50-\u0e59"
_FULL_WIDTH = "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
_WIDE_SIGNS = (
    "\x80-\xa9\xac\xae-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7\u0e3f\u0e4f\u0e5a\u0e5b\u2010-\u2027\u2030-\u205e\u2190-\u245f\u2500-\u2775"
    "\u2794-\u2bff\u3000-\u3003\u3008-\u3020\u3030\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40"
    "\uff5b-\uff65\uffe0-\uffe6" + SIGNS
)
_ASCII = "".join(map(chr, range(1, 128)))
_ASCII_SIGNS = "\x01-/:-@\\[-`{-\x7f"
_COMMON_SIGNS = "，。、・：；！？「」（）《》“”\u3000"
_PLAIN = ASCII[:128] + bytes(range(128, 256))  # normal forms where all else is UTF-8


class _EastAsian:
    """Han, kana and Hangul, with the signs and the ASCII between."""

    _run = re.compile(
        f"[{_HAN}{_HIRAGANA}{_KATAKANA}{_HANGUL}{_FULL_WIDTH}{_WIDE_SIGNS}\x01-\x7f]+"
    )
    # Words that may stand side by side; what is between them is taken along, to cut less often.
    _spaceless = f"[{_HAN}{_HIRAGANA}{_ASCII_SIGNS}]"
    _others = "|".join(
        f"[{script}{_ASCII_SIGNS}]+" for script in (f"0-9A-Za-z{_FULL_WIDTH}", _KATAKANA, _HANGUL)
    )
    _words = re.compile(f"{_spaceless}+|{_others}")
    _with_long_vowels = re.compile(
        f"{_spaceless}+(?:(?<=[{_HIRAGANA}])ー+{_spaceless}*)*|{_others}"
    )
    _long_vowel = re.compile(f"ー(?<=[{_HIRAGANA}]ー)")
    _full_width = re.compile(f"[{_FULL_WIDTH}]+")
    _leads_full_width = "\uff10".encode()[0]

    def run(self, text: str, start: int) -> str:
        """The longest run from there that this can fold."""
        found = self._run.match(text, start)
        return found[0].rstrip(_ASCII) if found else ""

    def is_clear(self, run: str) -> bool:
        """Is each word of a script without spaces one character?"""
        return not self._long_vowel.search(run)

    def folded(self, run: str) -> bytes:
        """The run as it stands in a stream, several spaces for one."""
        cut = self._words if self.is_clear(run) else self._with_long_vowels
        for sign in _COMMON_SIGNS:
            run = run.replace(sign, " ")
        found = " ".join(cut.findall(run))
        data = found.encode()
        if self._leads_full_width in data:
            data = self._full_width.sub(_narrow, found).encode()
        return b" %b " % data.translate(_PLAIN)


class _Thai:
    """Thai, with the signs and the ASCII between; marks stand where they belong."""

    _run = re.compile(f"[{_THAI}{_THAI_DIGITS}{_WIDE_SIGNS}\x01-\x7f]+")
    _astray = re.compile(f"[^{_THAI}][{_THAI_MARKS}]|[{_THAI_TONES}][{_THAI_VOWELS}]")
    _words = re.compile(f"[{_THAI}{_ASCII_SIGNS}]+|[0-9A-Za-z{_THAI_DIGITS}{_ASCII_SIGNS}]+")
    _digits = re.compile(f"[{_THAI_DIGITS}]+")

    def run(self, text: str, start: int) -> str:
        """The longest run from there that this can fold."""
        found = self._run.match(text, start)
        run = found[0].rstrip(_ASCII) if found else ""
        astray = self._astray.search(run)
        return run[: astray.end() - 1] if astray else run

    def is_clear(self, _run: str) -> bool:
        """Is each word of a script without spaces one character?"""
        return False

    def folded(self, run: str) -> bytes:
        """The run as it stands in a stream, several spaces for one."""
        found = " ".join(self._words.findall(run)).replace("\u0e33", "\u0e4d\u0e32")
        return b" %b " % self._digits.sub(_narrow, found).encode().translate(_PLAIN)


def _narrow(digits: re.Match[str]) -> str:
    return words.normal(digits[0])


_EAST_ASIAN, _SOUTH_EAST_ASIAN = _EastAsian(), _Thai()


# --- folding ---------------------------------------------------------------------------------

# What belongs to the character before it, or is not there at all.
_CLINGS = re.compile(f"[{chars.MARK.low}{chars.IGNORED.low}]")
_HAS_NO_SPACES = re.compile(f"[{_HAN}{_HIRAGANA}{_KATAKANA}{_THAI}]")
_GOES_ON = re.compile(f"[{_FULL_WIDTH}{_THAI_DIGITS}]")  # is of one word with letters beside it
_PICTURE = "\u2190-\u245f\u2500-\u2775\u2794-\u2bff\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff"
_PICTURES = re.compile(f"[{_PICTURE}][{_PICTURE}\u200d\ufe0f]*")
_ELSEWHERE = re.compile(
    "(?<![\u0621-\u064a\u066e-\u06d3])\u200c|\u200c(?![\u0621-\u064a\u066e-\u06d3])"
)
_GAPS = " \n\x00,.。、，！？"  # nothing of a word stands on both sides
_GAP = re.compile(f"[{_GAPS}]")
_NEAR = 256


class _Page(Protocol):
    def folded(self, text: str, /) -> bytes: ...


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
        self._page: _Page = self._pages.of.get(text[0], self._pages.first)
        self._pieces: list[_Piece] = []

    def folded(self) -> bytes:
        """All of the text."""
        position, size = 0, len(self.text)
        switches = _SWITCHES * (1 + size // _WINDOW)
        while position < size:
            stop = min(position + _WINDOW, size)
            try:
                self._take(position, stop, self._page)
            except UnicodeEncodeError as error:
                position = self._change(position, position + error.start)
                switches -= 1
                if not switches:
                    position = self._cut_slowly(position, size)
            else:
                position = stop
        return b"".join([piece.data for piece in self._pieces])

    def _take(self, start: int, stop: int, page: _Page) -> None:
        self._pieces.append(_Piece(start, page, page.folded(self.text[start:stop])))

    def _change(self, position: int, stop: int) -> int:
        """Go over to what knows the character at ``stop``; the index to go on at."""
        page = self._page_of(stop)
        if page is not None and self.text[position:stop].isascii():
            self._page = page
            return position
        if stop > position:
            self._take(position, stop, self._page)
        if page is not None:
            self._page = page
            return stop
        pictures = _PICTURES.match(self.text, stop)
        if pictures:
            self._pieces.append(_Piece(stop, None, b" "))
            return pictures.end()
        return self._run(stop)

    def _page_of(self, index: int) -> _Page | None:
        """Another page that may know the character."""
        character = self.text[index]
        if character == ZWNJ and self._is_joined:
            return self._pages.with_zwnj
        if _CLINGS.match(character):
            return None
        page = self._pages.of.get(character) or script_of(character)
        return None if page is self._page else page

    @cached_property
    def _is_joined(self) -> bool:
        """Do all zero-width non-joiners stand between Arabic letters, where they are hyphens?"""
        return not _ELSEWHERE.search(self.text)

    def _run(self, start: int) -> int:
        """Take a run of a script without an alphabet, or cut the words here slowly."""
        text = self.text
        page = _SOUTH_EAST_ASIAN if "\u0e00" <= text[start] <= "\u0e7f" else _EAST_ASIAN
        run = "" if self._is_tied(start) else page.run(text, start)
        if not run:
            return self._cut_slowly(start, start + 1)
        end = start + len(run)
        self._take(start, end, page)
        self.found_is_there &= page.is_clear(run)
        after = text[end : end + 1]
        if after not in _GAPS and (_GOES_ON.match(run[-1]) or _CLINGS.match(after)):
            return self._cut_slowly(end, end + 1)
        return end

    def _is_tied(self, index: int) -> bool:
        """Is the character of one word with that before, or side by side with it?"""
        character, before = self.text[index], self.text[max(index - 1, 0) : index]
        return bool(
            _CLINGS.match(character)
            or (_GOES_ON.match(character) and before not in _GAPS)
            or (_HAS_NO_SPACES.match(character) and _HAS_NO_SPACES.match(before))
        )

    def _cut_slowly(self, start: int, end: int) -> int:
        """Cut whole words that hold this piece as `rules.text` does."""
        start = self._back_to_a_gap(start)
        gap = _GAP.search(self.text, end)
        end = gap.start() if gap else len(self.text)
        data, clear = _cut(self.text[start:end])
        self.found_is_there &= clear
        self._pieces.append(_Piece(start, None, data))
        return end

    def _back_to_a_gap(self, start: int) -> int:
        """Give back the pieces after the last gap before ``start``."""
        near = max(start - _NEAR, 0)
        gap = max(self.text.rfind(sign, near, start) for sign in _GAPS) + 1
        gap = gap or max(self.text.rfind(sign, 0, near) for sign in _GAPS) + 1
        begin = start
        while begin > gap and self._pieces:
            begin, page, _ = self._pieces.pop()
            if begin < gap and page is not None:
                self._take(begin, gap, page)
                return gap
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
