"""Texts as rules compare them: words, their normal forms, and the way back to the original.

Rules compare normal forms; what is stored and shown is the original, so every word keeps its
place there. One regular expression cuts a text into words. What a word compares as is a function
of its letters alone (`normal`, `accented`, `exact`, `stem`), so it can be remembered per word.

Chose to cut the original text and to normalise each word, instead of normalising the text first,
because NFKC moves characters (ﬁ, ㌔, half-width ｶﾞ) and each word would have to find its way back.
Only characters that stand for several words (½, ㈱) are replaced before cutting.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from rules import characters as chars

# --- cutting ---------------------------------------------------------------------------------

_HIGH = "\U00010000-\U0010ffff"
_ARABIC = "\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc"
_ZWNJ = "\u200c"
_LONG = "ー\uff70"  # prolongs the vowel before it


def _any(*classes: chars.Characters) -> str:
    return "".join(c.all for c in classes)


def _run(letters: chars.Characters, ignored: str) -> str:
    """A letter and what follows: letters and marks, over ignored characters."""
    low, high = letters.low + chars.MARK.low, letters.high + chars.MARK.high
    high = f"|(?=[{_HIGH}])[{high}]" if high else ""
    first = f"(?:[{letters.low}]|(?=[{_HIGH}])[{letters.high}])" if letters.high else ""
    first = first or f"[{letters.low}]"
    again = f"(?:[{low}]++{high})"
    over = f"(?=[{chars.IGNORED.low}{_HIGH}])(?:{ignored})?+{again}"
    return f"{first}[{low}]*+(?:{over})*+"


@cache
def word_pattern() -> re.Pattern[str]:
    """Finds every word of a text without flattened characters (see `flatten`); has no groups.

    Compiled when first asked for: it takes a while.
    """
    return re.compile(_word_pattern())


def _word_pattern() -> str:
    ignored = chars.IGNORED.all
    others = ignored.replace("\u200b-\u200f", "\u200b\u200d-\u200f")
    # Between Arabic letters a zero-width non-joiner ends the word; elsewhere it is not there.
    joined = (
        f"(?<![{_ARABIC}])[{ignored}]++|[{others}]++(?![{ignored}])|[{ignored}]++(?![{_ARABIC}])"
    )
    plain = f"[{ignored}]++"
    mark = f"[{_any(chars.MARK)}]"
    marks = f"{mark}*+(?:{plain}{mark}++)*+"
    vowel = f"[{_any(chars.BEFORE)}]"
    after = f"(?:[{_any(chars.MARK, chars.AFTER)}]|{plain}(?=[{_any(chars.MARK, chars.AFTER)}]))*+"
    return "|".join(
        (
            _run(chars.GENERIC, joined),
            f"[{_any(chars.SPACELESS)}]{marks}",
            f"[{_any(chars.HIRAGANA)}](?:[{_any(chars.MARK)}{_LONG}]|{plain}(?={mark}))*+",
            _run(chars.KATAKANA, plain),
            _run(chars.HANGUL, plain),
            f"{vowel}*[{_any(chars.THAI_LAO)}]{after}",
            f"{vowel}++{after}",
            f"[{_any(chars.AFTER)}]{after}",
        )
    )


_FLATTENED = re.compile(f"[{chars.FLATTENED.all}]")
_IGNORED = re.compile(f"[{chars.IGNORED.all}]+")
_CLUSTER = re.compile(f"(?s:.)[{_any(chars.MARK, chars.IGNORED)}]*+")
_SPACELESS = re.compile(
    f"[{_any(chars.SPACELESS, chars.HIRAGANA, chars.THAI_LAO, chars.BEFORE, chars.AFTER)}]"
)
_CHARACTER_IS_ENOUGH = re.compile(
    f"[{_any(chars.HIRAGANA, chars.KATAKANA, chars.HANGUL)}\u3005-\u3007\u2e80-\u2fd5"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


_PLAIN_WORDS = re.compile(f"[{chars.GENERIC.low}]+(?: [{chars.GENERIC.low}]+)*")


def is_plain(text: str) -> bool:
    """Is it nothing but words of letters and digits that are cut where its single spaces are?"""
    return _PLAIN_WORDS.fullmatch(text) is not None


_LOWERED = (  # letters and digits that compare as they are in lower case
    "0-9A-Za-z\u0400\u0402-\u0450\u0452-\u045f\u0490\u0491\u05d0-\u05ea\u0621\u0624\u0626-\u063a"
    "\u0641-\u064a\u067e\u0686\u0698\u06af"
)
_FOLDED = (  # letters that compare each by itself, whatever stands beside them
    "À-ÖØ-öø-\u013e\u0141-\u0148\u014a-\u017e\u0180-\u01c3\u01cd-\u01f0\u01f4-\u024f"
    "\u0401\u0451\u0460-\u0481\u048a-\u052f\u0622\u0623\u0625\u06a9\u06cc"
)
_LOWERED_WORD = re.compile(f"[{_LOWERED}]+|[\uac00-\ud7a3]+")
_FOLDED_WORD = re.compile(f"[{_LOWERED}{_FOLDED}]+")


def easy_forms(text: str) -> tuple[str, str] | None:
    """`normal` and `accented` of a text that is one word, of letters and digits that most words
    are made of; ``None`` for others. Faster than asking for both."""
    if _LOWERED_WORD.fullmatch(text):
        text = text.lower()
        return text, text
    if _FOLDED_WORD.fullmatch(text):
        return text.translate(_LETTERS), text.translate(_ACCENTED_LETTERS)
    return None


_SPACELESS_RUN = re.compile("[\u4e00-\u9fff\u3400-\u4dbf]+")


def cut_easily(text: str) -> tuple[list[str], list[Literal[0, 1, 2]]] | None:
    """The words of a text in which nothing but single spaces stands between words, and how close
    each is to the next (see `Gap`): 0 over a space, 2 within a script without spaces, else 1."""
    if _SPACELESS_RUN.fullmatch(text):
        return list(text), [2] * (len(text) - 1)
    if _FLATTENED.search(text):
        return None
    found: list[str] = []
    close: list[Literal[0, 1, 2]] = []
    for run in text.split(" "):
        surfaces = word_pattern().findall(run)
        if not surfaces or sum(map(len, surfaces)) != len(run):
            return None
        if found:
            close.append(0)
        found += surfaces
        spaceless = list(map(is_spaceless, surfaces))
        close += [2 if one and other else 1 for one, other in pairwise(spaceless)]
    return found, close


def is_spaceless(surface: str) -> bool:
    """Is this word one character of a script without spaces (Katakana excepted)?"""
    return _SPACELESS.match(surface) is not None


def is_dense(surface: str) -> bool:
    """Is one character of it as telling as three letters: Han, kana, Hangul?"""
    return _CHARACTER_IS_ENOUGH.search(surface) is not None


def flatten(text: str) -> tuple[str, list[int] | None]:
    """The text as words are cut from it, and for each of its characters the original's index.

    ``None`` for the index: nothing had to be replaced, both are the same.
    """
    if text.isascii() or not _FLATTENED.search(text):
        return text, None
    pieces: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(text):
        piece = character
        if _FLATTENED.match(character):
            piece = unicodedata.normalize("NFKC", character)
        pieces.append(piece)
        origins.extend([index] * len(piece))
    return "".join(pieces), origins


# --- comparing words -------------------------------------------------------------------------

_MEMO = 1 << 16
_LONG_WORD = 64  # longer ones are not remembered, so that the memo is bounded in bytes too

_FOLDED_LETTERS = "A-Za-zªºÀ-ɏɐ-ʯᴀ-ᵿᶀ-ᶿḀ-ỿⱠ-Ɀ꜠-ꟿꬰ-꭯Ͱ-Ͽἀ-῿"
_ACCENTED = re.compile(f"([{_FOLDED_LETTERS}])[{chars.MARK.all}]+")
_MAY_HAVE_ACCENTS = re.compile(
    "[ªºÀ-ɏᴀ-ᵿᶀ-ᶿḀ-ỿⱠ-Ɀ꜠-ꟿꬰ-꭯Ͱ-Ͽἀ-῿\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
)
_STRESSED = re.compile("[\u0400-\u052f\u1c80-\u1c8f\ua640-\ua69f][\u0300-\u036f]+")
_UNWRITTEN = re.compile(
    "[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0640"
    "\u0898-\u089f\u08ca-\u08e1\u08e3-\u08ff\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]+"
)
_NO_ACCENTS = re.compile(
    "[\x00-\x7f\u0400-\u1aaf\u1b00-\u1c7f\u1cd0-\u1cff\u2e80-\ua63f\ua960-\uab2f\uabc0-\ud7ff]*"
)
_SAME_LETTER = str.maketrans(
    {
        "ё": "е",
        "ı": "i",
        "ł": "l",
        "ø": "o",
        "ħ": "h",
        "æ": "ae",
        "œ": "oe",
        "أ": "ا",
        "إ": "ا",
        "آ": "ا",
        "ٱ": "ا",
        "ی": "ي",
        "ک": "ك",
    }
)
_D_WITH_STROKE = str.maketrans({"đ": "d"})
_DIGIT = re.compile(r"[^\x00-\x7f\W]")
# Characters that compare the same whatever stands beside them: neither marks nor what may be
# written out as marks or as parts of Hangul syllables.
_BY_THEMSELVES = re.compile(
    f"[^{chars.MARK.low}{chars.IGNORED.low}\u0e33\u0eb3\u1100-\u11ff\u3100-\u33ff"
    "\ua960-\ua97f\ud7a4-\U0010ffff]+"
)


def exact(surface: str) -> str:
    """The word with case and accents: NFKC, without what is not there to be seen."""
    return surface if surface.isascii() else _exact(surface)


def normal(surface: str) -> str:
    """What the word compares as; empty when nothing of it is left."""
    if surface.isascii():
        return surface.lower()
    return _normal(surface) if len(surface) <= _LONG_WORD else _fold(surface, accents=False)


def accented(surface: str) -> str:
    """What the word compares as where accents count: `normal`, Latin accents kept."""
    if surface.isascii():
        return surface.lower()
    return _accented(surface) if len(surface) <= _LONG_WORD else _fold(surface, accents=True)


def has_no_accents(surface: str) -> bool:
    """Is `accented` certainly the same as `normal`?"""
    return _NO_ACCENTS.fullmatch(surface) is not None


def _exact(surface: str) -> str:
    return unicodedata.normalize("NFKC", _IGNORED.sub("", surface))


def _fold(surface: str, *, accents: bool) -> str:
    if _BY_THEMSELVES.fullmatch(surface):
        return surface.translate(_ACCENTED_LETTERS if accents else _LETTERS)
    return _written_out(surface, accents=accents)


class _Letters(dict[int, str]):
    """What characters compare as that stand by themselves, each found out when first met."""

    def __init__(self, *, accents: bool) -> None:
        super().__init__()
        self._accents = accents

    def __missing__(self, code: int) -> str:
        found = self[code] = _written_out(chr(code), accents=self._accents)
        return found


_LETTERS = _Letters(accents=False)
_ACCENTED_LETTERS = _Letters(accents=True)


def _written_out(surface: str, *, accents: bool) -> str:
    text = unicodedata.normalize("NFKC", _exact(surface).casefold())
    if not accents and _MAY_HAVE_ACCENTS.search(text):
        apart = unicodedata.normalize("NFD", text)
        text = unicodedata.normalize("NFC", _ACCENTED.sub(r"\1", apart))
        text = text.translate(_D_WITH_STROKE)
    text = _UNWRITTEN.sub("", _unstressed(text))
    text = unicodedata.normalize("NFKC", text).translate(_SAME_LETTER)
    return _DIGIT.sub(_by_value, text)


def _unstressed(text: str) -> str:
    """Without the grave and acute that a Cyrillic letter does not compose with."""
    return _STRESSED.sub(lambda found: found[0].replace("\u0300", "").replace("\u0301", ""), text)


def _by_value(character: re.Match[str]) -> str:
    value = unicodedata.digit(character[0], None)
    return character[0] if value is None else str(value)


@lru_cache(_MEMO)
def _normal(surface: str) -> str:
    return _fold(surface, accents=False)


@lru_cache(_MEMO)
def _accented(surface: str) -> str:
    return _fold(surface, accents=True)


# --- stems -----------------------------------------------------------------------------------

STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "st": "sesotho",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
"""Snowball's stemmers by language; an item in another language has none."""


def language(lang: str) -> str:
    """The primary subtag: ``en`` of ``en-GB``."""
    return lang.replace("_", "-").partition("-")[0].strip().lower()


@lru_cache(_MEMO)
def stem(surface: str, lang: str) -> str:
    """The word's stem in the language, normalised; the word's normal form where there is none."""
    stemmer = _stemmer(lang)
    if stemmer is None or len(surface) > _LONG_WORD:
        return normal(surface)
    word = _unstressed(_exact(surface))
    word = word.replace("I", "ı").replace("İ", "i") if lang == "tr" else word.replace("İ", "i")
    return normal(stemmer.stemWord(word.lower()))


@lru_cache(len(STEMMERS) + 1)
def _stemmer(lang: str) -> Any:
    import Stemmer  # noqa: PLC0415 - only rules with ~ need it, and it costs start-up time

    name = STEMMERS.get(lang)
    return Stemmer.Stemmer(name) if name in Stemmer.algorithms() else None


def has_stemmer(lang: str) -> bool:
    """Are there inflected forms for ``~`` in this language?"""
    return _stemmer(language(lang)) is not None


# --- comparing signs -------------------------------------------------------------------------

QUOTES = '"“”„‟«»‹›「」『』〝〞〟｢｣＂״″'
"""Every character that is read as ``"``."""

APOSTROPHES = "'‘’‚‛′‵`´ʹʺʻʼʽʾʿˈˮ՚׳＇"
DASHES = "-֊־᐀᠆‐‑‒–—―−⁃⸗⸚⸺⸻⹀〜〰゠︱︲﹘﹣－˗"
_PLAIN = (
    str.maketrans(dict.fromkeys(APOSTROPHES, "'"))
    | str.maketrans(dict.fromkeys(DASHES, "-"))
    | str.maketrans(dict.fromkeys(QUOTES, '"'))
)
_KEPT = re.compile("[²³¹⁰⁴-⁹™℠\U0001f16a-\U0001f16c]")  # signs that NFKC would make letters
_UNASKED = re.compile(r'[\s,;"\-]+')


def signs(gap: str) -> str:
    """The normal form of what stands between words."""
    if gap.isascii():
        return gap.translate(_PLAIN)
    return "".join(_sign(cluster) for cluster in _CLUSTER.findall(gap))


def _sign(cluster: str) -> str:
    cluster = _IGNORED.sub("", cluster).translate(_PLAIN)
    if _KEPT.match(cluster):
        return cluster
    return unicodedata.normalize("NFKC", cluster).translate(_PLAIN)


def asked(gap: str) -> str:
    """The signs of a gap that count: hyphens, white space, comma, semicolon, quotes do not."""
    return _UNASKED.sub("", signs(gap))


# --- a whole text ----------------------------------------------------------------------------


class Place(NamedTuple):
    """Where something stands: words ``first`` to ``last``, original characters
    ``start`` to ``end``. ``last`` is ``first - 1`` for something between two words."""

    first: int
    last: int
    start: int
    end: int


class Text:
    """A text cut into words. Nothing is cut before it is asked for."""

    def __init__(self, original: str, lang: str = "") -> None:
        self.original = original
        self.lang = language(lang)

    @cached_property
    def _flat(self) -> tuple[str, list[int] | None]:
        return flatten(self.original)

    @cached_property
    def _cut(self) -> tuple[list[str], list[int], list[int], list[str]]:
        surfaces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        normals: list[str] = []
        for found in word_pattern().finditer(self._flat[0]):
            form = normal(found[0])
            if form:
                surfaces.append(found[0])
                starts.append(found.start())
                ends.append(found.end())
                normals.append(form)
        return surfaces, starts, ends, normals

    def __len__(self) -> int:
        """How many words there are."""
        return len(self._cut[0])

    @property
    def surfaces(self) -> list[str]:
        """The words as written."""
        return self._cut[0]

    @property
    def normals(self) -> list[str]:
        """The words as they compare."""
        return self._cut[3]

    @cached_property
    def positions(self) -> dict[str, list[int]]:
        """Where each normal form stands, counted in words."""
        found: dict[str, list[int]] = {}
        for index, form in enumerate(self.normals):
            found.setdefault(form, []).append(index)
        return found

    @cached_property
    def stems(self) -> dict[str, list[int]]:
        """Where each stem of the text's language stands, counted in words."""
        found: dict[str, list[int]] = {}
        for index, surface in enumerate(self.surfaces):
            found.setdefault(stem(surface, self.lang), []).append(index)
        return found

    def before(self, index: int) -> str:
        """What stands between the word before and this one; ``index`` may be the length."""
        flat = self._flat[0]
        _, starts, ends, _ = self._cut
        begin = ends[index - 1] if index else 0
        return flat[begin : starts[index] if index < len(starts) else len(flat)]

    def place(self, first: int, last: int, head: int = 0, tail: int = 0) -> Place:
        """Words ``first`` to ``last``, with so many characters of signs before and after."""
        start = self._cut[1][first] - head
        end = self._cut[2][last] + tail
        return Place(first, last, self._origin(start), self._origin(end - 1) + 1)

    def _origin(self, index: int) -> int:
        origins = self._flat[1]
        return index if origins is None else origins[index]

    # The text for regular expressions.

    @cached_property
    def folded(self) -> str:
        """The whole text in normal form, signs and spaces included."""
        if self.original.isascii():
            return self.original.lower().translate(_PLAIN)
        return "".join(piece for piece, _, _ in self._pieces())

    @cached_property
    def _folded_places(self) -> tuple[list[int], list[int]]:
        starts: list[int] = []
        ends: list[int] = []
        for piece, start, end in self._pieces():
            starts.extend([self._origin(start)] * len(piece))
            ends.extend([self._origin(end - 1) + 1] * len(piece))
        return starts, ends

    def unfolded(self, start: int, end: int) -> tuple[int, int]:
        """The original characters that ``folded[start:end]`` stands for."""
        starts, ends = self._folded_places
        return starts[start], max(ends[start:end])

    def words_at(self, start: int, end: int) -> tuple[int, int]:
        """First and last word that original characters ``start`` to ``end`` touch."""
        first = _bisect(len(self), lambda i: self.place(i, i).end > start)
        after = _bisect(len(self), lambda i: self.place(i, i).start >= end)
        return first, after - 1

    def _pieces(self) -> Iterator[tuple[str, int, int]]:
        """Normal pieces of the text in order, each with its place in the flat text."""
        flat = self._flat[0]
        surfaces, starts, ends, normals = self._cut
        done = 0
        for surface, start, end, form in zip(surfaces, starts, ends, normals, strict=True):
            yield from self._gap_pieces(done, start)
            yield from _word_pieces(surface, form, start)
            done = end
        yield from self._gap_pieces(done, len(flat))

    def _gap_pieces(self, start: int, end: int) -> Iterator[tuple[str, int, int]]:
        gap = self._flat[0][start:end]
        if _ZWNJ in gap and start and not _IGNORED.sub("", gap):
            yield "-", start, end
            return
        for cluster in _CLUSTER.finditer(gap):
            piece = _sign(cluster[0]) if not cluster[0].isascii() else cluster[0].translate(_PLAIN)
            if piece:
                yield piece, start + cluster.start(), start + cluster.end()


def _word_pieces(surface: str, form: str, start: int) -> Iterator[tuple[str, int, int]]:
    """A word's normal form piece by piece where each character has its own, else whole."""
    if surface.isascii():
        for index, character in enumerate(form, start):
            yield character, index, index + 1
        return
    pieces = [
        (normal(cluster[0]), start + cluster.start(), start + cluster.end())
        for cluster in _CLUSTER.finditer(surface)
    ]
    if "".join(piece for piece, _, _ in pieces) == form:
        yield from pieces
    else:
        yield form, start, start + len(surface)


def _bisect(count: int, is_after: Any) -> int:
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if is_after(middle):
            high = middle
        else:
            low = middle + 1
    return low
