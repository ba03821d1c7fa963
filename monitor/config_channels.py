"""Channels: the keys that all share, and those of their kind through the kind's own model."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, SecretStr, ValidationError

from alerts.registry import CHANNEL_TYPES, settings_model
from monitor import config_values as values
from monitor.config import ChannelConfig, RetryConfig
from monitor.config_schema import CHANNEL, Reader, Section, named
from monitor.config_values import nearest, shown
from monitor.secrets import placeholder
from rules.load import Names
from rules.source import Items, Node, Table, Text

TERMINAL = "terminal"
_USUAL_RETRY = {"first": "5s", "factor": "2", "max": "6h", "for": "3d"}

Entries = Mapping[str, tuple[Text, Node]]


@dataclass(slots=True)
class _Own:
    """The keys of a channel's kind, as plain values with secrets put in."""

    plain: dict[str, Any]
    nodes: Mapping[str, Node]
    literal: list[Text] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    failed: bool = False


class Channels:
    """All channels of a configuration, and the check of every place that names one.

    ``whole`` False: some file could not be read, so a name that is not known may yet be one.
    """

    def __init__(self, sections: Iterable[Section], *, whole: bool) -> None:
        names = Names("channel", {})
        fallbacks: list[tuple[Reader, str, Node]] = []
        self.configured: dict[str, ChannelConfig] = {}
        self._whole = whole
        for reader, key, node in named(sections, names):
            channel = read_channel(reader, key, node)
            if channel:
                self.configured[channel.name] = channel
            fallback = _fallback_of(node)
            if fallback:
                fallbacks.append((reader, key.value, fallback))
        if not names.places:
            self.configured[TERMINAL] = _terminal()
            names.places[TERMINAL] = ""
        self._names = names.places
        for reader, name, node in fallbacks:
            self._set_fallback(reader, name, node)

    def _set_fallback(self, reader: Reader, name: str, node: Node) -> None:
        """The channel that tells what this one cannot; checked when all are known."""
        to = reader.one(node, str)
        if to is None:
            return
        self._check(reader, node, to)
        channel = self.configured.get(name)
        if to == name:
            reader.wrong(node, "a channel cannot be its own fallback", "name another")
        elif name in self._after(to):
            reader.wrong(
                node, f"'{shown(to)}' falls back on '{shown(name)}' itself", "name another"
            )
        elif channel and to in self.configured:
            self.configured[name] = replace(channel, fallback=to)

    def _after(self, name: str) -> set[str]:
        """The fallback of a channel, the fallback's own, and so on."""
        found: set[str] = set()
        while name in self.configured:
            to = self.configured[name].fallback
            if to is None or to in found:
                break
            found.add(to)
            name = to
        return found

    @property
    def only(self) -> tuple[str, ...]:
        """The one channel there is; empty when there are several."""
        return tuple(self._names) if len(self._names) == 1 else ()

    def named_by(self, reader: Reader, node: Node) -> tuple[str, ...]:
        """The channels that a ``send:`` or ``notify:`` names."""
        nodes = node.items if isinstance(node, Items) else [node]
        if not nodes:
            reader.wrong(node, "no channel is named here", "name one, or delete the key")
        names = []
        for entry in nodes:
            name = reader.one(entry, str)
            if name is not None:
                self._check(reader, entry, name)
                names.append(name)
        return tuple(dict.fromkeys(names))

    def _check(self, reader: Reader, node: Node, name: str) -> None:
        if name in self._names:
            channel = self.configured.get(name)
            if channel and not channel.enabled:
                reader.warn(node, f"channel '{name}' is not enabled")
        elif self._whole:
            known = f"known are {', '.join(sorted(self._names)[:10])}"
            hint = nearest(name, self._names) or known
            reader.wrong(node, f"no channel named '{shown(name)}'", hint)


def _fallback_of(node: Node) -> Node | None:
    entries = node.entries if isinstance(node, Table) else ()
    return next((value for key, value in entries if key.value == "fallback"), None)


def _terminal() -> ChannelConfig:
    """The channel that is there when none is configured: the terminal, or the journal."""
    return ChannelConfig(name=TERMINAL, type="console", settings=settings_model("console")())


def read_channel(reader: Reader, key: Text, node: Node) -> ChannelConfig | None:
    """A channel, or None, and mistakes, when something about it is wrong."""
    what = f"channel '{shown(key.value)}'"
    table = reader.table(node, what)
    if table is None:
        return None
    entries = {name.value: (name, value) for name, value in reader.entries(table)}
    kind = _kind(reader, key, entries, what)
    model = settings_model(kind) if kind else None
    names = _names(model) if model else ()
    common = _common(reader, entries, names, what)
    if kind and "template" in common and not CHANNEL_TYPES[kind].templated:
        reader.wrong(entries["template"][0], f"{what} sends JSON and has no template", "delete it")
    if kind is None or model is None:
        return None
    own = _own(reader, names, entries, f"{what} of type {kind}")
    settings = None if own.failed else _validated(reader, key, model, own, what)
    if settings is None:
        return None
    _keep_secret(reader, settings, own)
    return ChannelConfig(name=key.value, type=kind, settings=settings, **common)


def _kind(reader: Reader, key: Text, entries: Entries, what: str) -> str | None:
    if "type" not in entries:
        known = ", ".join(sorted(CHANNEL_TYPES))
        reader.wrong(key, f"{what} has no type", f"write type: and one of {known}")
        return None
    node = entries["type"][1]
    kind = reader.one(node, str)
    if kind is None or kind in CHANNEL_TYPES:
        return kind
    known = f"known are {', '.join(sorted(CHANNEL_TYPES))}"
    hint = nearest(kind, CHANNEL_TYPES) or known
    reader.wrong(node, f"there is no channel type '{shown(kind)}'", hint)
    return None


def _names(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a kind's own, as YAML writes them."""
    return tuple(info.alias or name for name, info in model.model_fields.items())


def _common(reader: Reader, entries: Entries, names: tuple[str, ...], what: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (key, node) in entries.items():
        if name in CHANNEL and name not in names and name not in ("type", "fallback"):
            read = reader.known(key, CHANNEL, what)
            value = read(reader, node) if read else None
            if value is not None:
                found[name] = _retry(value) if name == "retry" else value
    return found


def _retry(given: Mapping[str, Any]) -> RetryConfig:
    usual = {name: _as_retry(name, text) for name, text in _USUAL_RETRY.items()}
    full = {**usual, **given}
    return RetryConfig(full["first"], full["factor"], full["max"], total=full["for"])


def _as_retry(name: str, text: str) -> Any:
    return values.number(text) if name == "factor" else values.period(text)


def _own(reader: Reader, names: tuple[str, ...], entries: Entries, what: str) -> _Own:
    given = {name: at for name, at in entries.items() if name in names or name not in CHANNEL}
    own = _Own({}, {name: node for name, (_key, node) in given.items()})
    for name, (key, node) in given.items():
        if name not in names:
            known = f"known are {', '.join((*names, 'enabled', 'retry', 'timeout'))}"
            hint = nearest(name, (*names, *CHANNEL)) or known
            reader.wrong(key, f"{what} has no key '{shown(name)}'", hint)
            own.failed = True
        else:
            before = len(reader.findings.mistakes)
            own.plain[name] = _plain(reader, node, own)
            own.failed |= len(reader.findings.mistakes) > before
    return own


def _plain(reader: Reader, node: Node, own: _Own) -> Any:
    """Text, lists and dicts, as a model takes them."""
    if isinstance(node, Items):
        return [_plain(reader, entry, own) for entry in node.items]
    if isinstance(node, Table):
        return {key.value: _plain(reader, value, own) for key, value in reader.entries(node)}
    if node.broken:
        own.failed = True
        return None
    if "${" not in node.value:
        own.literal.append(node)
    before = len(reader.findings.absent)
    text = reader.one(node, lambda text: reader.secret(node, text))
    if len(reader.findings.absent) > before:
        own.absent += reader.findings.secrets.resolve(node.value).absent
    return text


def _validated(
    reader: Reader, key: Text, model: type[BaseModel], own: _Own, what: str
) -> BaseModel | None:
    try:
        return model.model_validate(_with_stand_ins(model, own))
    except ValidationError as error:
        _tell(reader, key, own, what, error)
        return None


def _with_stand_ins(model: type[BaseModel], own: _Own) -> Any:
    """The values, those that only the service has in the shape that the model takes best."""
    plain = own.plain
    for name in own.absent:
        shaped = (_replaced(plain, placeholder(name), shape(name)) for shape in _SHAPES)
        plain = min((plain, *shaped), key=partial(_count_wrong, model))
    return plain


def _count_wrong(model: type[BaseModel], plain: Any) -> int:
    try:
        model.model_validate(plain)
    except ValidationError as error:
        return error.error_count()
    return 0


def _as_address(name: str) -> str:
    return f"https://absent-credential.invalid/{name}"


def _as_webhook_secret(name: str) -> str:
    return "whsec_" + base64.b64encode(placeholder(name).encode().ljust(24, b"-")).decode()


def _as_mail_server(_name: str) -> str:
    return "smtps://absent-credential.invalid"


def _as_apprise_url(name: str) -> str:
    return f"json://absent-credential.invalid/{name}"


def _as_bot_token(name: str) -> str:
    return (
        "1000:" + base64.urlsafe_b64encode(placeholder(name).encode()).decode().ljust(30, "-")[:90]
    )


_SHAPES: tuple[Callable[[str], str], ...] = (
    _as_address,
    _as_mail_server,
    _as_webhook_secret,
    _as_bot_token,
    _as_apprise_url,
)


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, list):
        return [_replaced(entry, old, new) for entry in value]
    if isinstance(value, dict):
        return {name: _replaced(entry, old, new) for name, entry in value.items()}
    return new if value == old else value


def _tell(reader: Reader, key: Text, own: _Own, what: str, error: ValidationError) -> None:
    for wrong in error.errors(include_url=False, include_input=False):
        name = str(wrong["loc"][0]) if wrong["loc"] else ""
        node: Node = own.nodes.get(name, key)
        for step in wrong["loc"][1:]:
            node = _below(node, step)
        if wrong["type"] == "missing":
            reader.wrong(key, f"{what} needs {name}:")
            continue
        cause = wrong.get("ctx", {}).get("error")
        message = str(cause) if cause else wrong["msg"][:1].lower() + wrong["msg"][1:]
        message = _without_secrets(message, reader.findings.secret_values)
        reader.wrong(node, f"{name}: {message}" if name else message)


def _without_secrets(message: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        message = message.replace(secret, "…")
    return message


def _below(node: Node, step: int | str) -> Node:
    if isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    if isinstance(node, Table):
        return next((value for key, value in node.entries if key.value == step), node)
    return node


def _keep_secret(reader: Reader, settings: BaseModel, own: _Own) -> None:
    """Remember what is secret, and warn where it is written out for all to read."""
    secret = {value for value in _secrets(settings) if not _SERVER.fullmatch(value)}
    reader.findings.secret_values |= secret
    for value in secret:
        reader.findings.secret_values.update(_telling_parts(value))
    for text in own.literal:
        if text.value in secret:
            reader.keep_literal(text)


_SERVER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@]+/?")
"""The address of a server alone, which every line about it says: no secret."""


def _telling_parts(secret: str) -> Iterator[str]:
    """What of a secret address must not show up on its own: its password, its path."""
    scheme, separator, rest = secret.partition("://")
    if scheme and separator:
        authority, slash, path = rest.partition("/")
        _user, colon, password = authority.rpartition("@")[0].partition(":")
        if colon and password:
            yield from (password, unquote(password))
        if len(path) >= 16:
            yield slash + path


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, list | tuple | set | frozenset):
        for entry in value:
            yield from _secrets(entry)
    elif isinstance(value, dict):
        yield from _secrets(list(value.values()))
