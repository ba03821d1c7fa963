"""`feeds import` and `feeds export`: what is written, what is passed over, what never leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.command import Done, run_here

from monitor.config import load

LIST = """<opml version="2.0"><body>
<outline text="Asia & more">
<outline text="Straits Times" xmlUrl="https://st.example/rss"/>
<outline text="Straits Times" xmlUrl="https://ST.example:443/rss#top"/>
<outline text="Antara" xmlUrl="https://antara.example/rss"/>
<outline text="Straits Times" xmlUrl="https://other.example/rss"/>
</outline>
<outline text="Zürich 24" xmlUrl="https://zürich.example/feed"/>
<outline text="Bad" xmlUrl="file:///etc/passwd"/>
<outline text="Worse" xmlUrl="https://user:pass@x.example/"/>
</body></opml>
"""


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = Path("etc")
    (folder / "feeds").mkdir(parents=True)
    (folder / "wirewatch.yaml").write_text(
        "contact: a@b.org\nfeeds:\n  antara: https://antara.example/rss\n"
    )
    Path("list.opml").write_text(LIST)
    return folder


def run(*words: str) -> Done:
    return run_here(["feeds", *words, "-c", "etc"])


def test_an_imported_list_is_written_with_names_and_tags_of_its_own(etc: Path) -> None:
    """B20, E27"""
    done = run("import", "list.opml")
    assert done.code == 0
    assert done.out == (
        "wrote 3 feeds to etc/feeds/added.yaml; 2 configured already, 2 left out\n"
        "next: systemctl reload wirewatch, or try it with: wirewatch once -c etc\n"
    )
    assert done.err.splitlines() == [
        (
            "list.opml:2:22: not well-formed XML: not well-formed (invalid token); "
            "its 7 feeds were read all the same"
        ),
        (
            "list.opml:9:1: left out: 'file:///etc/passwd' is neither http:// nor https://; "
            "write https:// in its place"
        ),
        (
            "list.opml:10:1: left out: a user name does not belong into the URL of a feed; "
            "write auth: {user: …, password: …}"
        ),
    ]
    assert (etc / "feeds/added.yaml").read_text() == (
        "feeds:\n"
        "  straits-times:\n"
        "    url: https://st.example/rss\n"
        '    tags: ["Asia & more"]\n'
        "  straits-times-2:\n"
        "    url: https://other.example/rss\n"
        '    tags: ["Asia & more"]\n'
        "  zürich-24: https://zürich.example/feed\n"
    )


def test_the_same_list_twice_writes_nothing_new(etc: Path) -> None:
    run("import", "list.opml")
    before = (etc / "feeds/added.yaml").read_bytes()
    done = run("import", "list.opml")
    assert (done.code, done.out) == (0, "nothing to write: 5 configured already, 2 left out\n")
    assert (etc / "feeds/added.yaml").read_bytes() == before


def test_a_dry_run_shows_what_would_be_written_and_writes_nothing(etc: Path) -> None:
    done = run("import", "list.opml", "--dry-run")
    assert done.out.startswith("feeds:\n  straits-times:\n    url: https://st.example/rss\n")
    assert done.err.splitlines()[-1] == (
        "3 feeds would be written; 2 configured already, 2 left out"
    )
    assert list((etc / "feeds").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("none.opml", None, "none.opml:1:1: cannot be read: No such file or directory"),
        (
            "page.opml",
            "<html><p>Hello",
            (
                "page.opml:1:15: not well-formed XML: no element found; "
                "export it again, or write its feeds into feeds/*.yaml"
            ),
        ),
    ],
)
def test_what_is_no_list_of_feeds_is_refused(
    etc: Path, name: str, text: str | None, told: str
) -> None:
    if text:
        Path(name).write_text(text)
    done = run("import", name)
    assert (done.code, done.out, done.err) == (2, "", f"{told}\n")


def test_a_list_without_a_usable_feed_is_no_success(etc: Path) -> None:
    Path("a.opml").write_text('<opml><outline xmlUrl="ftp://a.example/"/></opml>')
    done = run("import", "a.opml")
    assert (done.code, done.out) == (1, "nothing to write: 1 left out\n")
    Path("a.opml").write_text("<opml/>")
    done = run("import", "a.opml")
    next_step = "a feed itself, or a site, is added by: wirewatch feeds add URL"
    assert (done.code, done.out) == (0, f"nothing to write: no feeds in it; {next_step}\n")


MINE = """contact: a@b.org
feeds:
  plain: https://plain.example/rss
  BBC News, World:
    url: https://bbc.example/rss?a=1&b=<x>
    tags: [world, "oil & gas"]
    every: 1h30m
    lang: en
    source: 'The "BBC"'
    max_age: 36h
  off: {url: https://off.example/, enabled: no, tags: [world]}
""".replace("<x>", "x")


def test_what_is_exported_and_imported_elsewhere_is_the_same_feeds(
    etc: Path, tmp_path: Path
) -> None:
    (etc / "wirewatch.yaml").write_text(MINE)
    done = run("export", "-o", "mine.opml")
    assert (done.code, done.out, done.err) == (0, "wrote 3 feeds to mine.opml\n", "")
    there = tmp_path / "there.yaml"
    there.write_text("contact: a@b.org\n")
    assert run_here(["feeds", "import", "mine.opml", "-c", str(there)]).code == 0
    assert dict(load(there, {}).feeds) == dict(load(etc, {}).feeds)
    included = tmp_path / "included"
    (included / "feeds").mkdir(parents=True)
    (included / "wirewatch.yaml").write_text("contact: a@b.org\n")
    Path("mine.opml").rename(included / "feeds/mine.opml")
    assert dict(load(included, {}).feeds) == dict(load(etc, {}).feeds)


def test_no_secret_is_exported(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """E14"""
    monkeypatch.setenv("TOKEN", "s3cr3t-t0ken")
    monkeypatch.delenv("INVOCATION_ID", raising=False)
    (etc / "wirewatch.yaml").write_text(
        "contact: a@b.org\n"
        "feeds:\n"
        '  tokened: "https://a.example/?t=${env:TOKEN}"\n'
        '  absent: "https://a.example/?t=${credential:a}"\n'
        "  house:\n"
        "    url: https://b.example/\n"
        '    auth: {user: me, password: "${env:TOKEN}"}\n'
        '    headers: {X-Key: "s3cr3t-t0ken"}\n'
    )
    done = run("export")
    assert done.code == 0
    assert "s3cr3t" not in done.out + done.err
    assert done.out.count("xmlUrl=") == 1
    assert done.err.splitlines() == [
        "feed 'tokened' is left out: its URL holds a secret",
        "feed 'absent' is left out: its URL holds a secret",
        "feed 'house': its headers and password are not written",
    ]


def test_an_export_overwrites_nothing(etc: Path) -> None:
    Path("there.opml").write_text("mine")
    done = run("export", "-o", "there.opml")
    assert (done.code, done.err) == (
        2,
        "there.opml is already there; nothing was written, name another file\n",
    )
    assert Path("there.opml").read_text() == "mine"
    done = run("export", "-o", "none/there.opml")
    assert done.err == "none/there.opml cannot be written: No such file or directory\n"
