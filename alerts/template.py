"""A template of the operator's own for what an alert says: small, and unable to do harm.

Jinja2's sandbox keeps a template from reaching objects, not from making a gigabyte of text. So of
its language only what cannot grow without bound is allowed: names, ``if``, one level of ``for``
over ``hits`` or ``terms``, comparisons, and a few filters; no arithmetic, no assignment, no calls,
no attributes but those of a hit. What a feed wrote is only ever a value: ``{{ 7*7 }}`` in a title
stays these letters.

The first line of what comes out takes the place of the title, the others that of the excerpts.
Link, host, source and time stay as they are: where a link leads is not the template's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alerts.alert import Alert, Digest, Event, Hit
from alerts.message import Message, Run, Text, message_of, names_other_place, text_of
from alerts.text import clean, cut

LONGEST = 4_000
"""Characters of a template, and of what it makes."""

NAMES = frozenset(
    {
        "rule",
        "severity",
        "tags",
        "title",
        "source",
        "host",
        "link",
        "lang",
        "author",
        "published",
        "terms",
        "excerpt",
        "count",
        "hits",
        "why",
        "event",
        "message",
        "kind",
    }
)
_OF_A_HIT = ("title", "source", "host", "link", "lang", "author", "published", "terms", "excerpt")
_LISTS = ("hits", "terms", "tags")
_FILTERS = frozenset(
    {"upper", "lower", "capitalize", "trim", "truncate", "default", "join", "length", "first"}
)
_HARMLESS = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.Not,
    nodes.And,
    nodes.Or,
    nodes.Concat,
)


class Template:
    """A template, checked.

    Raises:
        ValueError: it cannot be read, or does what none may; the message says what, and where.
    """

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ValueError(f"longer than {LONGEST:,} characters")
        environment = ImmutableSandboxedEnvironment(autoescape=False)
        try:
            _check(environment.parse(text), within=())
            self._template = environment.from_string(text)
        except TemplateSyntaxError as error:
            raise ValueError(f"line {error.lineno}: {error.message}") from None

    def message(self, alert: Alert) -> Message:
        """What the alert says, in the template's words."""
        usual = message_of(alert)
        made = self._template.render(_values(alert, usual))[: LONGEST * 4]
        lines = [line for line in map(clean, made.split("\n")) if line]
        if not lines:
            return usual
        heading, rest = cut(lines[0], 1_000), [cut(line, LONGEST) for line in lines[1:]]
        if not usual.entries:
            return replace(usual, heading=heading, text=cut(" ".join(rest), LONGEST))
        if len(usual.entries) > 1 or usual.more:
            return replace(usual, heading=heading)
        old = usual.entries[0]
        entry = replace(
            old,
            title=_as_text(heading),
            excerpts=tuple(map(_as_text, rest)),
            labels_link=not names_other_place(heading, old.host),
        )
        return replace(usual, heading=heading, entries=(entry,), facts=())


def _as_text(line: str) -> Text:
    return (Run(line),)


def _check(node: nodes.Node, within: tuple[str, ...]) -> None:
    """Refuse whatever is not known to be harmless; ``within``: the names of the loop around."""
    match node:
        case nodes.Name(name=name):
            _check_name(node, name, within)
        case nodes.Getattr(node=nodes.Name(name=name), attr=attribute):
            if name not in within or attribute not in _OF_A_HIT:
                raise _refused(node, f"'{name}.{attribute}' is not known here")
        case nodes.Filter(name=name):
            if name not in _FILTERS:
                known = ", ".join(sorted(_FILTERS))
                raise _refused(node, f"no filter '{name}'; known are {known}")
        case nodes.For():
            _check_loop(node, within)
            return
        case _ if not isinstance(node, _HARMLESS):
            what = type(node).__name__.lower()
            raise _refused(node, f"'{what}' is more than a template here may do")
    for child in node.iter_child_nodes():
        _check(child, within)


def _check_name(node: nodes.Node, name: str, within: tuple[str, ...]) -> None:
    if name not in NAMES and name not in within:
        raise _refused(node, f"there is no '{name}'; known are {', '.join(sorted(NAMES))}")


def _check_loop(loop: nodes.For, within: tuple[str, ...]) -> None:
    match loop:
        case nodes.For(
            target=nodes.Name(name=name), iter=nodes.Name(name=over), recursive=False, test=None
        ) if over in _LISTS and not within:
            for child in (*loop.body, *loop.else_):
                _check(child, (name,))
        case _:
            raise _refused(loop, "a for may only go over hits, terms or tags, and not nest")


def _refused(node: nodes.Node, message: str) -> ValueError:
    return ValueError(f"line {node.lineno}: {message}")


def _values(alert: Alert, message: Message) -> Mapping[str, Any]:
    """Plain texts and lists of texts: there is nothing to reach through them."""
    values: dict[str, Any] = dict.fromkeys(NAMES, "")
    values |= {"rule": message.rule, "severity": message.severity, "kind": alert.kind}
    hits = [_of_entry(message, at) for at in range(len(message.entries))]
    values |= {"hits": hits, "terms": [], "tags": [], "count": str(len(hits) + message.more)}
    match alert.body:
        case Hit() as hit:
            values |= hits[0]
            values |= {
                "author": cut(clean(hit.item.author), 200),
                "terms": [cut(clean(term), 200) for term in hit.match.terms],
                "tags": [cut(clean(tag), 200) for tag in hit.rule.tags],
            }
        case Digest() as digest:
            values |= {"why": cut(clean(digest.why), 200), "title": message.heading}
        case Event() as event:
            values |= {
                "event": cut(clean(event.name), 200),
                "message": message.text,
                "title": message.heading,
            }
    return values


def _of_entry(message: Message, at: int) -> dict[str, Any]:
    entry = message.entries[at]
    return {
        "title": text_of(entry.title),
        "source": entry.source,
        "host": entry.host,
        "link": entry.link,
        "lang": entry.lang,
        "author": "",
        "terms": [],
        "published": entry.at.strftime("%Y-%m-%d %H:%M UTC"),
        "excerpt": text_of(entry.excerpts[0]) if entry.excerpts else "",
    }
