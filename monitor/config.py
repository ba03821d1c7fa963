"""Config: everything the operator wrote, checked and frozen.

`load` reads the files and gives a `Config`, or raises `rules.RuleErrors` with every mistake of
every file. Nothing else in the daemon reads YAML.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from alerts.policy import Manner, When
from rules import Document, Mistake, RuleErrors, RuleSet

Severity = Literal["low", "normal", "high", "critical"]
Repeat = Literal["each", "story"]
FirstPoll = Literal["baseline", "alert"] | timedelta


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """A feed to poll. ``every`` None: adaptive. ``first_poll`` a period: items newer than that
    are told on the first poll. ``max_age``: older items are stored and counted, not told."""

    name: str
    url: str
    every: timedelta | None = None
    tags: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None
    lang: str = ""
    source: str = ""
    max_age: timedelta | None = None
    first_poll: FirstPoll = "baseline"
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """``first`` pause, each next ``factor`` times longer up to ``max``, given up ``total`` after
    the first attempt."""

    first: timedelta
    factor: float
    max: timedelta
    total: timedelta


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """A place alerts go. ``settings`` is the channel type's own frozen model, secrets resolved.
    ``retry`` None: the Standard Webhooks schedule. ``template``: what its messages say instead of
    ours. ``repeat``: ``each`` hit of a story is told, or only its first; None: as its type does.
    ``fallback``: the channel that tells what this one cannot."""

    name: str
    type: str
    settings: Any
    retry: RetryConfig | None = None
    timeout: timedelta = timedelta(seconds=20)
    enabled: bool = True
    template: str | None = None
    repeat: Repeat | None = None
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """A rule and how its alerts are sent; ``send`` and ``manner`` are already filled from
    ``defaults``. ``until``: from then on it no longer matches. ``repeat``: ``each`` hit of a story
    is told, or only its first; None: as its channels do. ``when``: how many hits are told, and none
    before. ``absent``: without a hit for so long, where one is usual, operators are told."""

    name: str
    expression: str
    severity: Severity = "normal"
    send: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    enabled: bool = True
    until: datetime | None = None
    note: str = ""
    manner: Manner = field(default_factory=Manner)
    repeat: Repeat | None = None
    when: When | None = None
    absent: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ExampleConfig:
    """A text that ``rule`` must match, or must not. ``place`` is where it stands, its message
    still empty."""

    rule: str
    document: Document
    matches: bool
    place: Mistake


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. ``rules`` holds every rule, ``ruleset`` the enabled ones compiled.

    ``database`` is an SQLAlchemy URL with an absolute path. ``warnings`` do not stop anything.
    ``secrets`` are resolved secret values, to be kept out of logs. ``absent_credentials``: where
    credentials stand that only the service has; their settings hold placeholders, so nothing
    may be sent or fetched with them.
    """

    contact: str
    database: str
    feeds: Mapping[str, FeedConfig]
    channels: Mapping[str, ChannelConfig]
    rules: Mapping[str, RuleConfig]
    terms: Mapping[str, tuple[str, ...]]
    ruleset: RuleSet
    allow_private: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    host_pause: timedelta = timedelta(seconds=1)
    log_level: str = "INFO"
    warnings: tuple[Mistake, ...] = ()
    secrets: frozenset[str] = frozenset()
    files: tuple[Path, ...] = ()
    examples: tuple[ExampleConfig, ...] = ()
    absent_credentials: tuple[Mistake, ...] = ()


def load(path: Path, environment: Mapping[str, str] | None = None, *, lint: bool = False) -> Config:
    """Read ``path`` (a directory or a file) and what it includes.

    ``environment`` is where ``${env:...}``, the credentials' and the state directory are looked
    for; absent: the process's own. ``lint`` adds the linter's warnings about rules, which take
    longer than all the rest: `check` wants them, the daemon does not.

    Raises:
        rules.RuleErrors: with every mistake of every file.
    """
    from monitor.config_load import load_config  # noqa: PLC0415 - it makes the types above

    return load_config(path, os.environ if environment is None else environment, lint=lint)


def require_startable(config: Config) -> None:
    """What `check` only warns of, but nothing may be requested or sent without: a contact, and
    the credentials that only the service has.

    Raises:
        rules.RuleErrors: with every one that is missing.
    """
    missing = list(config.absent_credentials)
    if not config.contact:
        missing.insert(0, missing_contact(config.files[0] if config.files else Path()))
    if missing:
        raise RuleErrors(missing)


require_contact = require_startable  # the name that commands know it by


def missing_contact(file: Path) -> Mistake:
    """The mistake, or the warning, that nobody is named as the one who asks."""
    message = "no contact is configured; publishers are told whom to write to"
    return Mistake(message, "add a line such as contact: desk@example.org", str(file))
