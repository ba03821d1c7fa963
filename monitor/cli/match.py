"""`wirewatch match`: which lines of a file an expression, or a folder of rules, is true of."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from monitor.cli.common import MISTAKE, NO, AsJson, ConfigPath, fail, print_json, usual_place
from monitor.cli.highlight import Ink, Paper, excerpts, headline, until_nobody_reads

if TYPE_CHECKING:
    from monitor.cli.lines import Line, Unreadable
    from rules import Match, RuleErrors, RuleSet

_MOST_TOLD = 20  # lines that could not be read; the others are counted
_EXPRESSION = ""  # the name of an expression that is no rule's
_EXAMPLE = "wirewatch match 'Xi AND Putin' items.jsonl"


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EXPR [FILE|-]", help="What to match, and where to look.", show_default=False
        ),
    ] = None,
    config: ConfigPath = None,
    rules: Annotated[
        Path | None,
        typer.Option(help="Rules instead of EXPR: a file, or a directory with *.yaml below it."),
    ] = None,
    lang: Annotated[str, typer.Option(help="The language of items that name none.")] = "",
    plain: Annotated[
        bool, typer.Option("--plain", help="Every line is a text, never JSON.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the items of FILE, or of standard input, that EXPR is true of.

    Items come one a line: as JSON objects when the first line begins with { (title, summary,
    content or text, lang, author, tags, url, feed, source), else as texts. Exit code: 0 when
    something matched, 1 when nothing did, 2 for a mistake or a line that could not be read.
    An EXPR that begins with - goes after --.
    """
    expression, file = _arguments(words or [], rules)
    ruleset = _of_folder(rules) if rules else _of_expression(expression, config)
    tell = _print_json if as_json else _Printed()
    with until_nobody_reads(), _opened(file) as stream:
        search = Search(ruleset, "stdin" if file == "-" else file)
        for line, matches in search.matches(stream, plain=plain, lang=lang):
            tell(line, matches)
            sys.stdout.flush()
    raise typer.Exit(search.code())


def _arguments(words: list[str], rules: Path | None) -> tuple[str, str]:
    """(expression, file)"""
    if rules is not None:
        if len(words) > 1:
            fail("match: with --rules there is one FILE at most, and no EXPR")
        return "", next(iter(words), "-")
    if not words:
        fail(f"match: write an expression, as in: {_EXAMPLE}")
    if len(words) > 2:
        fail(f"match: {len(words)} arguments; put the expression in quotes, as in: {_EXAMPLE}")
    if any("\ud800" <= sign <= "\udfff" for sign in words[0]):
        fail("match: the expression is not UTF-8")
    return words[0], words[1] if len(words) == 2 else "-"


def _of_expression(expression: str, config: Path | None) -> RuleSet:
    """The expression, with the groups of the configuration where it may need them."""
    from rules import RuleErrors, compile_rules

    place = config or (usual_place() if "@" in expression else None)
    try:
        return compile_rules({_EXPRESSION: expression}, _groups(place) if place else {})
    except RuleErrors as errors:
        hint = "groups are read from a configuration: name it with -c"
        wants_groups = place is None and "no group named" in str(errors)
        _refuse(errors, hint if wants_groups else "")


def _groups(path: Path) -> Mapping[str, tuple[str, ...]]:
    """The groups of the configuration's files; nothing else of it need be right, and the secrets
    of its channels need not be readable."""
    from monitor.config_files import find
    from rules import RuleErrors

    found = find(path)
    if found.mistakes:
        _refuse(RuleErrors(found.mistakes))
    return _from_files(file for file in found.paths.values() if file.suffix != ".opml").terms


def _of_folder(path: Path) -> RuleSet:
    ruleset = _from_files([path])
    if not len(ruleset):
        fail(f"no rules in {path}")
    return ruleset


def _from_files(paths: Iterable[Path]) -> RuleSet:
    from rules import RuleErrors, load_rules

    try:
        return load_rules(paths)
    except RuleErrors as errors:
        _refuse(errors)


def _refuse(errors: RuleErrors, hint: str = "") -> NoReturn:
    for mistake in errors.mistakes:
        typer.echo(str(mistake), err=True)
    if hint:
        typer.echo(hint, err=True)
    raise typer.Exit(MISTAKE)


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    """FILE, or standard input for ``-``."""
    if file == "-":
        if not sys.stdin:
            fail("match: there is no standard input; name a FILE")
        if sys.stdin.isatty():
            typer.echo("reading items from the terminal, one a line; end with Ctrl-D", err=True)
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - closed below; only opening may fail so
    except OSError as error:
        fail(f"{file}: cannot be read: {error.strerror}")
    with stream:
        yield stream


class Search:
    """One pass over the items: what matches, and what could not be read."""

    def __init__(self, ruleset: RuleSet, name: str) -> None:
        self._ruleset = ruleset
        self._name = name
        self._matched = False
        self._unreadable = 0

    def matches(
        self, stream: IO[bytes], *, plain: bool, lang: str
    ) -> Iterator[tuple[Line, tuple[Match, ...]]]:
        """Every line that something matches."""
        from monitor.cli.lines import Line, NotLinesError, read_items

        try:
            for line in read_items(stream, plain=plain, lang=lang):
                if not isinstance(line, Line):
                    self._skip(line)
                elif found := self._ruleset.match(line.document):
                    self._matched = True
                    yield line, found
        except NotLinesError as error:
            fail(f"{self._name}: {error}")
        except OSError as error:
            fail(f"{self._name}: cannot be read: {error.strerror}")

    def _skip(self, line: Unreadable) -> None:
        self._unreadable += 1
        if self._unreadable <= _MOST_TOLD:
            typer.echo(f"{self._name}:{line.number}: {line.why}; the line is left out", err=True)

    def code(self) -> int:
        """The exit code, when all is read."""
        if self._unreadable > _MOST_TOLD:
            more = self._unreadable - _MOST_TOLD
            typer.echo(f"{self._name}: {more} more lines could not be read", err=True)
        if self._unreadable:
            return MISTAKE
        return 0 if self._matched else NO


def _print_json(line: Line, matches: tuple[Match, ...]) -> None:
    if matches[0].rule == _EXPRESSION:
        print_json([{"line": line.number, "spans": _spans(matches[0])}])
    else:
        print_json([{"line": line.number, "rules": {one.rule: _spans(one) for one in matches}}])


def _spans(match: Match) -> list[dict[str, Any]]:
    return [span._asdict() for span in match.spans]


class _Printed:
    """Each matching item in a few lines: where it stands, its title, the words around matches."""

    def __init__(self) -> None:
        self._paper = Paper()

    def __call__(self, line: Line, matches: tuple[Match, ...]) -> None:
        spans = sorted({span for match in matches for span in match.spans})
        names = [match.rule for match in matches if match.rule != _EXPRESSION]
        rules = [Ink(f"[{', '.join(names)}] ", "name")] if names else []
        number = Ink(f"{line.number}: ", "aside")
        self._paper.paragraph(0, number, *rules, *headline(line.document, spans))
        for field, pieces in excerpts(line.document, spans):
            self._paper.paragraph(4, Ink(f"{field}: ", "aside"), *pieces)
