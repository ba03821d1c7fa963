"""Alerts in the terminal or the journal."""

from __future__ import annotations

from datetime import datetime

from alerts.alert import Alert
from alerts.channel import Receipt, TemporaryFailure, Tools
from alerts.plain import plain
from alerts.settings import ChannelSettings


class Settings(ChannelSettings):
    """``{type: console}``: nothing to set."""


class Console:
    """Writes each alert as a few lines of text."""

    def __init__(self, _name: str, _settings: Settings, tools: Tools) -> None:
        self._write = tools.write
        self._message = tools.message

    async def send(self, alert: Alert, now: datetime) -> Receipt:  # noqa: ARG002 - the contract's
        """Write the alert.

        Raises:
            TemporaryFailure: nobody takes it: the pipe was closed, the disk is full.
        """
        try:
            self._write(plain(self._message(alert)))
        except OSError as error:
            raise TemporaryFailure(f"the output cannot be written: {error.strerror}") from error
        return Receipt("written")
