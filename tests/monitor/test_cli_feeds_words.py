"""`wirewatch feeds`: the listing, and the words that mean something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.command import run_here

from monitor import cli


@pytest.mark.parametrize(
    "typed",
    [
        "feeds export -c {etc}",
        "feeds -c {etc} export",
        "feeds --config={etc} export",
        "-c {etc} feeds export",
    ],
)
def test_a_subcommand_is_found_wherever_the_configuration_is_named(
    typed: str, tmp_path: Path
) -> None:
    (tmp_path / "wirewatch.yaml").write_text("feeds: {export: https://a.example/feed}\n")
    done = run_here(typed.format(etc=tmp_path).split())
    assert (done.code, done.err) == (0, "")
    assert 'xmlUrl="https://a.example/feed"' in done.out


def test_a_feed_that_is_named_as_a_subcommand_is_listed_after_two_hyphens(tmp_path: Path) -> None:
    (tmp_path / "wirewatch.yaml").write_text("feeds: {export: https://a.example/feed}\n")
    done = run_here(["feeds", "-c", str(tmp_path), "--", "export"])
    assert "no database yet" in done.err


def test_the_help_of_the_listing_names_every_subcommand() -> None:
    done = run_here(["feeds", "--help"])
    assert done.code == 0
    for word in cli.SUBCOMMANDS["feeds"]:
        assert f"feeds {word}: " in done.out


def test_each_subcommand_is_a_module_with_help_of_its_own() -> None:
    for word in cli.SUBCOMMANDS["feeds"]:
        done = run_here(["feeds", word, "--help"])
        assert done.code == 0
        assert f"Usage: wirewatch feeds {word}" in done.out


@pytest.mark.parametrize("words", [("feeds", "add"), ("deliveries", "retry"), ("mute",), ()])
def test_help_asks_no_value_of_a_flag(words: tuple[str, ...]) -> None:
    out = run_here([*words, "--help"]).out
    assert "--help" in out
    assert "<bool>" not in out
    assert "<path>" in out  # what takes a value still says which
