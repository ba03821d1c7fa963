"""Text from feeds, made fit to show: one clean line, cut where a reader would not notice.

Chose our own rule for where a text may be cut, instead of a library with the Unicode tables,
because a cut has a choice: it may step back from every place that might lie inside a grapheme
cluster, so a few lines over `unicodedata` suffice and never split one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

LONGEST = 20_000  # code points of one text that are ever looked at
MARKS = 12  # combining marks on one letter; real writing needs four
ELLIPSIS = "…"

_INVISIBLE = frozenset(
    {0x00AD, 0x061C, 0x115F, 0x1160, 0x180E, 0x3164, 0xFEFF, 0xFFA0}
    | {0x200B, 0x200E, 0x200F}  # zero-width space, direction marks
    | set(range(0x202A, 0x202F))  # bidi embeddings and overrides
    | set(range(0x2060, 0x2070))  # word joiner, invisible signs, bidi isolates
    | set(range(0xFFF9, 0xFFFC))  # interlinear annotation
    | set(range(0xE0000, 0xE0080))  # tags: invisible letters
)
_SINGLE = frozenset(" \u200c\u200d")  # spaces and joiners: never at the ends, never two
_MARKS = frozenset({"Mn", "Mc", "Me"})
_EXTENDING = (
    frozenset("\u200c\u200d\u0e33\u0eb3\uff9e\uff9f")
    | {chr(code) for code in range(0x1F3FB, 0x1F400)}  # skin tones
    | {chr(code) for code in range(0xE0020, 0xE0080)}  # tags
)
_PREPENDED = frozenset(
    [chr(c) for c in range(0x0600, 0x0606)]
    + list("\u06dd\u070f\u0890\u0891\u08e2\u0d4e")
    + list("\U000110bd\U000110cd\U000111c2\U000111c3\U000113d1\U0001193f\U00011941")
    + list("\U00011a3a\U00011a84\U00011a85\U00011a86\U00011a87\U00011a88\U00011a89")
    + list("\U00011d46\U00011f02")
)


def clean(text: str) -> str:
    """``text`` as one line without anything invisible that could mislead or inject.

    Line ends and other controls become spaces, runs of space one; bidi controls, zero-width
    signs and tags go (joiners inside words and emoji stay); lone surrogates become U+FFFD.
    """
    return clean_with_offsets(text, ())[0]


def clean_with_offsets(text: str, offsets: Iterable[int]) -> tuple[str, dict[int, int]]:
    """The clean text, and for each of ``offsets`` into ``text`` where it has come to lie."""
    wanted = set(offsets)
    found: dict[int, int] = {}
    out: list[str] = []
    marks = 0
    for index, char in enumerate(text[:LONGEST]):
        if index in wanted:
            found[index] = len(out)
        if "!" <= char <= "~":
            out.append(char)
            marks = 0
            continue
        category = unicodedata.category(char)
        marks = marks + 1 if category in _MARKS else 0
        shown = _shown(char, category)
        if not shown or marks > MARKS:
            continue
        if shown in _SINGLE and (not out or out[-1] in _SINGLE):
            if shown == " " and out:
                out[-1] = " "
            continue
        out.append(shown)
    while out and out[-1] in _SINGLE:
        out.pop()
    return "".join(out), {offset: min(found.get(offset, len(out)), len(out)) for offset in wanted}


def _shown(char: str, category: str) -> str:
    """What to show for one character: itself, a space, nothing, or U+FFFD."""
    if ord(char) in _INVISIBLE:
        return ""
    match category:
        case "Cc" | "Zs" | "Zl" | "Zp":
            return " "
        case "Cs":
            return "\ufffd"
        case "Cn" if ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF:
            return "\ufffd"
    return char


def may_cut(text: str, at: int) -> bool:
    """Whether ``text[:at]`` ends between two grapheme clusters. Never says yes inside one; may
    say no between two that only look joined."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if after in _EXTENDING or unicodedata.category(after) in _MARKS:
        return False
    if before == "\u200d" or before in _PREPENDED or _has_virama(text, at):
        return False  # an emoji sequence, a sign before its letter, a conjunct
    if _is_hangul_jamo(after) and _is_hangul(before):
        return False
    if "\u1100" <= before <= "\u115f" or "\ua960" <= before <= "\ua97c":
        return not _is_hangul(after)
    if _is_flag_letter(before) and _is_flag_letter(after):
        return _flag_letters_before(text, at) % 2 == 0
    return (before, after) != ("\r", "\n")


def _has_virama(text: str, at: int) -> bool:
    """Whether the marks that end ``text[:at]`` hold one that joins the next letter."""
    for back in range(at - 1, max(at - 1 - MARKS, -1), -1):
        if unicodedata.combining(text[back]) == 9:
            return True
        if text[back] not in _EXTENDING and unicodedata.category(text[back]) not in _MARKS:
            return False
    return False


def _is_hangul_jamo(char: str) -> bool:
    return (
        "\u1100" <= char <= "\u11ff" or "\ua960" <= char <= "\ua97c" or "\ud7b0" <= char <= "\ud7fb"
    )


def _is_hangul(char: str) -> bool:
    return _is_hangul_jamo(char) or "\uac00" <= char <= "\ud7a3"


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _flag_letters_before(text: str, at: int) -> int:
    count = 0
    while count < at and _is_flag_letter(text[at - 1 - count]):
        count += 1
    return count


def cut_point(text: str, at: int) -> int:
    """The last place up to ``at`` where ``text`` may be cut; 0 when there is none."""
    at = min(at, len(text))
    while at > 0 and not may_cut(text, at):
        at -= 1
    return at


def cut(text: str, limit: int, unit: Callable[[str], int] = len) -> str:
    """``text`` in at most ``limit`` units, an ellipsis showing that it was longer.

    ``unit`` measures a text as the service will, escapes included, and never shrinks when the
    text grows.
    """
    if unit(text) <= limit:
        return text
    room = limit - unit(ELLIPSIS)
    if room < 0:
        return ""
    return text[: cut_point(text, longest_prefix(text, room, unit))].rstrip() + ELLIPSIS


def longest_prefix(text: str, room: int, unit: Callable[[str], int]) -> int:
    """How many code points from the start measure at most ``room``."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if unit(text[:middle]) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def utf8(text: str) -> int:
    """Bytes in UTF-8; a lone surrogate counts as the U+FFFD that will stand for it."""
    return len(text.encode("utf-8", "surrogatepass"))


def utf16(text: str) -> int:
    """UTF-16 code units, as JavaScript and Java services count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
