"""`wirewatch init DIR`: a commented starter configuration."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import fail


def command(
    directory: Annotated[Path, typer.Argument(help="Where to write it; made if it is not there.")],
    contact: Annotated[
        str, typer.Option(help="Your address, for the header of every request.")
    ] = "",
) -> None:
    """Write a commented starter configuration."""
    starter = {Path(name): text for name, text in _starter(contact)}
    _refuse_to_overwrite(directory, starter)
    for name, text in starter.items():
        _write(directory / name, text)
    typer.echo(f"wrote {', '.join(str(directory / name) for name in starter)}")
    first = (
        ""
        if contact
        else f"put your address after contact: in {directory / 'wirewatch.yaml'}, then "
    )
    typer.echo(f"next: {first}wirewatch check -c {directory}")
    typer.echo(f"then: wirewatch once -c {directory} polls once and tells the last day's hits here")


def _starter(contact: str) -> Iterator[tuple[str, str]]:
    """The names and texts of the starter's files."""
    for name, file in sorted(_walk(files("monitor") / "starter", "")):
        text = file.read_text(encoding="utf-8")
        if contact and name == "wirewatch.yaml":
            text = _with_contact(text, contact)
        yield name, text


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".yaml"):
            yield f"{prefix}{entry.name}", entry


def _with_contact(text: str, contact: str) -> str:
    from monitor.config_values import WrongValueError
    from monitor.config_values import contact as checked

    try:
        written = checked(contact)
    except WrongValueError as error:
        fail(f"--contact: {error.message}; {error.hint}")
    return text.replace(
        "# contact: you@your-domain", f"contact: '{written.replace(chr(39), chr(39) * 2)}'"
    )


def _refuse_to_overwrite(directory: Path, starter: dict[Path, str]) -> None:
    if directory.exists() and not directory.is_dir():
        fail(f"{directory} is a file; name a directory")
    there = [directory / name for name in starter if (directory / name).exists()]
    if there:
        fail(f"{there[0]} is already there; nothing was written, name another directory")


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror or error}")
