"""The configuration of the demo: real files that a visitor can read and change."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

_MAIN = """\
# The configuration of the demo. A real one looks the same.
contact: demo@example.org        # publishers are told whom to write to
database: sqlite:///{database}
allow_private: [127.0.0.0/8]     # everything here is on this machine; else only public addresses
"""
_CHANNELS = """\
channels:
  newsroom:                      # a chat: any that takes Slack's incoming webhooks
    type: slack
    url: {chat}
    retry: {{first: 1s, factor: 2, max: 5s, for: 1m}}
  desk:                          # a mailbox
    type: mail
    to: desk@example.org
    from: wirewatch@example.org
    smtp: smtp://127.0.0.1:{smtp}
    retry: {{first: 1s, factor: 2, max: 5s, for: 1m}}
"""
_FEED = "  {name}: {{url: {url}, every: 1s{source}}}\n"


def write_configuration(
    folder: Path, *, feeds: Mapping[str, str], titles: Mapping[str, str], chat: str, smtp: int
) -> Path:
    """Write the demo's configuration under ``folder`` and return its directory.

    ``feeds`` are addresses by name, ``titles`` what to call those that say so themselves.

    Raises:
        OSError: it cannot be written there.
    """
    directory = folder / "etc"
    for part in ("feeds", "rules", "channels"):
        (directory / part).mkdir(parents=True)
    _write(directory / "wirewatch.yaml", _MAIN.format(database=folder / "wirewatch.db"))
    _write(
        directory / "feeds" / "papers.yaml",
        "feeds:\n"
        + "".join(
            _FEED.format(
                name=name, url=url, source=f', source: "{titles[name]}"' if name in titles else ""
            )
            for name, url in feeds.items()
        ),
    )
    _write(directory / "channels" / "desk.yaml", _CHANNELS.format(chat=chat, smtp=smtp))
    _write(directory / "rules" / "desk.yaml", rules_text())
    return directory


def rules_text() -> str:
    """The demo's rules, as the visitor reads them."""
    return (files("monitor.demo") / "etc" / "rules" / "desk.yaml").read_text("utf-8")


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
