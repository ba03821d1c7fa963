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
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
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
