"""Opening the database to look at it, beside a running daemon or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

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
    if file is not None and not _is_there(file):
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
        said = str(error.orig)
        if any(words in said for words in ("unable to open", "readonly")):
            _refuse(file, said)
        fail(f"{file}: {said}")
    finally:
        engine.dispose()


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except PermissionError:
        _refuse(file, "permission denied")


def _refuse(file: Path | None, said: str) -> NoReturn:
    """The state directory is for the daemon's user alone, who is not the one at the terminal."""
    fail(
        f"{file}: this user cannot use it ({said}); run the command as the service does, with "
        f"wirewatchctl, or as the owner of that file"
    )
