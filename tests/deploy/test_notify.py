"""What the daemon tells systemd, and how it starts, reloads and ends; in a process of its own."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from rigs.daemon import Daemon, Nursery, wait_until
from rigs.origin import Origin, Pause, Raw, Reply
from rigs.receiver import Receiver, slow

from monitor.database import prepare

CONFIGURATION = """\
contact: desk@example.org
allow_private: [127.0.0.0/8]
"""
RULES = """\
rules:
  xi-putin: Xi AND Putin
"""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Where daemons come from without importing everything again."""
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration that works: one rule and no feed."""
    write(tmp_path, RULES)
    return tmp_path


def write(folder: Path, more: str) -> None:
    (folder / "wirewatch.yaml").write_text(CONFIGURATION + more)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the database so that nobody else can write."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def asked(folder: Path, question: str) -> list[tuple[object, ...]]:
    """What the database says."""
    with closing(sqlite3.connect(folder / "wirewatch.db")) as connection:
        return connection.execute(question).fetchall()


def test_ready_comes_with_numbers_and_after_the_database_is_there(folder: Path) -> None:
    with Daemon(folder) as daemon:
        daemon.wait_ready()
        assert asked(folder, "SELECT count(*) FROM feeds") == [(0,)]
        assert daemon.told[:2] == ["STATUS=opening the database", "EXTEND_TIMEOUT_USEC=600000000"]
        ready = daemon.told.index("READY=1")
        assert daemon.told[ready + 1] == (
            "STATUS=watching 0 feeds (0 ok) with 1 rules; 0 hits in 24 h; 0 alerts waiting, 0 dead"
        )
        assert daemon.told.count("READY=1") == 1


def test_ready_waits_until_the_database_can_be_written(nursery: Nursery, folder: Path) -> None:
    prepare(f"sqlite:///{folder / 'wirewatch.db'}")
    with locked(folder / "wirewatch.db"), Daemon(folder, nursery) as daemon:
        wait_until("start of the daemon", (folder / "wirewatch.db.lock").exists)
        time.sleep(1)
        assert daemon.returncode is None
        assert "READY=1" not in daemon.told


@pytest.mark.parametrize(
    ("wrong", "mistakes"),
    [
        ("rules: {a: Xi AND, b: (Putin}\n", ["expected a term after AND", "("]),
        ("feeds: {a: gopher://x}\nrulez: {}\n", ["gopher", "rulez"]),
    ],
)
def test_a_bad_configuration_ends_with_78_and_every_mistake(
    nursery: Nursery, tmp_path: Path, wrong: str, mistakes: list[str]
) -> None:
    write(tmp_path, wrong)
    with Daemon(tmp_path, nursery) as daemon:
        assert daemon.wait_ended() == 78
        assert "READY=1" not in daemon.told
        for mistake in mistakes:
            assert mistake in daemon.log
        assert "Traceback" not in daemon.log
    assert not (tmp_path / "wirewatch.db").exists()


def test_a_daemon_without_contact_does_not_start(nursery: Nursery, tmp_path: Path) -> None:
    (tmp_path / "wirewatch.yaml").write_text(RULES)
    with Daemon(tmp_path, nursery) as daemon:
        assert daemon.wait_ended() == 78
        assert "no contact is configured" in daemon.log


def test_a_second_daemon_on_the_same_database_is_refused(nursery: Nursery, folder: Path) -> None:
    with Daemon(folder, nursery) as first:
        first.wait_ready()
        with Daemon(folder, nursery) as second:
            assert second.wait_ended() == 75  # systemd tries again: it may be a passing `once`
            assert "READY=1" not in second.told
            assert second.log.splitlines() == [
                (
                    f"{folder / 'wirewatch.db'}: another wirewatch (pid {first.pid}) runs on this "
                    f"database; stop it first"
                )
            ]
        assert first.returncode is None
        assert first.stop() == 0
    with Daemon(folder, nursery) as third:
        third.wait_ready()


def test_the_watchdog_is_fed_while_the_daemon_works(nursery: Nursery, folder: Path) -> None:
    with Daemon(folder, nursery, WATCHDOG_USEC="1500000") as daemon:
        daemon.wait_ready()
        wait_until("three meals", lambda: daemon.told.count("WATCHDOG=1") >= 3, 10)


def test_the_watchdog_is_not_fed_while_the_writer_is_stuck(nursery: Nursery, folder: Path) -> None:
    with Daemon(folder, nursery, WATCHDOG_USEC="1500000") as daemon:
        daemon.wait_ready()
        wait_until("a meal", lambda: "WATCHDOG=1" in daemon.told)
        with locked(folder / "wirewatch.db"):
            time.sleep(0.6)  # what was on its way when we locked
            fed = daemon.told.count("WATCHDOG=1")
            time.sleep(1.5)
            assert daemon.told.count("WATCHDOG=1") == fed
            assert daemon.returncode is None
        wait_until("a meal", lambda: daemon.told.count("WATCHDOG=1") > fed, 15)


def test_the_watchdog_is_not_fed_while_the_process_is_frozen(
    nursery: Nursery, folder: Path
) -> None:
    with Daemon(folder, nursery, WATCHDOG_USEC="600000") as daemon:
        daemon.wait_ready()
        wait_until("a meal", lambda: "WATCHDOG=1" in daemon.told)
        daemon.signal(signal.SIGSTOP)
        fed = daemon.told.count("WATCHDOG=1")
        time.sleep(0.6)
        assert daemon.told.count("WATCHDOG=1") <= fed + 1
        daemon.signal(signal.SIGCONT)
        wait_until("a meal", lambda: daemon.told.count("WATCHDOG=1") > fed + 1, 15)


def test_a_good_reload_is_told_in_the_status(nursery: Nursery, folder: Path) -> None:
    with Daemon(folder, nursery) as daemon:
        daemon.wait_ready()
        write(folder, "rules: {xi-putin: Xi AND Putin, pipes: pipeline*}\n")
        daemon.signal(signal.SIGHUP)
        wait_until("two rules", lambda: "with 2 rules;" in daemon.status)
        assert "REFUSED" not in daemon.status


def test_a_bad_reload_keeps_the_old_rules_and_says_so_until_it_is_mended(
    nursery: Nursery, folder: Path
) -> None:
    with Daemon(folder, nursery) as daemon:
        daemon.wait_ready()
        write(folder, "rules: {xi-putin: Xi AND Putin, a: Xi AND, b: Putin OR}\n")
        daemon.signal(signal.SIGHUP)
        wait_until("refusal", lambda: "RELOAD REFUSED" in daemon.status)
        assert "with 1 rules;" in daemon.status
        assert "RELOAD REFUSED: wirewatch.yaml:3:" in daemon.status.replace(f"{folder}/", "")
        assert daemon.status.endswith("(and 1 more)")
        assert "Traceback" not in daemon.log
        write(folder, RULES)
        daemon.signal(signal.SIGHUP)
        wait_until("mended", lambda: "REFUSED" not in daemon.status)
        assert daemon.stop() == 0
    assert asked(folder, "SELECT name FROM events") == [("reload_refused",)]


def test_a_configuration_that_has_gone_is_a_refused_reload(nursery: Nursery, folder: Path) -> None:
    with Daemon(folder, nursery) as daemon:
        daemon.wait_ready()
        (folder / "wirewatch.yaml").unlink()
        daemon.signal(signal.SIGHUP)
        wait_until("refusal", lambda: "RELOAD REFUSED" in daemon.status)
        assert "with 1 rules;" in daemon.status
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_ends_when_it_is_told_to(
    nursery: Nursery, folder: Path, number: signal.Signals
) -> None:
    with Daemon(folder, nursery) as daemon:
        daemon.wait_ready()
        daemon.signal(number)
        assert daemon.wait_ended() == 0
        stopping = daemon.told.index("STOPPING=1")
        assert daemon.told[stopping + 1] == "STATUS=stopping: finishing what is being sent"
        assert "WATCHDOG=1" not in daemon.told[stopping:]


def test_stopping_ends_what_is_being_sent_and_lets_go_of_a_feed_that_hangs(
    nursery: Nursery, tmp_path: Path
) -> None:
    with Origin("127.0.0.1", "127.0.0.2") as origin, Receiver() as receiver:
        origin.serve("/feed", Reply(200, FEED))
        origin.serve("/hangs", Raw(b"HTTP/1.1 200 OK\r\n", Pause(60)))
        receiver.default = slow(1)
        write(tmp_path, whole(origin, receiver))
        with Daemon(tmp_path, nursery) as daemon:
            daemon.wait_ready()
            receiver.wait_for(1)
            wait_until("request", lambda: origin.requests_for("/hangs"))
            assert daemon.stop(timeout=30) == 0
        assert len(receiver.accepted) == 1
    assert asked(tmp_path, "SELECT state FROM deliveries") == [("sent",)]


def whole(origin: Origin, receiver: Receiver) -> str:
    """A feed that works, one that hangs, and a webhook."""
    return f"""\
feeds:
  wire: "{origin.url("/feed")}"
  hangs: "{origin.url("/hangs", host="127.0.0.2")}"
channels:
  siem: {{type: webhook, url: "{receiver.url}"}}
defaults: {{send: [siem], first_poll: alert}}
{RULES}"""


FEED = (
    b"<rss version='2.0'><channel><title>Wire</title><item><guid isPermaLink='false'>1</guid>"
    b"<title>Xi and Putin met</title><link>https://news.example/1</link></item></channel></rss>"
)
