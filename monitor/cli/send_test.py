"""`wirewatch send-test`: one alert to each channel, now, and what its service said."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import AsJson, ConfigPath, fail, load_config, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alerts import Channel
    from monitor.config import ChannelConfig, Config


class Kind(StrEnum):
    """What an alert can be."""

    hit = "hit"
    digest = "digest"
    event = "event"


class Severity(StrEnum):
    """How urgent a rule can be."""

    low = "low"
    normal = "normal"
    high = "high"
    critical = "critical"


def command(
    channels: Annotated[
        list[str] | None, typer.Argument(help="Only these; all that are enabled otherwise.")
    ] = None,
    config: ConfigPath = None,
    kind: Annotated[Kind, typer.Option(help="What to send.")] = Kind.hit,
    severity: Annotated[Severity, typer.Option(help="Of the rule it pretends to be of.")] = (
        Severity.normal
    ),
    as_json: AsJson = False,
) -> None:
    """Send one alert that says it is a test to each channel, once, and tell what its service
    said. Nothing is stored or tried again. Ends with 1 when one of them failed."""
    checked = load_config(config)
    wanted = _wanted(checked, channels or [])
    outcomes = asyncio.run(_all(checked, wanted, kind, severity))
    if as_json:
        print_json(
            {"channel": channel.name, "type": channel.type, "sent": not error, "answer": answer}
            for channel, answer, error in outcomes
        )
    else:
        for channel, answer, error in outcomes:
            mark = typer.style("failed" if error else "sent", "red" if error else "green")
            typer.echo(f"{channel.name} ({channel.type}): {mark}: {answer}")
    if any(error for _, _, error in outcomes):
        raise typer.Exit(1)


def _wanted(config: Config, names: Sequence[str]) -> list[ChannelConfig]:
    for name in names:
        if name not in config.channels:
            known = ", ".join(sorted(config.channels))
            fail(f"no channel '{name}'; known are {known}")
    chosen = [config.channels[name] for name in names]
    return chosen or [channel for channel in config.channels.values() if channel.enabled]


async def _all(
    config: Config, channels: Sequence[ChannelConfig], kind: Kind, severity: Severity
) -> list[tuple[ChannelConfig, str, bool]]:
    """Each channel with what its service said, and whether that is a failure."""
    from alerts import Tools, make
    from monitor.guard import Lookup, open_clients

    async with open_clients(
        contact=config.contact, allow_private=config.allow_private, lookup=Lookup()
    ) as clients:
        tools = Tools(http=clients.alerts, dial=clients.dial, write=_write)
        made = [make(c.type, c.name, c.settings, tools, c.template) for c in channels]
        work = (_one(m, c, kind, severity) for m, c in zip(made, channels, strict=True))
        return list(await asyncio.gather(*work))


async def _one(
    channel: Channel, config: ChannelConfig, kind: Kind, severity: Severity
) -> tuple[ChannelConfig, str, bool]:
    from alerts import PermanentFailure, TemporaryFailure
    from alerts.sample import sample
    from monitor.ids import new_id

    now = datetime.now(UTC)
    limit = config.timeout.total_seconds()
    try:
        async with asyncio.timeout(limit):
            receipt = await channel.send(sample(kind.value, new_id(), now, severity.value), now)
    except TimeoutError:
        return config, f"no answer within {limit:g} s", True
    except (TemporaryFailure, PermanentFailure) as failure:
        return config, failure.reason, True
    return config, receipt.status, False


def _write(text: str) -> None:
    with suppress(BrokenPipeError):
        print(text, file=sys.stderr)  # noqa: T201 - the console channel's message; stdout is for results
