"""`feeds test`: one poll step by step, nothing stored, no secret shown, no promise broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rigs.command import Done, run_here
from rigs.origin import Origin, Page, Reply
from rigs.parsing import ParsesHere

from monitor.config import load
from monitor.probe import prober

BODY = (
    b"<rss version='2.0' xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'><channel>"
    b"<title>Harbour Post</title><language>en</language><ttl>90</ttl>"
    b"<skipHours><hour>3</hour></skipHours>"
    b"<item><guid>a</guid><title>Tug meets tug</title><link>/a</link>"
    b"<pubDate>Sun, 22 Nov 2026 10:00:00 GMT</pubDate></item>"
    b"<item><guid>b</guid><title>Rain\x1b[31m &#x202e;again</title></item>"
    b"</channel></rss>"
)
MAIN = """contact: a@b.org
allow_private: [127.0.0.1]
channels: {desk: {type: console}}
defaults: {send: [desk]}
rules: {tugs: tug AND feed:port}
feeds:
  harbour:
    url: URL/rss
    tags: [port]
    auth: {user: me, password: hunter22}
    headers: {X-Key: k3y-k3y, X-Plain: desk}
"""


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        headers = {"Cache-Control": "max-age=43200", "Content-Type": "text/xml; charset=utf-8"}
        server.serve("/rss", Page(BODY, etag='"x1"', last_modified="never mind", headers=headers))
        yield server


@pytest.fixture
def etc(tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("monitor.probe.ParserPool", ParsesHere)
    monkeypatch.setattr("monitor.daemon.ParserPool", ParsesHere)
    folder = Path("etc")
    folder.mkdir()
    (folder / "wirewatch.yaml").write_text(MAIN.replace("URL", origin.url("")))
    return folder


def run(*words: str) -> Done:
    return run_here(["feeds", "test", *words, "-c", "etc"])


def without_times(text: str) -> list[str]:
    """The lines that are the same in every run."""
    moving = (" ms", "Date:", "Host:", "Accept:", "User-Agent:", " ago,")
    return [line for line in text.splitlines() if not any(part in line for part in moving)]


def test_a_probe_whose_parser_was_not_needed_leaves_nothing_running(tmp_path: Path) -> None:
    """Else the end of the command was a traceback of asyncio's."""
    (tmp_path / "wirewatch.yaml").write_text("contact: a@b.org\nfeeds: {}\nrules: {r: x}\n")
    config = load(tmp_path)

    async def main() -> None:
        before = asyncio.all_tasks()
        async with prober(config):
            await asyncio.sleep(0.001)
        assert asyncio.all_tasks() == before

    asyncio.run(main())


def test_a_poll_is_told_step_by_step_with_secrets_covered(etc: Path, origin: Origin) -> None:
    """A32, E14"""
    done = run("harbour")
    assert (done.code, done.err) == (0, "")
    assert without_times(done.out) == [
        "request",
        f"  GET {origin.url('/rss')}",
        "  Accept-Encoding: gzip",
        "  X-Key: [secret]",
        "  X-Plain: desk",
        "  Authorization: [secret]",
        '  ETag: "x1"',
        "  Last-Modified: never mind",
        "  Cache-Control: max-age=43200",
        "  Content-Type: text/xml; charset=utf-8",
        f"  Content-Length: {len(BODY)}",
        "answer",
        "document",
        "  RSS 2.0: Harbour Post",
        "next poll",
        "  in 12 h: max-age 43200",
        '  with If-None-Match: "x1"',
        "  with If-Modified-Since: never mind",
        "  max-age: fresh for 12h more",
        "  ttl: 1h30m",
        "  skipHours: 3 GMT",
        "problems",
        "  1 of 2 items lack a link that may be followed",
        "  1 of 2 items lack a usable date",
        "items",
        "  Tug meets tug",
        f"    {origin.url('/a')}",
        "    key g:a",
        "  Rain[31m again",
        "    no date, en, no rule matches",
        "    no link",
        "    key g:b",
    ]
    assert "matched by tugs" in done.out
    assert "2 items, newest " in done.out
    assert "hunter22" not in done.out
    (request,) = origin.requests
    assert request.header("Authorization") == b"Basic bWU6aHVudGVyMjI="
    assert request.header("If-None-Match") is None


def _feed(etc: Path) -> Any:
    engine = sa.create_engine(f"sqlite:///{etc / 'wirewatch.db'}")
    with engine.connect() as connection:
        row = connection.execute(sa.text("select * from feeds")).one()
    engine.dispose()
    return row


def test_the_same_for_a_program_is_one_object(etc: Path, origin: Origin) -> None:
    done = run("harbour", "--json")
    (line,) = done.out.splitlines()
    report = json.loads(line)
    assert (report["feed"], report["ok"], report["answer"]) == ("harbour", True, "a feed, RSS 2.0")
    assert report["validators"] == {"etag": '"x1"', "last_modified": "never mind"}
    assert report["document"]["charset"] == "utf-8"
    assert [item["rules"] for item in report["items"]] == [["tugs"], []]
    assert "hunter22" not in line
    assert "k3y-k3y" not in line


def test_a_url_is_asked_as_anybody_would_ask_it(etc: Path, origin: Origin) -> None:
    origin.serve("/old", Reply(301, b"", {"Location": "/rss"}))
    done = run(origin.url("/old"))
    assert done.code == 0
    assert [request.path for request in origin.requests] == ["/old", "/rss"]
    assert all(request.header("Authorization") is None for request in origin.requests)
    lines = without_times(done.out)
    assert lines[lines.index("redirect") + 1] == f"  GET {origin.url('/rss')}"
    assert "  Location: /rss" in lines
    assert f"  moved for good, says the server, to {origin.url('/rss')}" in lines
    assert "no rule matches" in done.out  # it is not tagged


@pytest.mark.parametrize(
    ("reply", "told", "then"),
    [
        (
            Reply(200, b"<html><title>Sign in"),
            'not a feed: an HTML page titled "Sign in"',
            "failed 1 time, ",
        ),
        (Reply(404), "answered 404 Not Found", "failed 1 time, "),
        (Reply(410), "answered 410 Gone", "410 Gone: not polled any more"),
        (
            Reply(429, b"", {"Retry-After": "86400"}),
            "answered 429 Too Many Requests",
            "Retry-After ",
        ),
        (
            Reply(302, b"", {"Location": "file:///etc/passwd"}),
            "redirects to where we do not go",
            "failed ",
        ),
    ],
)
def test_what_is_not_a_feed_is_told_and_exits_with_1(
    etc: Path, origin: Origin, reply: Reply, told: str, then: str
) -> None:
    """A15, A19, B9"""
    origin.serve("/rss", reply)
    done = run("harbour")
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert lines[lines.index("answer") + 1].startswith(f"  {told}")
    assert f": {then}" in lines[lines.index("next poll") + 1]


def test_known_validators_are_sent_when_asked_for_only_and_nothing_is_stored(
    etc: Path, origin: Origin
) -> None:
    done = run("harbour", "--conditional")
    assert (done.code, done.err) == (
        2,
        "harbour: no validators are known; leave out --conditional\n",
    )
    assert sorted(path.name for path in etc.iterdir()) == ["wirewatch.yaml"]
    run_here(["once", "-c", "etc"])
    origin.clear()
    before = _feed(etc)
    done = run("harbour", "--conditional", "--anyway")
    assert _feed(etc) == before
    assert done.code == 0
    assert '  If-None-Match: "x1"' in done.out.splitlines()
    assert "  not modified since the poll that gave these validators (" in done.out
    assert origin.requests[0].header("If-Modified-Since") == b"never mind"


def test_what_a_server_asked_for_holds_for_requests_by_hand(etc: Path, origin: Origin) -> None:
    """A11, A15: Retry-After and max-age hold for a test too, unless the operator insists."""
    before = datetime.now(UTC) + timedelta(hours=12)
    run_here(["once", "-c", "etc"])
    origin.clear()
    done = run("harbour")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("harbour: the server asked for no request before ")
    assert done.err.endswith(" (max-age 43200); --anyway asks all the same\n")
    until = datetime.fromisoformat(done.err.split(" before ")[1].partition(" UTC")[0] + "+00:00")
    assert timedelta(seconds=-1) <= until - before < timedelta(minutes=5)
    assert run(origin.url("/rss")).code == 1
    assert origin.requests == []
    assert run("harbour", "--anyway").code == 0


def test_the_silence_that_a_host_asked_for_holds_for_any_url_there(
    etc: Path, origin: Origin
) -> None:
    """A15"""
    origin.serve("/rss", Reply(429, headers={"Retry-After": "3600"}))
    run_here(["once", "-c", "etc"])
    origin.clear()
    done = run(origin.url("/another"))
    assert (done.code, done.out, origin.requests) == (1, "", [])
    assert "/another: its host asked for no request before 20" in done.err
    assert done.err.endswith(" UTC; --anyway asks all the same\n")
    assert run(origin.url("/another"), "--anyway").code == 1
    assert len(origin.requests) == 1


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("harbor", "no feed 'harbor' in the configuration; did you mean harbour?"),
        ("zzz", "no feed 'zzz' in the configuration; name one of it, or a URL"),
        (
            "ftp://a.example/",
            "'ftp://a.example/' is neither http:// nor https://; write https:// in its place",
        ),
    ],
)
def test_a_name_that_nobody_has_is_a_mistake(etc: Path, word: str, told: str) -> None:
    done = run(word)
    assert (done.code, done.out, done.err) == (2, "", f"{told}\n")


def test_of_a_long_feed_ten_items_are_shown_and_its_flaws_are_told(
    etc: Path, origin: Origin
) -> None:
    items = "".join(f"<item><title>Item {number}</title></item>" for number in range(25))
    origin.serve("/rss", Reply(200, f"<rss><channel>{items}{items}<item><title>Cut".encode()))
    done = run(origin.url("/rss"))
    assert done.out.count("key h:") == 10
    assert done.out.splitlines()[-1] == "  and 15 more"
    lines = done.out.splitlines()
    assert lines[lines.index("problems") + 1 : lines.index("items")] == [
        "  no validators: every poll fetches the whole document, at most every 60 minutes",
        "  the document is not as it should be: line 1: no element found",
        "  the document ends early; its last entry was left out and is read at the next poll",
        "  25 entries were left out: empty, repeated or after the 10,000th",
        "  25 of 25 items lack a link that may be followed",
        "  25 of 25 items lack a usable date",
    ]


def test_a_credential_that_only_the_service_has_is_needed_by_its_feed_alone(
    etc: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INVOCATION_ID", raising=False)
    main = (etc / "wirewatch.yaml").read_text().replace("hunter22", '"${credential:desk}"')
    (etc / "wirewatch.yaml").write_text(main)
    done = run("harbour")
    told = "feed 'harbour' needs a credential that only the service has; ask with wirewatchctl\n"
    assert (done.code, done.err) == (2, told)
    assert origin.requests == []
    assert run(origin.url("/rss")).code == 0
