"""Opening the database to look at it, beside a running daemon or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli.common import fail, load_config

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.store import Store


@contextmanager
def open_store(given: Path | None, *, write: bool = False) -> Iterator[tuple[Config, Store]]:
    """The configuration and its database; exits with a mistake where there is none yet."""
    config = load_config(given)
    with database_of(config, write=write) as store:
        yield config, store


@contextmanager
def database_of(config: Config, *, write: bool = False) -> Iterator[Store]:
    """The database of a configuration; exits with a mistake where there is none yet."""
    import sqlalchemy as sa

    from monitor.database import HEAD, database_file, open_engine, schema_version
    from monitor.store import Store

    file = database_file(config.database)
    if file is not None and not file.exists():
        fail(f"{file}: no database yet; the first `wirewatch once` or `wirewatch run` makes it")
    engine = open_engine(config.database, reader=not write)
    try:
        version = schema_version(engine)
        if version != HEAD:
            fail(
                f"{file}: has schema {version}, this wirewatch knows {HEAD}; "
                f"`wirewatch once` or `wirewatch run` of the newer version brings it up to date"
            )
        yield Store(engine)
    except sa.exc.DatabaseError as error:
        fail(f"{file}: {error.orig}")
    finally:
        engine.dispose()
