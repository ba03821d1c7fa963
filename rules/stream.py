"""Texts as the matcher searches them: one run of bytes with a space around every word.

A text becomes ``b" gas pipeline "``: words in normal form, one space between, words of scripts
without spaces side by side where nothing stands between them in the text. So a word, a phrase or
a prefix is a literal to find: ``b" gas pipeline "``, ``b" pipelin"``, ``b"\\xe6\\x99..."``.

Chose bytes of our own instead of UTF-8 because the C loops of Python fold a text of a small
alphabet in two passes (`codecs.charmap_encode` over a *page*, `bytes.translate`), a tenth of what
a regular expression takes to cut words. What is in no page and not plain Han, kana or Hangul is
cut by `rules.text` itself, chunk by chunk, so that every text gives the same words there and here.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple

from rules import text as words
from rules.text import Text

BORDER = b"\x00"
"""Stands, as a word of its own, between the fields of a stream."""

_SPACES = re.compile(b"  +")
_WINDOW = 8_192  # characters a page is tried on at once
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
        return Stream(_spaced(text.encode().translate(_ASCII)), found_is_there=True)
    folding = _Folding(text)
    return Stream(_spaced(folding.folded()), folding.found_is_there)


def _spaced(data: bytes) -> bytes:
    return _SPACES.sub(b" ", b" %b " % data)


@lru_cache(1 << 16)
def letters(form: str) -> bytes:
    """A normal form as it stands in a stream."""
    return _letters(form)


def _letters(form: str) -> bytes:
    if form.isascii():
        return form.encode()
    codes = _pages().codes
    return b"".join(codes.get(c) or c.encode("utf-8", "surrogatepass") for c in form)


# --- pages -----------------------------------------------------------------------------------

_ASCII = bytes(
    ord(chr(byte).lower()) if byte and byte < 128 and chr(byte).isalnum() else 32 if byte else 0
    for byte in range(256)
)

_ZWNJ = "\u200c"
_EVERYWHERE = "\x00\t\n\r" + "".join(map(chr, range(32, 127)))
# Signs of every page that has room: they separate words and nothing else.
_SIGNS = "\xa0«»“”„‘’‚–—…•·€£§°©®−×′″‹›₽"
_LATIN = (
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
    "ĄąĆćĘęŁłŃńŚśŹźŻżČčĎďĚěŇňŘřŠšŤťŮůŽžĞğİıŞşŐőŰűĂăȘșȚțŢţĐđŒœĀāĒēĪīŌōŪū"
)
_CYRILLIC = "".join(map(chr, range(0x400, 0x460))) + "Ґґ№"
_VIETNAMESE = "ÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝàáâãèéêìíòóôõùúýĂăĐđĨĩŨũƠơƯư" + "".join(
    map(chr, range(0x1EA0, 0x1EFA))
)
_DROPPED = "\u0640\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652\u0670"
_ARABIC = (
    "".join(map(chr, (*range(0x621, 0x63B), *range(0x641, 0x64B), *range(0x660, 0x66A))))
    + "".join(map(chr, range(0x6F0, 0x6FA)))
    + "\u0671\u067e\u0686\u0698\u06a4\u06a9\u06af\u06be\u06c1\u06cc\u06d2"
    + _DROPPED
    + "،؛؟٪٫٬۔"
)
_ALPHABETS = (_LATIN, _CYRILLIC, _ARABIC, _VIETNAMESE, _ARABIC + _ZWNJ)
_WITH_ZWNJ = len(_ALPHABETS) - 1
# Bytes that neither UTF-8 nor the words and spaces of ASCII use.
_FREE = (
    *(*range(1, 9), *range(14, 32), *range(33, 48), *range(58, 97), *range(123, 128)),
    *(0xC0, 0xC1, *range(0xF5, 0x100)),
)


class _Page(NamedTuple):
    """An alphabet of at most 256 characters: a byte each, and the byte its normal form has."""

    encoding: Any
    fold: bytes
    dropped: bytes


class _Pages(NamedTuple):
    """``of`` says which page knows a character, ``codes`` which byte a normal letter has."""

    pages: tuple[_Page, ...]
    of: dict[str, int]
    codes: dict[str, bytes]
    doubles: tuple[tuple[bytes, bytes], ...]


@cache
def _pages() -> _Pages:
    free = iter(_FREE)
    codes: dict[str, bytes] = {}
    doubles: dict[str, bytes] = {}
    pages: list[_Page] = []
    of: dict[str, int] = {}
    for number, alphabet in enumerate(_ALPHABETS):
        table = (_EVERYWHERE + alphabet + _SIGNS)[:256]
        fold = bytearray(_EVERYWHERE.encode().translate(_ASCII).ljust(256))
        for byte, character in enumerate(alphabet, len(_EVERYWHERE)):
            if character != _ZWNJ:
                of.setdefault(character, number)
            fold[byte] = _byte_of(words.normal(character), character, free, codes, doubles)
        dropped = bytes(table.index(character) for character in _DROPPED if character in table)
        encoding = codecs.charmap_build(table.ljust(256, "\ufffe"))
        pages.append(_Page(encoding, bytes(fold), dropped))
    pairs = tuple((code, form.encode()) for form, code in doubles.items())
    return _Pages(tuple(pages), of, codes, pairs)


def _byte_of(
    form: str, character: str, free: Any, codes: dict[str, bytes], doubles: dict[str, bytes]
) -> int:
    """The byte of a letter's normal form; a sign is a space."""
    if not len(Text(character)):
        return 32
    if len(form) == 1:
        if form.isascii():
            return ord(form)
        if form not in codes:
            codes[form] = bytes([next(free)])
        return codes[form][0]
    if form not in doubles:
        doubles[form] = bytes([next(free)])
    return doubles[form][0]


# --- folding ---------------------------------------------------------------------------------

_DIGITS = "\u0966-\u096f\u0e50-\u0e59"
_FULL_WIDTH = _DIGITS + "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
_HIRAGANA = "\u3041-\u3096"
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff"
_KATAKANA = "\u30a1-\u30fa\u30fc"
_HANGUL = "\uac00-\ud7a3"
_THAI = "\u0e01-\u0e3a\u0e40-\u0e4e"
_THAI_MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
_NAGARI_LETTERS = "\u0904-\u0939\u093d\u0950\u0958-\u0961"
_NAGARI_MARKS = "\u0900-\u0903\u093c\u093e-\u094d\u0951-\u0954"
_NAGARI = _NAGARI_LETTERS + _NAGARI_MARKS
_WIDE_SIGNS = (
    "\x80-\x9f\u2010-\u2027\u2030-\u205e\u2190-\u245f\u2500-\u2775\u2794-\u2bff"
    "\u0964\u0965\u3000-\u3003\u3008-\u3020\u3030\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40"
    "\uff5b-\uff65\uffe0-\uffe6" + _SIGNS
)
_SIMPLE = re.compile(
    f"[\x01-@\\[-`{{-\x7f{_HIRAGANA}{_HAN}{_KATAKANA}{_HANGUL}{_THAI}{_NAGARI}{_FULL_WIDTH}"
    f"{_WIDE_SIGNS}]+"
)
_HAS_THAI = re.compile(f"[{_THAI}]")
_HAS_MARKS = re.compile(f"[{_THAI}{_NAGARI}{_DIGITS}]")
_ASKS_MORE = re.compile(f"[{_THAI}{_NAGARI}{_FULL_WIDTH}]")
_BY_VALUE = {first + value: str(value) for first in (0x966, 0xE50) for value in range(10)}
_NUMBER = f"[0-9{_FULL_WIDTH}]"
# Words that rules.text has to cut: of Hiragana and the sign that prolongs it, of Nagari and
# digits, of a letter and marks of another script.
_LONG_VOWEL = re.compile(f"[{_HIRAGANA}]ー")
_MIXED = re.compile(
    f"{_NUMBER}[{_NAGARI}]|[{_NAGARI}]{_NUMBER}"
    f"|(?<![{_THAI}])[{_THAI_MARKS}]|(?<![{_NAGARI}])[{_NAGARI_MARKS}]"
)
_JOINS = re.compile(
    f"[{_NAGARI}{_THAI_MARKS}{_FULL_WIDTH}]"
)  # part of one word with letters and digits beside
_WIDE_WORDS = re.compile(
    f"[{_HAN}{_HIRAGANA}{_THAI}]+|[0-9a-z]+|[{_NAGARI_LETTERS}][{_NAGARI}]*|[{_KATAKANA}]+|[{_HANGUL}]+"
)
_ELSEWHERE = re.compile(
    "(?<![\u0621-\u064a\u066e-\u06d3])\u200c|\u200c(?![\u0621-\u064a\u066e-\u06d3])"
)
_GAPS = " \n\x00,.。、，！？"  # nothing of a word stands on both sides
_GAP = re.compile(f"[{_GAPS}]")
_NEAR = 256


@cache
def _wide_run() -> re.Pattern[str]:
    """What is in no page, with the signs and digits between."""
    paged = "".join(_pages().of)
    return re.compile(f"[^\x00A-Za-z{paged}]+")


class _Piece(NamedTuple):
    start: int
    page: int | None
    data: bytes


class _Folding:
    """One text being folded, piece by piece; each piece is of one page, or wide, or cut slowly."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found_is_there = True
        self._pages = _pages()
        self._pieces: list[_Piece] = []
        self._page = 0

    def folded(self) -> bytes:
        position, size = 0, len(self.text)
        switches = _SWITCHES * (1 + size // _WINDOW)
        while position < size:
            stop = min(position + _WINDOW, size)
            try:
                data = self._encoded(position, stop)
            except UnicodeEncodeError as error:
                stop = position + error.start
                position = self._change(position, stop)
                switches -= 1
                if not switches:
                    position = self._cut_slowly(position, size)
            else:
                self._pieces.append(_Piece(position, self._page, data))
                position = stop
        data = b"".join(piece.data for piece in self._pieces)
        for code, form in self._pages.doubles:
            if code in data:
                data = data.replace(code, form)
        return data

    def _encoded(self, start: int, stop: int, page: int | None = None) -> bytes:
        """A piece in the bytes of a page.

        Raises:
            UnicodeEncodeError: at the first character that is not of the page.
        """
        encoding, fold, dropped = self._pages.pages[self._page if page is None else page]
        data: bytes = codecs.charmap_encode(self.text[start:stop], "strict", encoding)[0]
        return data.translate(fold, dropped)

    def _change(self, position: int, stop: int) -> int:
        """Take what the page knows, then another page, or what no page knows."""
        if stop > position:
            self._pieces.append(_Piece(position, self._page, self._encoded(position, stop)))
        page = self._pages.of.get(self.text[stop])
        if self.text[stop] == _ZWNJ and self._is_joined:
            page = _WITH_ZWNJ
        if page is not None:
            self._page = page
            return stop
        found = _wide_run().match(self.text, stop)
        run = found[0].rstrip("0123456789") if found else ""
        end = stop + len(run)
        if not self._is_simple(run, stop, end):
            return self._cut_slowly(stop, end)
        if _ASKS_MORE.search(run):
            run = unicodedata.normalize("NFKC", run).lower()
        if _HAS_MARKS.search(run):
            self.found_is_there &= not _HAS_THAI.search(run)
            run = run.translate(_BY_VALUE)
        self._pieces.append(_Piece(stop, None, _wide(run)))
        return end

    @cached_property
    def _is_joined(self) -> bool:
        """Do all zero-width non-joiners stand between Arabic letters, where they are hyphens?"""
        return not _ELSEWHERE.search(self.text)

    def _is_simple(self, run: str, start: int, end: int) -> bool:
        """Is it all of characters with simple rules, and does no word go on beyond it?"""
        if not _SIMPLE.fullmatch(run) or ("ー" in run and _LONG_VOWEL.search(run)):
            return False
        after = self.text[end : end + 1]
        if after and after in _DROPPED:
            return False
        if not _ASKS_MORE.search(run):
            return True
        before = self.text[max(start - 1, 0) : start]
        return not (
            (_HAS_MARKS.search(run) and _MIXED.search(run))
            or (before > " " and _JOINS.match(run))
            or (after > " " and _JOINS.match(run[-1]))
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
                self._pieces.append(_Piece(begin, page, self._encoded(begin, gap, page)))
                return gap
        return begin


def _wide(run: str) -> bytes:
    """Han, kana, Hangul, Thai, Nagari, digits and signs; words of Han, Hiragana and Thai stay
    side by side."""
    return b" %b " % " ".join(_WIDE_WORDS.findall(run)).encode()


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
