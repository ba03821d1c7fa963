"""Pages: the characters of an alphabet, folded into the bytes of a stream by C loops.

A page knows at most 256 characters: ASCII, an alphabet, and signs. `codecs.charmap_encode` makes
a byte of each, `bytes.translate` its normal form. Letters of the commonest alphabets have bytes of
their own in a stream (`Alphabet`); those of other scripts (`Script`) stand there in UTF-8.

A page folds as much of a text as it knows: its error handler goes to the end of the text at the
first character that it does not, so that nothing is encoded twice and nothing raised.

Chose one page after the other instead of `str.translate`, which knows all characters at once but
takes ten times as long for each.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator, Set
from functools import cache
from typing import Any, NamedTuple, cast

from rules import characters as chars
from rules import text as words
from rules.text import Text

ZWNJ = "\u200c"
ASCII = bytes(
    ord(chr(byte).lower()) if byte and byte < 128 and chr(byte).isalnum() else 32 if byte else 0
    for byte in range(256)
)
"""ASCII in normal form: small letters and digits, the border, spaces for all else."""

_EVERYWHERE = "\x00\t\n\r" + "".join(map(chr, range(32, 127)))
# Signs of every page that has room: they separate words and nothing else.
SIGNS = "\xa0«»“”„‘’‚–—…•·€£§°©®¿¡\u202f\u2009−×±′″‹›₽"
# Not there to be seen, wherever they stand.
_UNSEEN = "\xad\u200b\u200d\u200e\u200f\ufeff"
_LATIN = (
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
    "ĄąĆćĘęŁłŃńŚśŹźŻżČčĎďĚěŇňŘřŠšŤťŮůŽžĞğİıŞşŐőŰűĂăȘșȚțŢţĐđŒœĀāĒēĪīŌōŪū"
)
# Slovak, Baltic languages, Maltese, Esperanto, Welsh: the page before has no room for them.
_MORE_LATIN = (
    "ÁÄÅÉÍÓÔÕÖÚÜÝáäåéíóôõöúüýŸÿ"
    "ĀāĄąČčĎďĒēĖėĘęĢģĪīĮįĶķĹĺĻļĽľŁłŅņŇňŌōŔŕŖŗŚśŠšŤťŪūŲųŹźŻżŽž"
    "ĊċĠġĦħĈĉĜĝĤĥĴĵŜŝŬŭŴŵŶŷ"
)
_CYRILLIC = "".join(map(chr, range(0x400, 0x460))) + "Ґґ№"
_VIETNAMESE = "ÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝàáâãèéêìíòóôõùúýĂăĐđĨĩŨũƠơƯư" + "".join(
    map(chr, range(0x1EA0, 0x1EFA))
)
_POINTS = "\u0640\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652\u0670"
_ARABIC = (
    "".join(map(chr, (*range(0x621, 0x63B), *range(0x641, 0x64B), *range(0x660, 0x66A))))
    + "".join(map(chr, range(0x6F0, 0x6FA)))
    + "\u0671\u067e\u0686\u0698\u06a4\u06a9\u06af\u06be\u06c1\u06cc\u06d2"
    + _POINTS
    + "،؛؟٪٫٬۔"
)
ALPHABETS = (_LATIN, _CYRILLIC, _ARABIC, _VIETNAMESE, _MORE_LATIN, _ARABIC + ZWNJ)
_WITH_ZWNJ = len(ALPHABETS) - 1
# Bytes that neither UTF-8 nor the words and spaces of ASCII use.
_FREE = (
    *(*range(1, 9), *range(14, 32), *range(33, 48), *range(58, 97), *range(123, 128)),
    *(0xC0, 0xC1, *range(0xF5, 0x100)),
)


_STOP = "rules.pages.stop"
codecs.register_error(_STOP, lambda error: (b"", len(cast("UnicodeEncodeError", error).object)))


class Alphabet(NamedTuple):
    """Letters with bytes of their own; ``doubles`` are bytes that stand for two letters."""

    encoding: Any
    fold: bytes
    dropped: bytes
    doubles: tuple[tuple[bytes, bytes], ...]

    def folded(self, text: str, start: int, stop: int) -> tuple[bytes, int]:
        """What the page knows of ``text[start:stop]`` from its beginning on, as it stands in a
        stream, several spaces for one; and the index where that ends."""
        data: bytes = codecs.charmap_encode(text[start:stop], _STOP, self.encoding)[0]
        end = start + len(data)
        data = data.translate(self.fold, self.dropped)
        for code, form in self.doubles:
            data = data.replace(code, form)
        return data, end


class Pages(NamedTuple):
    """``of`` says which page knows a character, ``codes`` which byte a normal letter has."""

    pages: tuple[Alphabet, ...]
    of: dict[str, Alphabet]
    codes: dict[str, bytes]

    @property
    def first(self) -> Alphabet:
        """The page that is tried first."""
        return self.pages[0]

    @property
    def with_zwnj(self) -> Alphabet:
        """The page of Arabic letters in which a zero-width non-joiner is a hyphen."""
        return self.pages[_WITH_ZWNJ]


@cache
def alphabets() -> Pages:
    """The alphabets, made when first asked for."""
    free = iter(_FREE)
    codes: dict[str, bytes] = {}
    doubles: dict[str, bytes] = {}
    pages: list[Alphabet] = []
    of: dict[str, Alphabet] = {}
    for alphabet in ALPHABETS:
        table = (_EVERYWHERE + alphabet + _UNSEEN + SIGNS)[:256]
        fold = bytearray(_EVERYWHERE.encode().translate(ASCII).ljust(256))
        for byte, character in enumerate(alphabet, len(_EVERYWHERE)):
            fold[byte] = _byte_of(character, free, codes, doubles)
        page = Alphabet(
            codecs.charmap_build(table.ljust(256, "\ufffe")),
            bytes(fold),
            bytes(table.index(character) for character in _POINTS + _UNSEEN if character in table),
            tuple((code, form.encode()) for form, code in doubles.items() if code[0] in fold),
        )
        pages.append(page)
        for character in alphabet.replace(ZWNJ, ""):
            of.setdefault(character, page)
    return Pages(tuple(pages), of, codes)


def _byte_of(
    character: str, free: Iterator[int], codes: dict[str, bytes], doubles: dict[str, bytes]
) -> int:
    """The byte of a letter's normal form; a sign is a space."""
    if not len(Text(character)):
        return 32
    form = words.normal(character)
    if form.isascii() and len(form) == 1:
        return ord(form)
    known = codes if len(form) == 1 else doubles
    if form not in known:
        known[form] = bytes([next(free)])
    return known[form][0]


# --- scripts ---------------------------------------------------------------------------------

SCRIPTS = (
    *((0x370, 0x400), (0x530, 0x590), (0x590, 0x600)),  # Greek, Armenian, Hebrew
    *((first, first + 0x80) for first in range(0x900, 0xE00, 0x80)),  # Devanagari to Sinhala
    (0x10A0, 0x1100),  # Georgian
)
"""First character, and the one after the last."""
_SCRIPT_OF = {
    code >> 4: number
    for number, (first, after) in enumerate(SCRIPTS)
    for code in range(first, after, 16)
}
# What a character is to a mark behind it; a mark by its combining class.
_OTHER, _LETTER = b" ", b"l"
_MARKS = {0: b"m", 7: b"n", 9: b"v"}
_REFUSED = (*(_OTHER + mark for mark in _MARKS.values()), b"vn")
_IS_MARK = re.compile(f"[{chars.MARK.low}]").match
_IS_SPECIAL = re.compile(f"[{chars.IGNORED.low}{chars.FLATTENED.low}]").match


class Script(NamedTuple):
    """Letters that stand in UTF-8.

    Their marks are right where no kind before is refused; ``written`` are letters
    that are written in another way than they were met.
    """

    encoding: Any
    kinds: bytes
    refused: tuple[bytes, ...]
    dropped: bytes
    written: tuple[tuple[bytes, bytes], ...]
    letters: str

    def folded(self, text: str, start: int, stop: int) -> tuple[bytes, int]:
        """As `Alphabet.folded`; ends also where a mark is astray."""
        data: bytes = codecs.charmap_encode(text[start:stop], _STOP, self.encoding)[0]
        kinds = _OTHER + data.translate(self.kinds)
        astray = [kinds.index(pair) for pair in self.refused if pair in kinds]
        if astray:
            data = data[: min(astray)]
        end = start + len(data)
        data = data.translate(None, self.dropped)
        for met, written in self.written:
            data = data.replace(met, written)
        form: str = codecs.charmap_decode(data, "strict", self.letters)[0]
        return form.encode(), end


def script_of(character: str) -> Script | None:
    """The page of a character's script, if there is one; it may not know this character."""
    number = _SCRIPT_OF.get(ord(character) >> 4)
    return None if number is None else _script(number)


class _Known(NamedTuple):
    """A character of a script: what it is to the mark behind it, and its normal form."""

    kind: bytes
    form: str


@cache
def _script(number: int) -> Script:
    """A script's page, made when a text first needs it."""
    block = "".join(map(chr, range(*SCRIPTS[number])))
    letter = next(c for c in block if len(Text(c)) and words.normal(c) == c)
    known = {c: found for c in block if (found := _known(c, letter))}
    table = (_EVERYWHERE + "".join(known) + _UNSEEN + ZWNJ + SIGNS)[:256]
    byte = {character: bytes([index]) for index, character in enumerate(table)}
    forms = _EVERYWHERE.encode().translate(ASCII).decode()
    forms += "".join(found.form if len(found.form) == 1 else " " for found in known.values())
    kinds = b"".join(known[c].kind if c in known else _OTHER for c in table)
    written = (*_composed(known.keys()), *((c, found.form) for c, found in known.items()))
    return Script(
        codecs.charmap_build(table.ljust(256, "\ufffe")),
        kinds.ljust(256),
        tuple(pair for pair in _REFUSED if pair[0] in kinds and pair[1] in kinds),
        b"".join(
            byte[c] for c in table if c in _UNSEEN + ZWNJ or (c in known and not known[c].form)
        ),
        tuple(
            (b"".join(byte[c] for c in met), b"".join(byte[c] for c in form))
            for met, form in written
            if len(met) > 1 or len(form) > 1
        ),
        forms.ljust(256),
    )


def _known(character: str, letter: str) -> _Known | None:
    """What a page has to know of a character; ``None``: rules.text has to look at it."""
    if _IS_SPECIAL(character):
        return None
    if _IS_MARK(character):
        form = words.normal(letter + character).removeprefix(letter)
        kind = _MARKS.get(unicodedata.combining(character)) if form else _OTHER
        return _Known(kind, form) if kind and form in ("", character) else None
    if not len(Text(character)):
        return _Known(_OTHER, " ")
    form = words.normal(character)
    return _Known(_OTHER if form.isdigit() else _LETTER, form)


def _composed(known: Set[str]) -> Iterator[tuple[str, str]]:
    """Pairs of characters that are written as one."""
    for character in known:
        parts = unicodedata.decomposition(character)
        pair = "" if parts.startswith("<") else "".join(chr(int(c, 16)) for c in parts.split())
        is_written_so = unicodedata.normalize("NFC", pair) == character
        if len(pair) == 2 and is_written_so and known >= set(pair):
            yield pair, character
