"""How publishers of every kind are treated for days on end, restarts and clock steps included (A0).

``WIREWATCH_DAYS=30`` lives a month with 20 restarts, as ``make bench-poll`` does; by default it is
days. The second half falsifies something each time, to show that the board sees it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rigs.publishers import Ask, sites
from rigs.scoreboard import Scoreboard
from rigs.simulation import Meddle, World, count_items, only, run

from monitor import hints
from monitor.daemon import Engine
from monitor.item import Parsed
from monitor.turns import Turns

DAYS = float(os.environ.get("WIREWATCH_DAYS", "1"))


def test_no_publisher_has_anything_to_complain_of_and_no_item_is_missed_or_found_twice(
    tmp_path: Path,
) -> None:
    """A0, and by it A1 to A25 as a publisher sees them."""
    world = World(tmp_path, restarts=20 if DAYS > 10 else 4)
    board = run(world, timedelta(days=DAYS))
    assert board.bad == {}, board.table()


def test_validators_that_lie_are_found_out_by_one_probe_and_a_quiet_feed_is_probed_once_a_day(
    tmp_path: Path,
) -> None:
    """A1's exception: 304 for far longer than the feed's own rhythm."""
    world = World(tmp_path, only(sites(), "liar", "quiet"), restarts=2)
    board = run(world, timedelta(days=8.5))
    assert board.bad == {}, board.table()
    probes = {name: row.count["probes"] for name, row in board.rows.items()}
    assert probes["liar"] == 1
    assert 1 <= probes["quiet"] <= 3
    assert board.rows["liar"].count["unconditional"] > 20


def test_a_poll_that_was_killed_is_not_repeated_in_hours_that_the_feed_skips(
    tmp_path: Path,
) -> None:
    """A23: what T0 writes is a promise too."""
    world = World(tmp_path, only(sites(), "skip-hours"))

    async def scenario() -> None:
        async with world.engine() as parts:
            await world.live(parts, timedelta(hours=11))
            await world.kill(parts)
        async with world.engine() as parts:
            await world.live(parts, timedelta(hours=8))

    asyncio.run(scenario())
    row = world.board.rows["skip-hours"]
    assert row.bad == {}
    assert row.most > timedelta(hours=5)


def spoilt(
    folder: Path,
    *names: str,
    meddle: Meddle | None = None,
    sabotage: Callable[[Engine], None] = lambda _: None,
    hours: int = 12,
    restarts: int = 0,
) -> Scoreboard:
    """Half a day with few publishers and one fault."""
    world = World(folder, only(sites(), *names), meddle, sabotage, restarts)
    return run(world, timedelta(hours=hours))


def test_without_a_fault_the_few_publishers_of_these_tests_see_none(tmp_path: Path) -> None:
    names = ("both", "max-age", "too-many", "shared-0", "shared-1", "every")
    board = spoilt(tmp_path, *names, restarts=1)
    assert board.bad == {}
    assert {name for name, row in board.rows.items() if row.count["good"] > 3} == set(names)
    assert all(board.rows[name].count["found"] for name in names if name != "too-many")


def sends(**headers: str | None) -> Meddle:
    """A client that sets these headers, or leaves them out, once it has asked three times."""

    def meddled(ask: Ask) -> Ask:
        changed = dict(ask.headers)
        for name, value in headers.items():
            changed.pop(name.replace("_", "-"), None)
            if value is not None:
                changed[name.replace("_", "-")] = value.encode()
        return replace(ask, headers=changed) if ask.count > 3 else ask

    return meddled


@pytest.mark.parametrize(
    ("meddle", "column"),
    [
        (sends(if_none_match='"of another feed"'), "bogus"),
        (sends(if_modified_since="Sun, 22 Nov 2026 12:00:01 GMT"), "bogus"),
        (sends(if_none_match='"2710"'), "oos"),
        (sends(if_none_match=None), "half"),
        (sends(if_none_match=None, if_modified_since=None), "careless"),
        (sends(cookie="seen=1"), "cookies"),
        (sends(referer="https://both.example/"), "referrers"),
        (sends(cache_control="no-cache"), "headers"),
    ],
)
def test_the_board_sees_a_bad_header(tmp_path: Path, meddle: Meddle, column: str) -> None:
    board = spoilt(tmp_path, "both", meddle=meddle)
    assert board.bad["both"].keys() == {column}


def test_the_board_sees_a_query_that_nobody_gave(tmp_path: Path) -> None:
    board = spoilt(tmp_path, "both", meddle=lambda ask: replace(ask, url=f"{ask.url}?nocache=1"))
    assert board.bad[""]["stray"] > 0


@pytest.mark.parametrize(
    ("question", "site", "columns"),
    [("retry_at", "too-many", {"waits"}), ("max_age", "max-age", {"fresh", "early"})],
)
def test_the_board_sees_that_a_server_is_not_listened_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str, site: str, columns: set[str]
) -> None:
    monkeypatch.setattr(hints, question, lambda *_: None)
    assert spoilt(tmp_path, site, hours=30).bad[site].keys() == columns


def sql(parts: Engine, statement: str) -> None:
    """Change the database behind the store's back."""
    with parts.store.transaction():
        parts.store._run(sa.text(statement))


def test_the_board_sees_that_nobody_minds_the_host(tmp_path: Path) -> None:
    def careless(parts: Engine) -> None:
        claim = parts.store.claim_feeds

        def claimed(*given: Any) -> Any:
            sql(parts, "UPDATE hosts SET free_at = '2000-01-01 00:00:00'")
            return claim(*given)

        async def at_once(_: float) -> None:
            """Nobody waits for a pause to end."""

        parts.store.claim_feeds = claimed  # type: ignore[assignment,method-assign] # the fault
        parts.poller._turns = Turns(sleep=at_once)

    board = spoilt(tmp_path, "shared-0", "shared-1", "shared-2", sabotage=careless)
    assert "rushed" in {column for bad in board.bad.values() for column in bad}


def test_the_board_sees_that_redirects_lead_to_a_host_that_is_being_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(*_: object) -> None:
        """Nobody waits for a turn."""

    monkeypatch.setattr(Turns, "take", at_once)
    monkeypatch.setattr(Turns, "give_back", lambda *_: None)
    board = spoilt(tmp_path, "crossing", "shared-0", hours=30)
    assert "parallel" in {column for bad in board.bad.values() for column in bad}


def test_the_board_sees_that_a_host_is_given_less_than_its_pause(tmp_path: Path) -> None:
    world = World(
        tmp_path, only(sites(), "shared-1", "shared-2"), restarts=0, pause=timedelta(seconds=5)
    )
    bad = run(world, timedelta(hours=2)).bad
    assert {column for columns in bad.values() for column in columns} == {"rushed"}


def test_the_board_sees_that_a_restart_polls_what_is_not_due(tmp_path: Path) -> None:
    def eager(parts: Engine) -> None:
        sql(parts, "UPDATE feeds SET next_poll_at = '2026-11-22 12:00:00'")

    board = spoilt(tmp_path, "both", "ttl", "max-age-huge", sabotage=eager, restarts=1)
    assert {name: set(bad) for name, bad in board.bad.items()} == {
        "ttl": {"early"},
        "max-age-huge": {"early", "fresh"},
    }


def test_the_board_sees_that_a_feed_is_forgotten(tmp_path: Path) -> None:
    def forgetful(parts: Engine) -> None:
        sql(
            parts,
            "UPDATE feeds SET next_poll_at = '2026-11-24 12:00:00', "
            "last_request_at = created_at WHERE name = 'strong'",
        )

    board = spoilt(tmp_path, "strong", "weak", sabotage=forgetful, restarts=1)
    assert board.bad.keys() == {"strong"}
    assert board.bad["strong"].keys() == {"late"}


def test_the_board_sees_an_item_that_is_lost(tmp_path: Path) -> None:
    def dropping(parts: Engine) -> None:
        parse = parts.pool.parse

        async def parsed(*given: Any) -> Any:
            found = await parse(*given)
            return replace(found, items=found.items[2:]) if isinstance(found, Parsed) else found

        parts.pool.parse = parsed  # type: ignore[assignment,method-assign] # the fault

    board = spoilt(tmp_path, "strong", sabotage=dropping, hours=24)
    assert board.bad["strong"].keys() == {"lost"}


def test_the_board_sees_an_item_that_is_stored_twice(tmp_path: Path) -> None:
    world = World(tmp_path, only(sites(), "strong"), restarts=0)
    assert run(world, timedelta(hours=3)).bad == {}
    with closing(sqlite3.connect(tmp_path / "wirewatch.db")) as database:
        database.execute("CREATE TEMP TABLE copy AS SELECT * FROM items LIMIT 1")
        database.execute("UPDATE copy SET id = 'another'")
        database.execute("INSERT INTO items SELECT * FROM copy")
        database.commit()
    count_items(world)
    assert world.board.bad == {"strong": {"twice": 1}}
