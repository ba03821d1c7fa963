"""Logs: one line per outcome, plain to a terminal, structured for the journal, never a secret.

A line is ``poll feed=reuters outcome=not_modified next=14:20``. Under systemd (JOURNAL_STREAM) each
line carries its ``<N>`` priority and no time of its own, since the journal has both; a record is
always one line, because the journal would split it and lose the priority of the rest.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
_COLOURS = {"DEBUG": "2", "WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}
_PLAIN = re.compile(r"[^\s\"=]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LONGEST_VALUE = 200


class Redactor:
    """Takes secrets out of texts. It is given new ones at each reload."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()

    def learn(self, secrets: Iterable[str]) -> None:
        """Longest first, so that a secret within another leaves no rest."""
        self._secrets = tuple(sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


def outcome(level: str, what: str, **facts: object) -> None:
    """One line: ``what`` and the facts that are not None, in the order given."""
    logger.opt(depth=1).bind(**facts).log(level, line(what, facts))


def line(what: str, facts: dict[str, Any]) -> str:
    """``what key=value ...``; values with white space are quoted, long ones cut."""
    return " ".join([what, *(f"{k}={_value(v)}" for k, v in facts.items() if v is not None)])


def _value(value: object) -> str:
    text = _CONTROL.sub(" ", str(value))
    if len(text) > _LONGEST_VALUE:
        text = text[: _LONGEST_VALUE - 1] + "…"
    return text if _PLAIN.fullmatch(text) else '"' + text.replace('"', "'") + '"'


def set_up(level: str, redact: Redactor) -> None:
    """Send every log line, ours and libraries', to stderr in the form that fits there.

    Libraries that log URLs (and so tokens) are kept below WARNING.
    """
    journal = "JOURNAL_STREAM" in os.environ
    colour = not journal and sys.stderr.isatty()

    def write(message: Message) -> None:
        record = message.record
        text = redact(_one_line(record))
        sys.stderr.write(_journal(record, text) if journal else _terminal(record, text, colour))
        sys.stderr.flush()

    logger.remove()
    logger.add(write, level=level, format="{message}", catch=True)
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.WARNING, force=True)


def _one_line(record: Record) -> str:
    text = record["message"]
    if record["exception"] is not None and record["exception"].value is not None:
        import traceback  # noqa: PLC0415 - only when something went wrong

        error = record["exception"]
        text += " | " + " | ".join(
            part.strip().replace("\n", " / ")
            for part in traceback.format_exception(error.type, error.value, error.traceback)
        )
    return _CONTROL.sub(" ", text)


def _journal(record: Record, text: str) -> str:
    return f"<{_PRIORITY.get(record['level'].name, 6)}>{text}\n"


def _terminal(record: Record, text: str, colour: bool) -> str:
    level = record["level"].name
    mark = "" if level == "INFO" else f"{level.lower()}: "
    if colour and level in _COLOURS:
        mark = f"\x1b[{_COLOURS[level]}m{mark}\x1b[0m"
    return f"{record['time']:HH:mm:ss} {mark}{text}\n"


class _ToLoguru(logging.Handler):
    """What libraries log through the standard library, in our form."""

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname if record.levelname in _PRIORITY else "INFO"
        logger.opt(exception=record.exc_info).log(level, f"{record.name}: {record.getMessage()}")
