"""What is not a feed, in words for the operator (B9), and which XML is refused (B5)."""

from __future__ import annotations

import re

from monitor import clean, jsonfeed
from monitor.entries import text_of

_MISC = re.compile(r"\s+|<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|<![^>]*(?:>|\Z)", re.DOTALL)
_ELEMENT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]{0,60})[\s>/]")
_DOCTYPE_HTML = re.compile(r"<!doctype\s+html", re.IGNORECASE)
_PAGE = frozenset(("html", "head", "body"))
_PIECE = frozenset(("a", "b", "br", "center", "div", "font", "h1", "h2", "iframe", "img", "meta"))
_PIECE |= {"p", "pre", "script", "span", "table", "title"}
_FEED = re.compile(r"<(?:[\w.-]+:)?(?:rss|feed|rdf|channel)[\s>]", re.IGNORECASE)
_HTML_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,500})", re.IGNORECASE)
_PASSWORD = re.compile(r"<input[^>]{0,300}type=[\"']?password", re.IGNORECASE)
_LOOKED_AT = 200_000

_NOT_DECLARED = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)", re.DOTALL)
_ENTITY = re.compile(r"<!ENTITY\s+(%\s+)?([^\s>]{1,100})\s+([^>]*)>")
# The Latin, symbol and special characters of XHTML, which old RSS 1.0 guides told people to name.
_W3C = re.compile(r"PUBLIC\s+[\"']-//W3C//ENTITIES ", re.IGNORECASE)
_LONGEST_VALUE = 1_000
_MOST_ENTITIES = 500


def refusal(text: str) -> str:
    """Why a document with these declarations is not read, or nothing.

    Declarations of characters (``<!ENTITY nbsp "&#160;">``) are common and harmless; entities that
    name a file, an address or each other are there to read files or to fill the memory.
    """
    if "<!ENTITY" not in text:
        return ""
    declared = list(_ENTITY.finditer(_NOT_DECLARED.sub("", text)))
    if len(declared) > _MOST_ENTITIES:
        return f"an XML document that declares {len(declared)} entities"
    for parameter, name, value in (found.groups() for found in declared):
        if _W3C.match(value):
            continue
        if re.match(r"(?:SYSTEM|PUBLIC)\b", value, re.IGNORECASE):
            return (
                f'an XML document that reads a file or address (entity "{clean.plain(name, 40)}")'
            )
        if parameter or re.search(r"[&%](?!#)\w", value) or len(value) > _LONGEST_VALUE:
            return f'an XML bomb (entity "{clean.plain(name, 40)}")'
    return ""


def root(text: str) -> str:
    """The name of the first element, in lower case and without its prefix."""
    position = 0
    while misc := _MISC.match(text, position, _LOOKED_AT):
        position = misc.end()
    found = _ELEMENT.match(text, position)
    return found[1].lower() if found else ""


def is_page(text: str) -> bool:
    """The document is a web page, or a piece of one that no feed follows.

    A feed may stand behind what a broken server says before it (``<br /><b>Warning</b>``).
    """
    name = root(text)
    if name in _PAGE or (name not in ("rss", "feed", "rdf") and _DOCTYPE_HTML.match(text)):
        return True
    return name in _PIECE and not _FEED.search(text, 0, _LOOKED_AT)


def looks_like(text: str) -> str:
    """``an HTML page titled "Sign in"``, ``JSON with error, message``, ``an empty body``."""
    stripped = text.strip("\ufeff \t\r\n\0")
    if not stripped:
        return "an empty body"
    if is_page(stripped):
        return _page(stripped[:_LOOKED_AT])
    if stripped[0] in "{[":
        return _json(stripped)
    if stripped[0] == "<":
        return _xml(root(stripped))
    if sum(not char.isprintable() and not char.isspace() for char in stripped[:400]) > 20:
        return "binary data"
    return f'text that begins "{clean.plain(stripped, 60)}"'


def _page(page: str) -> str:
    head = re.split(r"<body[\s>]", page, maxsplit=1, flags=re.IGNORECASE)[0]
    found = _HTML_TITLE.search(head)
    title = clean.visible(clean.markup(found[1], 100)) if found else ""
    kind = "a login page" if _PASSWORD.search(page) else "an HTML page"
    return f'{kind} titled "{title}"' if title else f"{kind} without a title"


def _xml(name: str) -> str:
    if name == "opml":
        return "an OPML list of feeds"
    return f"an XML document of <{name}>" if name else "XML without an element"


def _json(text: str) -> str:
    value = jsonfeed.load(text)
    if value is None:
        return "a JSON Feed that is broken" if "//jsonfeed.org/version/" in text else "broken JSON"
    if not isinstance(value, dict):
        return "a JSON list"
    version = text_of(value, "version")
    if "//jsonfeed.org/version/" in version:
        return f'a JSON Feed we cannot read (version "{clean.plain(version, 60)}")'
    names = [clean.plain(str(name), 30) for name in list(value)[:4]]
    return f"JSON with {', '.join(names)}" if names else "an empty JSON object"
