"""`deliveries retry`: what is said to be due again is sent; what cannot be sent stays as it is."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from rigs.archive import NOW, Archive
from rigs.command import Done, run_here
from rigs.desk import Desk
from rigs.origin import Origin
from rigs.receiver import Receiver, status

pytestmark = pytest.mark.usefixtures("parsing_here")


def buried(folder: Path) -> Archive:
    """An alert for `newsroom` and one for `desk`, both dead letters."""
    archive = Archive(folder)
    archive.publish("Xi met Putin", now=NOW)
    with archive.store() as store:
        assert store.bury_orphans([]) == {"desk": 1, "newsroom": 1}
    return archive


def without_newsroom(archive: Archive, how: str) -> None:
    path = archive.etc / "wirewatch.yaml"
    old = "newsroom: {type: slack, url: https://chat.example/hook}"
    text = path.read_text().replace(f"  {old}\n", how).replace("[newsroom]", "[desk]")
    path.write_text(text)
    archive.rules("rules: {xi-putin: Xi AND @putin}\n")


def retry(archive: Archive, *words: str) -> Done:
    return run_here(["deliveries", "retry", *words, "-c", str(archive.etc)])


def states(archive: Archive) -> dict[str, str]:
    with archive.store() as store:
        return {row.channel: row.state for row in store.deliveries(10)}


def test_all_dead_letters_are_due_again(tmp_path: Path) -> None:
    archive = buried(tmp_path)
    done = retry(archive, "--all")
    assert (done.code, done.out, done.err) == (0, "2 due again\n", "")
    assert states(archive) == {"desk": "due", "newsroom": "due"}


def test_a_dead_letter_of_a_channel_that_left_stays_and_the_next_step_is_told(
    tmp_path: Path,
) -> None:
    archive = buried(tmp_path)
    without_newsroom(archive, "")
    done = retry(archive, "--all")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "1 due again; 1 for channel 'newsroom' stay dead letters: such a channel is not in the "
        "configuration or not enabled; mend that and retry\n"
    )
    assert states(archive) == {"desk": "due", "newsroom": "dead"}


def test_a_dead_letter_of_a_channel_that_is_not_enabled_stays(tmp_path: Path) -> None:
    archive = buried(tmp_path)
    off = "  newsroom: {type: slack, url: https://chat.example/hook, enabled: no}\n"
    without_newsroom(archive, off)
    done = retry(archive, "--channel", "newsroom")
    assert done.code == 1
    assert done.err.startswith("0 due again; 1 for channel 'newsroom' stay dead letters: ")
    assert states(archive)["newsroom"] == "dead"


def test_one_delivery_is_shown_with_every_attempt(tmp_path: Path) -> None:
    """C31"""
    with Origin() as origin, Receiver() as receiver:
        desk = Desk(tmp_path, origin, receiver)
        desk.configure("pipa")
        receiver.script(status(500, "boom"))
        desk.publish("a")
        desk.now()
        desk.pass_time(timedelta(minutes=1))
        where = ["-c", str(tmp_path / "wirewatch.yaml")]
        [row] = map(json.loads, run_here(["deliveries", *where, "--json"]).out.splitlines())
        shown = run_here(["deliveries", "show", *where, row["id"][:30]]).out
        assert "answered 500 (boom)" in shown
        assert "temporary" in shown
        whole = json.loads(run_here(["deliveries", "show", *where, row["id"], "--json"]).out)
        assert [one["outcome"] for one in whole["tried"]] == ["temporary", "sent"]
        assert run_here(["deliveries", "show", *where, "nothing"]).code == 2


def test_an_id_that_nothing_has_is_told_with_where_ids_are_shown(tmp_path: Path) -> None:
    done = retry(buried(tmp_path), "zzz")
    assert (done.code, done.out) == (2, "")
    assert done.err == "zzz: no delivery begins so; ids are shown by: wirewatch deliveries\n"


def test_a_stopped_channel_is_told_with_its_own_deliveries_only(tmp_path: Path) -> None:
    archive = buried(tmp_path)
    with archive.store() as store, store.transaction():
        store.sync_channels({"newsroom": "a", "desk": "b"})
        assert store.disable_channel("newsroom", "answered 410", NOW)
    told = "channel 'newsroom' is stopped: answered 410; mend it in the configuration, or: "
    for words, expected in (
        ((), True),
        (("--channel", "newsroom"), True),
        (("--channel", "desk"), False),
    ):
        done = run_here(["deliveries", *words, "-c", str(archive.etc)])
        assert (told in done.err) is expected
    status = run_here(["status", "-c", str(archive.etc)])
    assert "wirewatch deliveries retry --channel NAME" in status.err
