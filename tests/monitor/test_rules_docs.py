"""docs/writing-rules.md: every command shown is run, in order, and does what the page shows.

A fence that follows a paragraph ending in the name of a file is that file. Ids differ from run to
run and are compared as such.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from rigs.archive import CONFIG, DAY, NOW, Archive
from rigs.command import run_here

_FENCE = re.compile(r"(?:`([\w/.]+)`:\n\n)?```(\w+)\n(.*?)```\n", re.DOTALL)
_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")
HOUR = timedelta(hours=1)
RULES = """\
terms:
  gazprom: [Gazprom, Газпром*, 俄气]
  deal: [deal, contract, контракт*, kontrak, 合同]
rules:
  gas-deal: '@gazprom NEAR/5 @deal'
"""


@pytest.fixture
def news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page's commands are typed: a configuration ``news`` with a few days of past."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("monitor.cli.backtest.now", lambda: NOW)
    config = CONFIG.partition("terms:")[0]
    archive = Archive(tmp_path, config, RULES, called="news")
    archive.publish("Rain in Minsk", now=NOW - 5 * DAY)
    archive.publish("Gazprom signs gas contract with CNPC", now=NOW - 3 * DAY, lang="en")
    archive.publish(
        "Kontrak pipa gas belum diteken",
        content="Gazprom dan CNPC belum sepakat.",
        now=NOW - 2 * DAY,
        lang="id",
    )
    archive.publish(
        "Gazprom Neft opens a petrol station",
        content="No contract was signed.",
        now=NOW - DAY,
        lang="en",
    )
    (archive.etc / "rules" / "rules.yaml").unlink()
    return tmp_path


def test_every_command_of_the_page_does_what_it_shows(
    news: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (root / "docs" / "writing-rules.md").read_text(encoding="utf-8")
    shown, done = [], []
    for file, kind, text in _FENCE.findall(page):
        if kind != "console":
            assert file, text
            (news / file).write_text(text, encoding="utf-8")
            continue
        for line, output in _commands(text):
            shown.append(f"$ {line}\n{_ID.sub('ID', output)}")
            done.append(f"$ {line}\n{_ID.sub('ID', _typed(line, monkeypatch))}")
    assert "".join(done) == "".join(shown)
    assert len(done) >= 12


def _commands(text: str) -> Iterator[tuple[str, str]]:
    for part in text.removeprefix("$ ").split("\n$ "):
        line, _, output = part.partition("\n")
        yield line, output if output.endswith("\n") or not output else f"{output}\n"


def _typed(line: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a terminal would show of a command, or of ``echo ... | command``."""
    words = shlex.split(line)
    if words[0] == "echo":
        stdin = io.BytesIO(f"{words[1]}\n".encode())
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stdin, isatty=lambda: False))
        words = words[3:]
    assert words[0] == "wirewatch"
    done = run_here(words[1:])
    return done.err + done.out
