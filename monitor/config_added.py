"""Feeds that a command adds to the configuration: new lines in a YAML file, all else as it was.

The file is written whole beside the old one and put in its place, so nobody ever reads half of it.
Then the whole configuration is loaded: if anything is wrong with it, the old file comes back.

Chose to insert text and to check what it means, instead of writing what was read, because comments,
order and spelling are the operator's.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

from monitor.config import Config, load
from monitor.config_files import MAIN
from rules import RuleErrors
from rules.source import Items, Node, Source, Table, Text, read_at_most, read_bytes

_MAX_BYTES = 16 * 1024 * 1024
_MOST_PLACES = 50
_PLAIN_KEY = re.compile(r"[^\W\d_][\w-]*")
_PLAIN_VALUE = re.compile(r"[^\W_][\w./:@%?=&~+-]*")
_SAID_AS_WORDS = frozenset(("yes", "no", "on", "off", "true", "false", "null", "y", "n"))


class NewFeed(NamedTuple):
    """A feed to be written. ``settings``: other keys as the configuration spells them."""

    name: str
    url: str
    tags: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


class CannotAddError(Exception):
    """Nothing was written; the text says why and what to do, for the operator."""


def place_for(config: Path, to: Path | None) -> Path:
    """The file that new feeds go to: the one named, or ``feeds/added.yaml`` of a directory, or
    the configuration itself where that is a single file."""
    if to is not None:
        return to
    return config / "feeds" / "added.yaml" if config.is_dir() else config


def add(
    config: Path, to: Path, feeds: Sequence[NewFeed], environment: Mapping[str, str] | None = None
) -> None:
    """Write the feeds into the file ``to`` and see that the configuration ``config`` has them.

    Raises:
        CannotAddError: and everything is as it was.
    """
    target = Path(os.path.realpath(to))  # a symbolic link stays one
    old = _read(target, to)
    new = with_feeds(old or b"", feeds)
    if new is None:
        hint = f"write there yourself:\n{as_yaml(feeds).rstrip()}"
        raise CannotAddError(f"{to}: feeds cannot be added to it; {hint}")
    had_folder = target.parent.exists()
    model = target if old is not None else _main(config)
    _put(target, to, new, instead_of=old, like=model)
    try:
        _require(config, to, feeds, environment)
    except BaseException:
        _put_back(target, to, old)
        if not had_folder:
            target.parent.rmdir()
        raise


def _require(
    config: Path, to: Path, feeds: Sequence[NewFeed], environment: Mapping[str, str] | None
) -> None:
    """The configuration is whole, and the feeds are in it."""
    try:
        loaded = load(config, environment)
    except RuleErrors as errors:
        first = errors.mistakes[0]
        raise CannotAddError(
            f"nothing was written; with it there would be: {first.headline}"
        ) from None
    if any(_url(loaded, feed.name) != feed.url for feed in feeds):
        raise CannotAddError(
            f"{to} is not part of the configuration; add it to include: in {_main(config)}, or "
            f"name another file with --to"
        )


def _main(config: Path) -> Path:
    return config / MAIN if config.is_dir() else config


def _url(config: Config, name: str) -> str:
    return config.feeds[name].url if name in config.feeds else ""


def with_feeds(old: bytes, feeds: Sequence[NewFeed]) -> bytes | None:
    """The file with the feeds added to its section ``feeds:``; None where that cannot be done.

    It then means what it meant before, and these feeds.
    """
    source = read_bytes(old, "")
    if source.mistakes or not isinstance(source.root, Table | Text | None):
        return None
    mark = "\ufeff" if old.startswith(b"\xef\xbb\xbf") else ""
    end = "\r\n" if "\r\n" in source.text else "\n"
    before = _meaning(source.root)
    for text in _attempts(source, feeds, end):
        raw = (mark + text.removeprefix("\ufeff")).encode()
        after = read_bytes(raw, "")
        if not after.mistakes and _is_added(before, _meaning(after.root), feeds):
            return raw
    return None


def _meaning(node: Node | None) -> object:
    """What the nodes say, without where they stand."""
    match node:
        case Table():
            return [(key.value, _meaning(value)) for key, value in node.entries]
        case Items():
            return [_meaning(one) for one in node.items]
        case Text():
            return node.value
    return ""


def _is_added(before: object, after: object, feeds: Sequence[NewFeed]) -> bool:
    """Whether ``after`` is ``before`` with these feeds at the end of its section."""
    wanted = [(feed.name, _entry_meaning(feed)) for feed in feeds]
    sections = before if isinstance(before, list) else []
    known = [value for key, value in sections if key == "feeds"]
    had = known[0] if known and isinstance(known[0], list) else []
    whole = ("feeds", [*had, *wanted])
    if not known:
        return after == [*sections, whole]
    return after == [whole if key == "feeds" else (key, value) for key, value in sections]


def _entry_meaning(feed: NewFeed) -> object:
    if not (feed.tags or feed.settings):
        return feed.url
    tags: list[tuple[str, object]] = [("tags", list(feed.tags))] if feed.tags else []
    return [("url", feed.url), *feed.settings, *tags]


def _attempts(source: Source, feeds: Sequence[NewFeed], end: str) -> Iterator[str]:
    """Texts that might be the file with the feeds added, the likeliest first."""
    text = source.text
    section = _section(source.root)
    if section is None:
        head = text if not text or text.endswith("\n") else text + end
        yield head + as_yaml(feeds).replace("\n", end)
        return
    key, node = section
    if isinstance(node, Table) and text[node.start : node.start + 1] == "{":
        flow = ", ".join(_flow(feeds))
        for at in _closing(text, _last(node)):
            yield f"{text[:at]}{', ' if node.entries else ''}{flow}{text[at:]}"
        return
    column = source.place(node.entries[0][0].start)[1] - 1 if isinstance(node, Table) else 2
    added = _lines(_block(feeds, " " * column), end)
    for at in _line_starts(text, _last(node) if isinstance(node, Table) else key.end):
        before = text[:at] if text[:at].endswith("\n") else text[:at] + end
        yield before + added + text[at:]


def _section(root: Node | None) -> tuple[Text, Node] | None:
    """The key ``feeds`` and what stands under it."""
    entries = root.entries if isinstance(root, Table) else ()
    return next(((key, node) for key, node in entries if key.value == "feeds"), None)


def _last(node: Node) -> int:
    """Where the last value within a node ends."""
    match node:
        case Table(entries=[*_, (key, value)]):
            return max(key.end, _last(value))
        case Items(items=[*_, value]):
            return _last(value)
        case Text():
            return node.end
    return node.start


def _line_starts(text: str, at: int) -> Iterator[int]:
    """Where the next lines begin, and the end of the text."""
    for _ in range(_MOST_PLACES):
        at = text.find("\n", at) + 1
        if not at:
            break
        yield at
    yield len(text)


def _closing(text: str, at: int) -> Iterator[int]:
    """Where the next braces close."""
    for _ in range(_MOST_PLACES):
        at = text.find("}", at)
        if at < 0:
            return
        yield at
        at += 1


def as_yaml(feeds: Sequence[NewFeed]) -> str:
    """The feeds as a section of a configuration file."""
    return _lines(["feeds:", *_block(feeds, "  ")], "\n")


def _lines(lines: Sequence[str], end: str) -> str:
    return "".join(line + end for line in lines)


def _block(feeds: Sequence[NewFeed], indent: str) -> list[str]:
    lines = []
    for feed in feeds:
        if not (feed.tags or feed.settings):
            lines.append(f"{indent}{_key(feed.name)}: {_value(feed.url)}")
            continue
        lines.append(f"{indent}{_key(feed.name)}:")
        lines += [f"{indent}  {part}" for part in _parts(feed)]
    return lines


def _flow(feeds: Sequence[NewFeed]) -> Iterator[str]:
    for feed in feeds:
        plain = not (feed.tags or feed.settings)
        value = _quoted(feed.url) if plain else f"{{{', '.join(_parts(feed))}}}"
        yield f"{_key(feed.name)}: {value}"


def _parts(feed: NewFeed) -> Iterator[str]:
    yield f"url: {_value(feed.url)}"
    for key, text in feed.settings:
        yield f"{key}: {_value(text)}"
    if feed.tags:
        yield f"tags: [{', '.join(map(_key, feed.tags))}]"


def _key(text: str) -> str:
    plain = _PLAIN_KEY.fullmatch(text) and text.lower() not in _SAID_AS_WORDS
    return text if plain else _quoted(text)


def _value(text: str) -> str:
    return text if _PLAIN_VALUE.fullmatch(text) and text[-1] != ":" else _quoted(text)


def _quoted(text: str) -> str:
    """A double-quoted scalar: what JSON writes is one."""
    return json.dumps(text, ensure_ascii=False)


def _read(target: Path, name: Path) -> bytes | None:
    """The file's bytes, None where there is none yet."""
    try:
        raw = read_at_most(target, _MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotAddError(f"{name} cannot be read: {error.strerror or error}") from None
    if len(raw) > _MAX_BYTES:
        raise CannotAddError(f"{name} is bigger than {_MAX_BYTES // 2**20} MB; name another file")
    return raw


def _put(target: Path, name: Path, raw: bytes, *, instead_of: bytes | None, like: Path) -> None:
    try:
        _make_folder(target.parent, like.parent)
        if _read(target, name) != instead_of:
            raise CannotAddError(f"{name} was changed meanwhile; nothing was written, try again")
        _replace(target, raw, like)
    except PermissionError:
        hint = f"run this as the owner of {target.parent}"
        raise CannotAddError(f"{name} cannot be written: permission denied; {hint}") from None
    except OSError as error:
        raise CannotAddError(f"{name} cannot be written: {error.strerror or error}") from None


def _make_folder(folder: Path, like: Path) -> None:
    """The folder is there; a new one may be entered by whoever may enter ``like``."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(like.stat().st_mode & 0o777)


def _replace(target: Path, raw: bytes, like: Path) -> None:
    """The bytes are in the file, whole; who may read it is who may read the file ``like``."""
    # The name begins with a dot, so that no include: takes it for a file of the configuration.
    with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        fresh = Path(file.name)
        try:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
            model = like.stat()
            os.fchmod(file.fileno(), model.st_mode & 0o777)
            with suppress(PermissionError):  # only root may give a file away
                os.fchown(file.fileno(), model.st_uid, model.st_gid)
            fresh.replace(target)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise


def _put_back(target: Path, name: Path, old: bytes | None) -> None:
    try:
        if old is None:
            target.unlink()
        else:
            _replace(target, old, target)
    except OSError as error:
        raise CannotAddError(
            f"{name} was written, is not right, and cannot be put back: {error.strerror or error}"
        ) from None
