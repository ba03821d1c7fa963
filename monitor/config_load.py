"""Files -> Config: read all, check all, then either one `Config` or every mistake.

The order matters only where one section needs another: settings first (the time zone dates
rules), then channels (rules name them), feeds, groups and rules.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from alerts.policy import Manner
from monitor.config import Config, missing_contact
from monitor.config_channels import Channels
from monitor.config_feeds import Feeds
from monitor.config_files import Found, find
from monitor.config_manner import KEYS, Route, manner_of, routes_of
from monitor.config_rules import Rules
from monitor.config_schema import (
    DEFAULTS,
    MOST_MISTAKES,
    SETTINGS,
    TOP,
    Findings,
    Reader,
    Section,
    TooManyMistakesError,
    tables,
)
from monitor.secrets import Secrets
from rules import Mistake, RuleErrors, RuleSet
from rules.load import in_reading_order
from rules.source import Source, Text

Sections = Mapping[str, list[Section]]


def load_config(path: Path, environment: Mapping[str, str], *, lint: bool) -> Config:
    """Read a directory or a file and everything it includes.

    Raises:
        RuleErrors: with every mistake of every file, in reading order.
    """
    with _no_cyclic_collection():
        return _load(path, environment, lint)


@contextmanager
def _no_cyclic_collection() -> Iterator[None]:
    """Millions of fresh nodes, none of them garbage: collecting would take a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _load(path: Path, environment: Mapping[str, str], lint: bool) -> Config:
    found = find(path)
    findings = Findings(Secrets(environment, found.directory))
    findings.mistakes += found.mistakes
    findings.warnings += found.warnings
    for source in found.sources:
        findings.mistakes += source.mistakes
    try:
        config = _config(found, findings, environment, lint)
    except TooManyMistakesError:
        config = None
    if findings.mistakes or config is None:
        raise RuleErrors(_told(findings.mistakes, found.sources))
    return config


def _told(mistakes: list[Mistake], sources: list[Source]) -> list[Mistake]:
    """Mistakes in reading order, no more than anybody reads."""
    told = in_reading_order(mistakes, sources)
    if len(told) <= MOST_MISTAKES:
        return told
    message = f"more than {MOST_MISTAKES} mistakes; the rest is not told"
    return [
        *told[:MOST_MISTAKES],
        replace(told[MOST_MISTAKES - 1], message=message, hint="", source=""),
    ]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the sections hold, each checked against the others."""

    settings: Mapping[str, Any]
    channels: Channels
    feeds: Feeds
    rules: Rules
    notify: tuple[str, ...]
    zone: ZoneInfo


def _config(
    found: Found, findings: Findings, environment: Mapping[str, str], lint: bool
) -> Config | None:
    whole = all(source.readable for source in found.sources)
    parts = _parts(found, findings, whole)
    ruleset = parts.rules.compiled(whole=whole)
    if ruleset is None:
        return None
    if lint:
        parts.rules.lint(ruleset, parts.feeds.configured.values())
    if not parts.settings.get("contact") and found.paths:
        findings.warnings.append(missing_contact(next(iter(found.paths.values()))))
    return _assembled(parts, ruleset, found, findings, environment)


def _parts(found: Found, findings: Findings, whole: bool) -> _Parts:
    sections = _sections(found.sources, findings)
    settings = _settings(sections, found)
    zone = settings.get("timezone") or ZoneInfo("UTC")
    channels = Channels(sections["channels"], whole=whole)
    defaults = _defaults(sections["defaults"], channels, zone)
    feeds = Feeds(findings, defaults.get("first_poll") or "baseline")
    feeds.read(sections["feeds"])
    feeds.add_outlines(found.outlines)
    rules = Rules(
        findings,
        channels,
        send=defaults.get("send") or (),
        zone=zone,
        manner=Manner(**{key: defaults[key] for key in KEYS if key in defaults}),
        repeat=defaults.get("repeat"),
        routes=(*defaults.get("routes", ()), *_routes(sections["routes"], channels)),
    )
    rules.read_groups(sections["terms"])
    rules.read(sections["rules"])
    return _Parts(settings, channels, feeds, rules, _notify(sections["notify"], channels), zone)


def _assembled(
    parts: _Parts,
    ruleset: RuleSet,
    found: Found,
    findings: Findings,
    environment: Mapping[str, str],
) -> Config:
    settings = parts.settings
    path = settings.get("database") or "wirewatch.db"
    pause = settings.get("host_pause")
    told = in_reading_order([*findings.warnings, *findings.absent], found.sources)
    return Config(
        contact=settings.get("contact") or "",
        database=_database(path, found.directory, environment),
        feeds=parts.feeds.configured,
        channels=parts.channels.configured,
        rules=parts.rules.configured,
        terms=parts.rules.terms,
        ruleset=ruleset,
        allow_private=settings.get("allow_private") or (),
        notify=parts.notify,
        timezone=parts.zone,
        host_pause=timedelta(seconds=1) if pause is None else pause,
        log_level=(settings.get("log") or {}).get("level", "INFO"),
        warnings=tuple(told),
        secrets=frozenset(findings.secret_values),
        files=tuple(found.paths.values()),
        examples=tuple(parts.rules.examples),
        absent_credentials=tuple(findings.absent),
    )


def _sections(sources: list[Source], findings: Findings) -> Sections:
    """The top-level keys of all files by name."""
    sections: dict[str, list[Section]] = {key: [] for key in TOP}
    for source in sources:
        reader = Reader(source, findings)
        root = source.root
        if root is None or (isinstance(root, Text) and (root.empty or root.broken)):
            continue
        table = reader.table(root, "a configuration file")
        for key, node in reader.entries(table) if table else ():
            if reader.known(key, TOP, "the configuration"):
                sections[key.value].append(Section(reader, key, node))
    return sections


_READ_LATER = ("defaults", "notify", "routes")


def _settings(sections: Sections, found: Found) -> dict[str, Any]:
    """The keys that stand alone: each counts once over all files."""
    settings: dict[str, Any] = {}
    for name, read in SETTINGS.items():
        for section in sections[name] if read and name not in _READ_LATER else ():
            if name == "include" and section.reader.source is not found.sources[0]:
                message = f"include: counts only in {found.sources[0].name}"
                section.reader.wrong(section.key, message)
            elif _is_first(section, sections[name]) and read:
                settings[name] = read(section.reader, section.node)
    return settings


def _is_first(section: Section, all_of_name: list[Section]) -> bool:
    first = all_of_name[0]
    if section is first:
        return True
    place = first.reader.source.at(first.key.start)
    section.reader.wrong(section.key, f"'{section.key.value}' is already given at {place}")
    return False


def _notify(sections: list[Section], channels: Channels) -> tuple[str, ...]:
    for section in sections:
        if _is_first(section, sections):
            return channels.named_by(section.reader, section.node)
    return ()


def _routes(sections: list[Section], channels: Channels) -> tuple[Route, ...]:
    for section in sections:
        if _is_first(section, sections):
            return routes_of(section.reader, section.node, channels)
    return ()


def _defaults(sections: list[Section], channels: Channels, zone: ZoneInfo) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    places: dict[str, str] = {}
    for reader, table in tables(sections):
        for key, node in reader.entries(table):
            read = reader.known(key, DEFAULTS, "defaults:")
            place = reader.source.at(key.start)
            if read and places.setdefault(key.value, place) != place:
                reader.wrong(key, f"'{key.value}' is already given at {places[key.value]}")
            elif read and key.value == "send":
                defaults["send"] = channels.named_by(reader, node)
            elif read and key.value == "routes":
                defaults["routes"] = routes_of(reader, node, channels)
            elif read and key.value in KEYS:
                found = manner_of(reader, {key.value: node}, zone)
                defaults[key.value] = getattr(found, key.value)
            elif read:
                defaults[key.value] = read(reader, node)
    return defaults


def _database(path: str, directory: Path, environment: Mapping[str, str]) -> str:
    """An SQLAlchemy URL with an absolute path."""
    state = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    base = Path(state) if state else directory
    return f"sqlite:///{os.path.normpath(base / path)}"
