"""Documents spoilt at random, as networks, servers and people spoil them."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

_JUNK = b"""
< > & &# &#xD800; &#0; &nbsp; &nosuch; <![CDATA[ ]]> <!-- --> <item> </item> <entry> </entry> <?
<!DOCTYPE <!ENTITY </ </link> = " ' <svg> <image> <width>x</width> <textinput> <cc:license>
<category/> <source> <language> <title> </title> <div> <p/> xml:base="x" xmlns="y"
http://[ javascript: <pubDate>2026-99-99T99:99:99Z \xff \xed\xa0\x80 \xc2\xa0 \xe2\x80\xae
\xef\xbf\xbe \x00 \x1b
""".split()
_CHARSETS: tuple[str, ...] = (
    "utf-8",
    "utf-16",
    "utf-32",
    "utf-7",
    "iso-8859-1",
    "windows-1251",
    "koi8-r",
    "big5",
)
_CHARSETS += ("shift_jis", "gb2312", "euc-kr", "ascii", "base64", "rot13", "idna", "none", "")
_TYPES = ("text/html", "text/xml", "application/rss+xml", "application/json", "text/plain", "", "x")
_TAG = re.compile(rb"<[^<>]{1,200}>")
_DECLARED = re.compile(rb"encoding\s*=\s*[\"'][^\"']*[\"']")
_LONGEST = 4_000


def mutated(body: bytes, chance: Random) -> bytes:
    """The document with one to six mistakes."""
    for _ in range(chance.randint(1, 6)):
        body = chance.choice(_WAYS)(body, chance)
    return body


def content_type(chance: Random) -> str:
    """A Content-Type that a server might send, true or not."""
    kind, charset = chance.choice(_TYPES), chance.choice(_CHARSETS)
    return f"{kind}; charset={charset}" if chance.random() < 0.5 else kind


def _flipped(body: bytes, chance: Random) -> bytes:
    spoilt = bytearray(body)
    for _ in range(chance.randint(1, 8) if body else 0):
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


def _inserted(body: bytes, chance: Random) -> bytes:
    place = chance.randint(0, len(body))
    junk = chance.choice(_JUNK) if chance.random() < 0.8 else chance.randbytes(20)
    return body[:place] + junk * chance.choice((1, 1, 1, 50)) + body[place:]


def _span(body: bytes, chance: Random) -> tuple[int, int]:
    start = chance.randint(0, len(body))
    return start, min(len(body), start + chance.randint(0, _LONGEST))


def _removed(body: bytes, chance: Random) -> bytes:
    start, end = _span(body, chance)
    return body[:start] + body[end:]


def _doubled(body: bytes, chance: Random) -> bytes:
    start, end = _span(body, chance)
    return body[:end] + body[start:end] * chance.choice((1, 1, 5)) + body[end:]


def _cut(body: bytes, chance: Random) -> bytes:
    return body[: chance.randint(0, len(body))]


def _swapped(body: bytes, chance: Random) -> bytes:
    """Two tags in each other's place."""
    tags = [found.span() for found in _TAG.finditer(body)]
    if len(tags) < 2:
        return body
    (a, b), (c, d) = sorted(chance.sample(tags, 2))
    return body[:a] + body[c:d] + body[b:c] + body[a:b] + body[d:]


def _renamed(body: bytes, chance: Random) -> bytes:
    """Another declared encoding, where one is declared."""
    return _DECLARED.sub(b'encoding="%s"' % chance.choice(_CHARSETS).encode(), body, count=1)


def _recoded(body: bytes, chance: Random) -> bytes:
    """The same text in other bytes than it says."""
    return body.decode("utf-8", "replace").encode(chance.choice(_RECODED), "replace")


_RECODED = ("utf-16", "utf-16-le", "utf-32", "cp1251", "latin-1", "gb18030", "utf-8-sig", "cp037")
_WAYS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_flipped, _inserted, _inserted, _removed, _doubled, _swapped, _renamed),
    *(_cut, _recoded),
)
