"""What the terminal shows of the demo, scene by scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from monitor.demo.looker import FeedState, Found
from monitor.demo.process import LogLine
from monitor.demo.programme import BROKEN, CHAT, MAIL, Step
from monitor.demo.receivers import Arrival
from monitor.demo.tape import Tape
from monitor.demo.verdict import Tally, Told

_NOT_MODIFIED = "not_modified"


class Show:
    """Tells the demo on a tape."""

    def __init__(self, tape: Tape, command: str = "wirewatch") -> None:
        self._tape = tape
        self._command = command

    def opening(self, directory: Path, rules: str) -> None:
        """What is going to happen, and the rules."""
        tape = self._tape
        tape.rule("wirewatch demo")
        about = (
            "Five invented newspapers in five languages, one page that is no feed, a chat room "
            "and a mailbox, all on this machine. The daemon is the real one:"
        )
        tape.row("", "", [Text(about), Text(f"wirewatch run -c {directory}", "bold")])
        tape.rule("Its rules")
        tape.row("", "", [_yaml(line) for line in _rules_only(rules)])
        tape.blank()

    def starting(self) -> None:
        """The daemon is being started."""
        self._tape.row("starting", "dim", [Text("the daemon opens its database", "dim")])

    def first_polls(self, feeds: Sequence[FeedState], finds: Sequence[Found]) -> None:
        """How each feed did, and what was found in what had been published before."""
        self._tape.row("polled", "cyan", [self._feed_line(feed) for feed in feeds])
        if finds:
            told = (
                f"{len(finds)} of these articles match, but were published before we watched: "
                "remembered, told to nobody"
            )
            self._tape.row("", "", [Text(told, "dim")])

    def _feed_line(self, feed: FeedState) -> Text:
        line = Text.assemble((f"{feed.name:<16}", "bold"))
        if feed.state == "ok":
            return line.append(_many(feed.items, "article"))
        return line.append(f"{feed.error}; it is tried again, later each time", "red")

    def published(self, step: Step, paper: str, title: str) -> None:
        """An article came out."""
        what = "corrected" if step.corrected else "published"
        self._tape.blank()
        self._tape.row(what, "green", [Text(title, "bold"), Text(f"{paper}: {step.says}", "dim")])

    def polled(self, lines: Iterable[LogLine]) -> None:
        """Polls since the last time, in one line."""
        polls = [line.facts.get("outcome", "") for line in lines if line.what == "poll"]
        unchanged = polls.count(_NOT_MODIFIED)
        failed = len(polls) - unchanged - polls.count("ok")
        parts = [
            _many(len(polls), "poll"),
            f"{unchanged} answered 304, not modified",
            _many(polls.count("ok"), "changed feed"),
        ]
        if failed:
            parts.append(f"{failed} failed ({BROKEN})")
        self._tape.row("polled", "cyan", [Text(self._tape.dot.join(parts), "dim")])

    def matched(self, found: Found) -> None:
        """Which words of an item matched, for which rules."""
        tape = self._tape
        lines = [tape.marked(found.title), *(tape.marked(piece) for piece in found.pieces)]
        tape.row("matched", "yellow", lines)
        for rule, terms in found.rules.items():
            because = Text.assemble((rule, "bold yellow"), f" because of {', '.join(terms)}")
            tape.row("", "", [because])

    def silent(self, corrected: bool) -> None:
        """An item was seen and nobody is told."""
        why = "seen, nobody is told again" if corrected else "seen, no rule matches"
        self._tape.row("matched", "yellow", [Text(why)])

    def arrived(self, arrival: Arrival) -> None:
        """A message in the chat or in the mailbox, as its reader sees it."""
        tape = self._tape
        label, style = ("chat", "magenta") if arrival.told.channel == CHAT else ("mail", "blue")
        styles = {"title": "", "quote": "", "small": "dim", "plain": ""}
        bar = tape.sign("│ ", "| ")
        lines = []
        for line in arrival.lines:
            text = tape.marked(line.runs, styles[line.kind], "bold")
            lines.append(Text.assemble(("> ", "dim"), text) if line.kind == "quote" else text)
        tape.row(label, style, lines, bar=bar, most=2)

    def going_on(self, directory: Path) -> None:
        """The programme is over, publishing goes on."""
        tape = self._tape
        tape.rule("It goes on until Ctrl-C. Meanwhile, in another terminal:")
        commands = [
            f"{self._command} {name} -c {directory}"
            for name in ("status", "hits", "deliveries", "feeds")
        ]
        tape.row("", "", [Text(command) for command in commands])

    def ending(self, answers: Mapping[tuple[str, int], int], feeds: Sequence[FeedState]) -> None:
        """What was asked of the newspapers, and the feed that is broken."""
        by_status: Counter[int] = Counter()
        for (_, status), count in answers.items():
            by_status[status] += count
        total = sum(by_status.values())
        tape = self._tape
        tape.rule("In numbers")
        tape.row(
            "requests",
            "cyan",
            [Text(f"{total} to six feeds; {by_status[304]} of them cost a few bytes (304)")],
        )
        broken = next((feed for feed in feeds if feed.name == BROKEN), None)
        if broken is not None:
            told = f"{BROKEN}: {broken.error}; failed {_many(broken.failures, 'time')}, "
            tape.row("broken", "red", [Text(f"{told}asked less often each time")])

    def table(self, published: Sequence[tuple[Step, str]], tally: Tally) -> None:
        """Expected alerts against arrived ones, article by article."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("article", overflow="fold")
        table.add_column("rule", overflow="fold")
        for channel in (CHAT, MAIL):
            table.add_column(channel, justify="right")
        for step, url in published:
            name = f"{step.paper}/{url.rpartition('/')[2]}"
            if not step.alerts:
                what = "corrected" if step.corrected else "no rule"
                table.add_row(Text(name, "dim"), Text(what, "dim"), "-", "-")
            for rule in step.alerts:
                cells = (self._cell(tally, Told(channel, rule, url)) for channel in (CHAT, MAIL))
                table.add_row(name, rule, *cells)
        self._tape.rule("Expected and arrived")
        self._tape.console.print(table)

    def _cell(self, tally: Tally, alert: Told) -> Text:
        expected, arrived = tally.expected[alert], tally.arrived[alert]
        if not (expected or arrived):
            return Text("-", "dim")
        return Text(f"{arrived} of {expected}", "green" if arrived == expected else "bold red")

    def verdict(self, tally: Tally) -> None:
        """The last word."""
        tape = self._tape
        tape.blank()
        expected, arrived = sum(tally.expected.values()), sum(tally.arrived.values())
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
            (f"{self._command} init DIR", "a commented configuration to start from"),
            (f"{self._command} once -c DIR", "poll once, deliver once, and end"),
            ("README.md", "a first rule in one minute; how to run it as a service"),
        )
        wide = max(len(place) for place, _ in places)
        tape.row("", "", [Text(f"{place:<{wide}}   {what}") for place, what in places])

    def stopped(self) -> None:
        """Ctrl-C before the end."""
        self._tape.blank()
        self._tape.row("stopped", "bold", [Text("before the end; nothing is left behind")])

    def failed(self, problem: str) -> None:
        """Something that the demo cannot go on without."""
        self._tape.row("failed", "bold red", [Text(problem)])


def _rules_only(text: str) -> list[str]:
    """The file without its examples, which are for `wirewatch check`."""
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
