"""Where the alerts arrive: a chat room that takes Slack's messages, and a mailbox.

Both keep what they were given, in the order it came, as a reader would see it: lines of runs of
text, bold where the sender made them bold.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from html import unescape
from types import MappingProxyType, TracebackType
from typing import Any, Literal, NamedTuple, Self

from aiohttp import web

from monitor.demo.verdict import Told

_RULE = re.compile(r"\brule (\S+)")
_DATE = re.compile(r"<!date\^[^|>]*\|([^>]*)>")
_LINK = re.compile(r"<[^|>!]*\|([^>]*)>")
_EMOJI = MappingProxyType({"large_orange_circle": "🟠", "red_circle": "🔴"})
_BEGINNING = 4
_ADDRESS = re.compile(r"https?://\S+")


class Run(NamedTuple):
    """A piece of a line."""

    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a message: a subject, a title, a quotation, small print, or plain text."""

    kind: Literal["subject", "title", "quote", "small", "plain"]
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An alert that arrived: what it tells about what, how it looks, and when it came, on the
    monotonic clock."""

    told: Told
    lines: tuple[Line, ...]
    at: float = field(default_factory=time.monotonic, compare=False)


class Arrivals:
    """What arrived, in order."""

    def __init__(self) -> None:
        self.all: list[Arrival] = []
        self._news = asyncio.Event()
        self._shown = 0

    def add(self, arrival: Arrival) -> None:
        """An alert arrived."""
        self.all.append(arrival)
        self._news.set()

    def told(self) -> list[Told]:
        """What they told."""
        return [arrival.told for arrival in self.all]

    def unseen(self) -> list[Arrival]:
        """Those not given before."""
        new = self.all[self._shown :]
        self._shown = len(self.all)
        return new

    async def until(self, expected: Iterable[Told], patience: float) -> None:
        """Wait until all of ``expected`` are here, or ``patience`` ends."""
        wanted = Counter(expected)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while wanted - Counter(self.told()):
                    self._news.clear()
                    await self._news.wait()


Arrived = Callable[[Arrival], None]
"""What a receiver does with an arrival."""


class ChatRoom:
    """A chat's endpoint for incoming webhooks, on loopback. ``url`` once it is open."""

    def __init__(self, channel: str, arrived: Arrived) -> None:
        self.url = ""
        self._channel = channel
        self._arrived = arrived
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_post("/services/demo", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._open.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/services/demo"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def _take(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        self._arrived(chat_message(self._channel, body))
        return web.Response(text="ok")


def chat_message(channel: str, body: Mapping[str, Any]) -> Arrival:
    """A message of blocks as the chat shows it."""
    lines = [line for block in body.get("blocks", ()) for line in _block(block)]
    small = " ".join(run.text for line in lines if line.kind == "small" for run in line.runs)
    rule = _RULE.search(small)
    url = next((url for block in body.get("blocks", ()) for url in _links(block)), "")
    if not lines:
        lines = [Line("plain", (Run(str(body.get("text", ""))),))]
    return Arrival(Told(channel, rule[1] if rule else "", url), tuple(lines))


def _block(block: Mapping[str, Any]) -> list[Line]:
    match block.get("type"):
        case "rich_text":
            return [_rich(part) for part in block["elements"]]
        case "header":
            return [Line("title", (Run(unescape(block["text"]["text"]), bold=True),))]
        case "context":
            texts = (_shown(element["text"]) for element in block["elements"])
            return [Line("small", (Run(" · ".join(texts)),))]
        case _:
            return []


def _rich(part: Mapping[str, Any]) -> Line:
    kind: Literal["title", "quote"] = "quote" if part["type"] == "rich_text_quote" else "title"
    return Line(kind, tuple(_runs(part["elements"])))


def _runs(elements: Iterable[Mapping[str, Any]]) -> Sequence[Run]:
    return [
        Run(_EMOJI.get(element["name"], ""))
        if element["type"] == "emoji"
        else Run(unescape(element["text"]), bold=bool(element.get("style", {}).get("bold")))
        for element in elements
    ]


def _shown(text: str) -> str:
    """Small print: dates and links as the words they show."""
    return unescape(_LINK.sub(r"\1", _DATE.sub(r"\1", text)))


def _links(block: Mapping[str, Any]) -> list[str]:
    if block.get("type") != "rich_text":
        return []
    return [
        element["url"]
        for part in block["elements"]
        for element in part["elements"]
        if element.get("type") == "link"
    ]


class Mailbox:
    """A mail server with one mailbox, on loopback. ``port`` once it is open."""

    def __init__(self, channel: str, arrived: Arrived) -> None:
        self.port = 0
        self._channel = channel
        self._arrived = arrived
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        from aiosmtpd.smtp import SMTP  # noqa: PLC0415 - only the demo receives mail

        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(self, hostname="localhost", ident="mail for the demo", loop=loop),
            "127.0.0.1",
            0,
        )
        self._open.callback(server.close)
        self.port = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail in."""
        self._arrived(mail(self._channel, envelope.content))
        return "250 2.0.0 taken"


def mail(channel: str, raw: bytes) -> Arrival:
    """A mail as its reader sees it at first: the subject and the beginning of the text."""
    message = message_from_bytes(raw, policy=policy.default)
    body = message.get_body(("plain",))
    text = str(body.get_content()) if body is not None else ""
    rule = str(message.get("List-Id", "")).lstrip("<").partition(".wirewatch.")[0]
    address = _ADDRESS.search(text)
    lines = [Line("subject", (Run(str(message["Subject"]).strip()),))]
    lines += [Line("plain", (Run(line.strip()),)) for line in text.splitlines() if line.strip()]
    return Arrival(Told(channel, rule, address[0] if address else ""), tuple(lines[:_BEGINNING]))
