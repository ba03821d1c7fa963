"""From feed to chat through the command line: the first real article, three channels, told once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from pathlib import Path
from typing import Any

import pytest
from rigs.command import Done, run_here, run_process
from rigs.mailbox import Mailbox
from rigs.origin import Origin, Page
from rigs.receiver import Receiver

RULES = """
contact: desk@example.org
allow_private: [127.0.0.1]
feeds:
  smokers-world: {{url: "{feed}", every: 1s, lang: id, tags: [asia]}}
channels:
  siem: {{type: webhook, url: "{webhook}"}}
  newsroom: {{type: slack, url: "{chat}"}}
  desk: {{type: mail, to: [desk@example.org], from: wirewatch@example.org, smtp: "{smtp}"}}
defaults: {{send: [siem, newsroom, desk]}}
terms:
  pipa-or-pipeline: [pipeline*, pipa, 管道]
rules:
  xi-putin: Xi AND Putin
  pipelines: pipeline
  pipes: '@pipa-or-pipeline'
"""


def rss(*items: tuple[str, str, str]) -> bytes:
    """A feed of (guid, title, text) items, newest first."""
    now = format_datetime(datetime.now(UTC))
    entries = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><title>{escape(title)}</title>"
        f"<link>https://smokersworld.example/{guid}</link><pubDate>{now}</pubDate>"
        f"<description>{escape(text)}</description></item>"
        for guid, title, text in items
    )
    return (
        "<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel>"
        f"<title>SmokersWorld</title><link>https://smokersworld.example/</link>{entries}"
        "</channel></rss>"
    ).encode()


@dataclass
class World:
    """A publisher and three receivers on loopback, and a configuration that joins them."""

    origin: Origin
    webhook: Receiver
    chat: Receiver
    mailbox: Mailbox
    folder: Path

    def publish(self, *items: tuple[str, str, str]) -> None:
        body = rss(*items)
        self.origin.serve("/rss", Page(body, etag=f'"{hash(body)}"'))

    def wirewatch(self, *words: str, process: bool = False) -> Done:
        done = (run_process if process else run_here)([*words, "-c", str(self.folder)])
        assert "Traceback" not in done.err, done.err
        return done

    def listing(self, *words: str) -> list[dict[str, Any]]:
        done = self.wirewatch(*words, "--json")
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    def poll_again(self) -> None:
        """One more round of `once`, after the feed is due again."""
        asked = len(self.origin.requests)
        deadline = time.monotonic() + 15
        while len(self.origin.requests) == asked:
            assert time.monotonic() < deadline, "the feed was not polled again"
            done = self.wirewatch("once")
            assert done.code == 0, done.err

    def told(self) -> tuple[int, int, int]:
        return len(self.webhook.requests), len(self.chat.requests), len(self.mailbox.mails)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Origin() as origin, Receiver() as webhook, Receiver() as chat, Mailbox() as mailbox:
        (tmp_path / "wirewatch.yaml").write_text(
            RULES.format(
                feed=origin.url("/rss"),
                webhook=webhook.url,
                chat=chat.url,
                smtp=f"smtp://127.0.0.1:{mailbox.port}",
            )
        )
        yield World(origin, webhook, chat, mailbox, tmp_path)


@pytest.fixture
def article(corpora: Path) -> tuple[str, str]:
    (file,) = (corpora / "seed").glob("*.txt")
    title, _, text = file.read_text().partition("\n")
    return title, text


OLD = ("old", "Cuaca di Jakarta", "Hujan turun di Jakarta pada hari Kamis.")


@pytest.mark.corpus
def test_the_seed_article_is_told_once_a_rule_on_each_channel_and_never_again(
    world: World, article: tuple[str, str]
) -> None:
    title, text = article
    world.publish(OLD)
    assert world.wirewatch("check").code == 0
    assert world.wirewatch("once").code == 0
    assert world.told() == (0, 0, 0)

    world.publish(("xi-putin", title, text), OLD)
    world.poll_again()
    assert world.told() == (2, 2, 2)
    world.poll_again()
    assert world.wirewatch("once", process=True).code == 0
    assert world.told() == (2, 2, 2)

    hits = {hit["rule"]: hit for hit in world.listing("hits")}
    assert set(hits) == {"xi-putin", "pipes"}
    check_spans(hits["xi-putin"]["match"]["spans"], title)
    assert hits["pipes"]["match"]["terms"] == ["pipa"]
    check_payloads(world, title, text)
    deliveries = world.listing("deliveries")
    assert [d["state"] for d in deliveries] == ["sent"] * 6
    assert {d["attempts"] for d in deliveries} == {1}


def check_spans(spans: list[dict[str, Any]], title: str) -> None:
    words = [(title[s["start"] : s["end"]], s["term"]) for s in spans if s["field"] == "title"]
    assert words == [("Xi", "Xi"), ("Putin", "Putin")]


def check_payloads(world: World, title: str, text: str) -> None:
    bodies = {r.json["data"]["rule"]["name"]: r.json for r in world.webhook.requests}
    assert set(bodies) == {"xi-putin", "pipes"}
    data = bodies["xi-putin"]["data"]
    assert data["item"]["title"] == title
    assert data["item"]["lang"] == "id"
    assert data["item"]["feed"] == "smokers-world"
    for span in data["match"]["spans"]:
        assert data["item"][span["field"]][span["start"] : span["end"]] == span["term"]
    (excerpt, *_) = bodies["pipes"]["data"]["match"]["excerpts"]
    (span, *_) = excerpt["spans"]
    assert excerpt["text"][span["start"] : span["end"]] == "pipa"
    assert len({r.header("webhook-id") for r in world.webhook.requests}) == 2
    for request in world.webhook.requests:
        assert len(request.body) < 20_000
    assert all(title in mail.message["Subject"] for mail in world.mailbox.mails)
    assert any("*pipa*" in mail.part("plain") for mail in world.mailbox.mails)
    assert all(title in r.json["text"].replace("*", "") for r in world.chat.requests)


def test_the_whole_window_of_a_new_feed_is_known_but_nobody_is_told(world: World) -> None:
    world.publish(("a", "Xi and Putin met", ""), ("b", "A pipeline", ""), OLD)
    assert world.wirewatch("once").code == 0
    assert world.told() == (0, 0, 0)
    assert {hit["untold"] for hit in world.listing("hits")} == {"baseline"}
    assert world.listing("deliveries") == []
    (feed,) = world.listing("feeds")
    assert (feed["state"], feed["items"]) == ("ok", 3)


def test_an_edited_item_is_told_when_its_new_text_matches(world: World) -> None:
    world.publish(("a", "Leaders meet in Beijing", "Talks went on."), OLD)
    world.wirewatch("once")
    world.publish(("a", "Xi and Putin meet in Beijing", "Talks went on."), OLD)
    world.poll_again()
    assert world.told() == (1, 1, 1)
    world.publish(("a", "Xi and Putin meet in Beijing again", "Talks went on."), OLD)
    world.poll_again()
    assert world.told() == (1, 1, 1)


def test_a_lost_database_is_a_baseline_not_a_flood(world: World) -> None:
    world.publish(OLD)
    world.wirewatch("once")
    world.publish(("a", "Xi and Putin meet", ""), OLD)
    world.poll_again()
    assert world.told() == (1, 1, 1)
    for file in world.folder.glob("wirewatch.db*"):
        file.unlink()
    world.wirewatch("once")
    assert world.told() == (1, 1, 1)
