"""The newspapers of the demo and their articles, read from ``papers/*.yaml``.

Newspapers, articles and events in them are invented and were written for this program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Article:
    """A title and a text. ``slug`` is unique in its newspaper and stays when it is corrected."""

    slug: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A newspaper with a feed. ``before``: what it published before the daemon starts; ``later``:
    what it may publish by slug; ``corrected``: second versions of those; ``serial``: an article
    without end, ``{n}`` in its title counting."""

    name: str
    title: str
    lang: str
    format: Literal["rss", "atom"]
    before: tuple[Article, ...]
    later: Mapping[str, Article]
    corrected: Mapping[str, Article]
    serial: Article | None

    def part(self, number: int) -> Article:
        """The ``number``-th article of the serial.

        Raises:
            ValueError: this newspaper has none.
        """
        if self.serial is None:
            raise ValueError(f"{self.name} has no serial")
        title = self.serial.title.replace("{n}", str(number))
        return replace(self.serial, slug=f"{self.serial.slug}-{number}", title=title)


def load_papers() -> tuple[Paper, ...]:
    """All newspapers, in the order of their file names."""
    import yaml  # noqa: PLC0415 - only the demo reads these

    folder = files("monitor.demo") / "papers"
    found = sorted((file for file in folder.iterdir()), key=lambda file: file.name)
    return tuple(
        _paper(file.name.removesuffix(".yaml"), yaml.safe_load(file.read_text("utf-8")))
        for file in found
        if file.name.endswith(".yaml")
    )


def _paper(name: str, raw: Mapping[str, Any]) -> Paper:
    told = [
        (entry, Article(entry["slug"], entry["title"], entry["text"])) for entry in raw["articles"]
    ]
    special = {"before", "serial"}
    return Paper(
        name=name,
        title=raw["title"],
        lang=raw["lang"],
        format=raw["format"],
        before=tuple(article for entry, article in told if entry.get("before")),
        later={article.slug: article for entry, article in told if not special & entry.keys()},
        corrected={
            article.slug: Article(article.slug, **entry["corrected"])
            for entry, article in told
            if "corrected" in entry
        },
        serial=next((article for entry, article in told if entry.get("serial")), None),
    )
