"""Texts and links of strangers -> texts and links that nothing downstream chokes on.

Whatever comes in, a text that goes out holds no markup that was markup, no control characters, no
bidi overrides, no lone surrogates; its white space is single spaces; it is NFC and not longer than
its cap. Entities are decoded exactly once. A link that goes out is absolute http or https in ASCII.
"""

from __future__ import annotations

import re
import unicodedata
from html.entities import html5
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import idna
from selectolax.lexbor import LexborHTMLParser

TITLE_CAP = 1_000
TEXT_CAP = 64_000
LABEL_CAP = 200
URL_CAP = 2_000

# Time to parse HTML grows with the square of its nesting: 0.1 s for 32 KiB, 30 s for 512. Longer
# fields are parsed in pieces of this size, and only the first eight of them.
_PIECE = 32 * 1024
_MARKUP_CAP = 8 * _PIECE

_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # controls that are not white space
    "\u202a-\u202e\u2066-\u2069"  # bidi embeddings, overrides, isolates
    "\ufff9-\ufffb"  # interlinear annotation
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U0001fffe\U0001ffff]"  # surrogates, noncharacters
)
# Not the joiners: Persian, Indic scripts and emoji are written with them.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b\u2060-\u2064\ufeff]")
# A parser drops the space a document begins with. This is no space, and unwanted afterwards.
_STAND_IN = "\ufdd0"
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{0,31}));")
_TAG = re.compile(r"<[A-Za-z/!?]")
_KNOWN_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|center|cite|code|del|div|em|embed|font|h[1-6]|hr|i|iframe"
    r"|img|ins|li|mark|object|ol|p|pre|q|s|script|small|span|strike|strong|style|sub|sup|table"
    r"|tbody|td|th|tr|tt|u|ul|video|wbr)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_BLOCK = re.compile(
    r"(?=</?(?:address|article|aside|blockquote|br|center|dd|details|div|dl|dt|figcaption|figure"
    r"|footer|form|h[1-6]|header|hr|img|li|main|nav|ol|option|p|pre|section|summary|table|tbody"
    r"|td|tfoot|th|thead|tr|ul|video)[\s/>])",
    re.IGNORECASE,
)
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")  # escaped once too often, it would hide its text
_SILENT = ("script", "style", "template", "noscript", "iframe", "svg", "math", "object", "select")
_SILENT_OPEN = re.compile("<(?:" + "|".join(_SILENT) + r")[\s/>]", re.IGNORECASE)
_SILENT_WHOLE = re.compile(
    r"<(script|style|template|noscript|iframe|svg)[\s/>].*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)",
    re.IGNORECASE | re.DOTALL,
)


def plain(text: str, cap: int = TEXT_CAP) -> str:
    """A text that is not markup: what looks like a tag or an entity in it is meant literally."""
    return cut(_folded(text[: 4 * cap]), cap)


def markup(text: str, cap: int = TEXT_CAP) -> str:
    """The text of an HTML fragment, as a reader would see it: entities decoded once."""
    return cut(_folded(_text_of(text)), cap)


def loose(text: str, cap: int = TEXT_CAP) -> str:
    """A text of a format that never said whether it is HTML (an RSS title, a category).

    It is read as HTML when it holds a tag that HTML knows; otherwise only entities are decoded,
    so that ``a <b> c`` loses its tag and ``x<y`` keeps its letters.
    """
    text = text[: 16 * cap]
    return cut(_folded(_text_of(text) if _KNOWN_TAG.search(text) else _decoded(text)), cap)


def label(text: str) -> str:
    """A name or a tag: short, and without characters that take no room."""
    return visible(loose(text, LABEL_CAP)) if text else ""


def visible(text: str) -> str:
    """The cleaned text without characters that take no room: for titles, names and labels."""
    if text.isascii():
        return text
    return " ".join(_INVISIBLE.sub("", text).split())


def cut(text: str, cap: int) -> str:
    """At most ``cap`` characters, never half of what is seen as one; a cut ends with ``…``."""
    if len(text) <= cap:
        return text
    end = cap - 1
    while end > cap - 64 and (_joins(text[end]) or text[end - 1] == "\u200d"):
        end -= 1
    return text[:end].rstrip() + "…"


def link(written: str, *bases: str) -> str:
    """The absolute http or https URL that is meant, in ASCII, or nothing.

    ``bases`` are tried in order until one makes a relative link absolute. Userinfo, backslashes,
    control characters and hosts that are none make it nothing (B16, B20).
    """
    written = written.strip()
    if _USUAL.match(written) and len(written) <= URL_CAP:
        return written
    written = re.sub(r"[\t\r\n]", "", written)
    if not written or len(written) > URL_CAP or re.search(r"[\x00-\x1f\x7f\\]", written):
        return ""
    for base in ("", *bases):
        try:
            absolute = _absolute(urljoin(base, written) if base else written)
        except ValueError:  # urllib: Invalid IPv6 URL, port out of range; idna: not a host
            continue
        if absolute:
            return absolute
        if _SCHEME.match(written):
            break
    return ""


# What would come out as it went in: absolute, and nothing in it to quote or to take out.
_USUAL = re.compile(
    r"https?://[a-z0-9]+(?:[.-][a-z0-9]+)*/[A-Za-z0-9%/:=&~+!$,;'@()*|._-]*"
    r"(?:\?[A-Za-z0-9%/:=&~+!$,;'@()*|._-]+)?(?:#[A-Za-z0-9%/:=&~+!$,;'@()*|._-]+)?\Z"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\Z|\[[0-9a-f:.]+\]\Z")


def _absolute(url: str) -> str:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https") or "@" in parts.netloc:
        return ""
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    elif not host.isascii():
        host = idna.encode(host, uts46=True).decode("ascii")
    host = host.removesuffix(".")
    if not _HOST.match(host) or ".." in host:
        return ""
    port = "" if parts.port in (None, {"http": 80, "https": 443}[scheme]) else f":{parts.port}"
    tail = (_quoted(part) for part in (parts.path, parts.query, parts.fragment))
    whole = urlunsplit((scheme, host + port, *tail))
    return whole if len(whole) <= URL_CAP else ""


def _quoted(part: str) -> str:
    return quote(part.encode("utf-8", "replace"), safe="%/:=&?~#+!$,;'@()*[]|")


def _folded(text: str) -> str:
    folded = " ".join(text.split())
    if not folded.isprintable():  # nothing that is unwanted is called printable
        folded = " ".join(_UNWANTED.sub("", text).split())
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)


def _text_of(fragment: str) -> str:
    fragment = _CDATA.sub("", fragment)
    if not _TAG.search(fragment):
        return _decoded(fragment[:_MARKUP_CAP])
    if len(fragment) <= _PIECE:
        return _parsed(fragment)
    fragment = _SILENT_WHOLE.sub(" ", fragment[:_MARKUP_CAP])
    return "".join(_parsed(_STAND_IN + piece) for piece in _pieces(fragment))


def _parsed(fragment: str) -> str:
    tree = LexborHTMLParser(_BLOCK.sub(" ", fragment))
    if _SILENT_OPEN.search(fragment):
        tree.strip_tags(list(_SILENT))
    return tree.root.text() if tree.root else ""


def _pieces(fragment: str) -> list[str]:
    """The fragment in pieces that each end before a tag, where there is one."""
    pieces = []
    start = 0
    while len(fragment) - start > _PIECE:
        end = fragment.rfind("<", start + 1, start + _PIECE)
        end = start + _PIECE if end < 0 else end
        pieces.append(fragment[start:end])
        start = end
    return [*pieces, fragment[start:]]


def _decoded(text: str) -> str:
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    decimal, hexadecimal, name = found.groups()
    if name:
        return html5.get(name + ";", found[0])
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if 0x80 <= code < 0xA0:  # as browsers do: those who write them mean windows-1252
        return bytes([code]).decode("cp1252", "ignore")
    return chr(code) if code <= 0x10FFFF else ""


def _joins(char: str) -> bool:
    """This character is seen as one with the one before it."""
    return (
        unicodedata.combining(char) != 0
        or unicodedata.category(char) in ("Mn", "Mc", "Me", "Sk")
        or char in "\u200d\ufe0e\ufe0f"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
    )
