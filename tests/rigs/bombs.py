"""Documents that are made to hurt whoever parses them."""

from __future__ import annotations

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
