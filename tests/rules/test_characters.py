"""The tables of characters say what unicodedata says."""

from __future__ import annotations

import re
import unicodedata

import pytest

from rules import characters

# Not written, wherever they stand.
IGNORED = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
SIGNS = set("²³¹⁰⁴⁵⁶⁷⁸⁹™℠\U0001f16a\U0001f16b\U0001f16c") | set("ʹʺʻʼʽʾʿˈˮ")
BEFORE, AFTER = set("เแโใไເແໂໃໄ"), set("ะาำະາຳ")
HAN = (
    "CJK UNIFIED", "CJK COMPATIBILITY IDEO", "KANGXI", "CJK RADICAL", "HANGZHOU", "IDEOGRAPHIC",
    "VERTICAL IDEOGRAPHIC", "KHMER", "MYANMAR",
)  # fmt: skip
SCRIPTS = (
    (("THAI", "LAO"), "THAI_LAO"),
    (HAN, "SPACELESS"),
    (("HIRAGANA", "HENTAIGANA"), "HIRAGANA"),
    (("KATAKANA", "HALFWIDTH KATAKANA"), "KATAKANA"),
    (("HANGUL", "HALFWIDTH HANGUL"), "HANGUL"),
)
CLASSES = (
    "GENERIC", "SPACELESS", "HIRAGANA", "KATAKANA", "HANGUL", "THAI_LAO", "BEFORE", "AFTER",
    "MARK", "IGNORED", "FLATTENED",
)  # fmt: skip


def class_by_itself(character: str) -> str:
    code, category = ord(character), unicodedata.category(character)
    if any(low <= code <= high for low, high in IGNORED):
        return "IGNORED"
    if category in ("Mn", "Mc"):
        return "MARK"
    if character in SIGNS or category[0] not in "LN":
        return ""
    if character in BEFORE:
        return "BEFORE"
    if character in AFTER:
        return "AFTER"
    if category == "Nd":
        return "GENERIC"
    name = unicodedata.name(character, "")
    return next((kind for names, kind in SCRIPTS if name.startswith(names)), "GENERIC")


def class_of(character: str) -> str:
    """The class of what the character is when it is written out (NFKC)."""
    alone = class_by_itself(character)
    written = unicodedata.normalize("NFKC", character)
    if written == character or alone in ("IGNORED", "BEFORE", "AFTER") or character in SIGNS:
        return alone
    kinds = [class_by_itself(part) for part in written]
    letters = [kind for kind in kinds if kind != "MARK"]
    if not letters:
        return "MARK"
    if set(letters) == {""}:
        return "" if alone == "" else "FLATTENED" if "MARK" in kinds else ""
    runs = letters[0] in ("GENERIC", "KATAKANA", "HANGUL")
    if len(set(letters)) == 1 and kinds[0] != "MARK" and (runs or len(letters) == 1):
        return letters[0]
    return "FLATTENED"


@pytest.mark.skipif(
    unicodedata.unidata_version != characters.UNICODE,
    reason="the tables are of another version of Unicode than this Python",
)
def test_every_character_is_in_the_class_that_unicodedata_puts_it_in() -> None:
    patterns = {
        name: re.compile(f"[{getattr(characters, name).all}]").fullmatch for name in CLASSES
    }
    wrong = []
    for code in (*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE1000)):
        expected = class_of(chr(code))
        found = [name for name, fits in patterns.items() if fits(chr(code))]
        if found != ([expected] if expected else []):
            wrong.append((hex(code), expected, found))
    assert wrong == []


def test_the_higher_planes_of_han_are_without_spaces() -> None:
    pattern = re.compile(f"[{characters.SPACELESS.high}]")
    assert pattern.fullmatch("\U00020000")
    assert pattern.fullmatch("\U0003134a")
