"""A configuration made of anything: it loads or says why, and never takes long or a traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rigs.configured import Configured

from monitor.config import Config, load
from monitor.config_schema import TOP
from rules import RuleErrors
from rules.source import read_text

TEXT = """\
contact: desk@example.org
database: sqlite:///wirewatch.db     # a relative path
allow_private: [127.0.0.1, 10.0.0.0/8]
notify: [newsroom]
timezone: Asia/Jakarta
feeds:
  antara: https://www.antaranews.com/rss/terkini.xml
  bbc: {url: https://feeds.bbci.co.uk/rss.xml, every: 10m, tags: [world], headers: {A: b}}
channels:
  newsroom: {type: slack, url: "https://hooks.slack.com/services/T/B/x"}
  desk: {type: mail, to: [desk@example.org], from: w@example.org, smtp: "smtps://u:p@x.org"}
  siem: {type: webhook, url: https://siem.example.org/hook, retry: {first: 5s, for: 3d}}
defaults: {send: [newsroom], first_poll: 24h}
terms:
  pipeline: [pipeline*, pipa, "pipa gas", 管道]
rules:
  xi-putin: Xi AND "Putin"
  pipelines:
    match: >-
      @pipeline
      NOT operator
    severity: high
    until: 2026-12-31
    examples: {matches: [a pipa, {title: pipa, lang: id}], ignores: [nothing]}
"""
PIECES = [*"\"'[]{}:,#&*!|>@%`-?\\\t\n $", ": ", " #x", "${env:X}", "<<", "é", "京", "\u2028", "\0"]


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configured:
    monkeypatch.chdir(tmp_path)
    Path("etc").mkdir()
    return Configured(Path("etc"))


def outcome(directory: Path) -> Config | RuleErrors:
    try:
        return load(directory, {}, lint=True)
    except RuleErrors as errors:
        return errors


def test_the_text_to_be_broken_is_right(etc: Configured) -> None:
    assert isinstance(outcome(etc.write(TEXT).directory), Config)


@pytest.mark.parametrize("seed", range(4))
def test_a_configuration_broken_anywhere_loads_or_says_where(etc: Configured, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        text = TEXT
        for _ in range(chance.randint(1, 3)):
            at, length = chance.randrange(len(text)), chance.choice([0, 0, 1, 3, 20])
            text = text[:at] + chance.choice([*PIECES, ""]) + text[at + length :]
        found = outcome(etc.write(text).directory)
        if isinstance(found, RuleErrors):
            assert found.mistakes
            for mistake in found.mistakes:
                assert mistake.file == "etc/wirewatch.yaml"
                assert mistake.line <= text.count("\n") + 2
                assert "\n" not in mistake.headline


@pytest.mark.parametrize("seed", range(2))
def test_a_configuration_half_written_loads_or_says_where(etc: Configured, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(30):
        found = outcome(etc.write(TEXT[: chance.randrange(len(TEXT))]).directory)
        assert isinstance(found, Config) or found.mistakes


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.sampled_from(["''", "x", "10m", "no", "2024", "|\n x", "${env:X}", "'\0'", '"\\0"']),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda entries: f"[{', '.join(entries)}]")
            | st.dictionaries(
                st.sampled_from(["url", "match", "send", "type", "examples", "matches", "x", "''"]),
                inner,
                max_size=3,
            ).map(lambda entries: "{" + ", ".join(f"{k}: {v}" for k, v in entries.items()) + "}")
        ),
        max_leaves=8,
    ),
    st.sampled_from(sorted(TOP)),
)
def test_any_shape_in_any_section_is_a_mistake_with_a_place(
    tmp_path_factory: pytest.TempPathFactory, value: str, section: str
) -> None:
    path = tmp_path_factory.mktemp("shape") / "wirewatch.yaml"
    for text in (f"{section}: {value}\n", f"{section}:\n  a: {value}\n"):
        path.write_text(text)
        found = outcome(path)
        if isinstance(found, RuleErrors):
            assert all(mistake.line >= 1 for mistake in found.mistakes)


def test_thousands_of_mistakes_are_cut_to_what_can_be_mended(etc: Configured) -> None:
    feeds = "".join(f"  f{number}: {{ulr: https://x.org}}\n" for number in range(3_000))
    found = etc.write(f"feeds:\n{feeds}").mistakes()
    assert len(found) == 501
    assert found[-1].endswith("more than 500 mistakes; the rest is not told")


@pytest.mark.parametrize(
    "text",
    [
        "a:" + " " * 1_000_000 + "'x' y",
        "a: '" + "''" * 500_000,
        'a: "' + "\\\\" * 500_000,
        "a: [" + "{x: [" * 200_000,
        "a: " + "{" * 1_000_000,
        "[" + "${env:X}," * 100_000,
        "a: [" + "*x, " * 200_000 + "]",
        "a:\n" + "  - &x y\n" * 200_000,
        "a:\n" + "  'x' y: @z\n" * 50_000,
        "- " * 500_000,
        "? " * 500_000,
        "a: !" + "x" * 1_000_000,
        "#" * 1_000_000 + "\na: 'x' y",
        ("x" * 999 + ": y\n") * 1_000 + "a: 'x' y",
        "a: >-\n" + " \n" * 500_000 + "\t x: 'y' z",
    ],
    ids=range(15),
)
def test_a_big_file_of_nonsense_is_told_in_bounded_time(text: str) -> None:
    source = read_text(text, "f")
    assert len(source.mistakes) <= 120
    for mistake in source.mistakes:
        assert len(str(mistake)) < 2_000
