"""`wirewatch feeds export`: the configured feeds as OPML, for other programs and for `import`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import ConfigPath, fail, load_config

if TYPE_CHECKING:
    from monitor.config import Config, FeedConfig

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def command(
    config: ConfigPath = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file, instead of stdout.")
    ] = None,
) -> None:
    """The configured feeds as OPML 2.0, their tags as folders. Secrets stay here: headers and
    passwords are not written, and a feed whose URL holds a secret is left out."""
    from monitor.opml import Feed, written

    checked = load_config(config)
    fit = [feed for feed in checked.feeds.values() if not _is_secret(feed, checked)]
    text = written(
        "wirewatch", (Feed(feed.name, feed.url, feed.tags, tuple(_settings(feed))) for feed in fit)
    )
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)
        typer.echo(f"wrote {_count(len(fit))} to {output}")
    _tell(checked)


def _count(number: int) -> str:
    return "1 feed" if number == 1 else f"{number:,} feeds"


def _is_secret(feed: FeedConfig, config: Config) -> bool:
    """Whether the URL was made with a secret, or would have been, had this user been given it."""
    from monitor.secrets import placeholder

    return placeholder("") in feed.url or any(one in feed.url for one in config.secrets)


def _settings(feed: FeedConfig) -> Iterator[tuple[str, str]]:
    """What OPML has no word for, as the configuration spells it."""
    if feed.every:
        yield "every", period(feed.every)
    if feed.lang:
        yield "lang", feed.lang
    if feed.source:
        yield "source", feed.source
    if feed.max_age:
        yield "max_age", period(feed.max_age)
    if not feed.enabled:
        yield "enabled", "no"


def period(length: timedelta) -> str:
    """``90m`` for an hour and a half: a whole number of the largest unit that fits."""
    total = round(length / timedelta(milliseconds=1))
    unit, size = next((unit, size) for unit, size in _UNITS if total % size == 0)
    return f"{total // size}{unit}"


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        fail(f"{output} is already there; nothing was written, name another file")
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror or error}")


def _tell(config: Config) -> None:
    """What another installation will miss."""
    for feed in config.feeds.values():
        if _is_secret(feed, config):
            typer.echo(f"feed '{feed.name}' is left out: its URL holds a secret", err=True)
        elif feed.headers or feed.auth:
            typer.echo(f"feed '{feed.name}': its headers and password are not written", err=True)
