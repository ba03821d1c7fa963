"""`feeds add`: from the address of a site to an entry in the configuration."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rigs.command import Done, Terminal, run_here
from rigs.origin import Origin, Pause, Raw, Reply
from rigs.parsing import ParsesHere

from monitor.config import load


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        server.serve("/", page("/world", "/asia"))
        server.serve("/world", feed("Harbour Post \u2013 World", "Tug meets tug"))
        server.serve("/asia", feed("Harbour Post – Asia"))
        yield server


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration, in a directory called ``etc``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("monitor.probe.ParserPool", ParsesHere)
    folder = Path("etc")
    (folder / "feeds").mkdir(parents=True)
    (folder / "wirewatch.yaml").write_text("contact: a@b.org\nallow_private: [127.0.0.1]\n")
    return folder


def page(*hrefs: str) -> Reply:
    links = (f'<link rel=alternate type=application/rss+xml href="{href}">' for href in hrefs)
    return Reply(200, f"<html><title>The Harbour Post</title>{''.join(links)}".encode())


def feed(title: str, *items: str) -> Reply:
    entries = "".join(
        f"<item><title>{item}</title><pubDate>Sun, 22 Nov 2026 10:00:00 GMT</pubDate></item>"
        for item in items
    )
    head = f"<title>{title}</title><language>en-gb</language>"
    return Reply(200, f"<rss version='2.0'><channel>{head}{entries}</channel></rss>".encode())


def run(*words: str) -> Done:
    return run_here(["feeds", "add", *words, "-c", "etc"])


def run_at_terminal(monkeypatch: pytest.MonkeyPatch, typed: str, *words: str) -> Done:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    keys = Terminal(f"{typed}\n")
    with monkeypatch.context() as here:
        here.setattr("rigs.command.io.StringIO", Terminal)
        here.setattr("sys.stdin", keys)
        return run(*words)


def test_the_address_of_a_feed_is_written_without_a_question(etc: Path, origin: Origin) -> None:
    done = run(origin.url("/world"), "--every", "30m")
    assert done.code == 0
    assert done.out.splitlines()[-2:] == [
        "wrote feed 'harbour-post-world' to etc/feeds/added.yaml",
        "next: systemctl reload wirewatch, or try it with: wirewatch once -c etc",
    ]
    written = load(etc, {}).feeds["harbour-post-world"]
    assert (written.url, str(written.every)) == (origin.url("/world"), "0:30:00")
    again = run(origin.url("/world#top"))
    assert (again.code, again.err) == (
        2,
        f"{origin.url('/world#top')} is configured already: it is feed 'harbour-post-world'\n",
    )
    assert len(origin.requests) == 1


def test_of_a_site_the_operator_chooses_by_number(
    etc: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run_at_terminal(monkeypatch, "2", origin.url(), "--name", "asia")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["#", "format", "items", "newest", "lang", "title"]
    assert lines[1].startswith("1  RSS 2.0      1  ")
    assert lines[1].endswith("  en    Harbour Post – World")
    rest = [*lines[2:5], *map(str.strip, lines[5:])]  # what is typed ends the line of the question
    assert rest == [
        f"  {origin.url('/world')}",
        "2  RSS 2.0      0  -         -     Harbour Post – Asia",
        f"  {origin.url('/asia')}",
        "wrote feed 'asia' to etc/feeds/added.yaml",
        "next: systemctl reload wirewatch, or try it with: wirewatch once -c etc",
    ]
    assert done.err.splitlines()[:3] == [
        f'{origin.url()}: an HTML page titled "The Harbour Post"',
        f"{origin.url('/world')}: a feed, RSS 2.0",
        f"{origin.url('/asia')}: a feed, RSS 2.0",
    ]
    assert "which one? 0 for none [1]:" in done.err
    assert {name: one.url for name, one in load(etc, {}).feeds.items()} == {
        "asia": origin.url("/asia")
    }


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [("0", 1, ""), ("7", 2, "there is no number '7'; nothing was written")],
)
def test_whoever_chooses_none_writes_nothing(
    etc: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, told: str
) -> None:
    done = run_at_terminal(monkeypatch, typed, origin.url())
    assert done.code == code
    assert told in done.err
    assert not load(etc, {}).feeds


def test_yes_takes_the_first_that_is_new(etc: Path, origin: Origin) -> None:
    for name in ("harbour-post-world", "harbour-post-asia"):
        done = run(origin.url(), "--yes")
        assert f"wrote feed '{name}' to etc/feeds/added.yaml" in done.out
    done = run(origin.url(), "--yes")
    assert (done.code, done.err) == (
        1,
        "nothing to write: every feed that was found is configured already\n",
    )
    assert "configured already: feed 'harbour-post-asia'" in done.out


def test_a_script_gets_one_object_a_feed_and_writes_with_yes_only(
    etc: Path, origin: Origin
) -> None:
    done = run(origin.url(), "--json")
    assert (done.code, done.err) == (0, "")
    assert not load(etc, {}).feeds
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {
            "url": origin.url("/world"),
            "title": "Harbour Post – World",
            "format": "RSS 2.0",
            "items": 1,
            "newest_item": "2026-11-22T10:00:00Z",
            "lang": "en",
            "configured_as": None,
        },
        {
            "url": origin.url("/asia"),
            "title": "Harbour Post – Asia",
            "format": "RSS 2.0",
            "items": 0,
            "newest_item": None,
            "lang": "",
            "configured_as": None,
        },
    ]
    done = run(origin.url(), "--json", "--yes")
    assert done.err == "wrote feed 'harbour-post-world' to etc/feeds/added.yaml\n"
    assert all(json.loads(line) for line in done.out.splitlines())


def test_piped_without_yes_the_feeds_are_listed_and_the_next_step_is_told(
    etc: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    done = run(origin.url())
    assert done.code == 1
    assert len(done.out.splitlines()) == 3
    assert (
        done.err == "nothing was written; take the first with --yes, or name the URL of another\n"
    )


def test_titles_of_strangers_reach_the_terminal_without_their_tricks(
    etc: Path, origin: Origin
) -> None:
    """B7, E13"""
    title = "&#x202e;evil\x1b]8;;http://x\x07 \x1b[2J &#155;31m\u2066 end"
    origin.serve("/world", feed(title))
    done = run(origin.url("/world"))
    assert not {char for char in done.out + done.err if not char.isprintable()} - {"\n"}
    (name,) = load(etc, {}).feeds
    assert name == "evil-8-http-x-2j-31m-end"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["ftp://x.example/"],
            "'ftp://x.example/' is neither http:// nor https://; write https:// in its place",
        ),
        (
            ["http://me:pw@x.example/"],
            (
                "a user name does not belong into the URL of a feed; "
                "write auth: {user: …, password: …}"
            ),
        ),
        (["x.example", "--every", "3"], "--every: '3' has no unit; write 3s, 3m or 3h"),
        (["x.example", "--name", " "], "--name: a text was expected, nothing is here"),
        (["http://0x7f.1/"], "0x7f.1 is neither a host name nor an address in its usual form"),
        (["${env:HOME}"], "the URL holds '{'; write it with %-signs"),
    ],
)
def test_what_can_never_be_a_feed_is_refused_before_anybody_is_asked(
    etc: Path, words: list[str], told: str
) -> None:
    """B20, E3, E4"""
    done = run(*words)
    assert (done.code, done.out, done.err) == (2, "", f"{told}\n")


def test_a_name_that_is_taken_is_refused_before_anybody_is_asked(etc: Path, origin: Origin) -> None:
    (etc / "feeds/mine.yaml").write_text("feeds: {mine: https://mine.example/}\n")
    done = run(origin.url(), "--name", "mine")
    assert done.err == "--name mine: there is a feed of this name already; choose another\n"
    assert origin.requests == []


def test_a_site_without_feeds_and_one_that_does_not_answer_are_told(
    etc: Path, origin: Origin
) -> None:
    origin.serve("/", page())
    done = run(origin.url())
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f'{origin.url()}: an HTML page titled "The Harbour Post"; '
        "no feed was found on its site: if you know of one, name it\n"
    )
    done = run(origin.url("/none"))
    assert done.err == f"{origin.url('/none')}: answered 404 Not Found\n"
    done = run("http://127.0.0.2:1/")
    assert done.code == 1
    assert "is a loopback address; name the host in allow_private" in done.err


def test_nothing_is_asked_where_nobody_is_named_as_the_one_who_asks(
    etc: Path, origin: Origin
) -> None:
    """A21"""
    (etc / "wirewatch.yaml").write_text("allow_private: [127.0.0.1]\n")
    done = run(origin.url())
    assert done.code == 2
    assert "no contact is configured" in done.err
    assert origin.requests == []


def test_a_page_of_twenty_megabytes_and_one_that_never_ends_cost_one_request_each(
    tmp_path: Path, origin: Origin
) -> None:
    """B3, B4: with real limits and a real worker."""
    file = tmp_path / "all.yaml"
    file.write_text("contact: a@b.org\nallow_private: [127.0.0.1]\n")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"
    origin.serve("/big", Raw(head, more=(b"<div>" * 100_000 for _ in range(40))))
    done = run_here(["feeds", "add", origin.url("/big"), "-c", str(file)])
    assert (done.code, done.err) == (
        1,
        f"{origin.url('/big')}: the body is larger than 15 MiB\n",
    )
    origin.serve("/nested", Raw(head + b"<div>" * 200_000, Pause(0)))
    origin.serve("/robots.txt", Reply(500))
    done = run_here(["feeds", "add", origin.url("/nested"), "-c", str(file)])
    assert "an HTML page without a title; no feed was found on its site" in done.err
