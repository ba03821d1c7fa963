"""Commands of somebody who may not see what the daemon sees, or whose terminal cannot show it."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path

import pytest
from rigs.archive import NOW, Archive
from rigs.clockwork import Clock, work
from rigs.command import run_here
from rigs.origin import Origin, Reply

from monitor.config import load
from monitor.daemon import engine
from monitor.database import DatabaseError, held, prepare
from monitor.logs import Redactor
from monitor.poller import configured, feeds_by_url

ITEM = (
    "<rss version='2.0'><channel><title>T</title><item><guid>a</guid>"
    "<title>Путин: 管道</title></item></channel></rss>"
).encode()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path)
    archive.publish("Xi met Putin", now=NOW)
    return archive


@pytest.mark.parametrize("command", ["status", "hits", "deliveries", "feeds", "events"])
def test_a_state_directory_of_another_user_is_no_traceback(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    closed = str(archive.etc / "wirewatch.db")
    there = Path.exists

    def seen(path: Path) -> bool:
        if str(path).startswith(closed):
            raise PermissionError(13, "Permission denied", closed)
        return there(path)

    monkeypatch.setattr(Path, "exists", seen)
    done = run_here([command, "-c", str(archive.etc)])
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"{closed}: this user cannot use it (permission denied); run the command as the service "
        "does, with wirewatchctl, or as the owner of that file\n"
    )


def test_a_database_that_cannot_be_opened_names_the_next_step(archive: Archive) -> None:
    database = archive.etc / "wirewatch.db"
    database.unlink()
    database.mkdir()
    done = run_here(["status", "-c", str(archive.etc)])
    assert done.code == 2
    assert done.err == (
        f"{database}: this user cannot use it (unable to open database file); run the command as "
        "the service does, with wirewatchctl, or as the owner of that file\n"
    )


def test_what_cannot_be_seen_is_not_written_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", hidden)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(DatabaseError, match="this user cannot write there; give it the directory"):
        prepare(f"sqlite:///{tmp_path / 'wirewatch.db'}")


def test_a_lock_that_may_not_be_read_is_held_by_nobody_we_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wirewatch.db.lock").touch()

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    assert held(f"sqlite:///{tmp_path / 'wirewatch.db'}") is False


def test_a_secret_in_the_url_of_a_feed_is_not_listed(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive.etc / "wirewatch.yaml"
    path.write_text(
        path.read_text().replace(
            "https://tass.example/rss", '"https://tass.example/?k=${env:TASS}"'
        )
    )
    monkeypatch.setenv("TASS", "not-for-terminals")
    with archive.store() as store:
        store.sync_feeds(configured(feeds_by_url(load(archive.etc))), NOW)
    done = run_here(["feeds", "--json", "-c", str(archive.etc)])
    urls = {row["name"]: row["url"] for row in map(json.loads, done.out.splitlines())}
    assert urls["tass"] == "https://tass.example/?k=[secret]"


def test_an_alert_is_written_to_a_terminal_that_lacks_its_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = io.TextIOWrapper(io.BytesIO(), encoding="ascii")

    async def main(url: str) -> None:
        (tmp_path / "wirewatch.yaml").write_text(
            "contact: desk@example.org\nallow_private: [127.0.0.1]\n"
            f"feeds: {{one: {{url: '{url}', first_poll: alert}}}}\nrules: {{gas: 管道}}\n"
        )
        async with engine(load(tmp_path), Redactor(), Clock()) as parts:
            monkeypatch.setattr(sys, "stdout", paper)
            await work(parts)
            monkeypatch.undo()
            (row,) = await parts.writer(parts.store.deliveries, 10)
            assert (row.state, row.answer) == ("sent", "written")

    with Origin() as origin:
        origin.serve("/one", Reply(body=ITEM))
        asyncio.run(main(origin.url("/one")))
    assert b"\\u041f\\u0443\\u0442\\u0438\\u043d" in paper.buffer.getvalue()


def test_a_reload_changes_how_much_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels: list[str] = []
    monkeypatch.setattr("monitor.daemon.set_up", lambda level, _redact: levels.append(level))

    def write(more: str) -> None:
        (tmp_path / "wirewatch.yaml").write_text(f"contact: desk@example.org\nrules: {{}}\n{more}")

    async def main() -> None:
        write("")
        async with engine(load(tmp_path), Redactor(), Clock()) as parts:
            await parts.swap(load(tmp_path))
            assert levels == []
            write("log: {level: debug}\n")
            await parts.swap(load(tmp_path))
            assert levels == ["DEBUG"]

    asyncio.run(main())
