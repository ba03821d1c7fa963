"""``python -m bench.publisher``: a cheap origin in a process of its own, for thousands of feeds.

It listens on one port of every loopback address and knows two ways:

    GET /feed/7         feed 7: 30 items, ETag and Last-Modified, 304 to its own
    GET /publish/3      from now on every feed has 3 items more
    GET /items/5        from now on a feed holds 5 items
    GET /flow/10        from now on a feed has one item more at every tenth request
    GET /count          how many were answered so far: ``200s 304s``

Whatever else it is asked or sent, alerts for one, it takes with a 200. The first line
it writes is its port.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from email.utils import formatdate

from bench.news import material

ITEMS = 30
TEXT = 600  # bytes of an item's text: 30 of them make a document of 25 KB
BEGAN = 1_790_000_000
_LINE = re.compile(rb"GET (\S+) HTTP/1.1\r\n")
_ETAG = re.compile(rb"\r\nif-none-match: ([^\r]*)\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_DATE = re.compile(rb"\r\nif-modified-since: ([^\r]*)\r\n", re.IGNORECASE)


class Library:
    """Documents made on request: item ``number`` of a feed is the same in every one of them."""

    def __init__(self) -> None:
        self._texts = [_escaped(text) for text in material().unseen]
        self.items = ITEMS
        self._published = 0
        self._every = 0
        self._asked = Counter[int]()

    def publish(self, count: int) -> None:
        """So many items more in every feed."""
        self._published += count

    def flow(self, every: int) -> None:
        """One item more at every so many-th request for a feed, of each feed at another."""
        self._every = every
        self._asked = Counter[int]()

    def asked(self, feed: int) -> int:
        """A request arrived: the number of the feed's newest item."""
        if not self._every:
            return self._published
        self._asked[feed] += 1
        return self._published + (self._asked[feed] + feed % self._every) // self._every

    def document(self, feed: int, newest: int) -> bytes:
        """The feed, newest item first."""
        items = b"".join(
            self._item(feed, number) for number in range(newest, newest - self.items, -1)
        )
        return (
            b"<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel>"
            b"<title>Feed %d</title><link>https://news-%d.example/</link>%b</channel></rss>"
            % (feed, feed, items)
        )

    def _item(self, feed: int, number: int) -> bytes:
        title, text = self._texts[(feed * 37 + number) % len(self._texts)]
        date = formatdate(BEGAN + number * 60, usegmt=True).encode()
        return (
            b"<item><guid isPermaLink='false'>%d-%d</guid><title>%b %d/%d</title>"
            b"<link>https://news-%d.example/%d.html</link><pubDate>%b</pubDate>"
            b"<description>%b</description></item>"
            % (feed, number, title, feed, number, feed, number, date, text)
        )


def _escaped(text: str) -> tuple[bytes, bytes]:
    """A title and a text of about `TEXT` bytes, as XML."""
    plain = re.sub(r"[<>&\s]+", " ", text)
    cut = plain.encode()[:TEXT].decode(errors="ignore")
    return cut[:50].strip().encode(), cut.encode()


class Origin(asyncio.Protocol):
    """One connection: requests without bodies, answered at once."""

    def __init__(self, library: Library, counts: Counter[str]) -> None:
        self._library, self._counts = library, counts
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while b"\r\n\r\n" in self._rest:
            head, _, rest = self._rest.partition(b"\r\n\r\n")
            sent = _LENGTH.search(head + b"\r\n")
            length = int(sent[1]) if sent else 0
            if len(rest) < length:
                return
            self._rest = rest[length:]
            self._transport.write(self._answer(head + b"\r\n"))

    def _answer(self, head: bytes) -> bytes:
        line = _LINE.match(head)
        path = line[1].decode() if line else ""
        what, _, argument = path.strip("/").partition("/")
        match what:
            case "feed":
                return self._feed(int(argument), head)
            case "publish":
                self._library.publish(int(argument))
            case "items":
                self._library.items = int(argument)
            case "flow":
                self._library.flow(int(argument))
            case "count":
                return _reply(b"200 OK", b"%d %d" % (self._counts["200"], self._counts["304"]))
        return _reply(b"200 OK", b"")

    def _feed(self, number: int, head: bytes) -> bytes:
        newest = self._library.asked(number)
        etag = b'"%d-%d"' % (number, newest)
        date = formatdate(BEGAN + newest * 60, usegmt=True).encode()
        validators = b"ETag: %b\r\nLast-Modified: %b\r\n" % (etag, date)
        if _asked(_ETAG, head) == etag or (
            _asked(_ETAG, head) is None and _asked(_DATE, head) == date
        ):
            self._counts["304"] += 1
            return b"HTTP/1.1 304 Not Modified\r\n%b\r\n" % validators
        self._counts["200"] += 1
        more = validators + b"Content-Type: application/rss+xml\r\n"
        return _reply(b"200 OK", self._library.document(number, newest), more)


def _asked(header: re.Pattern[bytes], head: bytes) -> bytes | None:
    found = header.search(head)
    return found[1] if found else None


def _reply(status: bytes, body: bytes, headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)


async def main() -> None:
    """Serve until the process is ended."""
    library, counts = Library(), Counter[str]()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Origin(library, counts), "0.0.0.0", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
