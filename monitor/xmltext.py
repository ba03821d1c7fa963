"""What is done to the text of a document before an XML parser sees it, and asked of it after.

feedparser gives up its strict parser at the first character that XML does not allow, and its
lenient one raises at references to some of them. Both are taken out here.
"""

from __future__ import annotations

import re
from html.entities import html5

# What XML does not allow, as characters and as references; feedparser raises on some of the latter.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(?:([0-9]+)|[xX]([0-9a-fA-F]+));?")
_PAIR = re.compile(
    r"&#(?:(5[56]\d{3})|[xX]0*([dD][89abAB][0-9a-fA-F]{2}));"
    r"&#(?:(5[67]\d{3})|[xX]0*([dD][c-fC-F][0-9a-fA-F]{2}));"
)
_TOKEN = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)"
    r"|<(?P<end>/?)(?:[\w.-]+:)?(?P<name>item|entry|rss|feed|rdf)(?=[\s>/]|\Z)[^>]*(?P<close>>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_AMPERSAND = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)"
    r"|&(?P<entity>(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]{0,31});|)",
    re.DOTALL,
)
_ENTRY_END = re.compile(r"</(?:[\w.-]+:)?(?:item|entry)\s*>", re.IGNORECASE)


def first_entries(text: str, most: int) -> tuple[str, int]:
    """The document without what follows its first ``most`` entries, and how many that are."""
    if text.count("</") <= most:
        return text, 0
    ends = [found.end() for found in _ENTRY_END.finditer(text)]
    if len(ends) <= most:
        return text, 0
    return text[: ends[most - 1]] + text[ends[-1] :], len(ends) - most


def legal(text: str) -> str:
    """The text without what no XML document may hold, so that one NUL does not spoil it."""
    text = _ILLEGAL.sub("", text)
    if "&#" in text:
        text = _REFERENCE.sub(_legal_reference, _PAIR.sub(_joined, text))
    return text


def mended(text: str) -> str:
    """The text with the mistakes that spoil most feeds put right, where it has them.

    An ampersand that begins no reference is escaped, and the names of HTML's characters, which XML
    does not know, become those characters. CDATA says what it says; a document that declares
    entities is left alone. What a broken server says before the document is left out.
    """
    if "<!ENTITY" in text:
        return text
    start = text.find("<?xml", 0, 10_000)
    text = text[max(start, 0) :]
    return _AMPERSAND.sub(_mended_ampersand, text)


def _mended_ampersand(found: re.Match[str]) -> str:
    name = found["entity"]
    if name is None:
        return found[0]
    if not name:
        return "&amp;"
    if name in ("amp;", "lt;", "gt;", "quot;", "apos;") or name.startswith("#"):
        return found[0]
    return html5.get(name) or f"&amp;{name}"


def _legal_reference(found: re.Match[str]) -> str:
    digits = found[1] or found[2]
    if len(digits) > 12:
        return ""
    code = int(digits, 10 if found[1] else 16)
    if code > 0x10FFFF or _ILLEGAL.match(chr(code)):
        return ""
    return found[0]


def _joined(found: re.Match[str]) -> str:
    """Two halves of a character beyond U+FFFF, as some publishing systems write emoji."""
    high = int(found[1]) if found[1] else int(found[2], 16)
    low = int(found[3]) if found[3] else int(found[4], 16)
    if not (0xD800 <= high < 0xDC00 <= low < 0xE000):
        return found[0]
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def ending(text: str) -> tuple[bool, bool]:
    """Whether a broken document lacks its end, and whether its last entry does.

    An entry whose start tag was read and whose end tag is not there is partial; an end of the
    whole document closes everything.
    """
    ended = entry_open = False
    for token in _TOKEN.finditer(text):
        name = (token["name"] or "").lower()
        if name in ("item", "entry"):
            if token["end"]:
                entry_open = False
            elif token["close"] and not token[0].endswith("/>"):
                entry_open = True
        elif name and token["end"]:
            ended, entry_open = True, False
    return not ended, entry_open
