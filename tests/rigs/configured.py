"""A configuration directory written by a test, and what loading it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from monitor.config import Config, load
from rules import RuleErrors


class Configured:
    """A directory ``etc`` below the current one; files are written and read as an operator would.

    ``environment`` is what secrets and the state directory are looked up in, instead of ours.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment: dict[str, str] = {}

    def write(self, files: Mapping[str, str] | str) -> Configured:
        """Write files; one text alone is the main file."""
        texts = {"wirewatch.yaml": files} if isinstance(files, str) else files
        for name, text in texts.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return self

    def load(self) -> Config:
        """The configuration; there must be nothing wrong with it."""
        return load(self.directory, self.environment)

    def mistakes(self) -> list[str]:
        """The headline of every mistake, without the directory's name."""
        with pytest.raises(RuleErrors) as caught:
            self.load()
        return [self._short(mistake.headline) for mistake in caught.value.mistakes]

    def warnings(self) -> list[str]:
        """The headline of every warning, without the directory's name."""
        return [self._short(warning.headline) for warning in self.load().warnings]

    def _short(self, headline: str) -> str:
        return headline.replace(f"{self.directory}/", "")
