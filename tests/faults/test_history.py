"""The history checker finds what it is there to find: a right history, spoilt in each way."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rigs.command import run_here
from rigs.history import Arrival, Article, Expected, check_history
from rigs.newsroom import CHANNELS, Newsroom

NEW = Article("feed-0", "new", "Xi and Putin met")
DULL = Article("feed-0", "dull", "Ministers met")
OLD = Article("feed-0", "old", "Xi and Putin met long ago")
INVENTED = """\
INSERT INTO hits (id, item_id, feed_id, rule, severity, match, untold, at)
SELECT 'x', id, feed_id, 'xi-putin', 'normal', '{}', '', first_seen_at FROM items
WHERE title = 'Ministers met'
"""


@dataclass(frozen=True)
class History:
    """What happened, and what should have."""

    database: Path
    expected: Expected
    arrivals: tuple[Arrival, ...]

    def check(self, **allowed: bool) -> None:
        check_history(self.database, self.expected, self.arrivals, **allowed)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    folder = tmp_path_factory.mktemp("lived")
    with Newsroom(folder) as news:
        news.publish(OLD, told=False)
        assert run_here(["once", "-c", str(folder)]).code == 0
        news.publish(NEW, DULL)
        while news.missing():
            assert run_here(["once", "-c", str(folder)]).code == 0
        yield History(news.database, news.expected(), tuple(news.arrivals()))


@pytest.fixture
def history(lived: History, tmp_path: Path) -> History:
    copy = shutil.copy(lived.database, tmp_path / "copy.db")
    return replace(lived, database=Path(copy))


def spoil(history: History, *statements: str) -> None:
    with closing(sqlite3.connect(history.database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_right_history_passes(history: History) -> None:
    history.check()
    assert len(history.arrivals) == len(CHANNELS)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM hits", "0 hits instead of 1"),
        ("UPDATE hits SET untold = 'baseline'", "kept quiet: ('https://news.example/feed-0/new'"),
        ("UPDATE hits SET untold = ''", "not kept quiet: ('https://news.example/feed-0/old'"),
        (INVENTED, "1 hits instead of 0: ('https://news.example/feed-0/dull'"),
        ("DELETE FROM delivery_hits WHERE channel = 'desk'", "0 deliveries instead of 1"),
        ("DELETE FROM delivery_hits WHERE channel = 'desk'", "without a hit"),
        ("UPDATE deliveries SET state = 'due' WHERE channel = 'siem'", "still due"),
        ("UPDATE deliveries SET state = 'dead' WHERE channel = 'siem'", "still dead"),
        ("DELETE FROM sightings", "an item that no feed has shown"),
        ("UPDATE sightings SET item_id = 'nothing'", "a row refers to nothing"),
        ("UPDATE delivery_hits SET delivery_id = 'x' WHERE channel = 'siem'", "refers to nothing"),
    ],
)
def test_what_is_stored_wrongly_is_found(history: History, statement: str, fault: str) -> None:
    spoil(history, statement)
    with pytest.raises(AssertionError) as found:
        history.check()
    assert fault in str(found.value)


def test_what_may_still_be_sent_or_be_dead_is_allowed_only_when_asked(history: History) -> None:
    spoil(history, "UPDATE deliveries SET state = 'due' WHERE channel = 'siem'")
    history.check(waiting=True)
    spoil(history, "UPDATE deliveries SET state = 'dead' WHERE channel = 'siem'")
    history.check(dead=True)


def test_what_never_arrived_but_counts_as_sent_is_found(history: History) -> None:
    lost = replace(history, arrivals=history.arrivals[1:])
    with pytest.raises(AssertionError, match="marked as sent, but never arrived"):
        lost.check()


def test_a_repeat_under_the_same_id_is_right_and_under_another_wrong(history: History) -> None:
    first = history.arrivals[0]
    replace(history, arrivals=(*history.arrivals, first)).check()
    changed = replace(first, id="another")
    with pytest.raises(AssertionError, match="told under 2 ids"):
        replace(history, arrivals=(*history.arrivals, changed)).check()


def test_what_arrived_without_being_stored_is_found(history: History) -> None:
    strange = Arrival("siem", "x", DULL.link, "xi-putin")
    with pytest.raises(AssertionError, match="arrived, but is not stored"):
        replace(history, arrivals=(*history.arrivals, strange)).check()


def test_one_id_for_two_alerts_is_found(history: History) -> None:
    first = history.arrivals[0]
    with pytest.raises(AssertionError, match="one id for several alerts"):
        replace(history, arrivals=(*history.arrivals, replace(first, rule="pipes"))).check()


def test_a_broken_database_is_found(history: History) -> None:
    spoil(history, "CREATE INDEX spoilt ON items (title)")
    spoil(
        history,
        "PRAGMA writable_schema = 1",
        "UPDATE sqlite_schema SET sql = replace(sql, '(title)', '(url)') WHERE name = 'spoilt'",
    )
    with pytest.raises(AssertionError, match="the database is broken"):
        history.check()
