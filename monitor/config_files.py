"""Which files a configuration is made of, and reading them.

A directory is ``wirewatch.yaml`` and what its ``include:`` names; a file is itself and what its
``include:`` names. A file that a symbolic link takes out of the configuration's directory is not
read: what decides over alerts stands where the operator put it, or is named outright.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from rules import Mistake
from rules.source import Items, Source, Table, Text, read

MAIN = "wirewatch.yaml"
DEFAULT_INCLUDE = ("feeds/*.yaml", "feeds/*.opml", "rules/*.yaml", "channels/*.yaml")
_MAX_FILES = 10_000
_WILD = frozenset("*?[")


@dataclass(slots=True)
class Found:
    """The files of a configuration, read. Relative paths in it count from ``directory``."""

    directory: Path
    sources: list[Source] = field(default_factory=list)
    outlines: list[Path] = field(default_factory=list)
    paths: dict[str, Path] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)


def find(path: Path) -> Found:
    """Read the main file and what it includes. Files are named as the operator named ``path``."""
    is_directory = _is_directory(path)
    directory = path if is_directory else path.parent
    found = Found(directory.absolute())
    main = path / MAIN if is_directory else path
    if not is_directory and _is_absent(path):
        hint = f"name another after -c, or write a first one with: wirewatch init {path}"
        found.mistakes.append(Mistake("there is no such configuration", hint, str(path)))
        return found
    if is_directory and _is_closed(path):
        found.mistakes.append(Mistake("this directory cannot be read", "", str(path)))
        return found
    if is_directory and not os.path.lexists(main):
        hint = f"write a first one with: wirewatch init {path}"
        found.mistakes.append(Mistake(f"there is no {MAIN} in this directory", hint, str(path)))
        return found
    _add(found, main)
    patterns = _patterns(found.sources[0], by_default=is_directory)
    for pattern, place in patterns:
        _include(found, directory, pattern, place)
    if is_directory:
        found.warnings += _overlooked(directory)
    return found


def _patterns(main: Source, *, by_default: bool) -> list[tuple[str, Mistake | None]]:
    """What ``include:`` says, each with its place. Its mistakes are told with the other keys'."""
    for key, node in main.root.entries if isinstance(main.root, Table) else ():
        if key.value == "include":
            nodes = node.items if isinstance(node, Items) else [node]
            texts = [entry for entry in nodes if isinstance(entry, Text) and not entry.broken]
            fit = [text for text in texts if text.value and text.value.isprintable()]
            return [(text.value, main.mistake(text.start, "")) for text in fit]
    return [(pattern, None) for pattern in DEFAULT_INCLUDE] if by_default else []


def _include(found: Found, directory: Path, pattern: str, place: Mistake | None) -> None:
    fixed, wild = _split(directory, pattern)
    if _is_closed(fixed):
        found.mistakes.append(Mistake("this directory cannot be read", "", str(fixed)))
        return
    files = _matching(fixed, wild)
    if not files and place:
        told = replace(place, message=f"'{pattern}' names no file")
        (found.warnings if _WILD & set(pattern) else found.mistakes).append(told)
    root = fixed if Path(pattern).is_absolute() else directory
    for file in files:
        if len(found.paths) >= _MAX_FILES:
            message = f"more than {_MAX_FILES:,} files"
            found.mistakes.append(Mistake(message, "put them together", str(directory)))
            return
        if _is_within(file, root):
            _add(found, file)
        else:
            message = f"is a symbolic link to {os.path.realpath(file)}, outside {root}"
            hint = "copy it, or name the file it leads to in include:"
            found.mistakes.append(Mistake(message, hint, str(file)))


def _split(directory: Path, pattern: str) -> tuple[Path, str]:
    """The directory that a pattern begins with, and the rest of it."""
    fixed = directory
    parts = Path(pattern).parts
    while len(parts) > 1 and not _WILD & set(parts[0]):
        fixed, parts = fixed / parts[0], parts[1:]
    return fixed, str(Path(*parts)) if parts else ""


def _matching(directory: Path, wild: str) -> list[Path]:
    if not wild or not _is_directory(directory):
        return []
    try:
        files = sorted(directory.glob(wild))
    except (ValueError, NotImplementedError, OSError, RuntimeError):
        return []  # glob's words for a pattern it cannot follow, which then names no file
    return [file for file in files if not file.name.startswith(".")]


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # where we may not look, there is none for us
        return False


def _is_absent(path: Path) -> bool:
    """Whether nothing is there; False where we may not look."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        pass
    return False


def _is_closed(directory: Path) -> bool:
    """Whether there is a directory that we may not read: its files would be missed in silence."""
    there = _is_directory(directory)
    return there and not os.access(directory, os.R_OK | os.X_OK)


def _is_within(file: Path, root: Path) -> bool:
    try:
        return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(root))
    except OSError:
        return False


def _add(found: Found, file: Path) -> None:
    if str(file) in found.paths:
        return
    found.paths[str(file)] = file
    found.warnings += _writable(file)
    if file.suffix == ".opml":
        found.outlines.append(file)
    else:
        found.sources.append(read(file, str(file)))


def _writable(file: Path) -> Iterator[Mistake]:
    try:
        mode = file.stat().st_mode
    except OSError:
        return
    if mode & stat.S_IWOTH:
        yield Mistake("everybody can write this file", f"chmod o-w {file}", str(file))


def _overlooked(directory: Path) -> Iterator[Mistake]:
    """Files that look meant but are not read."""
    for folder in (directory, directory / "feeds", directory / "rules", directory / "channels"):
        for file in sorted(folder.glob("*.yml")):
            hint = f"call it {file.stem}.yaml"
            yield Mistake("this file is not read: its name ends in .yml", hint, str(file))
