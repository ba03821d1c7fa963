"""A small news site on loopback: a feed per newspaper, with validators that are right.

Every newspaper has an address of its own (127.0.0.2 and on, where the system has them), because a
daemon that is polite to hosts would otherwise ask for one feed a second.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from types import TracebackType
from typing import Self
from xml.etree import ElementTree as Xml

from aiohttp import web

from monitor.demo.papers import Article, Paper

_ATOM = "http://www.w3.org/2005/Atom"
_BROKEN_PAGE = """<!doctype html>
<html lang="en"><head><title>The Old Herald</title></head>
<body><h1>We are moving</h1><p>Our new site opens soon. Feeds will be back, we hope.</p></body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Published:
    """An article in a feed. ``updated`` is later than ``published`` once it was corrected."""

    article: Article
    published: datetime
    updated: datetime


@dataclass(slots=True)
class _Stand:
    """One newspaper's place on the site: its address and its articles, newest first."""

    paper: Paper
    base: str
    articles: list[Published] = field(default_factory=list)


class NewsSite:
    """The site; a context manager that serves while it is open.

    ``answers`` counts what was answered: (newspaper, status).
    """

    def __init__(self, papers: Iterable[Paper], broken: str) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self._papers = tuple(papers)
        self._broken = broken
        self._stands: dict[str, _Stand] = {}
        self._urls: dict[str, str] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: this machine lets nobody listen on its loopback address.
        """
        async with AsyncExitStack() as opening:
            for number, paper in enumerate(self._papers, start=2):
                base = await self._serve(opening, number, self._paper_app(paper))
                self._stands[paper.name] = _Stand(paper, base)
                self._urls[paper.name] = f"{base}/{paper.format}.xml"
            base = await self._serve(opening, len(self._papers) + 2, self._broken_app())
            self._urls[self._broken] = f"{base}/rss.xml"
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    @property
    def urls(self) -> Mapping[str, str]:
        """Every feed's address, the broken one's too."""
        return self._urls

    def url(self, paper: str, slug: str) -> str:
        """Where an article can be read."""
        return f"{self._stands[paper].base}/{slug}"

    def publish(self, paper: str, article: Article, now: datetime | None = None) -> None:
        """Put an article into its newspaper's feed, or a new text into the one of that slug."""
        now = now or datetime.now(UTC)
        articles = self._stands[paper].articles
        for index, old in enumerate(articles):
            if old.article.slug == article.slug:
                articles[index] = Published(article, old.published, now)
                return
        articles.insert(0, Published(article, now, now))
        del articles[20:]

    async def _serve(self, opening: AsyncExitStack, number: int, app: web.Application) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        opening.push_async_callback(runner.cleanup)
        try:
            site = web.TCPSite(runner, f"127.0.0.{number}", 0)
            await site.start()
        except OSError:  # one loopback address only, as on macOS
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
        host, port = runner.addresses[-1][:2]
        return f"http://{host}:{port}"

    def _paper_app(self, paper: Paper) -> web.Application:
        async def feed(request: web.Request) -> web.Response:
            answer = _answer(request, _body(self._stands[paper.name]), paper)
            self.answers[paper.name, answer.status] += 1
            return answer

        async def page(request: web.Request) -> web.Response:
            for shown in self._stands[paper.name].articles:
                if shown.article.slug == request.match_info["slug"]:
                    return web.Response(text=_page(paper, shown.article), content_type="text/html")
            raise web.HTTPNotFound

        app = web.Application()
        app.router.add_get(f"/{paper.format}.xml", feed)
        app.router.add_get("/{slug}", page)
        return app

    def _broken_app(self) -> web.Application:
        async def feed(_request: web.Request) -> web.Response:
            self.answers[self._broken, 200] += 1
            return web.Response(text=_BROKEN_PAGE, content_type="text/html")

        app = web.Application()
        app.router.add_get("/rss.xml", feed)
        return app


def _answer(request: web.Request, body: bytes, paper: Paper) -> web.Response:
    """200 with the feed, or 304 where the client has it already."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    asked = request.headers.get("If-None-Match", "")
    if etag in (tag.strip().removeprefix("W/") for tag in asked.split(",")):
        return web.Response(status=304, headers={"ETag": etag})
    kind = f"application/{paper.format}+xml"
    return web.Response(body=body, headers={"ETag": etag}, content_type=kind, charset="utf-8")


def _body(stand: _Stand) -> bytes:
    root = _rss(stand) if stand.paper.format == "rss" else _atom(stand)
    Xml.indent(root)
    text: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _rss(stand: _Stand) -> Xml.Element:
    root = Xml.Element("rss", {"version": "2.0"})
    channel = Xml.SubElement(root, "channel")
    _add(channel, "title", stand.paper.title)
    _add(channel, "link", f"{stand.base}/")
    _add(channel, "description", stand.paper.title)
    _add(channel, "language", stand.paper.lang)
    for shown in stand.articles:
        item = Xml.SubElement(channel, "item")
        _add(item, "title", shown.article.title)
        _add(item, "link", f"{stand.base}/{shown.article.slug}")
        _add(item, "guid", f"{stand.paper.name}:{shown.article.slug}", isPermaLink="false")
        _add(item, "pubDate", format_datetime(shown.published, usegmt=True))
        _add(item, "description", shown.article.text)
    return root


def _atom(stand: _Stand) -> Xml.Element:
    root = Xml.Element("feed", {"xmlns": _ATOM, "xml:lang": stand.paper.lang})
    _add(root, "id", f"urn:wirewatch:demo:{stand.paper.name}")
    _add(root, "title", stand.paper.title)
    Xml.SubElement(root, "link", {"href": f"{stand.base}/"})
    newest = max((shown.updated for shown in stand.articles), default=datetime.now(UTC))
    _add(root, "updated", newest.isoformat(timespec="seconds"))
    for shown in stand.articles:
        entry = Xml.SubElement(root, "entry")
        _add(entry, "id", f"urn:wirewatch:demo:{stand.paper.name}:{shown.article.slug}")
        _add(entry, "title", shown.article.title)
        Xml.SubElement(entry, "link", {"href": f"{stand.base}/{shown.article.slug}"})
        _add(entry, "published", shown.published.isoformat(timespec="seconds"))
        _add(entry, "updated", shown.updated.isoformat(timespec="seconds"))
        _add(entry, "summary", shown.article.text)
    return root


def _add(parent: Xml.Element, name: str, text: str, **attributes: str) -> None:
    Xml.SubElement(parent, name, attributes).text = text


def _page(paper: Paper, article: Article) -> str:
    return (
        f'<!doctype html>\n<html lang="{paper.lang}" dir="auto"><head><meta charset="utf-8">'
        f"<title>{escape(article.title)}</title></head>\n<body><p>{escape(paper.title)}</p>"
        f"<h1>{escape(article.title)}</h1><p>{escape(article.text)}</p></body></html>\n"
    )
