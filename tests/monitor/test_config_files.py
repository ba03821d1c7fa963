"""Which files a configuration is made of, and who may write and read them."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path

import pytest
from rigs.configured import Configured

from monitor.config import load
from rules import RuleErrors

MAIN = "contact: a@b.org\nchannels:\n  term: {type: console}\n"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """A configuration directory called ``etc`` in the current directory."""
    monkeypatch.chdir(tmp_path)
    Path("etc").mkdir()
    return Configured(Path("etc"))


def rule(name: str) -> str:
    return f"rules:\n  {name}: x\n"


def mistakes(path: Path) -> list[str]:
    with pytest.raises(RuleErrors) as caught:
        load(path, {})
    return [mistake.headline for mistake in caught.value.mistakes]


def test_a_directory_is_its_main_file_and_the_usual_folders(etc: Configured) -> None:
    etc.write(
        {
            "wirewatch.yaml": MAIN,
            "rules/b.yaml": rule("b"),
            "rules/a.yaml": rule("a"),
            "feeds/f.yaml": "feeds: {f: https://x.org}\n",
            "channels/c.yaml": "channels: {c: {type: console}}\ndefaults: {send: [c]}\n",
            "rules/.#b.yaml": "an editor's lock",
            "rules/b.yaml~": "an editor's copy",
            "other/x.yaml": rule("x"),
        }
    )
    config = etc.load()
    assert list(config.rules) == ["a", "b"]
    assert [str(file) for file in config.files] == [
        "etc/wirewatch.yaml",
        "etc/feeds/f.yaml",
        "etc/rules/a.yaml",
        "etc/rules/b.yaml",
        "etc/channels/c.yaml",
    ]
    assert config.warnings == ()


def test_a_file_is_itself_and_what_it_includes(etc: Configured) -> None:
    etc.write({"wirewatch.yaml": MAIN + rule("a"), "rules/b.yaml": rule("b")})
    assert list(load(Path("etc/wirewatch.yaml"), {}).rules) == ["a"]
    etc.write(MAIN + rule("a") + "include: [rules/*.yaml]\n")
    assert list(load(Path("etc/wirewatch.yaml"), {}).rules) == ["a", "b"]


def test_include_replaces_the_usual_folders(etc: Configured, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "c.yaml").write_text(rule("c"))
    include = f"include: [desk.yaml, more/**/*.yaml, {tmp_path}/shared/*.yaml]\n"
    etc.write(
        {
            "wirewatch.yaml": MAIN + include,
            "desk.yaml": rule("a"),
            "more/deep/er.yaml": rule("b"),
            "rules/no.yaml": rule("no"),
        }
    )
    assert list(etc.load().rules) == ["a", "b", "c"]


def test_a_file_that_several_patterns_name_is_read_once(etc: Configured) -> None:
    etc.write({"wirewatch.yaml": MAIN + "include: [a.yaml, '*.yaml']\n", "a.yaml": rule("a")})
    assert list(etc.load().rules) == ["a"]


def test_an_included_file_that_is_not_there_is_a_mistake_a_pattern_a_warning(
    etc: Configured,
) -> None:
    etc.write(MAIN + "include: [gone.yaml]\n")
    assert etc.mistakes() == ["wirewatch.yaml:4:11: 'gone.yaml' names no file"]
    etc.write(MAIN + "include: ['gone/*.yaml']\n")
    assert etc.warnings() == ["wirewatch.yaml:4:11: 'gone/*.yaml' names no file"]


def test_include_counts_only_in_the_main_file(etc: Configured) -> None:
    etc.write({"wirewatch.yaml": MAIN, "rules/a.yaml": "include: [b.yaml]\n"})
    assert etc.mistakes() == ["rules/a.yaml:1:1: include: counts only in wirewatch.yaml"]


def test_a_directory_without_a_main_file_says_how_to_begin(etc: Configured) -> None:
    assert mistakes(etc.directory) == [
        (
            "etc:1:1: there is no wirewatch.yaml in this directory;"
            " write a first one with: wirewatch init etc"
        )
    ]


def test_a_configuration_that_is_not_there_is_named(etc: Configured) -> None:
    assert mistakes(etc.directory / "gone") == [
        (
            "etc/gone:1:1: there is no such configuration; name another after -c, or write a first"
            " one with: wirewatch init etc/gone"
        )
    ]


def test_a_directory_in_place_of_a_file_and_a_file_in_place_of_a_folder(etc: Configured) -> None:
    (etc.directory / "rules" / "a.yaml").mkdir(parents=True)
    etc.write({"wirewatch.yaml": MAIN, "feeds": "not a folder"})
    assert etc.mistakes() == ["rules/a.yaml:1:1: cannot be read: Is a directory"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(etc: Configured) -> None:
    etc.write(MAIN)
    (etc.directory / "wirewatch.yaml").chmod(0)
    assert etc.mistakes() == ["wirewatch.yaml:1:1: cannot be read: Permission denied"]


# --- links ----------------------------------------------------------------------------------------


def test_a_link_out_of_the_directory_is_not_followed(etc: Configured, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.yaml").write_text(rule("a"))
    etc.write(MAIN)
    (etc.directory / "rules").symlink_to(tmp_path / "elsewhere")
    assert etc.mistakes() == [
        (
            f"rules/a.yaml:1:1: is a symbolic link to {tmp_path}/elsewhere/a.yaml, outside etc;"
            " copy it, or name the file it leads to in include:"
        )
    ]


def test_links_inside_the_directory_are_followed(etc: Configured) -> None:
    etc.write({"wirewatch.yaml": MAIN, "..data/a.yaml": rule("a")})
    (etc.directory / "rules").mkdir()
    (etc.directory / "rules" / "a.yaml").symlink_to("../..data/a.yaml")
    assert list(etc.load().rules) == ["a"]


def test_a_directory_that_is_itself_a_link_is_followed(etc: Configured) -> None:
    etc.write({"wirewatch.yaml": MAIN, "rules/a.yaml": rule("a")})
    Path("link").symlink_to("etc")
    assert list(load(Path("link"), {}).rules) == ["a"]


def test_a_circle_of_links_is_named(etc: Configured) -> None:
    etc.write({"wirewatch.yaml": MAIN, "rules/b.yaml": rule("b")})
    (etc.directory / "rules" / "a.yaml").symlink_to("a.yaml")
    (only,) = etc.mistakes()
    assert only == "rules/a.yaml:1:1: cannot be read: Too many levels of symbolic links"


# --- what looks meant -----------------------------------------------------------------------------


def test_a_file_that_ends_in_yml_is_warned_of(etc: Configured) -> None:
    etc.write({"wirewatch.yaml": MAIN, "rules/gas.yml": rule("a")})
    assert etc.warnings() == [
        "rules/gas.yml:1:1: this file is not read: its name ends in .yml; call it gas.yaml"
    ]


def test_a_file_that_everybody_can_write_is_warned_of(etc: Configured) -> None:
    etc.write(MAIN)
    (etc.directory / "wirewatch.yaml").chmod(0o666)
    assert etc.warnings() == [
        "wirewatch.yaml:1:1: everybody can write this file; chmod o-w wirewatch.yaml"
    ]


# --- OPML -----------------------------------------------------------------------------------------

OPML = """<?xml version="1.0" encoding="UTF-8"?>
<opml version="2.0">
  <head><title>Mine</title></head>
  <body>
    <outline text="World">
      <outline type="rss" text="BBC News - World" xmlUrl="https://feeds.bbci.co.uk/world.xml"/>
      <outline text="Asia"><outline title="Новости" xmlUrl=" https://n.example.org/rss "/></outline>
    </outline>
    <outline text="BBC News: World" xmlUrl="https://other.example.org/rss"/>
    <outline xmlUrl="https://www.nameless.example.org/rss"/>
    <outline text="known" xmlUrl="https://x.org/rss"/>
  </body>
</opml>
"""


def test_the_feeds_of_opml_files_are_named_after_their_titles(etc: Configured) -> None:
    etc.write(
        {
            "wirewatch.yaml": MAIN + "feeds: {x: https://x.org/rss}\n",
            "feeds/mine.opml": OPML,
        }
    )
    feeds = etc.load().feeds
    assert {feed.name: (feed.url, feed.tags) for feed in feeds.values()} == {
        "x": ("https://x.org/rss", ()),
        "bbc-news-world": ("https://feeds.bbci.co.uk/world.xml", ("World",)),
        "новости": ("https://n.example.org/rss", ("World", "Asia")),
        "bbc-news-world-2": ("https://other.example.org/rss", ()),
        "nameless-example-org": ("https://www.nameless.example.org/rss", ()),
    }


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            "<opml><body></opml>",
            (
                "1:15: not well-formed XML: mismatched tag;"
                " export it again, or write its feeds into feeds/*.yaml"
            ),
        ),
        (
            '<!DOCTYPE opml [<!ENTITY a "aaaa">]>\n<opml/>',
            (
                "1:16: holds a DOCTYPE with declarations, which are not read;"
                " export it again, or write its feeds into feeds/*.yaml"
            ),
        ),
        (
            "<a>" * 60,
            (
                "1:151: more than 50 levels deep;"
                " export it again, or write its feeds into feeds/*.yaml"
            ),
        ),
        (
            '<opml>\n  <outline text="x" xmlUrl="ftp://x.org"/>\n</opml>',
            "2:3: 'ftp://x.org' is neither http:// nor https://; write https:// in its place",
        ),
    ],
)
def test_an_opml_file_that_cannot_be_read_says_why(
    etc: Configured, text: str, mistake: str
) -> None:
    etc.write({"wirewatch.yaml": MAIN, "feeds/a.opml": text})
    assert etc.mistakes() == [f"feeds/a.opml:{mistake}"]


@pytest.mark.corpus
def test_the_lists_of_the_corpus_are_read_though_many_are_no_xml(
    etc: Configured, corpora: Path
) -> None:
    files = sorted((corpora / "opml").rglob("*.opml"))
    assert files
    named: set[str] = set()
    for number, file in enumerate(files):
        text = file.read_text(encoding="utf-8")
        named.update(re.findall(r'xmlUrl="([^"]+)"', text))
        etc.write({f"feeds/{number}.opml": text})
    etc.write(MAIN)
    feeds = etc.load().feeds
    assert {feed.url for feed in feeds.values()} == {html.unescape(url).strip() for url in named}
    told = [warning for warning in etc.warnings() if "not well-formed" in warning]
    assert len(told) == 26
    assert all("feeds were read all the same" in warning for warning in told)
