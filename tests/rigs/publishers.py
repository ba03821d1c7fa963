"""Publishers of every kind, as scripts: what each answers at a moment, and what it may expect.

A `Site` is one feed. Its answers depend on the request, on the true time and on how often its URL
was asked, on nothing else. `sites` makes all of them; a table of how they were treated is what
`rigs.scoreboard` keeps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from rigs.origin import Reply

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SHORTEST, LONGEST = 5 * MINUTE, 60 * MINUTE
DROPPED = Reply(0)
"""Instead of an answer the connection breaks."""

_WHERE = ("Jakarta", "Nairobi", "Lima", "Oslo", "Tbilisi", "Hanoi", "Quito", "Accra", "Riga")
_WHAT = ("a bridge opens", "the harbour is closed", "talks go on", "a strike ends", "prices fall")
_HTML = b"<!doctype html><html><head><title>Just a moment</title></head><body>Wait</body></html>"

Value = str | bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: the ``count``-th for this URL. ``at`` is the true time, ``wall`` what the
    daemon's clock showed; names of headers are in lower case."""

    url: str
    headers: Mapping[str, bytes]
    at: datetime
    wall: datetime
    count: int

    @property
    def age(self) -> timedelta:
        """How long the world has been going on."""
        return self.at - START


@dataclass(frozen=True, slots=True)
class News:
    """An article every so often, since long ago; a feed shows the newest ``window`` of them."""

    name: str
    every: timedelta = 4 * HOUR
    window: int = 6

    def newest(self, at: datetime) -> int:
        """The number of the newest article."""
        return 10_000 + (at - START) // self.every

    def published(self, number: int) -> datetime:
        """When an article came out."""
        return START + (number - 10_000) * self.every

    def shown(self, at: datetime) -> range:
        """The numbers in the window, newest first."""
        newest = self.newest(at)
        return range(newest, newest - self.window, -1)

    def title(self, number: int) -> str:
        """An article's title, which no other has."""
        return f"{_WHERE[number % 9]}: {_WHAT[number % 5]}, {self.name} {number}"


Script = Callable[[Ask], Reply]


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed document with validators: answers 304 to its own, else 200.

    Args:
        news: what is in it.
        etag: of a newest article's number; None: it gives none.
        modified: likewise for Last-Modified; by default that article's date.
        headers: further ones, by the time.
        channel: XML that goes into the channel; None: it is a JSON Feed, which is read faster.
        guid: an article's, by its number and the request.
        link: likewise.
    """

    news: News
    etag: Callable[[int], Value] | None = None
    modified: Callable[[int], Value] | None = None
    headers: Callable[[datetime], dict[str, str]] = lambda _: {}
    channel: str | None = None
    guid: Callable[[int, Ask], str] = lambda number, _: f"id-{number}"
    link: Callable[[int, Ask], str] | None = None

    def __call__(self, ask: Ask) -> Reply:
        own = self.validators(ask)
        etag, modified = ask.headers.get("if-none-match"), ask.headers.get("if-modified-since")
        if etag is not None:
            same = etag == _bytes(own.get("ETag"))
        else:
            same = modified is not None and modified == _bytes(own.get("Last-Modified"))
        more = {**own, **self.headers(ask.at)}
        return Reply(304, headers=more) if same else Reply(200, self.body(ask), more)

    def validators(self, ask: Ask) -> dict[str, Value]:
        """ETag and Last-Modified, as far as there are any."""
        newest = self.news.newest(ask.at)
        made = {"ETag": self.etag, "Last-Modified": self.modified}
        return {name: make(newest) for name, make in made.items() if make is not None}

    def body(self, ask: Ask) -> bytes:
        """The document."""
        return self._json(ask) if self.channel is None else self._rss(ask)

    def _json(self, ask: Ask) -> bytes:
        items = [
            {
                "id": self.guid(number, ask),
                "title": self.news.title(number),
                "url": self._url(number, ask),
                "date_published": self.news.published(number).isoformat(),
            }
            for number in self.news.shown(ask.at)
        ]
        version = "https://jsonfeed.org/version/1.1"
        return json.dumps({"version": version, "title": self.news.name, "items": items}).encode()

    def _url(self, number: int, ask: Ask) -> str:
        path = self.link(number, ask) if self.link else f"/{self.news.name}/{number}"
        return _host(ask) + path

    def _rss(self, ask: Ask) -> bytes:
        items = "".join(
            f"<item><guid isPermaLink='false'>{self.guid(number, ask)}</guid>"
            f"<title>{self.news.title(number)}</title>"
            f"<link>{self._url(number, ask).replace('&', '&amp;')}</link>"
            f"<pubDate>{http_time(self.news.published(number))}</pubDate></item>"
            for number in self.news.shown(ask.at)
        )
        return (
            f"<rss version='2.0' xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'><channel>"
            f"<title>{self.news.name}</title><link>{_host(ask)}/</link>{self.channel}{items}"
            f"</channel></rss>"
        ).encode()


def _host(ask: Ask) -> str:
    return "/".join(ask.url.split("/")[:3])


@dataclass(frozen=True, slots=True)
class Site:
    """One feed: where, how it answers, and how it is to be treated.

    ``answers`` by URL; the first is the configured one. ``entries``: its lines in the
    configuration. ``shortest`` and ``longest``: between two polls. ``quiet``: times at which
    it wants no request. ``late``: how long after it came out an article must have been found.
    ``lies``: it says 304 although the document changed. ``gone``: it may end with 410.
    """

    name: str
    news: News
    answers: Mapping[str, Script]
    options: str = ""
    also: tuple[str, ...] = ()
    shortest: timedelta = SHORTEST
    longest: timedelta = LONGEST
    late: timedelta = LONGEST
    quiet: Callable[[datetime], bool] = lambda _: False
    lies: bool = False
    ends: bool = False
    from_: timedelta = field(default=timedelta())

    @property
    def url(self) -> str:
        """The configured one."""
        return next(iter(self.answers))

    def entries(self, options: str | None = None) -> str:
        """The lines of the configuration; ``options`` instead of its own."""
        more = self.options if options is None else options
        urls = {self.name: self.url} | {f"{self.name}-{n}": url for n, url in enumerate(self.also)}
        return "".join(f"  {name}: {{url: '{url}'{more}}}\n" for name, url in urls.items())


def http_time(at: datetime) -> str:
    """The time as HTTP and RSS write it."""
    return format_datetime(at.astimezone(UTC), usegmt=True)


def _bytes(value: Value | None) -> bytes | None:
    return value.encode("latin-1") if isinstance(value, str) else value


def strong(number: int) -> str:
    """A strong ETag."""
    return f'"{number:x}"'


def instead(script: Script, other: Callable[[Ask], Reply | None]) -> Script:
    """What ``other`` answers, where it does."""
    return lambda ask: other(ask) or script(ask)


def now_and_then(number: int, reply: Callable[[Ask], Reply]) -> Callable[[Ask], Reply | None]:
    """Every so many-th request is answered otherwise."""
    return lambda ask: reply(ask) if ask.count % number == 0 else None


def between(
    begin: timedelta, end: timedelta, reply: Callable[[Ask], Reply]
) -> Callable[[Ask], Reply | None]:
    """For some time everything is answered otherwise."""
    return lambda ask: reply(ask) if begin <= ask.age < end else None


def _home(name: str, path: str = "/feed.xml") -> str:
    return f"https://{name}.example{path}"


def _plain(name: str, feed: Callable[[News], Script], window: int = 6, **treated: Any) -> Site:
    news = News(name, window=window)
    return Site(name, news, {_home(name): feed(news)}, **treated)


def _failing(
    name: str, other: Callable[[Ask], Reply | None], longest: timedelta = DAY, **treated: Any
) -> Site:
    news = News(name, window=60)
    script = instead(Feed(news, etag=strong), other)
    treated.setdefault("late", longest)
    return Site(name, news, {_home(name): script}, longest=longest, **treated)


def sites() -> list[Site]:
    """All of them, made anew."""
    return [*_validators(), *_liars(), *_hints(), *_failures(), *_movers(), *_neighbours()]


def _validators() -> list[Site]:
    """Which validators there are, and how they change (A1 to A9)."""
    hourly: dict[str, Any] = {"shortest": LONGEST}
    return [
        _plain("strong", lambda news: Feed(news, strong, headers=_cookies, channel="")),
        _plain("weak", lambda news: Feed(news, lambda n: f'W/"{n}"')),
        _plain("dates", lambda news: Feed(news, modified=lambda n: http_time(news.published(n)))),
        _plain(
            "both",
            lambda news: Feed(news, strong, lambda n: http_time(news.published(n)), channel=""),
        ),
        _plain("none", Feed, **hourly),
        _plain("odd", lambda news: Feed(news, lambda n: f"{n}\xe9;W/", lambda n: f"day {n} 1800")),
        _plain("vanishing", _Vanishing),
        _plain("renewing", _Renewing),
        _plain("touched", _Touched),
        _plain("deaf", lambda news: _Deaf(news, strong)),
    ]


class _Vanishing(Feed):
    """Every other document has a date only, and no ETag."""

    __slots__ = ()

    def validators(self, ask: Ask) -> dict[str, Value]:
        number = self.news.newest(ask.at)
        date: dict[str, Value] = {"Last-Modified": http_time(self.news.published(number))}
        return {"ETag": strong(number), **date} if number % 2 else date


class _Renewing(Feed):
    """Its 304s bring new validators."""

    __slots__ = ()

    def __call__(self, ask: Ask) -> Reply:
        number = self.news.newest(ask.at)
        headers = {"ETag": f'"{number}-{ask.count}"'}
        if ask.headers.get("if-none-match", b"").startswith(f'"{number}-'.encode()):
            return Reply(304, headers=headers)
        return Reply(200, self.body(ask), headers)


class _Touched(Feed):
    """Gives new validators every hour to a document that is as it was."""

    __slots__ = ()

    def validators(self, ask: Ask) -> dict[str, Value]:
        return {
            "ETag": f'"{ask.age // HOUR}"',
            "Last-Modified": http_time(ask.at.replace(minute=0)),
        }


class _Deaf(Feed):
    """Gives validators and does not listen to them."""

    __slots__ = ()

    def __call__(self, ask: Ask) -> Reply:
        return Reply(200, self.body(ask), {**self.validators(ask)})


def _cookies(at: datetime) -> dict[str, str]:
    return {"Set-Cookie": f"seen={at:%H%M}; Path=/", "Vary": "Cookie, User-Agent"}


def _liars() -> list[Site]:
    """Whoever knows any validator is told that nothing changed; and who is just quiet."""
    for_days: dict[str, Any] = {"lies": True, "late": 9 * DAY, "window": 60}
    quiet = News("quiet", every=9 * DAY, window=5)
    return [
        _plain("liar", lambda news: _Lying(news, strong), **for_days),
        _plain("liar-by-date", lambda news: _Lying(news, modified=lambda _: "0"), **for_days),
        Site("quiet", quiet, {_home("quiet"): Feed(quiet, strong)}),
    ]


class _Lying(Feed):
    """Answers 304 to whoever knows any validator at all."""

    __slots__ = ()

    def __call__(self, ask: Ask) -> Reply:
        if ask.headers.keys() & {"if-none-match", "if-modified-since"}:
            return Reply(304, headers={**self.validators(ask)})
        return Reply(200, self.body(ask), {**self.validators(ask)})


def _hints() -> list[Site]:
    """What the server says of time, in headers (A14) and in the document (A23), and ``every:``."""

    def cached(name: str, header: Callable[[datetime], dict[str, str]], **treated: Any) -> Site:
        return _plain(name, lambda news: Feed(news, strong, headers=header), **treated)

    def control(value: str) -> Callable[[datetime], dict[str, str]]:
        return lambda _: {"Cache-Control": value}

    def told(name: str, channel: str, **treated: Any) -> Site:
        return _plain(name, lambda news: Feed(news, strong, channel=channel), **treated)

    def for_(least: timedelta) -> dict[str, Any]:
        return {"shortest": least, "longest": max(least, LONGEST), "late": max(least, LONGEST)}

    def every(minutes: int) -> dict[str, Any]:
        period = minutes * MINUTE
        return {"options": f", every: {minutes}m", "shortest": period, "longest": period}

    hours = "".join(f"<hour>{hour}</hour>" for hour in range(6))
    two, half = for_(2 * HOUR), for_(30 * MINUTE)
    return [
        cached("max-age", control("public, max-age=7200"), **two),
        cached("max-age-age", lambda _: {"Cache-Control": "max-age=7200", "Age": "5400"}, **half),
        cached("max-age-huge", control("max-age=99999999999"), window=20, **for_(DAY)),
        cached("no-cache", control("no-cache, max-age=0")),
        cached("expires", _expires, **two),
        told("ttl", "<ttl>240</ttl>", **for_(4 * HOUR)),
        told(
            "skip-hours",
            f"<skipHours>{hours}</skipHours>",
            quiet=lambda at: at.hour < 6,
            **{**for_(7 * HOUR), "shortest": SHORTEST},
        ),
        told(
            "skip-days",
            "<skipDays><day>Tuesday</day></skipDays>",
            quiet=lambda at: at.weekday() == 1,
            window=20,
            **{**for_(25 * HOUR), "shortest": SHORTEST},
        ),
        told("sy-twice-a-day", _syndication("daily", 2), **for_(12 * HOUR)),
        told("sy-weekly", _syndication("weekly", 1), window=20, **for_(DAY)),
        _plain("every", lambda news: Feed(news, strong), **every(10)),
        _plain("every-none", Feed, **every(20)),
        told("every-ttl", f"<ttl>240</ttl>{_syndication('daily', 2)}", **every(20)),
        cached("every-max-age", control("max-age=3600"), options=", every: 10m", **for_(HOUR)),
        _frequent("busy", 2 * MINUTE),
    ]


def _expires(at: datetime) -> dict[str, str]:
    """By a server whose clock is half a day behind."""
    theirs = at - 12 * HOUR
    return {"Date": http_time(theirs), "Expires": http_time(theirs + 2 * HOUR)}


def _syndication(period: str, frequency: int) -> str:
    return (
        f"<sy:updatePeriod>{period}</sy:updatePeriod>"
        f"<sy:updateFrequency>{frequency}</sy:updateFrequency>"
    )


def _frequent(name: str, every: timedelta) -> Site:
    news = News(name, every=every, window=60)
    return Site(name, news, {_home(name): Feed(news, strong)})


def _failures() -> list[Site]:
    """Refusals with and without a time to come back (A15, A16, A19), and what is no feed (A7)."""

    def retry(status: int, *headers: tuple[str, str]) -> Callable[[Ask], Reply]:
        return lambda _: Reply(status, b"no", dict(headers))

    def dated(ask: Ask) -> Reply:
        theirs = ask.at + 3 * HOUR
        return Reply(
            429, b"no", {"Date": http_time(theirs), "Retry-After": http_time(theirs + 2 * HOUR)}
        )

    html = {"Content-Type": "text/html", "ETag": '"a page"'}
    return [
        _failing("too-many", now_and_then(12, retry(429, ("Retry-After", "7200")))),
        _failing("too-many-dated", now_and_then(12, dated)),
        _failing("too-many-silent", now_and_then(12, retry(429))),
        _failing("too-many-always", retry(429, ("Retry-After", "3600")), 8 * DAY, ends=True),
        _failing("unavailable", now_and_then(12, retry(503, ("Retry-After", "5000")))),
        _failing("error", between(HOUR, 30 * HOUR, retry(500)), late=3 * DAY),
        _failing("missing", between(8 * HOUR, DAY, retry(404)), late=2 * DAY),
        _failing("forbidden", now_and_then(9, retry(403))),
        _failing("dropping", now_and_then(5, lambda _: DROPPED)),
        _failing(
            "portal", between(DAY, 30 * HOUR, lambda _: Reply(200, _HTML, html)), late=2 * DAY
        ),
        _failing("gone", lambda a: Reply(410, b"") if a.age > 2 * DAY else None, ends=True),
        _cut(),
        _plain("slow", lambda news: _delayed(Feed(news, strong), 20)),
    ]


def _cut() -> Site:
    """Now and then the document ends in the middle, under the headers of the whole (B8)."""
    news = News("cut", every=HOUR)
    whole = Feed(news, strong)

    def answer(ask: Ask) -> Reply:
        reply = whole(ask)
        if reply.status != 200 or ask.count % 4:
            return reply
        return Reply(200, reply.body[: len(reply.body) // 2], reply.headers)

    return Site("cut", news, {_home("cut"): answer}, late=2 * LONGEST)


def _delayed(script: Script, seconds: float) -> Script:
    """The same answers, later."""
    return lambda ask: replace(script(ask), delay=seconds)


def _movers() -> list[Site]:
    """Redirects of all kinds (A8, A17)."""

    def to(status: int, *targets: str) -> Script:
        return lambda ask: Reply(status, b"", {"Location": targets[ask.count % len(targets)]})

    moved, lent, mirrored, captive = News("moved"), News("lent"), News("mirrored"), News("captive")
    crossing = News("crossing")
    mirrors = (_home("mirror-one"), _home("mirror-two"))
    login = "https://login.example/?next=feed"
    page = Reply(200, _HTML, {"Content-Type": "text/html", "ETag": '"login"', "Set-Cookie": "a=b"})
    return [
        Site(
            "moved",
            moved,
            {
                _home("moved"): to(301, _home("moved-here")),
                _home("moved-here"): Feed(moved, strong),
            },
        ),
        Site(
            "lent",
            lent,
            {_home("lent"): to(307, _home("lent-to")), _home("lent-to"): Feed(lent, strong)},
        ),
        Site(  # to where others are asked too
            "crossing",
            crossing,
            {
                _home("crossing"): to(307, "https://shared.example/crossing.xml"),
                "https://shared.example/crossing.xml": _delayed(Feed(crossing, strong), 2),
            },
        ),
        Site(
            "mirrored",
            mirrored,
            {_home("mirrored"): to(302, *mirrors)}
            | {mirror: Feed(mirrored, lambda n, m=mirror: f'"{m[8:18]}{n}"') for mirror in mirrors},  # type: ignore[misc] # m is bound now
        ),
        Site(
            "captive",
            captive,
            {
                _home("captive"): instead(
                    Feed(captive, strong), between(DAY, DAY + 3 * HOUR, to(301, login))
                ),
                login: lambda _: page,
            },
            longest=DAY,
            late=DAY,
        ),
    ]


def _neighbours() -> list[Site]:
    """Several feeds of one host (A13), one feed named twice (A25), and items under changing names
    (B12)."""
    shared = []
    for number, port in enumerate(("", "", "", "", ":8443")):
        news = News(f"shared-{number}")
        url = f"https://shared.example{port}/{number}.xml"
        script = Feed(news, strong) if number else _delayed(Feed(news, strong), 3)
        shared.append(Site(news.name, news, {url: script}))
    twice, sessions, tagged = News("twice"), News("sessions"), News("tagged")
    return [
        *shared,
        Site(
            "twice",
            twice,
            {_home("twice"): Feed(twice, strong)},
            also=("HTTPS://Twice.Example:443/feed.xml",),
        ),
        Site(
            "sessions",
            sessions,
            {_home("sessions"): Feed(sessions, guid=lambda n, ask: f"{n}-{ask.count}")},
            shortest=LONGEST,
        ),
        Site(
            "tagged",
            tagged,
            {
                _home("tagged"): Feed(
                    tagged,
                    guid=lambda n, ask: f"https://tagged.example/{n}?utm_source={ask.count}",
                    link=lambda n, ask: f"/{n}?utm_source=rss&utm_campaign={ask.count}",
                )
            },
            shortest=LONGEST,
        ),
        Site(
            "newcomer",
            News("newcomer"),
            {_home("newcomer"): Feed(News("newcomer"), strong)},
            from_=6 * HOUR,
        ),
    ]
