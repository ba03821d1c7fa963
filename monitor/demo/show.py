"""What the terminal shows of the demo, scene by scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain, repeat
from pathlib import Path
from types import MappingProxyType

from rich.table import Table
from rich.text import Text

from monitor.demo.looker import FeedState, Found
from monitor.demo.papers import Article
from monitor.demo.process import LogLine
from monitor.demo.programme import CHAT, MAIL, Step
from monitor.demo.receivers import Arrival
from monitor.demo.tape import Tape
from monitor.demo.verdict import Tally, Told

_RECEIVERS = MappingProxyType({CHAT: ("chat", "magenta"), MAIL: ("mail", "blue")})
_MOST_ROWS = 30
_STYLES = MappingProxyType(
    {"subject": "bold", "title": "", "quote": "", "small": "dim", "plain": ""}
)


class Show:
    """Tells the demo on a tape."""

    def __init__(self, tape: Tape, command: str = "wirewatch") -> None:
        self._tape = tape
        self._command = command

    def opening(self, directory: Path | None, rules: str) -> None:
        """What is going to happen, and the rules. ``directory`` when there is time to look."""
        tape = self._tape
        tape.rule("wirewatch demo")
        about = (
            "Five invented newspapers in five languages, one page that is no feed, a chat room "
            "(newsroom) and a mailbox (desk), all on this machine. The daemon is the real one:"
        )
        tape.row("", "", [Text(about), Text(f"wirewatch run -c {directory or 'DIR'}", "bold")])
        tape.rule("Its rules")
        tape.row("", "", [_yaml(line) for line in _without_examples(rules)])
        tape.blank()

    def starting(self) -> AbstractContextManager[object]:
        """The daemon is being started; a sign of life while the context is open."""
        self._tape.row("start", "dim", [Text("the daemon makes its database", "dim")])
        return self._tape.busy("starting")

    def first_polls(self, feeds: Sequence[FeedState], finds: Sequence[Found]) -> None:
        """How each feed did, and what was found in what had been published before."""
        self._tape.row("polled", "cyan", [_feed_line(feed) for feed in feeds])
        told = (
            f"{len(finds)} of these articles match, but came before we watched: remembered, "
            "told to nobody"
        )
        self._tape.row("", "", [Text(told, "dim")])

    def published(self, step: Step, paper: str, title: str) -> None:
        """An article came out."""
        what = "corrected" if step.corrected else "published"
        self._tape.blank()
        self._tape.row(what, "green", [Text(title, "bold"), Text(f"{paper}: {step.says}", "dim")])

    def polled(self, lines: Iterable[LogLine]) -> None:
        """Polls since the last time, in one line."""
        outcomes = Counter(line.facts.get("outcome", "") for line in lines if line.what == "poll")
        failed = outcomes.total() - outcomes["ok"] - outcomes["not_modified"]
        parts = [
            f"{_many(outcomes.total(), 'request')}: {outcomes['not_modified']} not modified (304)",
            f"{outcomes['ok']} with news",
            *([f"{failed} failed"] if failed else []),
        ]
        self._tape.row("polled", "cyan", [Text(self._tape.dot.join(parts), "dim")])

    def matched(self, found: Found) -> None:
        """Which words of an item matched, for which rules."""
        tape = self._tape
        tape.row("matched", "yellow", [tape.marked(found.title)])
        tape.row("", "", [tape.marked(piece) for piece in found.pieces], most=4)
        for rule, terms in found.rules.items():
            why = f" in {found.feed}, because of {', '.join(terms)}"
            tape.row("", "", [Text.assemble("rule ", (rule, "bold yellow"), why)])

    def silent(self, step: Step, article: Article) -> None:
        """An item was seen and nobody is told."""
        if step.corrected:
            self._tape.row("no news", "yellow", [Text("seen; nobody is told again")])
            return
        self._tape.row("no match", "yellow", [Text(article.text, "dim")], most=4)

    def arrived(self, arrival: Arrival, after: float) -> None:
        """A message in the chat or in the mailbox, as its reader sees it, ``after`` so many
        seconds from the publication."""
        tape = self._tape
        name = _RECEIVERS.get(arrival.told.channel, (arrival.told.channel, ""))
        took = ("" if tape.narrow else f"{after:.1f} s", "dim")
        labels = chain([name, took], repeat(("", "")))
        bar = tape.sign("│ ", "| ")
        for (label, style), line in zip(labels, arrival.lines, strict=False):
            text = tape.marked(line.runs, _STYLES[line.kind], "bold")
            if line.kind == "subject":
                text = Text.assemble(("Subject: ", "dim"), text)
            quoted = "> " if line.kind == "quote" else ""
            tape.row(label, style, [text], bar=bar + quoted, most=2)

    def going_on(self, directory: Path, log: Path) -> None:
        """The programme is over, publishing goes on."""
        tape = self._tape
        tape.rule("It goes on until Ctrl-C. Meanwhile, in another terminal:")
        commands = [
            f"{self._command} {name} -c {directory}"
            for name in ("status", "hits", "deliveries", "feeds")
        ]
        commands.append(f"tail -f {log}")
        tape.row("", "", [Text(command) for command in commands])

    def ending(self, answers: Mapping[tuple[str, int], int], feeds: Sequence[FeedState]) -> None:
        """What was asked of the newspapers, and the feed that is broken."""
        by_status: Counter[int] = Counter()
        for (_, status), count in answers.items():
            by_status[status] += count
        tape = self._tape
        tape.rule("In numbers")
        told = f"{by_status.total()}, of which {by_status[304]} were answered 304, not modified"
        tape.row("requests", "cyan", [Text(told)])
        for feed in feeds:
            if feed.state != "ok":
                tries = f"tried {_many(feed.failures, 'time')}, less often each time"
                tape.row("broken", "red", [Text(f"{feed.name}: {feed.error}"), Text(tries, "dim")])

    def table(self, published: Sequence[tuple[Step, str]], tally: Tally) -> None:
        """Expected alerts against arrived ones, article by article."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("article", overflow="fold")
        table.add_column("rule", overflow="fold")
        for channel in (CHAT, MAIL):
            table.add_column(channel, justify="right")
        for step, url in published[-_MOST_ROWS:]:
            name = f"{step.paper}/{url.rpartition('/')[2]}"
            if not step.alerts:
                what = "corrected" if step.corrected else "no rule"
                table.add_row(Text(name, "dim"), Text(what, "dim"), "-", "-")
            for rule in step.alerts:
                cells = (_cell(tally, Told(channel, rule, url)) for channel in (CHAT, MAIL))
                table.add_row(name, rule, *cells)
        self._tape.rule("Expected and arrived")
        self._tape.console.print(table)
        if len(published) > _MOST_ROWS:
            self._tape.row("", "", [Text(f"and {len(published) - _MOST_ROWS} before", "dim")])

    def verdict(self, tally: Tally) -> None:
        """The last word."""
        tape = self._tape
        tape.blank()
        expected, arrived = tally.expected.total(), tally.arrived.total()
        if tally.good:
            told = f"{expected} alerts expected, {arrived} arrived, each exactly once."
            tape.row("good", "bold green", [Text(told, "bold")])
            return
        told = f"{expected} alerts expected, {arrived} arrived, and not all is as it should be:"
        tape.row("not good", "bold red", [Text(told), *map(Text, tally.sentences())])

    def onwards(self) -> None:
        """Where to go next."""
        tape = self._tape
        tape.rule("Where to go next")
        places = (
            (f"{self._command} init DIR", "a first configuration, commented"),
            (f"{self._command} once -c DIR", "poll once, deliver once, and end"),
            ("README.md", "a first rule in one minute"),
        )
        wide = max(len(place) for place, _ in places)
        tape.row("", "", [Text(f"{place:<{wide}}   {what}") for place, what in places])

    def stopped(self) -> None:
        """Ctrl-C before the end."""
        self._tape.blank()
        self._tape.row("stopped", "bold", [Text("before the end; nothing is left behind")])


def _feed_line(feed: FeedState) -> Text:
    line = Text(f"{feed.name:<16}", "bold")
    if feed.state == "ok":
        return Text.assemble(line, _many(feed.items, "article"))
    return Text.assemble(line, (feed.error, "red"))


def _cell(tally: Tally, alert: Told) -> Text:
    expected, arrived = tally.expected[alert], tally.arrived[alert]
    if not (expected or arrived):
        return Text("-", "dim")
    return Text(f"{arrived} of {expected}", "green" if arrived == expected else "bold red")


def _without_examples(text: str) -> list[str]:
    """The rules without their examples, which are for `wirewatch check`."""
    shown, inside = [], False
    for line in text.rstrip().splitlines():
        depth = len(line) - len(line.lstrip())
        inside = line.strip() == "examples:" or (inside and depth > 4)
        if not inside:
            shown.append(line)
    return shown


def _yaml(line: str) -> Text:
    """A line of YAML, its key in colour."""
    text = Text(line)
    if line.lstrip().startswith("#"):
        text.stylize("dim")
    elif ":" in line:
        text.stylize("cyan", 0, line.index(":"))
    return text


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
