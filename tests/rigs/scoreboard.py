"""The scoreboard: how each publisher was treated, request by request (A0).

A `Scoreboard` is told every request and every answer with the true time, and judges by what the
origin really said, never by what the daemon remembers. A `Row` is a feed's score; its ``bad``
columns must be zero. The columns are those of Rachel Kroll's feed reader score
(rachelbythebay.com/fs/help.html), and what else a publisher could see.

What is allowed: one request without conditions to begin with, more of them only while the last
whole document came without validators, or from another URL (A8), or after one was caught lying; and
one a day to a feed that has answered 304 for a day and longer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from rigs.origin import Reply
from rigs.publishers import DAY, HOUR, START, Ask, Site

NEVER = START + timedelta(days=36500)
_OURS = {"host", "user-agent", "accept", "accept-encoding", "if-none-match", "if-modified-since"}
_SECOND = timedelta(seconds=1)
BAD = (
    "careless",  # without conditions although there were validators
    "half",  # one validator of two
    "oos",  # a validator that was replaced since
    "bogus",  # a validator that this URL never gave
    "early",  # sooner after the last poll than this feed allows
    "waits",  # within a Retry-After, after a 429, after a 410
    "fresh",  # within max-age or Expires
    "quiet",  # within skipHours or skipDays
    "cookies",
    "referrers",
    "headers",  # others that nobody asked for
    "stray",  # for a URL that nobody gave, or by another method
    "parallel",  # while this host was still answering another
    "rushed",  # less than the host's pause after another
    "late",  # polled less often than promised
    "lost",  # items published but not stored
    "twice",  # items stored more than once
)


@dataclass(frozen=True, slots=True)
class Given:
    """What a whole document came with: from which URL, which validators."""

    url: str
    etag: bytes | None
    modified: bytes | None

    @property
    def empty(self) -> bool:
        return self.etag is None and self.modified is None


@dataclass(slots=True)
class Row:
    """One feed's score. ``count`` has a number for every column that is not a time."""

    site: Site
    count: Counter[str] = field(default_factory=Counter)
    least: timedelta | None = None
    most: timedelta = timedelta()
    first_poll: datetime | None = None
    last_poll: datetime | None = None
    not_before: datetime = START
    why: str = "fresh"
    latest: Given | None = None
    older: set[tuple[str, bytes]] = field(default_factory=set)
    full_at: datetime = START
    body: bytes = b""
    said_same: bool = False
    caught: bool = False

    @property
    def bad(self) -> dict[str, int]:
        """The columns that should be zero and are not."""
        return {name: self.count[name] for name in BAD if self.count[name]}


@dataclass(slots=True)
class _Host:
    open: int = 0
    ended: datetime = START - DAY


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


class Scoreboard:
    """Judges what publishers saw. ``pause``: between two requests to one host."""

    def __init__(self, sites: Iterable[Site], pause: timedelta = _SECOND) -> None:
        self.rows = {site.name: Row(site) for site in sites}
        self.stray: list[str] = []
        self._by_url = {url: row for row in self.rows.values() for url in row.site.answers}
        self._hosts: dict[str, _Host] = {}
        self._hops: Counter[str] = Counter()
        self._stays: Counter[str] = Counter()
        self._pause = pause
        self._set_back: datetime | None = None

    def site(self, url: str) -> Site | None:
        """Whose URL it is."""
        row = self._by_url.get(url)
        return row.site if row else None

    def set_back(self, at: datetime) -> None:
        """The wall clock went back: what was put off before is put off once more."""
        self._set_back = at

    def asked(self, ask: Ask, method: str = "GET") -> None:
        """A request arrived."""
        row = self._by_url.get(ask.url)
        if row is None:
            self.stray.append(ask.url)
            return
        row.count["requests"] += 1
        row.count["stray"] += method != "GET"
        hop = self._hops[ask.url] > 0
        self._hops[ask.url] -= hop
        stays = self._stays[ask.url] > 0
        self._stays[ask.url] -= stays
        self._mind_host(row, ask, stays=stays)
        if not hop:
            self._mind_time(row, ask)
        self._mind_headers(row, ask)
        self._mind_conditions(row, ask)

    def _mind_host(self, row: Row, ask: Ask, *, stays: bool) -> None:
        """``stays``: a redirect within the host led here, which is followed at once."""
        host = self._hosts.setdefault(_host(ask.url), _Host())
        row.count["parallel"] += host.open > 0
        row.count["rushed"] += not stays and not host.open and ask.at - host.ended < self._pause
        host.open += 1

    def _mind_time(self, row: Row, ask: Ask) -> None:
        at, last = ask.at, row.last_poll
        if last is not None:
            gap = at - last
            row.least = min(row.least or gap, gap)
            if not self._was_set_back(row):
                row.most = max(row.most, gap)
            row.count["early"] += gap < row.site.shortest
        row.count[row.why] += at < row.not_before
        wanted = last is None or at - last >= DAY  # an alert is never a day late by a wish
        quiet = row.site.quiet(at) and row.site.quiet(ask.wall)  # its clock may be wrong
        row.count["quiet"] += quiet and not wanted
        row.first_poll, row.last_poll = row.first_poll or at, at

    def _was_set_back(self, row: Row) -> bool:
        last, back = row.last_poll, self._set_back
        return last is not None and back is not None and last <= back

    def _mind_headers(self, row: Row, ask: Ask) -> None:
        names = ask.headers.keys()
        row.count["cookies"] += "cookie" in names
        row.count["referrers"] += "referer" in names
        row.count["headers"] += bool(names - _OURS - {"cookie", "referer"})

    def _mind_conditions(self, row: Row, ask: Ask) -> None:
        sent = {
            "etag": ask.headers.get("if-none-match"),
            "modified": ask.headers.get("if-modified-since"),
        }
        known = row.latest if row.latest and row.latest.url == ask.url else None
        if sent["etag"] is None and sent["modified"] is None:
            self._unconditional(row, ask.at, known)
            return
        verdicts = [self._verdict(row, ask.url, name, value) for name, value in sent.items()]
        row.count["half"] += verdicts.count("half")
        worst = next((bad for bad in ("bogus", "oos") if bad in verdicts), "good")
        row.count[worst] += 1

    def _verdict(self, row: Row, url: str, name: str, value: bytes | None) -> str:
        latest = row.latest if row.latest and row.latest.url == url else None
        right: bytes | None = getattr(latest, name) if latest else None
        if value == right:
            return "good"
        if value is None:
            return "half"
        return "oos" if (f"{name} {url}", value) in row.older else "bogus"

    def _unconditional(self, row: Row, at: datetime, known: Given | None) -> None:
        row.count["unconditional"] += 1
        if known is None or known.empty or row.caught:
            return
        if row.said_same and at - row.full_at >= DAY:
            row.count["probes"] += 1
            row.full_at = at
        else:
            row.count["careless"] += 1

    def answered(self, ask: Ask, reply: Reply) -> None:
        """An answer went out; it is ``at`` the time that the client got it."""
        row = self._by_url[ask.url]
        self.left(ask)
        row.not_before, row.why = _silence(reply, ask.at)
        match reply.status:
            case 200 if reply.body.endswith((b"</rss>", b"]}")):
                self._whole(row, ask, reply)
            case 304:
                self._same(row, ask, reply)
            case 301 | 302 | 303 | 307 | 308:
                target = str(reply.headers["Location"])
                self._hops[target] += 1
                self._stays[target] += _host(target) == _host(ask.url)

    def left(self, ask: Ask) -> None:
        """The client hung up, or has its answer."""
        host = self._hosts[_host(ask.url)]
        host.open, host.ended = host.open - 1, ask.at

    def _whole(self, row: Row, ask: Ask, reply: Reply) -> None:
        if row.said_same and row.body != reply.body and row.site.lies:
            row.caught = True
        row.body, row.full_at, row.said_same = reply.body, ask.at, False
        self._give(row, Given(ask.url, _header(reply, "ETag"), _header(reply, "Last-Modified")))

    def _same(self, row: Row, ask: Ask, reply: Reply) -> None:
        row.said_same = True
        told = Given(ask.url, _header(reply, "ETag"), _header(reply, "Last-Modified"))
        known = row.latest
        if known is None or known.url != ask.url or told.empty:
            return
        same_etag = told.etag in {None, known.etag}
        if not (same_etag and told.modified in {None, known.modified}):
            self._give(row, told)

    def _give(self, row: Row, given: Given) -> None:
        if row.latest is not None:
            for name, value in (("etag", row.latest.etag), ("modified", row.latest.modified)):
                if value is not None:
                    row.older.add((f"{name} {row.latest.url}", value))
        row.latest = given

    def end(self, at: datetime, slack: timedelta) -> None:
        """The world ends: who was polled too seldom? ``slack``: restarts and the clock's grain."""
        for row in self.rows.values():
            if row.last_poll is not None and not row.site.ends and not self._was_set_back(row):
                row.most = max(row.most, at - row.last_poll)
            longest = row.site.longest
            allowed = longest + min(longest / 10, timedelta(minutes=30)) + slack
            row.count["late"] += row.last_poll is None or row.most > allowed

    @property
    def bad(self) -> dict[str, dict[str, int]]:
        """The feeds that were treated badly, and how; strange URLs under an empty name."""
        bad = {name: row.bad for name, row in self.rows.items() if row.bad}
        return bad | ({"": {"stray": len(self.stray)}} if self.stray else {})

    def table(self) -> str:
        """For people: a line a feed."""
        shown = ("requests", "unconditional", "probes", "good", *BAD, "found")
        lines = [
            " ".join([f"{'feed':16}", *(f"{_short(c):>6}" for c in ("least", "most", *shown))])
        ]
        for row in self.rows.values():
            counts = (str(row.count[column] or "·") for column in shown)
            cells = " ".join(
                f"{cell:>6}" for cell in (_minutes(row.least), _minutes(row.most), *counts)
            )
            lines.append(f"{row.site.name:16} {cells}")
        return "\n".join(lines)


def _short(column: str) -> str:
    names = {
        "requests": "asked",
        "unconditional": "uncond",
        "parallel": "paral",
        "careless": "carels",
    }
    return names.get(column, column)[:6]


def _minutes(gap: timedelta | None) -> str:
    return "-" if gap is None else f"{gap.total_seconds() / 60:.0f}m"


def _header(reply: Reply, name: str) -> bytes | None:
    value = reply.headers.get(name)
    assert not isinstance(value, list)
    return value.encode("latin-1") if isinstance(value, str) else value


def _text(reply: Reply, name: str) -> str:
    return (_header(reply, name) or b"").decode("latin-1")


def _silence(reply: Reply, at: datetime) -> tuple[datetime, str]:
    """Until when no request is wanted after this answer, and the column that counts them."""
    if reply.status == 410:
        return NEVER, "waits"
    if reply.status in {429, 503}:
        wait = _retry_after(reply)
        if wait is None:
            wait = HOUR if reply.status == 429 else timedelta()
        return at + wait, "waits"
    return at + min(_fresh(reply), DAY), "fresh"


def _retry_after(reply: Reply) -> timedelta | None:
    said = _text(reply, "Retry-After")
    if not said:
        return None
    if said.isdigit():
        return timedelta(seconds=int(said))
    return parsedate_to_datetime(said) - parsedate_to_datetime(_text(reply, "Date"))


def _fresh(reply: Reply) -> timedelta:
    said = re.search(r"max-age=(\d+)", _text(reply, "Cache-Control"))
    if said:
        return timedelta(seconds=min(int(said[1]), 2**31) - int(_text(reply, "Age") or 0))
    if _text(reply, "Expires"):
        return parsedate_to_datetime(_text(reply, "Expires")) - parsedate_to_datetime(
            _text(reply, "Date")
        )
    return timedelta()
