"""The history checker that every fault test ends with (D24): nothing lost, nothing made up.

It believes nobody: what was published and what the receivers took in come from the rigs, what is
to be told comes from the slow reference evaluator, and the database is read without the daemon's
own code. Then these must hold:

- every article that a rule matches has exactly one hit, and no other article has one;
- every such hit reached every channel of its rule, or is a dead letter there, or (`waiting`) is
  still to be sent;
- a delivery marked as sent was taken in by its receiver, and what was taken in has a delivery;
- repeats carry the id of the first;
- nobody was told what only the first poll of a feed showed;
- the database is whole.

`check_history` is for worlds in which each hit is an alert of its own; `check_tellings` for those
with digests, stories, fallbacks and reloads, where it also holds that each hit is in exactly one
delivery a channel, that digests count what they carry, and that nothing is repeated without need.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from rigs.mailbox import Mail
from rigs.receiver import Request

import rules

SITE = "https://news.example/"
_LINK = re.compile(re.escape(SITE) + r"[\w/-]+")
_RULE = re.compile(r"\brule ([\w-]+)")
_SUBJECT = re.compile(r"\[([\w-]+)\]")


@dataclass(frozen=True, slots=True)
class Article:
    """What a publisher published in one feed. ``link`` is its own and nobody else's."""

    feed: str
    guid: str
    title: str
    text: str = ""

    @property
    def link(self) -> str:
        return f"{SITE}{self.feed}/{self.guid}"


Told = tuple[str, str]
"""(link of an article, name of a rule)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An alert that a receiver took in, whether or not the sender was told. ``id`` is empty where
    a service has no place for one."""

    channel: str
    id: str
    link: str
    rule: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be told, and ``untold``: what must be known but told to nobody. ``send`` are the
    channels of each rule."""

    told: frozenset[Told]
    send: Mapping[str, Sequence[str]]
    untold: frozenset[Told] = frozenset()


def matching(
    articles: Iterable[Article],
    expressions: Mapping[str, str],
    terms: Mapping[str, Sequence[str]] | None = None,
) -> frozenset[Told]:
    """What the reference evaluator says these rules match."""
    return frozenset(
        (article.link, name)
        for article in articles
        for name, expression in expressions.items()
        if rules.evaluate(
            expression, rules.Document(title=article.title, summary=article.text), terms or {}
        )
    )


def webhook_arrivals(channel: str, requests: Iterable[Request]) -> Iterator[Arrival]:
    """Hits that a webhook took in; events are left out."""
    for request in requests:
        body = request.json
        if body["type"] == "hit":
            data = body["data"]
            yield Arrival(
                channel,
                request.header("webhook-id") or "",
                data["item"]["url"],
                data["rule"]["name"],
            )


def chat_arrivals(channel: str, requests: Iterable[Request]) -> Iterator[Arrival]:
    """Hits that a Slack-like chat took in: known by their link, as it has no place for an id."""
    for request in requests:
        blocks = json.dumps(request.json["blocks"], ensure_ascii=False)
        if (link := _LINK.search(blocks)) and (rule := _RULE.search(blocks)):
            yield Arrival(channel, "", link[0], rule[1])


def mail_arrivals(channel: str, mails: Iterable[Mail]) -> Iterator[Arrival]:
    """Hits that a mailbox took in."""
    for mail in mails:
        message = mail.message
        text = message.get_body(("plain",))
        link = _LINK.search(text.get_content()) if text else None
        rule = _SUBJECT.match(message["Subject"])
        if link and rule:
            message_id = message["Message-ID"]
            yield Arrival(channel, message_id.strip("<>").partition("@")[0], link[0], rule[1])


def check_history(
    database: Path,
    expected: Expected,
    arrivals: Collection[Arrival],
    *,
    waiting: bool = False,
    dead: bool = False,
) -> None:
    """Raise AssertionError with every fault there is in what happened.

    Args:
        database: the SQLite file.
        expected: what must have been told, and what must not.
        arrivals: all that the receivers took in.
        waiting: alerts may still be on their way.
        dead: alerts may be dead letters.
    """
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        faults = [
            *_broken(connection),
            *_wrong_hits(connection, expected),
            *_wrong_deliveries(connection, expected, arrivals, waiting=waiting, dead=dead),
        ]
    faults += _changed_ids(arrivals)
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:40])


def stored_links(database: Path) -> set[str]:
    """The links of the articles that are stored."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {link for (link,) in connection.execute("SELECT url FROM items")}


def _broken(connection: sqlite3.Connection) -> Iterator[str]:
    for (answer,) in connection.execute("PRAGMA integrity_check"):
        if answer != "ok":
            yield f"the database is broken: {answer}"
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"a row refers to nothing: {row}"
    for (link,) in connection.execute(
        "SELECT i.url FROM items i LEFT JOIN sightings s ON s.item_id = i.id "
        "WHERE s.item_id IS NULL"
    ):
        yield f"an item that no feed has shown: {link}"


def _wrong_hits(connection: sqlite3.Connection, expected: Expected) -> Iterator[str]:
    found = Counter[Told]()
    untold = set()
    for link, rule, why in connection.execute(
        "SELECT i.url, h.rule, h.untold FROM hits h JOIN items i ON i.id = h.item_id"
    ):
        found[link, rule] += 1
        if why:
            untold.add((link, rule))
    for told in sorted(expected.told | expected.untold | set(found)):
        wanted = told in expected.told or told in expected.untold
        if found[told] != wanted:
            yield f"{found[told]} hits instead of {int(wanted)}: {told}"
    for told in sorted(untold ^ expected.untold):
        yield f"{'kept quiet' if told in untold else 'not kept quiet'}: {told}"


@dataclass(frozen=True, slots=True)
class _Delivery:
    id: str
    channel: str
    state: str
    told: Told


def _wrong_deliveries(
    connection: sqlite3.Connection,
    expected: Expected,
    arrivals: Collection[Arrival],
    *,
    waiting: bool,
    dead: bool,
) -> Iterator[str]:
    stored: dict[tuple[Told, str], list[_Delivery]] = defaultdict(list)
    for delivery in _deliveries(connection):
        stored[delivery.told, delivery.channel].append(delivery)
    came: dict[tuple[Told, str], set[str]] = defaultdict(set)
    for arrival in arrivals:
        came[(arrival.link, arrival.rule), arrival.channel].add(arrival.id)
    wanted = {
        (told, channel) for told in expected.told for channel in expected.send.get(told[1], ())
    }
    allowed = {"sent", *(("due", "sending") if waiting else ()), *(("dead",) if dead else ())}
    for place in sorted(wanted | set(stored) | set(came)):
        rows = stored.get(place, [])
        if len(rows) != (place in wanted):
            yield f"{len(rows)} deliveries instead of {int(place in wanted)}: {place}"
        for row in rows:
            if row.state not in allowed:
                yield f"still {row.state}: {row}"
            if row.state == "sent" and place not in came:
                yield f"marked as sent, but never arrived: {row}"
            for strange in came.get(place, set()) - {row.id, ""}:
                yield f"arrived as {strange}, but is stored as {row}"
        if place in came and not rows:
            yield f"arrived, but is not stored: {place}"


def _deliveries(connection: sqlite3.Connection) -> Iterator[_Delivery]:
    for id_, channel, state, link, rule in connection.execute(
        "SELECT d.id, d.channel, d.state, i.url, h.rule FROM deliveries d "
        "JOIN delivery_hits dh ON dh.delivery_id = d.id AND dh.channel = d.channel "
        "JOIN hits h ON h.id = dh.hit_id JOIN items i ON i.id = h.item_id"
    ):
        yield _Delivery(id_, channel, state, (link, rule))
    for id_, channel in connection.execute(
        "SELECT d.id, d.channel FROM deliveries d LEFT JOIN delivery_hits dh "
        "ON dh.delivery_id = d.id WHERE d.kind = 'hit' AND dh.hit_id IS NULL"
    ):
        yield _Delivery(id_, channel, "without a hit", ("", ""))


def _changed_ids(arrivals: Iterable[Arrival]) -> Iterator[str]:
    ids: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    places: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for arrival in arrivals:
        place = (arrival.channel, arrival.link, arrival.rule)
        ids[place].add(arrival.id)
        if arrival.id:
            places[arrival.id].add(place)
    for place, several in ids.items():
        if len(several) > 1:
            yield f"told under {len(several)} ids: {place}"
    for id_, told in places.items():
        if len(told) > 1:
            yield f"one id for several alerts: {id_} {sorted(told)}"


@dataclass(frozen=True, slots=True)
class Telling:
    """An alert that a receiver took in, as it says what it tells: ``count`` hits of a rule, of
    which ``shown`` are shown by their links. An event tells none."""

    channel: str
    id: str
    rule: str = ""
    count: int = 0
    shown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What should have happened. ``told``: the channels of each hit, as the rules were when it was
    found; ``untold``: hits that nobody is told; ``fallbacks``: pairs of a channel and one that
    tells for it; ``unsure``: how often an alert's sender could not know that it had arrived."""

    told: Mapping[Told, Collection[str]]
    untold: frozenset[Told] = frozenset()
    fallbacks: frozenset[tuple[str, str]] = frozenset()
    unsure: Mapping[str, int] = field(default_factory=dict)


def check_tellings(
    database: Path, plan: Plan, tellings: Collection[Telling], *, over: bool = False
) -> None:
    """Raise AssertionError with every fault in what was told alone, in digests or by a fallback.

    Args:
        database: the SQLite file.
        plan: what should have happened.
        tellings: all that the receivers took in.
        over: all had time enough, and every channel works: nothing waits, nothing is dead.
    """
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        everything = Expected(frozenset(plan.told), {}, plan.untold)
        book = _Book(connection)
        faults = [
            *_broken(connection),
            *_wrong_hits(connection, everything),
            *book.lost(plan, tellings, over=over),
            *book.made_up(plan),
            *book.miscounted(),
            *book.mistold(tellings),
        ]
    faults += _repeated(plan, tellings)
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:40])


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    channel: str
    kind: str
    state: str
    answer: str
    count: int | None


_GOES_ON = {"due", "sending", "held"}
_INSTEAD = re.compile(r"told by '([\w-]+)' instead$")


class _Book:
    """The deliveries of a database, and the hits that each of them carries."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.rows = {
            row[0]: _Row(*row)
            for row in connection.execute(
                "SELECT id, channel, kind, state, answer, json_extract(alert, '$.data.count') "
                "FROM deliveries"
            )
        }
        self.hits: dict[str, set[Told]] = defaultdict(set)
        self.of: dict[tuple[Told, str], _Row] = {}
        for id_, channel, link, rule in connection.execute(
            "SELECT dh.delivery_id, dh.channel, i.url, h.rule FROM delivery_hits dh "
            "JOIN hits h ON h.id = dh.hit_id JOIN items i ON i.id = h.item_id"
        ):
            self.hits[id_].add((link, rule))
            self.of[(link, rule), channel] = self.rows[id_]

    def lost(self, plan: Plan, tellings: Iterable[Telling], *, over: bool) -> Iterator[str]:
        """Hits that a channel was not told, and will not be, and that no dead letter shows."""
        arrived = {(telling.channel, telling.id) for telling in tellings}
        for told, send in plan.told.items():
            for channel in send:
                row = self.of.get((told, channel))
                if row is None:
                    yield f"in no delivery for {channel}: {told}"
                    continue
                instead = _INSTEAD.search(row.answer) if row.state == "dead" else None
                if row.channel != channel:
                    yield f"for {channel}, but in a delivery of another channel: {told} {row}"
                if row.state not in _GOES_ON | {"sent", "dead"}:
                    yield f"for {channel} in a delivery that nobody sends: {told} {row}"
                if row.state == "sent" and (channel, row.id) not in arrived:
                    yield f"marked as sent to {channel}, but never arrived: {told} {row}"
                if row.state == "dead" and not row.answer:
                    yield f"dead without a cause: {told} {row}"
                if instead and (told, instead[1]) not in self.of:
                    yield f"handed over, but not to be told there: {told} {row}"
                if over and row.state != "sent":
                    yield f"still {row.state}, although everything works: {told} {row}"

    def made_up(self, plan: Plan) -> Iterator[str]:
        """What is told to a channel that it is not for."""
        for (told, channel), row in self.of.items():
            wanted = plan.told.get(told, ())
            if channel not in wanted and not any(
                (other, channel) in plan.fallbacks for other in wanted
            ):
                yield f"not for {channel}: {told} {row}"

    def miscounted(self) -> Iterator[str]:
        """Alerts that say another number of hits than they carry."""
        for row in self.rows.values():
            carried = len(self.hits[row.id])
            if row.kind == "digest" and row.count != carried:
                yield f"says {row.count} hits and carries {carried}: {row}"
            if row.kind == "hit" and carried != (row.state != "folded"):
                yield f"one hit, and carries {carried}: {row}"

    def mistold(self, tellings: Iterable[Telling]) -> Iterator[str]:
        """Alerts that arrived and say something else than is stored."""
        for telling in tellings:
            row = self.rows.get(telling.id)
            if row is None or row.channel != telling.channel:
                yield f"arrived, but is not stored: {telling}"
                continue
            carried = self.hits[telling.id]
            if row.kind == "event" or row.state == "folded":
                continue
            if telling.count != len(carried):
                yield f"told {telling.count} hits of {len(carried)}: {telling}"
            for link in telling.shown:
                if (link, telling.rule) not in carried:
                    yield f"shows {link}, which it does not carry: {telling}"


def _repeated(plan: Plan, tellings: Iterable[Telling]) -> Iterator[str]:
    for id_, times in Counter(telling.id for telling in tellings).items():
        if times > 1 + plan.unsure.get(id_, 0):
            yield f"told {times} times, {plan.unsure.get(id_, 0)} of them in doubt: {id_}"
