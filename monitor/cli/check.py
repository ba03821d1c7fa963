"""`wirewatch check`: every mistake of the configuration, and the examples of its rules."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import MISTAKE, NO, AsJson, ConfigPath, config_path, print_json

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.config_examples import FailedExample
    from rules import Mistake

_MOST_NAMED = 5


def command(
    config: ConfigPath = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count: exit 1.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the configuration and run the examples of its rules."""
    found, mistakes, failed = _load(config_path(config))
    warnings = found.warnings if found else ()
    if as_json:
        rows = _rows(mistakes, "mistake"), map(_failed_row, failed), _rows(warnings, "warning")
        print_json(chain.from_iterable(rows))
    else:
        _tell(mistakes, failed, warnings)
        if found and not failed:
            typer.echo(_summary(found))
            for sentence in chain(_idle(found), _costly(found)):
                typer.echo(sentence, err=True)
    if mistakes or failed:
        raise typer.Exit(MISTAKE)
    if warnings and strict:
        raise typer.Exit(NO)


def _load(
    path: Path,
) -> tuple[Config | None, tuple[Mistake, ...], tuple[FailedExample, ...]]:
    from monitor.config import load
    from monitor.config_examples import failing_examples
    from rules import RuleErrors

    gc.disable()  # nothing of a big configuration is garbage before the command ends
    try:
        config = load(path, lint=True)
    except RuleErrors as errors:
        return None, errors.mistakes, ()
    finally:
        gc.enable()
    return config, (), failing_examples(config)


def _tell(
    mistakes: Iterable[Mistake], failed: Iterable[FailedExample], warnings: Iterable[Mistake]
) -> None:
    """All to stderr: a headline each, unwrapped, the line and a caret; under an example that
    failed what its rule evaluated to."""
    from dataclasses import replace

    for mistake in mistakes:
        sys.stderr.write(f"{mistake}\n")
    for example in failed:
        sys.stderr.write(f"{example.mistake}\n{indent(str(example.explanation), '    ')}\n")
    for warning in warnings:
        sys.stderr.write(f"{replace(warning, message=f'warning: {warning.message}')}\n")


def _failed_row(failed: FailedExample) -> dict[str, Any]:
    (row,) = _rows([failed.mistake], "mistake")
    return {**row, "evaluated": str(failed.explanation).splitlines()}


def _rows(mistakes: Iterable[Mistake], level: str) -> Iterator[dict[str, Any]]:
    for mistake in mistakes:
        yield {
            "level": level,
            "file": mistake.file,
            "line": mistake.line,
            "column": mistake.column,
            "message": mistake.message,
            "hint": mistake.hint,
        }


def _idle(config: Config) -> Iterator[str]:
    """What keeps a configuration without mistakes from doing anything; not a warning, as a file
    may be checked alone."""
    if not any(feed.enabled for feed in config.feeds.values()):
        yield "no feed is enabled, so nothing is polled; write feeds: and below it name: URL"
    if not any(rule.enabled for rule in config.rules.values()):
        yield "no rule is enabled, so nobody is told; write rules: and below it name: expression"


def _costly(config: Config) -> Iterator[str]:
    """Rules that cost time on every item; not a warning, as a few of them do no harm."""
    names = config.ruleset.always
    if names:
        rules = "one rule needs" if len(names) == 1 else f"{len(names):,} rules need"
        more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
        yield (
            f"{rules} no word that can be looked up, so every item is read in full: "
            f"{', '.join(names[:_MOST_NAMED])}{more}; a word joined by AND makes it cheap"
        )


def _summary(config: Config) -> str:
    counts = (
        (len(config.feeds), "feed"),
        (len(config.channels), "channel"),
        (len(config.rules), "rule"),
        (len(config.examples), "example"),
    )
    told = ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)
    if not config.warnings:
        return f"{told}: fine"
    number = len(config.warnings)
    return f"{told}: fine, with {number} warning{'' if number == 1 else 's'}"
