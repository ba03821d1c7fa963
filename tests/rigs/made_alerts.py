"""Alerts to send in tests, the hostile ones included, and a client to send them with."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
from pydantic import BaseModel

from alerts import (
    Alert,
    Channel,
    Digest,
    Event,
    Excerpt,
    Hit,
    Item,
    Match,
    Receipt,
    Rule,
    Span,
    Story,
    Tools,
)
from alerts.registry import make

NOW = datetime(2026, 11, 22, 19, 46, 30, tzinfo=UTC)
AT = datetime(2026, 11, 22, 19, 40, 0, tzinfo=UTC)

HOSTILE: dict[str, str] = {
    "a header of its own": "Sale\r\nBcc: everyone@example.org\r\n\r\nbody",
    "line ends of Unicode": "one\u2028Bcc: a@example.org\u2029two\x85three\x0bfour",
    "nul": "before\x00after",
    "escape sequences": "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07 \x1b[31mred\x9b1m",
    "lone surrogates": "half \ud83d and \udc00 halves",
    "right-to-left override": "invoice\u202egpj.exe\u2066x\u2069",
    "zero width": "pay\u200bpal\u2060\ufeff\u200d",
    "marks without end": "Z" + "\u0301" * 100_000,
    "long": "word " * 20_000,
    "long without spaces": "普" * 100_000,
    "everyone": "@everyone @here <@U123> <@&456>",
    "channel": "<!channel> <!here|here> <!subteam^S1> <@U0LAN0Z89>",
    "slack link": "<https://evil.example|https://bank.example>",
    "markdown link": "[https://bank.example](https://evil.example)",
    "markdown": "*bold* _it_ ~gone~ `code` ``` # head\n> quote",
    "template": "{{7*7}} ${7*7} #{7*7} <%= 7*7 %> %s %(x)s {0.__class__}",
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "entities": "a &lt;b&gt; &amp; &#60;script&#62;",
    "quotes": '"\'</title><a href="javascript:alert(1)">x</a>',
    "dots": ".\r\n.\r\nQUIT\r\n",
    "encoded word": "=?utf-8?B?PHNjcmlwdD4=?= =?utf-8?q?=0D=0ABcc:_x?=",
    "spreadsheet": '=HYPERLINK("https://evil.example")',
    "emoji": "👨‍👩‍👧‍👦🇮🇩🏳️‍🌈" * 300,
    "empty": "",
    "only invisible": "\u200b\u200d\u202e\x00",
}


def a_hit(
    title: str = "Pertemuan Xi dan Putin di Beijing",
    *,
    spans: tuple[tuple[int, int, str], ...] | None = None,
    summary: str = "Kedua pemimpin membahas pipa gas.",
    excerpts: tuple[Excerpt, ...] = (),
    **fields: Any,
) -> Hit:
    """One hit; unless given, spans mark `Xi` and `Putin` where the title has them."""
    if spans is None:
        spans = tuple(
            (title.index(word), title.index(word) + len(word), word)
            for word in ("Xi", "Putin")
            if word in title
        )
    item: dict[str, Any] = {
        "url": "https://www.antaranews.com/berita/1/xi-putin?a=1&b=2",
        "feed": "antara",
        "source": "ANTARA",
        "author": "A. Wartawan",
        "published": AT,
        "first_seen": AT,
        "lang": "id",
    }
    rule = fields.pop("rule", Rule("xi-putin", "normal", ("leaders",)))
    story = fields.pop("story", Story("story-1", 1))
    return Hit(
        id=fields.pop("id", "hit-1"),
        rule=rule,
        item=Item(title=title, summary=summary, **{**item, **fields}),
        match=Match(
            terms=tuple(dict.fromkeys(term for *_, term in spans)),
            spans=tuple(Span("title", start, end, term) for start, end, term in spans),
            excerpts=excerpts,
        ),
        story=story,
    )


def an_alert(body: Hit | Digest | Event | None = None) -> Alert:
    """An alert with a fixed id and time."""
    return Alert(id="0199-delivery-1", at=AT, body=a_hit() if body is None else body)


def a_digest(count: int = 3, more: int = 2, title: str = "Xi number") -> Digest:
    """A digest of ``count`` hits, and ``more`` that are not in it."""
    hits = tuple(
        a_hit(f"{title} {n}", id=f"hit-{n}", url=f"https://news.example/{n}") for n in range(count)
    )
    return Digest(
        rule=hits[0].rule if hits else Rule("xi"), count=count + more, hits=hits, more=more
    )


def an_event() -> Event:
    """What the operator is told about the daemon itself."""
    return Event(
        name="feed_broken",
        subject="bbc-world",
        message="feeds.bbci.co.uk has answered 503 for 24 hours; see: wirewatch feeds bbc-world",
    )


async def dial(host: str, port: int) -> socket.socket:
    """A plain dial, as the daemon's guard gives."""
    loop = asyncio.get_running_loop()
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    try:
        await loop.sock_connect(made, (host, port))
    except BaseException:
        made.close()
        raise
    return made


@cache
def _tls() -> ssl.SSLContext:
    """One for all clients: making one costs more than a request, and nothing here uses it."""
    return ssl.create_default_context()


@asynccontextmanager
async def tools(write: Callable[[str], None] = lambda _: None) -> AsyncIterator[Tools]:
    """What the daemon lends to channels, without its guard."""
    async with httpx.AsyncClient(follow_redirects=False, trust_env=False, verify=_tls()) as http:
        yield Tools(http=http, dial=dial, write=write)


def send(
    type: str,  # noqa: A002 - the key's own name in YAML
    settings: BaseModel,
    alert: Alert,
    now: datetime = NOW,
    write: Callable[[str], None] = lambda _: None,
    template: str | None = None,
) -> Receipt:
    """Make a channel, send one alert through it, and close everything."""

    async def once() -> Receipt:
        async with tools(write) as lent:
            channel: Channel = make(type, "test", settings, lent, template)
            return await channel.send(alert, now)

    return asyncio.run(once())
