"""Bad input: each gets a clear message or state, never a traceback, never a lost item.

What feeds and receivers do wrong is told by the listings, what is wrong in the files by `check`,
what keeps the daemon from starting by its last line.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rigs.command import Done, run_here
from rigs.daemon import Daemon, Nursery, wait_until
from rigs.history import Article, mail_arrivals, webhook_arrivals
from rigs.mailbox import DROP_AFTER, Mailbox
from rigs.newsroom import SOON, Newsroom, rss
from rigs.origin import RESET, Origin, Page, Pause, Raw, Reply, Script
from rigs.receiver import Answer, Receiver, drop_after, never, status

from monitor import poller
from monitor.fetch import fetch


def run(folder: Path, *words: str) -> Done:
    """One command; it never shows a traceback."""
    done = run_here([*words, "-c", str(folder)])
    assert "Traceback" not in done.out + done.err
    return done


def listing(folder: Path, *words: str) -> list[dict[str, Any]]:
    done = run(folder, *words, "--json")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


# Feeds ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BadFeed:
    """What a feed answers in its bad hour, and how that is told."""

    script: Script
    state: str
    error: str


def body(name: str, *titles: str) -> bytes:
    return rss(name, (Article(name, f"n{i}", title) for i, title in enumerate(titles)))


BAD_FEEDS = {
    "times-out": BadFeed(Raw(Pause(60)), "failing", "no answer within 1 s"),
    "redirects-in-a-circle": BadFeed(
        Reply(302, headers={"Location": "/redirects-in-a-circle"}),
        "failing",
        "redirects in a circle, back to http://127.0.0.2:PORT/redirects-in-a-circle",
    ),
    "redirects-for-ever": BadFeed(
        lambda request: Reply(
            302, headers={"Location": request.path + "?" + "x" * len(request.target)}
        ),
        "failing",
        "more than 5 redirects",
    ),
    "answers-html": BadFeed(
        Reply(200, b"<!DOCTYPE html><html><title>Sign in</title></html>", {"ETag": '"login"'}),
        "not_a_feed",
        'not a feed: an HTML page titled "Sign in"',
    ),
    "answers-nothing": BadFeed(Reply(200), "not_a_feed", "not a feed: an empty body"),
    "hangs-up": BadFeed(Raw(RESET), "failing", "the connection ended early"),
    "breaks-off": BadFeed(
        Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<rss"),
        "failing",
        "the connection ended early",
    ),
    "is-out-of-order": BadFeed(Reply(500), "failing", "answered 500 Internal Server Error"),
}
OLD, NEW = "Xi and Putin met long ago", "Xi and Putin met"


@dataclass(frozen=True)
class Hour:
    """What was known after the feeds' bad hour, and what was told when it was over."""

    feeds: dict[str, dict[str, Any]]
    log: str
    told: list[str]


@pytest.fixture(scope="module")
def bad_hour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hour]:
    folder = tmp_path_factory.mktemp("feeds")
    patch = pytest.MonkeyPatch()
    patch.setattr(poller, "fetch", functools.partial(fetch, timeout=timedelta(seconds=1)))
    addresses = [f"127.0.0.{number + 1}" for number in range(len(BAD_FEEDS))]
    with Origin(*addresses) as origin, Receiver() as webhook, patch.context():
        feeds = {
            name: origin.url(f"/{name}", host=address)
            for name, address in zip(BAD_FEEDS, addresses, strict=True)
        }
        write(folder, feeds, {"siem": f'type: webhook, url: "{webhook.url}"'})
        for name in feeds:
            origin.serve(f"/{name}", Page(body(name, OLD), etag='"1"'))
        poll_all(folder, origin, feeds)
        for name, bad in BAD_FEEDS.items():
            origin.serve(f"/{name}", bad.script)
        log = poll_all(folder, origin, feeds)
        known = {feed["name"]: feed for feed in listing(folder, "feeds")}
        for name in feeds:
            origin.serve(f"/{name}", Page(body(name, OLD, NEW), etag='"2"'))
        poll_all(folder, origin, feeds)
        told = [
            f"{r.json['data']['item']['feed']}: {r.json['data']['item']['title']}"
            for r in webhook.requests
        ]
        yield Hour(known, log, told)
    patch.undo()


def write(folder: Path, feeds: dict[str, str], channels: dict[str, str], more: str = "") -> None:
    lines = [
        "contact: desk@example.org",
        "allow_private: [127.0.0.0/8]",
        "feeds:",
        *(f"  {name}: {{url: '{url}', every: 1s}}" for name, url in feeds.items()),
        "channels:",
        *(f"  {name}: {{{keys}, retry: {SOON}}}" for name, keys in channels.items()),
        f"defaults: {{send: [{', '.join(channels)}]}}",
        "rules:",
        "  xi-putin: 'Xi AND Putin'",
        more,
    ]
    (folder / "wirewatch.yaml").write_text("\n".join(lines))


def poll_all(folder: Path, origin: Origin, feeds: dict[str, str]) -> str:
    """Rounds of `once` until each feed was polled; what was logged."""
    origin.clear()
    log = ""

    def all_polled() -> bool:
        nonlocal log
        done = run(folder, "once")
        assert done.code == 0, done.err
        log += done.err
        return all(f"poll feed={name} " in log for name in feeds)

    wait_until("a poll of every feed", all_polled)
    return log


@pytest.mark.parametrize("name", BAD_FEEDS)
def test_what_a_feed_does_wrong_is_shown_in_words(bad_hour: Hour, name: str) -> None:
    bad, feed = BAD_FEEDS[name], bad_hour.feeds[name]
    error = re.sub(r":\d+/", ":PORT/", feed["error"])
    assert (feed["state"], error) == (bad.state, bad.error)
    assert f"poll feed={name} outcome={feed['last_outcome']}" in bad_hour.log


def test_what_a_feed_published_meanwhile_is_told_when_it_works_again(bad_hour: Hour) -> None:
    assert sorted(bad_hour.told) == sorted(f"{name}: {NEW}" for name in BAD_FEEDS)


STRANGE = {
    "another-encoding": (
        "<?xml version='1.0' encoding='windows-1251'?>" + "{}",
        "windows-1251",
        "Xi and Putin: встреча в Пекине",
        "Xi and Putin: встреча в Пекине",
    ),
    "nul-in-a-title": ("{}", "utf-8", "Xi\0 and Pu\0tin met", "Xi and Putin met"),
    "nul-as-a-reference": ("{}", "utf-8", "Xi&#0; and Putin&#x0; met", "Xi and Putin met"),
}


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[str], str, int]]:
    """What each feed that turned strange made us tell, its state, how many items it has."""
    folder = tmp_path_factory.mktemp("strange")
    addresses = [f"127.0.0.{number + 1}" for number in range(len(STRANGE))]
    with Origin(*addresses) as origin, Receiver() as webhook:
        urls = {
            name: origin.url(f"/{name}", host=address)
            for name, address in zip(STRANGE, addresses, strict=True)
        }
        write(folder, urls, {"siem": f'type: webhook, url: "{webhook.url}"'})
        for name in STRANGE:
            origin.serve(f"/{name}", Page(body(name, OLD), etag='"1"'))
        poll_all(folder, origin, urls)
        for name, (form, encoding, title, _) in STRANGE.items():
            _, _, rest = body(name, OLD, "PLACE").decode().replace("PLACE", title).partition("?>")
            origin.serve(f"/{name}", Page(form.format(rest).encode(encoding), etag='"2"'))
        poll_all(folder, origin, urls)
        told: dict[str, list[str]] = {name: [] for name in STRANGE}
        for request in webhook.requests:
            item = request.json["data"]["item"]
            told[item["feed"]].append(item["title"])
        feeds = {feed["name"]: feed for feed in listing(folder, "feeds")}
    return {name: (told[name], feeds[name]["state"], feeds[name]["items"]) for name in STRANGE}


@pytest.mark.parametrize("name", STRANGE)
def test_a_feed_that_turns_strange_is_read_and_repeats_nothing(
    strange: dict[str, tuple[list[str], str, int]], name: str
) -> None:
    *_, title = STRANGE[name]
    assert strange[name] == ([title], "ok", 2)


# Receivers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class BadReceiver:
    """How an alert stands in its receiver's bad hour, and whether the receiver has it all the
    same."""

    state: str
    answer: str
    arrives: bool = False


BAD_RECEIVERS = {
    "fails": BadReceiver("due", "http://127.0.0.1:PORT answered 500"),
    "asks-for-silence": BadReceiver("due", "http://127.0.0.1:PORT answered 429: too many requests"),
    "is-gone": BadReceiver(
        "dead", "http://127.0.0.1:PORT answered 410: the address is gone for good"
    ),
    "never-answers": BadReceiver("due", "no answer within 1 s"),
    "hangs-up": BadReceiver(
        "due", "http://127.0.0.1:PORT ended the connection without an answer", arrives=True
    ),
    "mail-refuses": BadReceiver("due", "cannot connect to 127.0.0.1:PORT: WHY"),
    "mail-451": BadReceiver(
        "due", "127.0.0.1:PORT refused desk@example.org (451 4.2.1 mailbox is busy)"
    ),
    "mail-550": BadReceiver(
        "dead", "127.0.0.1:PORT refused desk@example.org (550 5.1.1 no such user here)"
    ),
    "mail-hangs-up": BadReceiver(
        "due",
        "127.0.0.1:PORT ended the connection without saying whether it took the mail; "
        "it is sent again with the same Message-ID",
        arrives=True,
    ),
    "works": BadReceiver("sent", "200", arrives=True),
}
STAY_BAD = {"asks-for-silence", "mail-refuses"}
LATER = "Xi and Putin met again"


class Receivers:
    """One bad receiver a channel, and one good one for the operators. ``before`` is how the alert
    stood in their bad hour, ``taken`` what they had of it then."""

    before: Mapping[str, dict[str, Any]]
    taken: Mapping[str, set[str]]

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        mails = [name for name in BAD_RECEIVERS if name.startswith("mail-")]
        self.folder = folder
        self.hooks = {n: stack.enter_context(Receiver()) for n in BAD_RECEIVERS if n not in mails}
        self.mailboxes = {name: stack.enter_context(Mailbox()) for name in mails}
        self.ops = stack.enter_context(Receiver())
        self.origin = stack.enter_context(Origin())
        self.closed = stack.enter_context(socket.socket())
        self.closed.bind(("127.0.0.1", 0))  # bound, not listening: nobody answers there
        self.misbehave()

    def misbehave(self) -> None:
        self.hooks["fails"].default = status(500)
        self.hooks["asks-for-silence"].default = status(429, retry_after="3600")
        self.hooks["is-gone"].default = status(410)
        self.hooks["never-answers"].default = never()
        self.hooks["hangs-up"].default = drop_after()
        self.mailboxes["mail-451"].refuse("desk@example.org", "451 4.2.1 mailbox is busy")
        self.mailboxes["mail-550"].refuse("desk@example.org", "550 5.1.1 no such user here")
        self.mailboxes["mail-hangs-up"].script("data", *[DROP_AFTER] * 1000)

    def mend(self) -> None:
        for name in self.hooks.keys() - STAY_BAD:
            self.hooks[name].default = Answer()
        for box in self.mailboxes.values():
            box.refuse("desk@example.org", "")
            box._scripts.clear()

    def configure(self) -> None:
        channels = {
            name: f'type: webhook, url: "{hook.url}", timeout: 1s'
            for name, hook in self.hooks.items()
        }
        for name, box in self.mailboxes.items():
            port = self.closed.getsockname()[1] if name == "mail-refuses" else box.port
            channels[name] = (
                f"type: mail, to: desk@example.org, from: wirewatch@example.org, "
                f'smtp: "smtp://127.0.0.1:{port}"'
            )
        write(self.folder, {"news": self.origin.url("/news")}, channels, "notify: [ops]")
        file = self.folder / "wirewatch.yaml"
        ops = f'channels:\n  ops: {{type: webhook, url: "{self.ops.url}"}}'
        file.write_text(file.read_text().replace("channels:", ops))

    def publish(self, *titles: str) -> None:
        self.origin.serve("/news", Page(body("news", *titles), etag=f'"{len(titles)}"'))
        poll_all(self.folder, self.origin, {"news": ""})

    def deliveries(self, title: str) -> dict[str, dict[str, Any]]:
        """By channel."""
        found = listing(self.folder, "deliveries", "-n", "1000")
        return {r["channel"]: r for r in found if (r["kind"], r["title"]) == ("hit", title)}

    def ids(self, channel: str) -> set[str]:
        """The ids under which alerts were taken in."""
        if channel in self.mailboxes:
            return {a.id for a in mail_arrivals(channel, self.mailboxes[channel].mails)}
        return {a.id for a in webhook_arrivals(channel, self.hooks[channel].accepted)}


@pytest.fixture(scope="module")
def receivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receivers]:
    with ExitStack() as stack:
        made = Receivers(tmp_path_factory.mktemp("receivers"), stack)
        made.configure()
        made.publish(OLD)
        made.publish(OLD, NEW)
        made.before = made.deliveries(NEW)
        made.taken = {name: made.ids(name) for name in BAD_RECEIVERS}
        yield made


@pytest.fixture(scope="module")
def mended(receivers: Receivers) -> Receivers:
    """After the bad hour: another article, then the receivers are mended and the operator sends
    again what is dead."""
    receivers.publish(OLD, NEW, LATER)
    asked = len(receivers.hooks["is-gone"].requests)
    assert asked == 1, "a channel that is stopped was asked"
    receivers.mend()
    for words, said in (
        (("--channel", "is-gone"), "1 due again\n"),
        ((receivers.before["mail-550"]["id"],), "1 due again\n"),
        ((receivers.deliveries(LATER)["mail-550"]["id"],), "1 due again\n"),
    ):
        done = run(receivers.folder, "deliveries", "retry", *words)
        assert (done.code, done.out) == (0, said)
    good = BAD_RECEIVERS.keys() - STAY_BAD
    wait_until("all that is mended has got all", lambda: once(receivers, good))
    return receivers


def once(receivers: Receivers, good: Collection[str]) -> bool:
    """One round; whether all these channels have got both articles."""
    assert run(receivers.folder, "once").code == 0
    rows = [receivers.deliveries(title) for title in (NEW, LATER)]
    return all(row[name]["state"] == "sent" for row in rows for name in good)


@pytest.mark.parametrize("name", BAD_RECEIVERS)
def test_what_a_receiver_does_wrong_is_shown_in_words(receivers: Receivers, name: str) -> None:
    row, bad = receivers.before[name], BAD_RECEIVERS[name]
    answer = re.sub(r":\d{4,5}\b", ":PORT", row["answer"])
    if name == "mail-refuses":  # the words for it are the system's
        answer = re.sub("PORT: .+", "PORT: WHY", answer)
    assert (row["state"], answer) == (bad.state, bad.answer)
    assert receivers.taken[name] == ({row["id"]} if bad.arrives else set())


@pytest.mark.parametrize("name", sorted(BAD_RECEIVERS.keys() - STAY_BAD))
def test_a_mended_receiver_gets_everything_under_the_first_id(mended: Receivers, name: str) -> None:
    later = mended.deliveries(LATER)[name]["id"]
    assert mended.ids(name) == {mended.before[name]["id"], later}


@pytest.mark.parametrize("name", sorted(STAY_BAD))
def test_what_stays_bad_is_still_to_be_sent(mended: Receivers, name: str) -> None:
    assert [mended.deliveries(title)[name]["state"] for title in (NEW, LATER)] == ["due", "due"]


def test_a_service_that_asked_for_silence_has_it_over_restarts(mended: Receivers) -> None:
    """Each `once` was a daemon of its own."""
    assert len(mended.hooks["asks-for-silence"].requests) == 1
    assert mended.deliveries(LATER)["asks-for-silence"]["attempts"] == 0


def test_the_operators_hear_of_a_channel_that_is_stopped_and_of_dead_letters(
    mended: Receivers,
) -> None:
    told = [request.json["data"] for request in mended.ops.requests]
    assert sorted({(event["event"], event["subject"]) for event in told}) == [
        ("channel_stopped", "is-gone"),
        ("delivery_dead", "mail-550"),
    ]
    (stopped,) = (event["message"] for event in told if event["event"] == "channel_stopped")
    assert re.sub(r":\d{4,5}\b", ":PORT", stopped) == (
        "channel 'is-gone' is stopped: http://127.0.0.1:PORT answered 410: the address is gone for "
        "good; mend it in the configuration, or: wirewatch deliveries retry --channel is-gone"
    )
    stored = {(e["event"], e["subject"]) for e in listing(mended.folder, "events")}
    assert stored == {(event["event"], event["subject"]) for event in told}


# Files ---------------------------------------------------------------------------------------

MISTAKES = """\
contact: desk@example.org
feeds:
  antara: https://news.example/rss
channels:
  siem: {type: webhook, url: "${env:WIREWATCH_TEST_NOT_SET}"}
  desk: {type: slack, url: "${file:/nowhere/slack}"}
defaults: {send: [siem]}
rules:
  xi-putin: Xi AND (Putin OR Путин
  gas: {match: gas, send: [desk, sime]}
"""


def mistakes(folder: Path, *words: str) -> tuple[int, str]:
    done = run(folder, *words)
    return done.code, done.err.replace(f"{folder}/", "")


def test_all_mistakes_of_all_files_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "wirewatch.yaml").write_text(MISTAKES)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "gas.yaml").write_text("rules:\n  lng: LNG AND\n  gas: LPG\n")
    assert mistakes(tmp_path, "check") == (
        2,
        """\
wirewatch.yaml:5:30: the environment variable WIREWATCH_TEST_NOT_SET is not set; set it, or write \
${file:/path}
      siem: {type: webhook, url: "${env:WIREWATCH_TEST_NOT_SET}"}
                                 ^
wirewatch.yaml:6:28: the secret file /nowhere/slack cannot be read: No such file or directory
      desk: {type: slack, url: "${file:/nowhere/slack}"}
                               ^
wirewatch.yaml:9:20: ( is never closed; write ) after its last term
      xi-putin: Xi AND (Putin OR Путин
                       ^
wirewatch.yaml:10:34: no channel named 'sime'; did you mean siem?
      gas: {match: gas, send: [desk, sime]}
                                     ^
rules/gas.yaml:2:15: expected a term after AND
      lng: LNG AND
                  ^
rules/gas.yaml:3:3: rule 'gas' is already defined at wirewatch.yaml:10:3
      gas: LPG
      ^
""",
    )


def test_a_rules_file_that_is_not_yaml_hides_no_other_mistake(tmp_path: Path) -> None:
    (tmp_path / "wirewatch.yaml").write_text(MISTAKES)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "gas.yaml").write_text("rules:\n  lng: LNG\n gas: [gas\n")
    code, said = mistakes(tmp_path, "check")
    assert code == 2
    assert said.endswith(
        """\
rules/gas.yaml:3:2: this does not belong to the lines above it; check quotes, colons and indentation
     gas: [gas
     ^
"""
    )
    assert "wirewatch.yaml:9:20: ( is never closed" in said
    assert mistakes(tmp_path, "run") == (78, said)


# Starting ------------------------------------------------------------------------------------

QUIET = """\
contact: desk@example.org
database: sqlite:///DATABASE
feeds: {antara: "http://127.0.0.1:9/rss"}
rules: {xi-putin: Xi AND Putin}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "etc"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


def refused(
    folder: Path, database: Path, nursery: Nursery | None, wrapper: Sequence[str] = ()
) -> tuple[int, str]:
    """How `run` ends that cannot start, and its last line."""
    (folder / "wirewatch.yaml").write_text(QUIET.replace("DATABASE", str(database)))
    with Daemon(folder, nursery, wrapper=wrapper) as daemon:
        code = daemon.wait_ended()
        assert "Traceback" not in daemon.log
        return code, daemon.log.splitlines()[-1]


def test_a_file_in_place_of_the_state_directory_is_told(
    folder: Path, tmp_path: Path, nursery: Nursery
) -> None:
    (tmp_path / "state").write_text("not a directory")
    assert refused(folder, tmp_path / "state" / "wirewatch.db", nursery) == (
        78,
        f"{tmp_path}/state: no such directory for the database; create it",
    )


def test_a_state_directory_that_cannot_be_written_is_told(folder: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o555)
    wrapper: tuple[str, ...] = ()
    if os.geteuid() == 0:  # root may write anywhere, unless this is taken from it
        if not shutil.which("setpriv"):
            pytest.skip("as root this needs setpriv")
        wrapper = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    code, said = refused(folder, state / "wirewatch.db", None, wrapper)
    assert code == 78
    assert said == (
        f"{state}/wirewatch.db: this user cannot write there; "
        "give it the directory (chown) or set database: to another place"
    )
    assert list(state.iterdir()) == []


def test_a_file_that_is_no_database_is_told_and_left_alone(
    folder: Path, tmp_path: Path, nursery: Nursery
) -> None:
    database = tmp_path / "wirewatch.db"
    database.write_bytes(b"these are my notes, not a database. " * 100)
    code, said = refused(folder, database, nursery)
    assert (code, said) == (78, f"{database}: file is not a database")
    assert database.read_bytes().startswith(b"these are my notes")


def test_a_second_daemon_on_one_database_is_refused(
    folder: Path, tmp_path: Path, nursery: Nursery
) -> None:
    database = tmp_path / "wirewatch.db"
    (folder / "wirewatch.yaml").write_text(QUIET.replace("DATABASE", str(database)))
    with Daemon(folder, nursery) as first:
        first.wait_ready()
        code, said = refused(folder, database, nursery)
        told = (
            f"{database}: another wirewatch (pid {first.pid}) runs on this database; stop it first"
        )
        assert said == told
        assert code != 0
        done = run(folder, "once")
        assert (done.code, done.err) == (2, told + "\n")
        assert first.returncode is None
        assert first.stop() == 0


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path, nursery: Nursery) -> None:
    with Newsroom(tmp_path) as news:
        news.publish(Article("feed-0", "old", OLD), told=False)
        with Daemon(tmp_path, nursery, log_file=Path("/dev/full")) as daemon:
            daemon.wait_ready()
            wait_until("the first poll", lambda: len(news.origin.requests) > 1)
            news.publish(Article("feed-0", "new", NEW))
            wait_until("the alerts", lambda: not news.missing())
            assert daemon.stop() == 0
        news.check()
