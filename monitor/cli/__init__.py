"""The command `wirewatch`: one module a command, imported only when it is used.

Chose a table of names and sentences from which `--help` is made, instead of importing every
command to ask it, because importing the database layer alone takes longer than a person waits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

COMMANDS = {
    "run": "Watch: poll, match, store and send until told to stop. systemd runs this.",
    "once": "Poll what is due, deliver what is due, and end. For cron and for trying out.",
    "demo": "The whole daemon on a small news site of its own, in under a minute.",
    "init": "Write a commented starter configuration.",
    "check": "Check the configuration and run the examples of its rules.",
    "match": "Which lines of a file an expression, or a folder of rules, matches.",
    "why": "Why a rule matches a stored item, or why not, and what came of it.",
    "backtest": "What changed rules would have hit among the stored items.",
    "hits": "What matched, newest first.",
    "stories": "Which hits tell the same news, and in how many sources it is.",
    "deliveries": "What was and will be sent; revive what failed.",
    "feeds": "How each feed is doing and when it is polled next.",
    "mute": "Keep a rule or a feed quiet for a while; list and lift what is quiet.",
    "send-test": "Send a test alert to each channel and tell what its service said.",
    "status": "The daemon in one look.",
    "events": "What the daemon had to tell its operators.",
}
_GROUPS = {"deliveries"}
SUBCOMMANDS = {
    "feeds": {
        "add": "Find a site's feeds, show them, write the one you choose.",
        "test": "Poll a feed once, step by step; nothing is stored.",
        "import": "Write the feeds of an OPML file into the configuration.",
        "export": "The configured feeds as OPML.",
        "refresh": "Poll a feed as soon as its server may be asked.",
        "revive": "Poll a feed again that was gone for good.",
        "release": "Let go, or drop, hits held since a feed republished its items.",
    },
}
"""Commands that list when they are given none of these words, each a module ``feeds_add``."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command line and exit with its code (see `monitor.cli.common` for the codes)."""
    words = _config_after_name(list(sys.argv[1:] if argv is None else argv))
    words = _subcommand_after_name(words)
    command = get_command(_app(words))
    _name_no_values_of_flags(command, typer.Context(command, **command.context_settings))
    command(args=words, prog_name="wirewatch")


def _name_no_values_of_flags(command: Any, context: typer.Context) -> None:
    """Help says ``--json``, not ``--json <bool>``: whoever reads that writes ``--json true``."""
    for option in (*command.params, command.get_help_option(context)):
        if getattr(option, "is_flag", False):
            option.metavar = ""
    for known in getattr(command, "commands", {}).values():
        _name_no_values_of_flags(known, typer.Context(known, parent=context))


def _app(words: Sequence[str]) -> typer.Typer:
    app = typer.Typer(
        help="Watches news feeds and tells people when something they asked for is published.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_top)
    wanted = next((word for word in words if word in COMMANDS), None)
    for name, sentence in COMMANDS.items():
        if name != wanted:
            app.command(name, help=sentence)(_not_asked_for)
        elif name in _GROUPS:
            app.add_typer(_module(name).app, name=name, help=sentence)
        elif _subcommand(words):
            app.add_typer(_group(name, words[1]), name=name, help=sentence)
        else:  # the command's docstring says more than the sentence
            command = _module(name).command
            app.command(name, help=_paragraphs(command), epilog=_further(name))(command)
    return app


def _group(name: str, wanted: str) -> typer.Typer:
    """The command's subcommands, of which only the wanted one is imported."""
    group = typer.Typer()
    for word, sentence in SUBCOMMANDS[name].items():
        if word == wanted:
            command = _module(f"{name}_{word}").command
            group.command(word, help=_paragraphs(command))(command)
        else:
            group.command(word, help=sentence)(_not_asked_for)
    return group


def _paragraphs(command: Callable[..., None]) -> str:
    """Its docstring, a line a paragraph, so that each is wrapped where the terminal ends."""
    paragraphs = (getdoc(command) or "").split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


def _further(name: str) -> str | None:
    """What else the command can do, for the end of its help."""
    known = SUBCOMMANDS.get(name, {})
    lines = (f"{name} {word}: {sentence}" for word, sentence in known.items())
    return "\n\n".join(lines) or None


class _Module:
    """What a command's module offers: ``command``, or ``app`` where it has commands of its own."""

    command: Callable[..., None]
    app: typer.Typer


def _module(name: str) -> _Module:
    return import_module(f"monitor.cli.{name.replace('-', '_')}")  # type: ignore[return-value] # modules are its instances


def _not_asked_for() -> None:
    """Stands in the list of commands for one that is not run."""


def _version(asked: bool) -> None:
    if asked:
        from monitor import __version__

        typer.echo(f"wirewatch {__version__}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "-c",
            "--config",
            help="Configuration: a directory or a file. Also after the command's name.",
        ),
    ] = None,
) -> None:
    """Options of every command."""
    del version, config  # read by their callback and by _config_after_name


def _config_after_name(words: list[str]) -> list[str]:
    """``-c DIR once`` means ``once -c DIR``."""
    if len(words) >= 3 and words[0] in ("-c", "--config"):
        return [words[2], words[0], words[1], *words[3:]]
    if len(words) >= 2 and words[0].startswith("--config="):
        return [words[1], words[0], *words[2:]]
    return words


def _subcommand_after_name(words: list[str]) -> list[str]:
    """``feeds -c DIR add URL`` means ``feeds add -c DIR URL``."""
    at = 1
    while len(words) > at + 1 and words[at].startswith("-") and words[at] != "--":
        at += 2 if words[at] in ("-c", "--config") else 1
    if len(words) > at and _subcommand([words[0], words[at]]):
        return [words[0], words[at], *words[1:at], *words[at + 1 :]]
    return words


def _subcommand(words: Sequence[str]) -> str:
    """The subcommand that the words begin with, or nothing: ``feeds -- add`` is a feed's name."""
    known = SUBCOMMANDS.get(words[0], {}) if words else {}
    return words[1] if len(words) > 1 and words[1] in known else ""
