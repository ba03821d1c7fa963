"""Documents and answers that are made to hurt whoever reads them."""

from __future__ import annotations

import gzip
import zlib
from random import Random

from rigs.origin import Pause, Raw, Reply, bomb, chunked, zipped

START = b"<rss version='2.0'><channel><title>Bomb</title>"
END = b"</channel></rss>"
GOOD = START + b"<item><guid>1</guid><title>t</title></item>" + END


def item(inside: bytes) -> bytes:
    """A feed of one item with this in it."""
    return START + b"<item>" + inside + b"</item>" + END


# Time to parse HTML grows with the square of its nesting: a tenth of a second for each item.
_NESTED = b"<item><description><![CDATA[" + b"<div>" * 6_500 + b"]]></description></item>"
SLOW = START + _NESTED * 100 + END
"""Takes ten seconds; what is not nested so deeply takes hardly any time."""

_DTD = b"<?xml version='1.0'?><!DOCTYPE rss [%s]>"
_HEAD = b"HTTP/1.1 200 OK\r\n"


def _laughs() -> bytes:
    names = [b"<!ENTITY a0 'ha'>"]
    names += [b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)]
    return _DTD % b"".join(names) + item(b"<title>&a9;</title>")


KINDS = 26
"""How many there are of both."""


def documents(leak: bytes) -> dict[str, bytes]:
    """Feeds that would fill the memory, take for ever, or read ``leak``, an address or a file."""
    title, many = b"<title>%s</title>", b"<item><title>t%d</title></item>"
    return {
        "billion laughs": _laughs(),
        "quadratic entity": _DTD % (b"<!ENTITY q '%s'>" % (b"A" * 60_000))
        + item(title % (b"&q;" * 50_000)),
        "external entity": _DTD % (b"<!ENTITY x SYSTEM '%s'>" % leak) + item(title % b"&x;"),
        "external parameter entity": _DTD % (b"<!ENTITY %% p SYSTEM '%s'> %%p;" % leak) + GOOD,
        "external DTD": b"<!DOCTYPE rss SYSTEM '%s'>" % leak + GOOD,
        "50,000 attributes": START
        + b"<item %s><title>t</title></item>" % b" ".join(b"a%d=''" % n for n in range(50_000))
        + END,
        "50,000 authors": item(
            b"".join(b"<author>%d@a.example</author>" % n for n in range(50_000))
        ),
        "50,000 tags": item(b"".join(b"<category>%d</category>" % n for n in range(50_000))),
        "elements in each other": START + b"<item>" + b"<a>" * 20_000,
        "a title of 10 MB": item(title % (b"word " * 2_000_000)),
        "an HTML title of 10 MB": item(title % (b"&lt;b>w " * 1_250_000)),
        "a CDATA section of 14 MB": item(title % (b"<![CDATA[" + b"<p>x " * 2_800_000 + b"]]>")),
        "100,000 entries": START + b"".join(many % n for n in range(100_000)) + END,
        "UTF-16": item(title % (b"x" * 7_000_000)).decode().encode("utf-16"),
        "JSON in each other": b'{"version": "https://jsonfeed.org/version/1.1", "items": '
        + b"[" * 5_000_000,
        "nested HTML": SLOW,
    }


def answers() -> dict[str, Reply | Raw]:
    """Answers that would unpack to more than there is memory, or never end."""
    packed = bomb(100 << 20)
    twice = gzip.compress(packed)
    return {
        "gzip": Reply(200, packed, {"Content-Encoding": "gzip"}),
        "gzip twice": Reply(200, twice, {"Content-Encoding": "gzip, gzip"}),
        "gzip under the ratio": zipped(item(b"<title>" + random_words(6 << 20) + b"</title>")),
        "deflate": Reply(
            200, zlib.compress(bytes(50 << 20), 9)[2:-4], {"Content-Encoding": "deflate"}
        ),
        "br": Reply(200, b"\x1b" * 1_000, {"Content-Encoding": "br"}),
        "a redirect with a body": Reply(
            302, packed, {"Content-Encoding": "gzip", "Location": "/nowhere"}
        ),
        "chunks without end": Raw(
            _HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            more=(chunked(bytes(1 << 16), end=False) for _ in range(10_000)),
        ),
        "a length of 100 GB": Raw(
            _HEAD + b"Content-Length: 99999999999\r\n\r\n", b"<rss>", Pause(60)
        ),
        "a length that lies": Raw(_HEAD + b"Content-Length: 20\r\n\r\n", GOOD),
        "a header of 1 MB": Raw(_HEAD + b"X: " + b"x" * (1 << 20) + b"\r\n\r\n", GOOD),
    }


def random_words(size: int) -> bytes:
    """Text that gzip makes some fifty times smaller."""
    chance = Random(1)
    line = b" ".join(chance.randbytes(3).hex().encode() for _ in range(500))
    lines = (chance.randbytes(30).hex().encode() + line for _ in range(size // len(line)))
    return b" ".join(lines)
