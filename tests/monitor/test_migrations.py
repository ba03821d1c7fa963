"""What older versions stored is found by newer ones."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

import monitor.database
from monitor.database import open_engine, prepare

NOW = "2026-11-22 12:00:00.000000"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database of the first version, with 1,100 items."""
    file = tmp_path / "wirewatch.db"
    config = Config()
    folder = Path(monitor.database.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    engine = open_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(file)) as database, database:
        _fill(database)
    return file


def _fill(connection: sqlite3.Connection) -> None:
    feed = _required(connection, "feeds") | {"id": "f", "url": "https://a.example/", "name": "a"}
    _insert(connection, "feeds", feed)
    for n in range(1100):
        link = f"http://www.a.example/{n}/?utm_source=rss"
        texts = {"id": f"i{n:04}", "feed_id": "f", "url": link, "title": f"Gas, {n}!"}
        _insert(connection, "items", _required(connection, "items") | texts)


def _required(connection: sqlite3.Connection, table: str) -> dict[str, object]:
    """A value for each column that must have one."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    kinds: dict[str, object] = {"TEXT": "", "INTEGER": 0, "BOOLEAN": 0, "DATETIME": NOW}
    return {name: kinds[kind] for _, name, kind, needed, _, _ in columns if needed}


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    marks = ", ".join("?" * len(row))
    connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
    )


def test_items_of_the_first_version_are_known_by_link_and_title(file: Path) -> None:
    prepare(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        marks = connection.execute("SELECT id, canonical, title_key FROM items").fetchall()
    assert len(marks) == 1100
    assert set(marks) == {(f"i{n:04}", f"a.example/{n}", f"gas{n}") for n in range(1100)}
