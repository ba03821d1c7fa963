"""`wirewatch check`: every mistake of the configuration, and the examples of its rules."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import MISTAKE, NO, AsJson, ConfigPath, config_path, print_json

if TYPE_CHECKING:
    from monitor.config import Config
    from rules import Mistake


def command(
    config: ConfigPath = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count: exit 1.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the configuration and run the examples of its rules."""
    found, mistakes = _load(config_path(config))
    warnings = found.warnings if found else ()
    if as_json:
        print_json([*_rows(mistakes, "mistake"), *_rows(warnings, "warning")])
    else:
        _tell(mistakes, warnings)
        if found and not mistakes:
            typer.echo(_summary(found))
    if mistakes:
        raise typer.Exit(MISTAKE)
    if warnings and strict:
        raise typer.Exit(NO)


def _load(path: Path) -> tuple[Config | None, tuple[Mistake, ...]]:
    from monitor.config import load
    from monitor.config_examples import failing_examples
    from rules import RuleErrors

    try:
        config = load(path)
    except RuleErrors as errors:
        return None, errors.mistakes
    return config, failing_examples(config)


def _tell(mistakes: Iterable[Mistake], warnings: Iterable[Mistake]) -> None:
    """Mistakes and warnings go to stderr: a headline each, unwrapped, the line and a caret."""
    from dataclasses import replace

    for mistake in mistakes:
        sys.stderr.write(f"{mistake}\n")
    for warning in warnings:
        sys.stderr.write(f"{replace(warning, message=f'warning: {warning.message}')}\n")


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
