"""Fixtures that every part of the tests shares."""

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.parsing import ParsesHere

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The shared test material; a test that needs it skips where it is absent."""
    folder = ROOT.parent / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip("the test material ../shared/corpora is not here")
    return folder


@pytest.fixture
def parsing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine made by the test parses in this process: starting a parser takes longer than most
    tests of what is done with what it says."""
    monkeypatch.setattr("monitor.daemon.ParserPool", ParsesHere)
