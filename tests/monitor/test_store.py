"""The database's answers, and that it keeps what it promised."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from monitor.database import (
    DatabaseError,
    database_file,
    exclusive_lock,
    held,
    open_engine,
    prepare,
    told,
)
from monitor.ids import new_id
from monitor.store import ClaimedDelivery, ConfiguredFeed, NewDelivery, Store

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
S = timedelta(seconds=1)
LEASE = 60 * S


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'wirewatch.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    prepare(url)
    store = Store(open_engine(url))
    yield store
    store.close()


def feed(name: str, host: str = "a.example", every_s: int | None = None) -> ConfiguredFeed:
    return ConfiguredFeed(name, f"https://{host}/{name}", host, every_s)


def claim(store: Store, now: datetime, limit: int = 10) -> list[str]:
    return [row.name for row in store.claim_feeds("me", now, LEASE, limit, S)]


def settle(store: Store, name: str, now: datetime, **values: Any) -> None:
    row = next(row for row in store.feeds() if row.name == name)
    with store.transaction():
        store.settle_feed(row.id, **values)
        store.release_host(row.host, now)


def queue(store: Store, *ids: str, channel: str = "desk", now: datetime = NOW) -> None:
    with store.transaction():
        store.queue(
            [
                NewDelivery(id=id_, channel=channel, kind="hit", alert="{}", title=id_)
                for id_ in ids
            ],
            now,
        )


def claim_deliveries(store: Store, now: datetime, slots: int = 10) -> list[ClaimedDelivery]:
    return store.claim_deliveries("me", now, {"desk": 35 * S}, {"desk": slots})


# The file --------------------------------------------------------------------------------------


def test_the_migrations_give_exactly_the_tables_of_the_code(url: str) -> None:
    prepare(url)
    with open_engine(url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_every_connection_is_durable_checks_foreign_keys_and_waits(url: str) -> None:
    prepare(url)
    engine = open_engine(url)
    for _ in range(3):
        with engine.connect() as connection:
            found = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
        engine.dispose()
        assert found == ["wal", 2, 1, 5000]


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    prepare(url)
    with open_engine(url).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="made by a newer wirewatch"):
        prepare(url)


def test_a_file_that_is_no_database_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "wirewatch.db"
    file.write_bytes(b"this is no database at all, " * 100)
    with pytest.raises(DatabaseError, match=r"wirewatch\.db: file is not a database"):
        prepare(f"sqlite:///{file}")


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="no such directory for the database; create it"):
        prepare(f"sqlite:///{tmp_path / 'nowhere' / 'wirewatch.db'}")


def test_a_second_daemon_on_the_same_database_is_refused(url: str) -> None:
    with exclusive_lock(url):
        assert held(url)
        with pytest.raises(DatabaseError, match=r"another wirewatch \(pid \d+\) runs on this"):
            exclusive_lock(url).__enter__()
    assert not held(url)


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def queue_and_fail() -> None:
        with store.transaction():
            queue(store, new_id())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        queue_and_fail()
    assert store.deliveries(10) == []


def test_what_is_committed_is_seen_by_another_connection(store: Store, tmp_path: Path) -> None:
    queue(store, "one")
    other = sqlite3.connect(tmp_path / "wirewatch.db")
    assert other.execute("SELECT state FROM deliveries").fetchall() == [("due",)]
    other.close()


# Feeds -----------------------------------------------------------------------------------------


def test_a_new_feed_is_due_at_once(store: Store) -> None:
    store.sync_feeds([feed("one")], NOW)
    assert claim(store, NOW) == ["one"]


def test_one_host_is_asked_one_thing_at_a_time(store: Store) -> None:
    store.sync_feeds([feed("one"), feed("two"), feed("three", "b.example")], NOW)
    assert sorted(claim(store, NOW)) == ["one", "three"]
    assert claim(store, NOW + 2 * S) == []
    settle(store, "one", NOW + 3 * S, next_poll_at=NOW + timedelta(hours=1))
    assert claim(store, NOW + 2 * S) == []
    assert claim(store, NOW + 3 * S) == ["two"]


def test_many_feeds_of_one_host_do_not_keep_the_others_from_their_turn(store: Store) -> None:
    store.sync_feeds([feed(f"a{n:03}") for n in range(200)], NOW)
    store.sync_feeds([feed(f"a{n:03}") for n in range(200)] + [feed("late", "b.example")], NOW + S)
    assert sorted(claim(store, NOW + 2 * S, limit=4)) == ["a000", "late"]


def test_a_claimed_feed_has_its_next_poll_put_off_before_it_is_asked(store: Store) -> None:
    store.sync_feeds([feed("one", every_s=600)], NOW)
    claim(store, NOW)
    row = store.feeds()[0]
    assert row.last_request_at == NOW
    assert row.next_poll_at == NOW + 600 * S
    store.release_claims(NOW + 5 * S, S)  # the daemon died and was started again
    assert claim(store, NOW + 10 * S) == []
    assert claim(store, NOW + 600 * S) == ["one"]


def test_after_a_crash_a_host_is_not_asked_before_its_pause(store: Store) -> None:
    store.sync_feeds([feed("one"), feed("two")], NOW)
    claim(store, NOW)
    store.release_claims(NOW + S, 10 * S)
    assert claim(store, NOW + 10 * S) == []
    assert claim(store, NOW + 11 * S) == ["two"]


def test_a_renamed_feed_keeps_its_history(store: Store) -> None:
    store.sync_feeds([feed("one")], NOW)
    before = store.feeds()[0]
    store.sync_feeds([ConfiguredFeed("uno", before.url, before.host)], NOW)
    (after,) = store.feeds()
    assert (after.id, after.name, after.active) == (before.id, "uno", True)


def test_a_changed_url_under_the_same_name_takes_the_row_over_without_validators(
    store: Store,
) -> None:
    store.sync_feeds([feed("one")], NOW)
    before = store.feeds()[0]
    settle(store, "one", NOW, etag=b'"1"', validators_url=before.url, baselined_at=NOW)
    store.sync_feeds([ConfiguredFeed("one", "https://new.example/feed", "new.example")], NOW + S)
    (after,) = store.feeds()
    assert (after.id, after.url, after.active) == (before.id, "https://new.example/feed", True)
    assert (after.etag, after.validators_url) == (None, None)
    assert after.baselined_at == NOW


def test_a_feed_that_left_and_came_back_is_not_polled_earlier_than_planned(store: Store) -> None:
    store.sync_feeds([feed("one")], NOW)
    later = NOW + timedelta(hours=1)
    settle(store, "one", NOW, next_poll_at=later)
    store.sync_feeds([], NOW)
    assert not store.feeds()[0].active
    assert claim(store, later) == []
    store.sync_feeds([feed("one")], NOW)
    assert claim(store, later - S) == []
    assert claim(store, later) == ["one"]


def test_a_shorter_every_counts_from_the_last_request(store: Store) -> None:
    store.sync_feeds([feed("one")], NOW)
    claim(store, NOW)
    settle(store, "one", NOW, next_poll_at=NOW + timedelta(hours=1))
    store.sync_feeds([feed("one", every_s=120)], NOW + 10 * S)
    assert store.feeds()[0].next_poll_at == NOW + 120 * S


# Deliveries ------------------------------------------------------------------------------------


def test_a_claimed_delivery_is_due_again_when_its_lease_ends(store: Store) -> None:
    queue(store, "one")
    (first,) = claim_deliveries(store, NOW)
    assert (first.id, first.attempts) == ("one", 1)
    assert claim_deliveries(store, NOW + 34 * S) == []
    (again,) = claim_deliveries(store, NOW + 35 * S)
    assert (again.id, again.attempts) == ("one", 2)


def test_what_the_dead_were_sending_is_due_at_once_at_the_next_start(store: Store) -> None:
    queue(store, "one")
    claim_deliveries(store, NOW)
    store.release_claims(NOW + S, S)
    assert [d.id for d in claim_deliveries(store, NOW + S)] == ["one"]


def test_the_oldest_due_goes_first_and_no_more_than_there_are_places(store: Store) -> None:
    queue(store, "b", now=NOW + S)
    queue(store, "a", now=NOW)
    assert [d.id for d in claim_deliveries(store, NOW + 2 * S, slots=1)] == ["a"]
    assert [d.id for d in claim_deliveries(store, NOW + 2 * S, slots=1)] == ["b"]


def test_a_late_failure_does_not_undo_what_a_later_attempt_achieved(store: Store) -> None:
    queue(store, "one")
    (first,) = claim_deliveries(store, NOW)
    (second,) = claim_deliveries(store, NOW + 40 * S)
    with store.transaction():
        store.settle_sent(second.id, NOW + 41 * S, "200")
        store.settle_retry(first, NOW + 99 * S, "timeout")
    (row,) = store.deliveries(10)
    assert (row.state, row.due_at, row.answer) == ("sent", None, "200")


def test_a_blocked_channel_waits_and_a_stopped_one_waits_until_its_settings_change(
    store: Store,
) -> None:
    store.sync_channels({"desk": "old"})
    queue(store, "one")
    with store.transaction():
        store.block_channel("desk", NOW + 30 * S)
    assert claim_deliveries(store, NOW + 29 * S) == []
    with store.transaction():
        assert store.disable_channel("desk", "410 Gone", NOW)
        assert not store.disable_channel("desk", "410 Gone", NOW)
    assert claim_deliveries(store, NOW + 60 * S) == []
    assert store.sync_channels({"desk": "old"}) == []
    assert claim_deliveries(store, NOW + 60 * S) == []
    assert store.sync_channels({"desk": "new"}) == ["desk"]
    assert [d.id for d in claim_deliveries(store, NOW + 60 * S)] == ["one"]


def test_a_block_is_never_shortened(store: Store) -> None:
    store.sync_channels({"desk": ""})
    with store.transaction():
        store.block_channel("desk", NOW + 60 * S)
        store.block_channel("desk", NOW + 5 * S)
    assert store.channels()[0].blocked_until == NOW + 60 * S


def test_a_digest_that_is_due_already_is_not_put_off_by_what_comes_later(store: Store) -> None:
    """A throttle's digest for a channel that is stopped or busy waited for one window more with
    each hit, without end."""
    digest = NewDelivery(
        "one", "desk", "digest", "{}", "", rule="xi", held_until=NOW + S, held_by="throttle"
    )
    with store.transaction():
        store.queue([digest], NOW)
        before = store.waiting_digest("xi", "desk", "throttle", NOW)
        assert before is not None
        assert before.id == "one"
        assert store.waiting_digest("xi", "desk", "throttle", NOW + S) is None


def test_dead_letters_are_revived_with_the_id_they_had(store: Store) -> None:
    queue(store, "one", "two")
    for delivery in claim_deliveries(store, NOW):
        with store.transaction():
            store.settle_dead(delivery, "404")
    assert store.revive(NOW + S, ids=["one"]) == ["one"]
    assert [(d.id, d.attempts) for d in claim_deliveries(store, NOW + S)] == [("one", 1)]
    assert store.revive(NOW + S, channel="desk") == ["two"]
    assert store.revive(NOW + S) == []


def test_alerts_for_a_channel_that_left_become_dead_letters_with_that_cause(store: Store) -> None:
    queue(store, "one")
    queue(store, "two", channel="siem")
    assert store.bury_orphans(["siem"]) == {"desk": 1}
    states = {row.id: (row.state, row.answer) for row in store.deliveries(10)}
    assert states["one"] == ("dead", "channel 'desk' is no longer in the configuration")
    assert states["two"][0] == "due"


def test_a_hit_is_queued_once_for_a_channel(store: Store) -> None:
    with pytest.raises(sa.exc.IntegrityError), store.transaction():
        store.queue(
            [
                NewDelivery(
                    id=new_id(), channel="desk", kind="hit", alert="{}", title="", hit_ids=("h",)
                )
                for _ in range(2)
            ],
            NOW,
        )
    assert store.deliveries(10) == []


def test_naive_times_are_refused(store: Store) -> None:
    with pytest.raises(sa.exc.StatementError, match="naive time"):
        store.sync_feeds([feed("one")], NOW.replace(tzinfo=None))


def test_ids_sort_by_the_time_they_were_made() -> None:
    made = [new_id() for _ in range(50)]
    assert len(set(made)) == 50
    assert [id_[:8] for id_ in made] == sorted(id_[:8] for id_ in made)
    assert {(id_[14], id_[19] in "89ab") for id_ in made} == {("7", True)}


def test_a_look_at_the_lock_does_not_keep_a_daemon_from_starting(url: str) -> None:
    prepare(url)
    with exclusive_lock(url):
        pass
    lock = Path(f"{database_file(url)}.lock")
    with lock.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.2, lambda: fcntl.flock(looking, fcntl.LOCK_UN)).start()
        with exclusive_lock(url):
            assert held(url)


def test_a_full_disk_passes_and_a_broken_file_does_not(url: str) -> None:
    full = sa.exc.OperationalError("", {}, sqlite3.OperationalError("database or disk is full"))
    broken = sa.exc.DatabaseError("", {}, sqlite3.DatabaseError("file is not a database"))
    assert told(full, url).passes
    assert str(told(full, url)) == f"{database_file(url)}: database or disk is full"
    assert not told(broken, url).passes
