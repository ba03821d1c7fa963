"""From the address of a site to its feeds: what its page links to, else where feeds usually are.

Few requests, one after the other: the page, then what its ``<link rel=alternate>`` elements name;
where there are none, what its anchors name as feeds; where these are none either, robots.txt, and
then a handful of usual paths that it does not forbid. What a page or robots.txt names is asked
within the limits of a redirect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urljoin
from urllib.robotparser import RobotFileParser

from monitor import clean
from monitor.fetch import Fetched, FetchFailed, FetchRequest
from monitor.item import NotAFeed, Parsed, ParseFailed
from monitor.pagelinks import Link, anchors, links, news_sitemaps, page_text, usual_places
from monitor.probe import Probe, Prober
from monitor.urls import BadUrl, normalised

MOST_REQUESTS = 10
_AGENT = "wirewatch"


class Found(NamedTuple):
    """A feed. ``url`` is the one to configure: where permanent redirects led, if they did."""

    url: str
    feed: Parsed


@dataclass(slots=True)
class Discovery:
    """What came of looking. ``page``: what the address itself is, empty when it is a feed;
    ``asked``: every URL and what it was, in order; ``problem``: why nobody looked further."""

    found: list[Found] = field(default_factory=list)
    page: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    problem: str = ""


Tell = Callable[[str, str], None]


async def discover(prober: Prober, url: str, tell: Tell = lambda *_: None) -> Discovery:
    """The feeds of ``url``: itself, or those of the site it is a page of.

    ``tell`` is called with each URL and what it was, as soon as that is known.
    """
    search = _Search(prober, url, tell)
    await search.run()
    return search.discovery


class _Search:
    """One search, from the operator's URL on. Never asks a URL twice."""

    def __init__(self, prober: Prober, url: str, tell: Tell) -> None:
        self.discovery = Discovery()
        self._prober = prober
        self._url = url
        self._tell = tell
        self._known: set[str] = set()
        self._finals: set[str] = set()
        self._left = MOST_REQUESTS

    async def run(self) -> None:
        probe = await self._look(self._url)
        if probe is None or self.discovery.found or self.discovery.problem:
            return
        if not isinstance(probe.answer, Fetched):
            self.discovery.problem = _told(probe)
            return
        self.discovery.page = _told(probe)
        page = probe.answer
        text = page_text(page.body, page.content_type)
        await self._try([*links(text, page.url), *news_sitemaps(text, page.url)])
        if not self.discovery.found:
            await self._try(anchors(text, page.url))
        if not self.discovery.found:
            await self._guess(page.url)

    async def _try(self, candidates: Iterable[Link]) -> None:
        for link in candidates:
            if self._is_over():
                return
            await self._look(link.url)

    async def _guess(self, page: str) -> None:
        """Where feeds usually are, in the robots' file's good graces, until one is there."""
        if self._is_over():
            return
        robots = await self._robots(page)
        if robots is None:
            return
        for url in [*_sitemaps(robots), *usual_places(page)]:
            if self._is_over() or self.discovery.found:
                return
            if _may(robots, url):
                await self._look(url)

    def _is_over(self) -> bool:
        return self._left <= 0 or bool(self.discovery.problem)

    async def _look(self, url: str) -> Probe | None:
        """Ask for a feed; None when it was asked for before. A server that asks for silence ends
        the search."""
        if not self._is_new(url):
            return None
        probe = await self._prober.look(self._request(url))
        self._note(url, _told(probe))
        match probe.answer, probe.parsed:
            case Fetched() as answer, Parsed() as feed:
                self._keep(answer.moved_to or url, answer.url, feed)
            case FetchFailed(kind="rate_limited", message=message), _:
                self.discovery.problem = message
        return probe

    def _keep(self, url: str, final: str, feed: Parsed) -> None:
        """One feed under two addresses is one."""
        if final not in self._finals:
            self._finals.add(final)
            self.discovery.found.append(Found(url, feed))

    async def _robots(self, page: str) -> RobotFileParser | None:
        """What robots may ask here; None where nobody can say, which means nothing."""
        url = urljoin(page, "/robots.txt")
        self._left -= 1
        answer = (await self._prober.ask(self._request(url))).answer
        robots = RobotFileParser()
        if isinstance(answer, Fetched):
            text = page_text(answer.body, answer.content_type)
            with suppress(ValueError):
                robots.parse(text.splitlines()[:10_000])
            self._note(url, "what robots may ask")
            return robots
        message = answer.message if isinstance(answer, FetchFailed) else "nothing"
        self._note(url, message)
        if answer.status is not None and 400 <= answer.status < 500 and answer.status != 429:
            robots.parse([])
            return robots
        return None

    def _is_new(self, url: str) -> bool:
        if not self._mark(url):
            return False
        self._left -= 1
        return True

    def _mark(self, url: str) -> bool:
        """Whether this URL is met for the first time, and may be asked at all."""
        try:
            key = normalised(url)
        except BadUrl:
            return False
        fresh = key not in self._known
        self._known.add(key)
        return fresh

    def _request(self, url: str) -> FetchRequest:
        return FetchRequest(self._url, start=None if url == self._url else url)

    def _note(self, url: str, what: str) -> None:
        self.discovery.asked.append((url, what))
        self._tell(url, what)


def _told(probe: Probe) -> str:
    """What an answer is, in words."""
    match probe.parsed:
        case Parsed() as feed:
            return f"a feed, {feed_format(feed)}"
        case NotAFeed(looks_like):
            return looks_like
        case ParseFailed(message=message):
            return message
    return probe.answer.message if isinstance(probe.answer, FetchFailed) else ""


def _sitemaps(robots: RobotFileParser) -> list[str]:
    """The news sitemaps that the robots' file names."""
    named = [clean.link(url) for url in robots.site_maps() or ()]
    return [url for url in named if "news" in url.lower()][:2]


def _may(robots: RobotFileParser, url: str) -> bool:
    with suppress(ValueError):
        return robots.can_fetch(_AGENT, url)
    return False


_FORMATS = {
    "rss": "RSS",
    "rss090": "RSS 0.90",
    "rss091n": "RSS 0.91",
    "rss091u": "RSS 0.91",
    "rss092": "RSS 0.92",
    "rss093": "RSS 0.93",
    "rss094": "RSS 0.94",
    "rss10": "RSS 1.0",
    "rss20": "RSS 2.0",
    "atom": "Atom",
    "atom03": "Atom 0.3",
    "atom10": "Atom 1.0",
    "json1": "JSON Feed 1.0",
    "json11": "JSON Feed 1.1",
    "cdf": "CDF",
    "sitemap-news": "news sitemap",
}


def feed_format(feed: Parsed) -> str:
    """``RSS 2.0``, ``Atom 1.0``, ``JSON Feed 1.1``, ``news sitemap``."""
    return _FORMATS.get(feed.version, feed.version)
