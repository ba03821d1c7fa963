"""`wirewatch mute`: keep a rule, a feed or a story quiet for a while; what it would have told is
summed up when that ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import AsJson, ConfigPath, fail, load_config, print_json, when
from monitor.cli.listing import Column, show

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.mutes import ActiveMute
    from monitor.store import Store

_LONGEST = timedelta(days=90)
_SHORTEST = 8  # of the beginnings of ids that are looked for
_COLUMNS = (Column("muted"), Column("what"), Column("until"), Column("why", below=True))


def command(
    name: Annotated[
        str | None, typer.Argument(help="A rule, a feed, or a story's id; none: list.")
    ] = None,
    *,
    config: ConfigPath = None,
    length: Annotated[
        str | None, typer.Option("--for", help="For how long: 30m, 2h, 3d.", show_default=False)
    ] = None,
    why: Annotated[str, typer.Option(help="A reason, told with what it kept quiet.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="End the mute now.")] = False,
    kind: Annotated[
        str | None, typer.Option("--kind", help="rule or feed, where both have that name.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep a rule, a feed or a story quiet for a while, list what is quiet, or lift it early.
    Nothing is lost: hits are stored, and told as one digest when the mute ends."""
    from monitor.cli.reading import database_of

    checked = load_config(config)
    now = datetime.now(UTC)
    with database_of(checked, write=name is not None) as store:
        if name is None:
            _list(store.mutes(now), now, as_json=as_json)
        elif lift:
            _lift(store, name, kind, now)
        else:
            kind, name = _named(checked, store, name, kind)
            _mute(store, kind, name, _until(length, now), why)


def _named(config: Config, store: Store, name: str, wanted: str | None) -> tuple[str, str]:
    """What the name is of, and its whole id if that is a story; a mistake where it is of nothing,
    or of both a rule and a feed."""
    places = {"rule": config.rules, "feed": config.feeds}
    if wanted is not None and wanted not in places:
        fail(f"--kind {wanted}: there are rule and feed")
    found = [kind for kind, known in places.items() if name in known and wanted in (None, kind)]
    if len(found) > 1:
        fail(f"'{name}' is a rule and a feed; say which with --kind rule or --kind feed")
    if found:
        return found[0], name
    stories = store.find_stories(name) if wanted is None and len(name) >= _SHORTEST else []
    if len(stories) > 1:
        fail(f"{name}: more than one story begins so")
    if stories:
        return "story", stories[0]
    return fail(f"no rule, no feed and no story is called '{name}'")


def _until(length: str | None, now: datetime) -> datetime:
    from monitor.config_values import WrongValueError, some_time

    if length is None:
        return fail("say for how long, such as --for 2h; every mute ends")
    try:
        period = some_time(length)
    except WrongValueError as error:
        return fail(f"--for: {error.message}; {error.hint}".rstrip("; "))
    if period > _LONGEST:
        fail("--for: at most 90d; to stop a rule for good, write enabled: no")
    return now + period


def _mute(store: Store, kind: str, name: str, until: datetime, why: str) -> None:
    from monitor.config_values import shown
    from monitor.ids import new_id
    from monitor.mutes import ActiveMute

    now = datetime.now(UTC)
    with store.transaction():
        store.mute(ActiveMute(new_id(), kind, name, until, shown(why)), now)
        message = f"{kind} '{name}' is muted until {until:%Y-%m-%d %H:%M} UTC"
        store.add_event("muted", name, f"{message}{f': {shown(why)}' if why else ''}", now)
    typer.echo(f"{message}; to end it early: wirewatch mute {name} --lift")


def _lift(store: Store, name: str, kind: str | None, now: datetime) -> None:
    with store.transaction():
        found = [
            mute
            for mute in store.mutes(now)
            if kind in (None, mute.kind) and _is_called(mute, name)
        ]
        if not found:
            fail(f"'{name}' is not muted; what is: wirewatch mute")
        count = sum(store.lift_mute(mute.id, now) for mute in found)
        store.add_event("mute_lifted", name, f"'{name}' is no longer muted", now)
    held = f"; {count} {'digest is' if count == 1 else 'digests are'} sent now" if count else ""
    typer.echo(f"'{name}' is no longer muted{held}")


def _is_called(mute: ActiveMute, name: str) -> bool:
    begins = mute.kind == "story" and len(name) >= _SHORTEST and mute.name.startswith(name)
    return mute.name == name or begins


def _list(found: list[ActiveMute], now: datetime, *, as_json: bool) -> None:
    if as_json:
        print_json(_object(mute) for mute in found)
        return
    if not found:
        typer.echo("nothing is muted", err=True)
        return
    show(_COLUMNS, [(mute.kind, mute.name, when(mute.until, now), mute.why) for mute in found])


def _object(mute: ActiveMute) -> dict[str, Any]:
    return {"kind": mute.kind, "name": mute.name, "until": mute.until, "why": mute.why}
