"""`hits`, `deliveries`, `feeds`, `events`: whole lines in a pipe, whole names in a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rigs.archive import DAY, Archive
from rigs.command import Done, run_here, run_process

from monitor.cli.common import due

Listed = Callable[..., Done]
NOW = datetime.now(UTC)
LONG = "Xi met Putin in a city whose name is far too long for any terminal that people use"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    archive = Archive(tmp_path_factory.mktemp("past"))
    archive.publish("Rain in Minsk", now=NOW - 2 * DAY)
    archive.publish(LONG, now=NOW - DAY)
    return archive


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def in_terminal(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Listed:
    """The lines that a person sees in a terminal of so many columns."""

    def listed(columns: int, *words: str) -> Done:
        for name, value in (("COLUMNS", str(columns)), ("LINES", "50"), ("TERM", "dumb")):
            monkeypatch.setenv(name, value)
        with monkeypatch.context() as here:
            here.setattr("rigs.command.io.StringIO", Terminal)
            return run_here([*words, "-c", str(archive.etc)])

    return listed


def piped(archive: Archive, *words: str) -> Done:
    return run_here([*words, "-c", str(archive.etc)])


def test_piped_hits_are_one_line_each_with_whole_ids_and_marked_words(archive: Archive) -> None:
    hit = archive.hits()[0]["id"]
    done = piped(archive, "hits")
    assert (done.code, done.err) == (0, "")
    head, row = done.out.splitlines()
    assert head.split() == ["id", "when", "rule", "feed", "title", "told"]
    title = LONG.replace("Xi", "*Xi*").replace("Putin", "*Putin*")
    assert row == f"{hit}  1 d ago  xi-putin  antara  {title}  desk due, newsroom due"


def test_in_a_narrow_terminal_the_title_stands_below_its_row(
    archive: Archive, in_terminal: Listed
) -> None:
    hit = archive.hits()[0]["id"]
    done = in_terminal(60, "hits")
    assert done.out.splitlines() == [
        "id                       when     rule      feed",
        f"{hit[:23]}  1 d ago  xi-putin  antara",
        "  Xi met Putin in a city whose name is far too long for any",
        "  terminal that people use",
        "  desk due, newsroom due",
    ]
    assert done.err == "why one of them, with its words and its link: wirewatch why ID\n"


def test_in_a_wide_terminal_a_row_is_one_line(in_terminal: Listed) -> None:
    assert len(in_terminal(200, "hits").out.splitlines()) == 2


def test_the_id_that_a_terminal_shows_is_taken_by_why(
    archive: Archive, in_terminal: Listed
) -> None:
    shown = in_terminal(80, "hits").out.splitlines()[1].split()[0]
    assert piped(archive, "why", shown).out.startswith("*Xi* met *Putin*")


def test_a_hit_of_the_first_poll_says_why_nobody_was_told(archive: Archive, tmp_path: Path) -> None:
    other = archive.copied_to(tmp_path)
    other.publish("Gas pipeline", feed="tass", now=NOW)
    (row,) = piped(other, "hits", "--rule", "gas").out.splitlines()[1:]
    assert row.endswith("tass  *Gas* *pipeline*  not told: its feed's first poll")


def test_feeds_can_be_named(archive: Archive) -> None:
    done = piped(archive, "feeds", "antara", "tass")
    assert [line.split()[0] for line in done.out.splitlines()] == ["feed", "antara", "tass"]
    done = piped(archive, "feeds", "antara", "antra")
    assert (done.code, done.err) == (2, "no feed 'antra'; all of them: wirewatch feeds\n")


def test_once_tells_people_what_came_of_it_and_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my news").mkdir()
    (tmp_path / "my news" / "wirewatch.yaml").write_text("contact: desk@example.org\n")
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as here:
        here.setattr("rigs.command.io.StringIO", Terminal)
        seen = run_here(["once", "-c", "my news"])
    assert seen.code == 0
    assert seen.err.splitlines()[-3:] == [
        "feeds: 0, next poll -; see: wirewatch feeds -c 'my news'",
        "hits: 0, 0 alerts sent, 0 waiting; see: wirewatch hits -c 'my news'",
        "to go on for good: wirewatch run -c 'my news'",
    ]
    assert run_here(["once", "-c", "my news"]).err == ""


@pytest.mark.parametrize("columns", [20, 60, 80, 120])
@pytest.mark.parametrize("command", ["hits", "deliveries", "feeds", "events"])
def test_no_line_is_longer_than_the_terminal(
    command: str, columns: int, in_terminal: Listed
) -> None:
    done = in_terminal(columns, command)
    assert done.code == 0
    assert all(len(line) <= columns for line in done.out.splitlines())


def test_the_next_step_of_a_dead_letter_is_told(archive: Archive, tmp_path: Path) -> None:
    other = archive.copied_to(tmp_path)
    with other.store() as store:
        store.bury_orphans(["newsroom"])
    assert "dead letters    1, see: wirewatch deliveries --state dead" in piped(other, "status").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hits", "--rule", "xi-putn"), "no rule 'xi-putn' in the configuration\n"),
        (("hits", "--feed", "antra"), "no feed 'antra' in the configuration\n"),
        (("deliveries", "--channel", "dsk"), "no channel 'dsk' in the configuration\n"),
    ],
)
def test_a_misspelt_name_is_not_told_to_have_nothing(
    archive: Archive, words: tuple[str, ...], said: str
) -> None:
    done = piped(archive, *words)
    assert (done.code, done.out, done.err) == (2, "", said)


def test_a_known_rule_without_hits_has_none_yet(archive: Archive) -> None:
    done = piped(archive, "hits", "--rule", "gas")
    assert (done.code, done.err) == (0, "no hits yet\n")


def test_retrying_when_nothing_is_dead_says_so(archive: Archive) -> None:
    done = piped(archive, "deliveries", "retry", "--all")
    assert (done.code, done.out) == (0, "no dead letters, nothing to retry\n")


@pytest.mark.parametrize("words", [("hits",), ("hits", "--json")])
def test_a_full_disk_is_told_without_a_traceback(archive: Archive, words: tuple[str, ...]) -> None:
    done = run_process([*words, "-c", str(archive.etc)], out=Path("/dev/full"))
    assert (done.code, done.err) == (
        2,
        "the output cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize(
    ("at", "said"),
    [(None, "-"), (NOW - DAY, "now"), (NOW, "now"), (NOW + timedelta(minutes=5), "in 5 min")],
)
def test_what_should_have_been_done_is_due_now(at: datetime | None, said: str) -> None:
    assert due(at, NOW) == said
