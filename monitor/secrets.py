"""Secrets: ``${env:NAME}``, ``${file:PATH}`` and ``${credential:NAME}`` -> their values.

Outside the service an absent credential cannot be read by anyone, so it becomes `placeholder`
and is remembered; inside, and for the other two, an absent secret is the operator's mistake.
Messages name the place of a secret, never its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from monitor.config_values import WrongValueError, shown
from rules.source import read_at_most

_REFERENCE = re.compile(r"\$\{([^}\n]*)\}?")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*", re.ASCII)
_MAX_BYTES = 64 * 1024
_USERINFO_BEFORE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_USERINFO_AFTER = re.compile(r"[^/?#]*@")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A text with its secrets put in. ``absent``: the credentials that only the service has."""

    text: str
    values: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


class Secrets:
    """Where secrets are looked for: an environment, and a directory for relative files."""

    def __init__(self, environment: Mapping[str, str], directory: Path) -> None:
        self._environment = environment
        self._directory = directory
        self._credentials = environment.get("CREDENTIALS_DIRECTORY", "")

    @property
    def in_service(self) -> bool:
        """Whether this process was started by systemd as a service."""
        return bool(self._credentials or self._environment.get("INVOCATION_ID"))

    def resolve(self, text: str) -> Resolved:
        """Put the secrets in. In the user part of a URL they are written with %-signs.

        Raises:
            WrongValueError: one of them is absent, or the reference is not one.
        """
        if "${" not in text:
            return Resolved(text)
        parts: list[str] = []
        values: list[str] = []
        absent: list[str] = []
        end = 0
        for found in _REFERENCE.finditer(text):
            parts.append(text[end : found.start()])
            end = found.end()
            value = self._value(found)
            if value is None:
                absent.append(found[1].partition(":")[2])
                value = placeholder(absent[-1])
            else:
                values.append(value)
            parts.append(_as_part_of_url(value, text[: found.start()], text[end:]))
            values += [parts[-1]] if value in values and parts[-1] != value else []
        parts.append(text[end:])
        return Resolved("".join(parts), tuple(values), tuple(absent))

    def _value(self, found: re.Match[str]) -> str | None:
        kind, colon, name = found[1].partition(":")
        if not (found[0].endswith("}") and colon and name and kind in _KINDS):
            message = f"'{shown(found[0])}' is not a secret"
            raise WrongValueError(message, f"write {', '.join(_KINDS.values())}", found.start())
        try:
            value = self._look_up(kind, name)
        except WrongValueError as error:
            raise WrongValueError(error.message, error.hint, found.start()) from None
        if value == "":
            message = f"the secret {found[0]} is empty"
            raise WrongValueError(message, offset=found.start())
        return value

    def _look_up(self, kind: str, name: str) -> str | None:
        if kind == "env":
            return self._from_environment(name)
        if kind == "file":
            return self._from_file(name)
        return self._from_credential(name)

    def _from_environment(self, name: str) -> str:
        if name not in self._environment:
            message = f"the environment variable {shown(name)} is not set"
            raise WrongValueError(message, "set it, or write ${file:/path}")
        return self._environment[name]

    def _from_file(self, name: str) -> str:
        try:
            return _read(self._directory / name)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            message = f"the secret file {shown(name)} cannot be read: {why}"
            raise WrongValueError(message) from None

    def _from_credential(self, name: str) -> str | None:
        if not _NAME.fullmatch(name):
            raise WrongValueError(f"'{shown(name)}' is not the name of a credential")
        if not self.in_service:
            return None
        try:
            return _read(Path(self._credentials or "/run/credentials/none") / name)
        except OSError:
            hint = f"add LoadCredential={name}:/path to the unit"
            raise WrongValueError(f"the service has no credential '{name}'", hint) from None


_KINDS = {"env": "${env:NAME}", "file": "${file:/path}", "credential": "${credential:name}"}


def placeholder(credential: str) -> str:
    """What stands in for a credential that only the service has."""
    return f"absent-credential-{credential}"


def _as_part_of_url(value: str, before: str, after: str) -> str:
    """A password may hold ``@`` or ``/``; between ``://`` and ``@`` these would end it."""
    if _USERINFO_BEFORE.fullmatch(before) and _USERINFO_AFTER.match(after):
        return quote(value, safe="")
    return value


def _read(path: Path) -> str:
    """The text of a small file without its last line end.

    Raises:
        OSError: it cannot be read, or is not a small text file.
    """
    raw = read_at_most(path, _MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise OSError(0, f"it is bigger than {_MAX_BYTES // 1024} kB")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise OSError(0, "it is not UTF-8") from None
    if "\0" in text:
        raise OSError(0, "it holds a NUL")
    return text.rstrip("\r\n")
