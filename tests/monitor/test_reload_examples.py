"""A reload runs the examples of the rules, and keeps what is in force when one fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from monitor import systemd
from monitor.config import load
from monitor.daemon import Daemon, engine
from monitor.logs import Redactor

pytestmark = pytest.mark.usefixtures("parsing_here")

CONFIG = """\
contact: desk@example.org
rules:
  xi:
    match: %s
    examples: {matches: [Xi met Putin], ignores: [Xinhua]}
"""


def test_a_reload_refuses_rules_whose_examples_fail_and_keeps_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(systemd, "notify", lambda *parts: told.append("\n".join(parts)))
    file = tmp_path / "wirewatch.yaml"

    async def reload_twice() -> None:
        file.write_text(CONFIG % "Xi")
        async with engine(load(tmp_path), Redactor()) as parts:
            daemon = Daemon(parts, tmp_path)
            file.write_text(CONFIG % "Xin*")
            await daemon._reload()
            assert parts.config.rules["xi"].expression == "Xi"
            (event,) = parts.store.events(9)
            assert event.name == "reload_refused"
            assert event.message == (
                "the new configuration is refused, the old one stays in force: "
                f"{file}:5:26: rule 'xi' does not match this example; "
                "wirewatch check shows what it evaluated to (and 1 more)"
            )
            assert "RELOAD REFUSED" in told[-1]
            file.write_text(CONFIG % "Xi OR Putin")
            await daemon._reload()
            assert parts.config.rules["xi"].expression == "Xi OR Putin"
            assert "RELOAD" not in told[-1]

    asyncio.run(reload_twice())
