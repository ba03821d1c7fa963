"""`wirewatch why`: why a rule matches a stored item or does not, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import AsJson, ConfigPath, fail, print_json
from monitor.cli.highlight import Ink, Paper, headline, until_nobody_reads
from monitor.cli.reading import open_store

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Row

    from monitor.config import Config, RuleConfig
    from monitor.store import Store
    from rules import Document, Explanation

_MOST_ENTRIES = 10
_MOST_WORDS = 3
_MOST_SAME = 20
_LONGEST = 100


def command(
    item: Annotated[
        str, typer.Argument(help="An item's or a hit's id or its beginning, or an item's URL.")
    ],
    rule: Annotated[
        str | None, typer.Argument(help="A rule's name; of a hit, its own if left out.")
    ] = None,
    config: ConfigPath = None,
    expr: Annotated[bool, typer.Option("--expr", help="RULE is an expression.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show why a rule matches a stored item, or why not: where the item was seen, the rule part by
    part, true or false with the words found, its hit, and what became of the alerts. The rule is
    read as it is in the configuration now."""
    with until_nobody_reads(), open_store(config) as (checked, store):
        found = _found(checked, store, item, rule, expr=expr)
        if as_json:
            print_json([_object(found)])
        else:
            _Show(checked.timezone).all(found)


@dataclass(frozen=True, slots=True)
class _Found:
    """One item, one rule, and everything there is to say about both. ``rule`` None: an expression
    of the command line. ``before``: by delivery that sums up a story, what told that first.
    ``same``: other items that have the URL asked for."""

    row: Row[Any]
    document: Document
    sightings: Sequence[Row[Any]]
    rule: RuleConfig | None
    expression: str
    tree: Explanation
    hit: Row[Any] | None
    deliveries: Sequence[Row[Any]]
    before: Mapping[str, Row[Any]]
    same: Sequence[str]


def _found(config: Config, store: Store, item: str, name: str | None, *, expr: bool) -> _Found:
    from monitor.cli.stored import reader_of

    ids, hit_rule = _item_ids(store, item)
    name = name if name is not None else hit_rule
    if name is None:
        fail("why: name a rule too, or with --expr an expression in quotes")
    rule = None if expr else _rule(config, name)
    expression = rule.expression if rule else name
    row = store.items([ids[0]])[ids[0]]
    document = reader_of(config, store.feeds())(row)
    hit = store.hit_of(row.id, rule.name) if rule else None
    deliveries = store.deliveries_of(hit.id) if hit else []
    return _Found(
        row=row,
        document=document,
        sightings=store.sightings_of(row.id),
        rule=rule,
        expression=expression,
        tree=_tree(config, rule, expression, document),
        hit=hit,
        deliveries=deliveries,
        before=_told_before(store, deliveries),
        same=ids[1:],
    )


def _told_before(store: Store, deliveries: Sequence[Row[Any]]) -> dict[str, Row[Any]]:
    """By delivery, of those that sum up a story: the one that told it first."""
    from monitor.store.stories import OF_STORY

    found = {}
    for sent in deliveries:
        before, _, story = sent.held_by.partition(OF_STORY)
        told = None if before or not story else store.story_told_by(story, sent.rule, sent.channel)
        if told is not None:
            found[sent.id] = told
    return found


def _item_ids(store: Store, given: str) -> tuple[list[str], str | None]:
    """Ids of the items that are meant, the one to explain first; the rule, where a hit is."""
    given = given.encode(errors="replace").decode()  # no database takes what is not UTF-8
    if "://" in given:
        found = _at_url(store, given)
        if not found:
            fail(f"{given}: no stored item has this URL")
        return found, None
    items, hits = store.find_items(given), store.find_hits(given)
    if len(items) + len(hits) > 1:
        fail(f"{given}: more than one item or hit begins so; write more of the id")
    if hits:
        hit = store.hit(hits[0])
        return [hit.item_id], hit.rule
    if not items:
        fail(f"{given}: no item and no hit begins so; ids are shown by: wirewatch hits")
    return items, None


def _at_url(store: Store, url: str) -> list[str]:
    from monitor.urls import BadUrl, normalised

    found = store.items_at(url, _MOST_SAME)
    if found:
        return found
    try:
        return store.items_at(normalised(url), _MOST_SAME)
    except BadUrl:
        return []


def _rule(config: Config, name: str) -> RuleConfig:
    from monitor.config_values import nearest, shown

    if name not in config.rules:
        hint = nearest(name, config.rules) or "for an expression, add --expr"
        fail(f"no rule '{shown(name)}' in the configuration; {hint}")
    return config.rules[name]


def _tree(
    config: Config, rule: RuleConfig | None, expression: str, document: Document
) -> Explanation:
    from rules import RuleErrors, compile_rules

    if rule and rule.enabled:
        return config.ruleset.why(rule.name, document)
    try:
        return compile_rules({"": expression}, config.terms).why("", document)
    except RuleErrors as errors:
        for mistake in errors.mistakes:
            typer.echo(str(mistake), err=True)
        raise typer.Exit(2) from None


def _verdict(found: _Found) -> str:
    """What it comes to, in one sentence."""
    true, hit, rule = found.tree.true, found.hit, found.rule
    if rule is None:
        return f"the expression {'matches' if true else 'does not match'} this item"
    if hit and not true:
        return "a hit, although the rule does not match now: it or the item was changed since"
    if hit:
        return f"a hit; {_told(hit, found.deliveries, found.before)}"
    if not true:
        return "no match"
    return f"a match, but no hit: {_why_no_hit(rule, found.row)}"


def _told(hit: Row[Any], deliveries: Sequence[Row[Any]], before: Mapping[str, Row[Any]]) -> str:
    if hit.untold == "baseline":
        return "nobody was told: it was there when its feed was polled first"
    if hit.untold == "max_age":
        return "nobody was told: it was older than its feed's max_age"
    if hit.untold == "dropped":
        return "nobody was told: its feed republished old items, and an operator dropped these hits"
    if hit.untold:
        return f"nobody was told: {hit.untold}"
    if not deliveries:
        return "nobody was told: the rule had no channel that was on"
    return ", ".join(f"{row.channel}: {_state(row, before.get(row.id))}" for row in deliveries)


def _state(row: Row[Any], before: Row[Any] | None) -> str:
    if before is None:
        return str(row.state)
    done = "counted in its story" if row.state == "held" else f"{row.state} with its story"
    return f"{done}, which delivery {before.id} told"


def _why_no_hit(rule: RuleConfig, row: Row[Any]) -> str:
    if not rule.enabled:
        return "the rule is not enabled"
    if rule.until and rule.until <= row.first_seen_at:
        return "the rule had ended"
    return (
        "a rule looks at new items only, and it or the groups it uses are newer than this one; "
        f"to look back: wirewatch backtest {rule.name}"
    )


def _object(found: _Found) -> dict[str, Any]:
    row, hit = found.row, found.hit
    return {
        "item": {
            "id": row.id,
            "title": row.title,
            "url": row.url,
            "source": row.source,
            "author": row.author,
            "lang": row.lang,
            "published": row.published_at,
            "first_seen": row.first_seen_at,
            "edited": row.edited_at,
        },
        "sightings": [
            {
                "feed": seen.feed,
                "first_seen": seen.first_seen_at,
                "last_seen": seen.last_seen_at,
                "first_poll": _in_first_poll(seen),
            }
            for seen in found.sightings
        ],
        "rule": found.rule.name if found.rule else None,
        "expression": found.expression,
        "true": found.tree.true,
        "tree": _branch(found.tree),
        "hit": hit
        and {"id": hit.id, "at": hit.at, "untold": hit.untold, "match": json.loads(hit.match)},
        "deliveries": [_delivery(sent) for sent in found.deliveries],
        "verdict": _verdict(found),
        "same_url": list(found.same),
    }


def _branch(tree: Explanation) -> dict[str, Any]:
    return {
        "kind": tree.kind,
        "text": tree.text,
        "true": tree.true,
        "note": tree.note,
        "spans": [span._asdict() for span in tree.spans],
        "children": [_branch(child) for child in tree.children],
    }


def _delivery(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "channel": row.channel,
        "state": row.state,
        "attempts": row.attempts,
        "created": row.created_at,
        "due": row.due_at,
        "last_attempt": row.last_attempt_at,
        "sent": row.sent_at,
        "answer": row.answer,
    }


def _in_first_poll(seen: Row[Any]) -> bool:
    return seen.baselined_at is not None and seen.first_seen_at <= seen.baselined_at


class _Show:
    """The whole story, in the order in which it happened."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._paper = Paper()

    def all(self, found: _Found) -> None:
        self._item(found)
        self._rule(found)
        self._branch(found.tree, found.document, 1)
        self._hit(found)
        self._paper.paragraph(0, Ink(_verdict(found), "name"), hang=0)

    def _item(self, found: _Found) -> None:
        from alerts.text import clean

        row = found.row
        self._paper.paragraph(0, *headline(found.document, found.tree.spans))
        if row.url:
            self._paper.line(Ink("  "), Ink(clean(row.url), "aside"))
        facts = [f"item {row.id}", f"lang {row.lang or 'unknown'}", row.source]
        if row.published_at:
            facts.append(f"published {self._at(row.published_at)}")
        if row.edited_at:
            facts.append(f"edited {self._at(row.edited_at)}")
        self._aside(", ".join(fact for fact in facts if fact))
        feeds: set[str] = set()
        for seen in found.sightings:
            first = ", when the feed was polled first" if _in_first_poll(seen) else ""
            again = ", under another guid" if seen.feed_id in feeds else ""
            self._aside(f"feed {seen.feed}: seen {self._at(seen.first_seen_at)}{first}{again}")
            feeds.add(seen.feed_id)
        if found.same:
            self._aside(
                f"the newest of {len(found.same) + 1} items with this URL; the others: "
                + ", ".join(found.same)
            )

    def _rule(self, found: _Found) -> None:
        rule = found.rule
        if rule is None:
            self._paper.line(Ink("expression", "name"))
            return
        until = f", until {self._at(rule.until)}" if rule.until else ""
        off = "" if rule.enabled else ", not enabled"
        self._paper.line(Ink(f"rule {rule.name}", "name"), Ink(f"{until}{off}", "aside"))

    def _branch(self, tree: Explanation, document: Document, depth: int) -> None:
        from alerts.text import clean, cut

        mark = Ink("yes ", "true") if tree.true else Ink("no  ", "false")
        note = f"  ({clean(tree.note)})" if tree.note else ""
        pieces = [mark, Ink(cut(clean(tree.text), _LONGEST))]
        if tree.true and not tree.children:
            pieces += _words(tree, document)
        self._paper.paragraph(2 * depth, *pieces, Ink(note, "aside"), hang=4)
        shown = _entries(tree) if tree.kind == "group" else tree.children
        for child in shown:
            self._branch(child, document, depth + 1)
        left = len(tree.children) - len(shown)
        if left:
            others = "other is not there" if left == 1 else "others are not there"
            self._paper.line(Ink("  " * (depth + 1)), Ink(f"and {left} {others}", "aside"))

    def _hit(self, found: _Found) -> None:
        hit = found.hit
        if hit is None:
            return
        self._paper.line(Ink("hit", "name"), Ink(f" {hit.id}, {self._at(hit.at)}", "aside"))
        for row in found.deliveries:
            self._aside(self._sent(row))

    def _sent(self, row: Row[Any]) -> str:
        from alerts.text import clean

        tries = f"{row.attempts} {'try' if row.attempts == 1 else 'tries'}"
        at = row.sent_at or row.last_attempt_at
        last = f", last {self._at(at)}" if at else ""
        word = {"due": "next", "held": "until"}.get(row.state)
        due = f", {word} {self._at(row.due_at)}" if word else ""
        answer = f": {clean(row.answer)}" if row.answer else ""
        return f"{row.channel}: {row.state}, {tries}{last}{due}{answer}"

    def _aside(self, text: str) -> None:
        from alerts.text import clean

        self._paper.paragraph(2, Ink(clean(text), "aside"))

    def _at(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M:%S %Z}"


def _entries(group: Explanation) -> Sequence[Explanation]:
    """Of a group the entries that are there, or of one that is not some that are not."""
    there = [entry for entry in group.children if entry.true]
    return there or group.children[:_MOST_ENTRIES]


def _words(leaf: Explanation, document: Document) -> Iterator[Ink]:
    """The words that make a part true, and where they stand."""
    from alerts.text import clean, cut

    for number, span in enumerate(islice(leaf.spans, _MOST_WORDS)):
        text: str = getattr(document, span.field)
        word = cut(clean(text[span.start : span.end]), _LONGEST)
        yield Ink(f"{', ' if number else '  '}{span.field} ", "aside")
        yield Ink(word, "match")
    if len(leaf.spans) > _MOST_WORDS:
        yield Ink(f" and {len(leaf.spans) - _MOST_WORDS} more", "aside")
