"""Bytes of a feed -> its text, whatever its headers and its prolog say about its encoding (B6).

Order: a byte order mark; the charset of the Content-Type; the XML declaration; UTF-8; what western
servers mean when they say nothing. Two corrections to what is declared: a Latin charset on a body
that is valid UTF-8 is a server's default, not a statement; and a few broken bytes, or a character
cut at the end, do not make a UTF-8 document something else.

Chose to decode before feedparser, instead of leaving it to feedparser, because that takes one
broken byte as the sign of another encoding and turns a whole document into noise.
"""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_STARTS = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    (b"\x4c\x6f\xa7\x94", "cp037"),
)
# What the labels mean in practice (the WHATWG's list): supersets of what they say.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
}
_NOT_CHARSETS = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7")
_HTTP = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_XML = re.compile(rb"""\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{1,40})["']""")


def decode(body: bytes, content_type: str = "") -> str:
    """The text of ``body``; nothing is raised, and what cannot be read becomes U+FFFD."""
    return decoded(body, content_type)[0]


def decoded(body: bytes, content_type: str = "") -> tuple[str, str]:
    """As `decode`, and the name of the encoding that was taken."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace"), encoding
    for start, encoding in _STARTS:
        if body.startswith(start):
            return body.decode(encoding, "replace"), encoding
    for name in _declared(body, content_type):
        text = _decoded(body, name)
        if text is not None:
            return text, name
    text = _decoded(body, "utf-8")
    return (body.decode("cp1252", "replace"), "cp1252") if text is None else (text, "utf-8")


def _declared(body: bytes, content_type: str) -> list[str]:
    """The encodings that headers and prolog name, as Python calls what they mean."""
    in_header = _HTTP.search(content_type)
    in_prolog = _XML.match(body[:1024])
    labels = [
        in_header[1] if in_header else "",
        in_prolog[1].decode("ascii") if in_prolog else "",
    ]
    names = [_name(label) for label in labels if label]
    if names and names[0] in ("cp1252", "iso8859-15"):
        names.insert(0, "utf-8")
    # What is UTF-16 or UTF-32 was known by its first bytes; of anything else it is not true.
    return [name for name in names if name and not name.startswith(("utf-16", "utf-32"))]


def _name(label: str) -> str:
    try:
        codec = codecs.lookup(label)
    except (LookupError, ValueError):
        return ""
    if codec.name in _NOT_CHARSETS or not codec._is_text_encoding:
        return ""
    return _MEANT.get(codec.name, codec.name)


def _decoded(body: bytes, encoding: str) -> str | None:
    """The text, or None where the body is not in that encoding."""
    try:
        # Not final: a character cut at the end is no mistake of the encoding.
        return codecs.getincrementaldecoder(encoding)().decode(body)
    except (UnicodeError, LookupError):
        pass
    if encoding == "cp1252":  # the last resort, taken only after everything else
        return None
    text = body.decode(encoding, "replace")
    broken = text.count("\ufffd")
    written = sum(map(len, re.findall(r"[^\x00-\x7f]+", text)))
    return text if broken * 10 <= written else None
