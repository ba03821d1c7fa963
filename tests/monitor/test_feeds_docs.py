"""docs/feeds.md: every command shown is run, in order, and does what the page shows.

``…`` stands for lines left out; how long something took is not compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rigs.command import Done, Terminal, run_here
from rigs.origin import Origin, Page, Reply, http_date
from rigs.parsing import ParsesHere

from monitor.cli import SUBCOMMANDS
from monitor.item import NotAFeed, ParseTask
from monitor.sitemap import read

SITE = "https://harbourpost.example"
NOW = datetime.now(UTC)
MAIN = """contact: desk@example.org
allow_private: [127.0.0.1]
channels: {desk: {type: console}}
defaults: {send: [desk]}
rules: {strikes: walk* out}
"""
WORLD = f"""<rss version="2.0"><channel><title>Harbour Post - World</title><language>en</language>
<item><guid>pilots-1</guid><title>Harbour pilots walk out at midnight</title><link>/pilots</link>
<pubDate>{http_date((NOW - timedelta(hours=3, minutes=30)).timestamp())}</pubDate></item>
<item><guid>rain-1</guid><title>Rain</title><link>/rain</link></item></channel></rss>"""
SPORT = f"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
<title>Harbour Post - Sport</title><entry><id>s-1</id><title>Regatta</title><link href="/regatta"/>
<published>{NOW - timedelta(days=3, hours=1):%Y-%m-%dT%H:%M:%SZ}</published></entry></feed>"""
LIST = """<opml><body><outline text="Asia"><outline text="Straits" xmlUrl="https://st.example/rss"/>
</outline><outline text="Harbour" xmlUrl="URL/world.xml"/>
<outline text="B" xmlUrl="https://b.example/"/>
</body></opml>"""
PAGE = """<title>The Harbour Post</title>
<link rel=alternate type=application/rss+xml href=world.xml>
<link rel=alternate type=application/atom+xml href=sport.xml>"""


@pytest.fixture
def guide(root: Path) -> str:
    return (root / "docs" / "feeds.md").read_text("utf-8")


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        headers = {"Cache-Control": "max-age=7200"}
        server.serve("/", Reply(200, PAGE.encode()))
        server.serve("/world.xml", Page(WORLD.encode(), etag='"5f3-1"', headers=headers))
        server.serve("/sport.xml", Reply(200, SPORT.encode()))
        yield server


def test_the_commands_of_the_page_do_what_it_shows(
    guide: str, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("monitor.probe.ParserPool", ParsesHere)
    Path("news").mkdir()
    Path("news/wirewatch.yaml").write_text(MAIN)
    Path("list.opml").write_text(LIST.replace("URL", origin.url("")))
    commands = re.findall(r"^\$ wirewatch (.*)\n((?:(?!\$|```).*\n)*)", guide, re.MULTILINE)
    assert [words.split()[1] for words, _ in commands] == ["add", "test", "import", "export"]
    for words, shown in commands:
        done = typed(monkeypatch, words.replace(SITE, origin.url("")).split())
        assert done.code == 0, done.err
        said = f"{done.err}\n{done.out}".replace(origin.url(""), SITE)
        assert_shown(shown, said)


def typed(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> Done:
    """As an operator would, who takes the first."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    with monkeypatch.context() as here:
        here.setattr("rigs.command.io.StringIO", Terminal)
        here.setattr("sys.stdin", Terminal("1\n"))
        return run_here(words)


def assert_shown(shown: str, said: str) -> None:
    """Every line of the page was said, in this order within each of its two streams."""
    lines = [normal(line) for line in said.splitlines()]
    for line in shown.splitlines():
        if line.strip() != "…":
            assert normal(line) in lines, f"{line!r} is not in\n{said}"


def normal(line: str) -> str:
    """Without durations, sizes, what was typed, and how wide columns are."""
    line = re.sub(r"\b\d+ (ms|bytes)\b", r"N \1", line.replace("[1]: 1", "[1]:"))
    return " ".join(line.split())


def test_every_subcommand_and_option_is_one_there_is(guide: str) -> None:
    helps = {
        word: run_here(["feeds", word, "--help"]).out
        for word in ("add", "test", "import", "export")
    }
    assert set(helps) <= set(SUBCOMMANDS["feeds"])
    for option in set(re.findall(r"`(--[a-z-]+)", guide)):
        assert any(option in text for text in helps.values()), option


def test_what_it_says_of_an_index_of_sitemaps_is_what_is_said(guide: str) -> None:
    text = f"<sitemapindex><sitemap><loc>{SITE}/news.xml</loc></sitemap></sitemapindex>"
    told = read(text, ParseTask(b"", SITE), None)  # type: ignore[arg-type] # no item, no language
    assert isinstance(told, NotAFeed)
    assert f"not a feed: {told.looks_like}\n" in guide
