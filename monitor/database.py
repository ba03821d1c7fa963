"""The database file: opened with the settings that keep its promises, migrated, and locked.

SQLite runs in WAL with ``synchronous=FULL`` (a commit survives power loss), foreign keys on, and
``BEGIN IMMEDIATE`` for writers, set and asserted on every connection (D1). The daemon holds an
flock beside the file, which dies with the process: whoever holds it knows that nobody else is
sending. Network file systems that lie about locks are not supported.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine, make_url

HEAD = "0003"
_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


class DatabaseError(Exception):
    """The database cannot be used; the message names it and the next step.

    ``passes``: the cause may go by itself (a full disk, a lock), so starting again later may work.
    """

    def __init__(self, message: str, *, passes: bool = False) -> None:
        super().__init__(message)
        self.passes = passes


_STAYS = ("not a database", "malformed", "unable to open", "readonly", "no such")
_LOCK_PATIENCE = 1.0


def open_engine(url: str, *, reader: bool = False) -> Engine:
    """An engine whose every connection has our settings. ``reader`` never takes the write lock."""
    engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=False)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_pragmas)
        sa.event.listen(engine, "begin", _begin_deferred if reader else _begin_immediate)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin on its own
    cursor = connection.cursor()
    for name, value in _PRAGMAS.items():
        cursor.execute(f"PRAGMA {name}={value}")
        found = cursor.execute(f"PRAGMA {name}").fetchone()[0]
        if found != value:
            raise DatabaseError(f"SQLite refuses PRAGMA {name}={value} (it stays {found})")
    cursor.close()


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def prepare(url: str) -> None:
    """Create the database or bring it up to this program's schema.

    Raises:
        DatabaseError: it cannot be opened or written, or a newer wirewatch made it.
    """
    file = database_file(url)
    if file is not None:
        _check_writable(file)
    engine = open_engine(url)
    try:
        version = schema_version(engine)
        if version is not None and version > HEAD:
            raise DatabaseError(
                f"{file or url}: made by a newer wirewatch (schema {version}, this one knows "
                f"{HEAD}); install that version again, or restore a backup made by this one"
            )
        if version != HEAD:
            _migrate(engine)
    except sa.exc.DatabaseError as error:
        raise told(error, url) from error
    finally:
        engine.dispose()


def told(error: sa.exc.DatabaseError, url: str) -> DatabaseError:
    """What the database said, in one line that names it."""
    said = str(error.orig)
    return DatabaseError(
        f"{database_file(url) or make_url(url).render_as_string()}: {said}",
        passes=not any(words in said for words in _STAYS),
    )


def _check_writable(file: Path) -> None:
    folder = file.parent
    if not _is_directory(folder):
        raise DatabaseError(f"{folder}: no such directory for the database; create it")
    if not os.access(folder, os.W_OK | os.X_OK) or (file.exists() and not os.access(file, os.W_OK)):
        raise DatabaseError(
            f"{file}: this user cannot write there; "
            f"give it the directory (chown) or set database: to another place"
        )


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError:  # it cannot be seen: what follows says that it cannot be written
        return True


def schema_version(engine: Engine) -> str | None:
    """The migration the database is at; None for a new one."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        version: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return version


def _migrate(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 - takes longer to import than most starts need
    from alembic.config import Config  # noqa: PLC0415 - likewise

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def database_file(url: str) -> Path | None:
    """The SQLite file behind ``url``; None for other databases and for memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


@contextmanager
def exclusive_lock(url: str) -> Iterator[None]:
    """Hold the database for one daemon. The lock dies with the process.

    Raises:
        DatabaseError: another process holds it; the message names its pid.
    """
    file = database_file(url)
    if file is None:
        yield
        return
    _check_writable(file)
    lock = file.with_name(file.name + ".lock")
    try:
        handle = lock.open("a+")
    except OSError as error:
        raise DatabaseError(f"{lock}: {error.strerror}", passes=True) from error
    with handle:
        _lock(handle, file)
        with suppress(OSError):  # the pid is a courtesy; a full disk must not stop the start
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
        yield


def _lock(handle: IO[str], file: Path) -> None:
    """`held` asks with a lock of its own for a moment: a refusal is final only after a second."""
    deadline = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            handle.seek(0)
            holder = handle.read(20).strip() or "unknown"
            raise DatabaseError(
                f"{file}: another wirewatch (pid {holder}) runs on this database; stop it first",
                passes=True,
            ) from None
        return


def held(url: str) -> bool:
    """Whether a daemon runs on this database now."""
    file = database_file(url)
    lock = file.with_name(file.name + ".lock") if file is not None else None
    try:
        handle = lock.open("r") if lock is not None else None
    except OSError:  # not there, or not ours to see
        handle = None
    if handle is None:
        return False
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
