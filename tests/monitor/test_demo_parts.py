"""The demo's parts: each does what it says, so that the demo's verdict can be believed."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from email.headerregistry import Address
from functools import wraps
from pathlib import Path

import feedparser
import httpx
import pytest
from rich.console import Console
from rich.text import Text

from alerts import Alert, Excerpt, Hit, Item, Match, Rule, Span, Story
from alerts.mail_message import compose
from alerts.message import message_of
from alerts.slack import render
from monitor.demo.configuration import rules_text, write_configuration
from monitor.demo.looker import runs
from monitor.demo.papers import load_papers
from monitor.demo.process import environment, log_line
from monitor.demo.programme import BROKEN, CHAT, MAIL, PROGRAMME, SERIALS
from monitor.demo.receivers import Arrival, Arrivals, Line, Run, chat_message, mail
from monitor.demo.site import NewsSite
from monitor.demo.tape import Tape
from monitor.demo.verdict import Told, tally
from monitor.logs import line

AT = datetime(2026, 11, 22, 19, 40, tzinfo=UTC)
URL = "http://127.0.0.2:8000/xi-putin-beijing"
ONE = Told(CHAT, "xi-putin", URL)
OTHER = Told(MAIL, "xi-putin", URL)


def in_a_loop(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """A test that awaits."""

    @wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


def an_alert() -> Alert:
    title = "Xi & Putin di Beijing"
    spans = (Span("title", 0, 2, "Xi"), Span("title", 5, 10, "Putin"))
    return Alert(
        id="018f",
        at=AT,
        body=Hit(
            id="h1",
            rule=Rule("xi-putin", "high"),
            item=Item(title, URL, "warta-selat", "Warta Selat", "", AT, AT, "id", "teks"),
            match=Match(
                ("Xi", "Putin"),
                spans,
                (Excerpt("summary", "kontrak pipa", (Span("summary", 8, 12, "pipa"),)),),
            ),
            story=Story("s"),
        ),
    )


def test_all_is_good_when_every_expected_alert_arrived_once() -> None:
    assert tally([ONE, OTHER], [OTHER, ONE]).good


@pytest.mark.parametrize(
    ("arrived", "problems", "sentences"),
    [
        ([ONE], [], [f"missing: xi-putin to desk about {URL}"]),
        ([ONE, OTHER, ONE], [], [f"2 times: xi-putin to newsroom about {URL}"]),
        (
            [ONE, OTHER, Told(CHAT, "", "")],
            [],
            ["not expected: no rule to newsroom about no article"],
        ),
        ([ONE, OTHER], ["the daemon ended with 1"], ["the daemon ended with 1"]),
    ],
    ids=["missing", "repeated", "unexpected", "a problem"],
)
def test_anything_else_is_not_good_and_is_said(
    arrived: list[Told], problems: list[str], sentences: list[str]
) -> None:
    counted = tally([ONE, OTHER], arrived, problems)
    assert not counted.good
    assert counted.sentences() == sentences


def test_a_chat_message_is_read_as_the_chat_shows_it() -> None:
    arrival = chat_message(CHAT, render(message_of(an_alert())))
    assert arrival.told == ONE
    title, quote, small = arrival.lines
    assert "".join(run.text for run in title.runs).endswith("Xi & Putin di Beijing")
    assert [run.text for run in title.runs if run.bold] == ["Xi", "Putin"]
    assert quote == Line("quote", (Run("kontrak "), Run("pipa", bold=True)))
    assert small.runs[0].text == (
        "Warta Selat · 127.0.0.2:8000 · 2026-11-22 19:40 UTC · "
        "id · rule xi-putin · matched Xi, Putin · why: wirewatch why h1"
    )


def test_a_chat_message_without_blocks_is_shown_and_belongs_to_no_rule() -> None:
    arrival = chat_message(CHAT, {"text": "hello"})
    assert arrival == Arrival(Told(CHAT, "", ""), (Line("plain", (Run("hello"),)),))


def test_a_mail_is_read_as_its_reader_sees_it() -> None:
    sender, to = Address("", "wirewatch", "example.org"), Address("", "desk", "example.org")
    arrival = mail(MAIL, compose(an_alert(), sender, (to,)).as_bytes())
    assert arrival.told == OTHER
    assert arrival.lines[0].runs[0].text == "[xi-putin high] Xi & Putin di Beijing"
    assert any("kontrak *pipa*" in run.text for told in arrival.lines for run in told.runs)


@in_a_loop
async def test_waiting_for_alerts_ends_when_they_are_here_or_patience_ends() -> None:
    arrivals = Arrivals()
    arrivals.add(Arrival(ONE, ()))
    await arrivals.until([ONE], patience=60)
    await arrivals.until([ONE, OTHER], patience=0.01)
    assert arrivals.unseen() == [Arrival(ONE, ())]
    assert arrivals.unseen() == []


def test_a_log_line_of_the_daemon_is_read_back() -> None:
    told = line("poll", {"feed": "old-herald", "status": 200, "error": "not a feed: a page"})
    read = log_line(f"19:40:01 warning: {told}\n")
    assert read is not None
    assert (read.what, read.count("status"), read.count("new")) == ("poll", 200, 0)
    assert read.facts == {"feed": "old-herald", "status": "200", "error": "not a feed: a page"}
    assert log_line("Traceback (most recent call last):") is None


def test_the_daemon_is_told_nothing_that_a_service_manager_told_us() -> None:
    ours = {"NOTIFY_SOCKET": "@x", "JOURNAL_STREAM": "1:2", "STATE_DIRECTORY": "/s", "LANG": "C"}
    given = environment(ours, Path("/folder"))
    assert given.keys() == {"LANG", "PYTHONPATH", "PYTHONUTF8", "TMPDIR"}


def test_the_programme_names_articles_and_rules_that_exist() -> None:
    papers = {paper.name: paper for paper in load_papers()}
    assert {paper.lang for paper in papers.values()} == {"id", "en", "zh", "ru", "ar"}
    assert {paper.format for paper in papers.values()} == {"rss", "atom"}
    for step in PROGRAMME:
        of = papers[step.paper].corrected if step.corrected else papers[step.paper].later
        assert step.slug in of
        assert all(f"  {rule}:\n" in rules_text() for rule in step.alerts)
    for step in SERIALS:
        assert papers[step.paper].part(7).slug == f"{step.slug}-7"
        assert "7" in papers[step.paper].part(7).title
    assert BROKEN not in papers


@in_a_loop
async def test_the_site_serves_feeds_that_parse_and_says_304_until_something_is_new() -> None:
    papers = load_papers()
    async with NewsSite(papers, BROKEN) as site, httpx.AsyncClient(trust_env=False) as client:
        for paper in papers:
            site.publish(paper.name, paper.before[0], AT)
            first = await client.get(site.urls[paper.name])
            parsed = feedparser.parse(io.BytesIO(first.content))
            assert not parsed.bozo
            assert parsed.entries[0].title == paper.before[0].title
            assert parsed.entries[0].link == site.url(paper.name, paper.before[0].slug)
            known = {"If-None-Match": first.headers["ETag"]}
            again = await client.get(site.urls[paper.name], headers=known)
            assert (again.status_code, again.content) == (304, b"")
            site.publish(paper.name, next(iter(paper.later.values())), AT)
            fresh = await client.get(site.urls[paper.name], headers=known)
            assert len(feedparser.parse(io.BytesIO(fresh.content)).entries) == 2
            page = await client.get(site.url(paper.name, paper.before[0].slug))
            assert paper.before[0].title in page.text
            assert site.answers[paper.name, 200] == 2
            assert site.answers[paper.name, 304] == 1


@in_a_loop
async def test_a_corrected_article_keeps_its_guid_and_its_place() -> None:
    papers = load_papers()
    paper = next(paper for paper in papers if paper.corrected)
    slug, corrected = next(iter(paper.corrected.items()))
    async with NewsSite(papers, BROKEN) as site, httpx.AsyncClient(trust_env=False) as client:
        site.publish(paper.name, paper.later[slug], AT)
        before = feedparser.parse(io.BytesIO((await client.get(site.urls[paper.name])).content))
        site.publish(paper.name, corrected, AT)
        after = feedparser.parse(io.BytesIO((await client.get(site.urls[paper.name])).content))
    assert before.entries[0].id == after.entries[0].id
    assert len(after.entries) == 1
    assert after.entries[0].title == corrected.title != before.entries[0].title


@in_a_loop
async def test_the_broken_feed_is_a_page_answered_with_200() -> None:
    async with (
        NewsSite(load_papers(), BROKEN) as site,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        answer = await client.get(site.urls[BROKEN])
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (200, "text/html")


@pytest.mark.parametrize("width", [12, 30, 60, 80, 120])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_no_line_is_wider_than_the_terminal_whatever_it_can_show(width: int, encoding: str) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    tape = Tape(Console(file=out, width=width, highlight=False, markup=False))
    tape.row("matched", "yellow", [tape.marked([Run("普京会见"), Run("习近平", bold=True)])])
    tape.row("chat", "", [Text("word " * 60)], bar=tape.sign("│ ", "| "), most=2)
    out.seek(0)
    shown = out.read().splitlines()
    if encoding == "utf-8":
        assert "普京会见*习近平*" in "".join(told.strip() for told in shown)
    assert sum("word" in told for told in shown) == 2
    assert all(len(told) <= max(width, 20) for told in shown)


def test_matched_words_are_marked_once_where_rules_overlap() -> None:
    spans = [{"start": 4, "end": 8}, {"start": 4, "end": 8}, {"start": 6, "end": 10}]
    assert runs("the pipeline", spans) == (
        Run("the "),
        Run("pipeli", bold=True),
        Run("ne"),
    )


def test_the_configuration_is_written_where_it_is_told_and_nowhere_else(tmp_path: Path) -> None:
    made = write_configuration(
        tmp_path,
        feeds={"a": "http://127.0.0.2:1/rss.xml", BROKEN: "http://127.0.0.3:1/rss.xml"},
        titles={"a": "Paper: A"},
        chat="http://127.0.0.1:1/services/demo",
        smtp=25,
    )
    assert made == tmp_path / "etc"
    assert sorted(str(file.relative_to(made)) for file in made.rglob("*.yaml")) == [
        "channels/desk.yaml",
        "feeds/papers.yaml",
        "rules/desk.yaml",
        "wirewatch.yaml",
    ]
