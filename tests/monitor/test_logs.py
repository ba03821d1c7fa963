"""Log lines: one a record, readable, and never a secret."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger

from monitor.logs import Redactor, line, outcome, set_up


@pytest.fixture
def redact() -> Iterator[Redactor]:
    yield Redactor()
    logger.remove()


def test_a_line_is_what_happened_and_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"feed": "reuters", "outcome": "not_modified", "hits": None, "why": "every 10m"}
    assert line("poll", facts) == 'poll feed=reuters outcome=not_modified why="every 10m"'


def test_what_a_feed_says_cannot_forge_a_line_or_move_the_cursor() -> None:
    hostile = 'x"\nsend outcome=sent\x1b[2J\u2028\u202e'
    assert line("poll", {"error": hostile}) == 'poll error="x\' send outcome=sent [2J  "'
    assert len(line("poll", {"error": "x" * 10_000})) < 250


def test_secrets_are_taken_out_wherever_they_stand(
    redact: Redactor, capsys: pytest.CaptureFixture[str]
) -> None:
    redact.learn({"hunter2-token", "hunter2-token-longer"})
    set_up("INFO", redact)
    outcome("INFO", "send", url="https://chat.example/hunter2-token-longer")
    try:
        raise ValueError("hunter2-token")
    except ValueError:
        logger.exception("send outcome=bug")
    told = capsys.readouterr().err
    assert "hunter2" not in told
    assert "https://chat.example/[secret]" in told


def test_a_traceback_is_one_line_in_the_journal_with_its_priority(
    redact: Redactor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    set_up("INFO", redact)
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logger.exception("poll feed=a outcome=bug")
    outcome("INFO", "poll", feed="a")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("<3>poll feed=a outcome=bug | Traceback")
    assert "ValueError: first / second" in first
    assert second == "<6>poll feed=a"


def test_what_is_below_the_level_is_not_said(
    redact: Redactor, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up("WARNING", redact)
    outcome("INFO", "poll", feed="a")
    outcome("WARNING", "poll", feed="b")
    assert "feed=a" not in (told := capsys.readouterr().err)
    assert "warning: poll feed=b" in told


def test_libraries_do_not_log_urls(redact: Redactor, capsys: pytest.CaptureFixture[str]) -> None:
    import logging

    set_up("INFO", redact)
    logging.getLogger("httpx").info("HTTP Request: POST https://api.example/bot123:token/send")
    logging.getLogger("apscheduler").warning("late")
    told = capsys.readouterr().err
    assert "token" not in told
    assert "apscheduler: late" in told


def test_each_alert_on_the_terminal_ends_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    from monitor.daemon import _write

    _write("[xi-putin] Xi and Putin met\n  matched: Xi, Putin")
    _write("[pipes] A pipe")
    assert capsys.readouterr().out.splitlines() == [
        "[xi-putin] Xi and Putin met",
        "  matched: Xi, Putin",
        "[pipes] A pipe",
    ]
