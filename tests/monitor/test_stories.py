"""Stories: the first item rings, what follows is counted, and nothing is told twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.clockwork import Clock
from rigs.command import run_here
from rigs.desk import Desk
from rigs.origin import Origin
from rigs.receiver import Receiver

from monitor.item import Item
from monitor.stories import Member, Sketch, StoryBook, same_news, sketch_of

pytestmark = pytest.mark.usefixtures("parsing_here")

H = timedelta(hours=1)
M = timedelta(minutes=1)
WIRE = " ".join(f"word{number} of the report" for number in range(80))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Origin() as origin, Receiver() as receiver:
        yield Desk(tmp_path, origin, receiver)


# Which items are of one story.


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (
            "Xi and Putin meet in Beijing over gas pipeline",
            "Putin and Xi meet in Beijing, gas pipeline not signed",
            "title",
        ),
        ("Xi and Putin meet in Beijing", "Oil falls as Xi and Putin talk trade in Moscow", ""),
        ("Weather", "Weather", ""),  # too short to say anything
        ("普京抵达北京开始对中国进行国事访问", "普京抵达北京 对中国进行国事访问", "title"),
        ("普京抵达北京", "普京离开北京前往平壤访问", ""),
        (
            "Путин прибыл в Пекин на переговоры с Си Цзиньпином",
            "На переговоры с Си Цзиньпином в Пекин прибыл Путин",
            "title",
        ),
        ("Results of 12.11.2026: 3 4 5 6 7", "Results of 13.11.2026: 3 4 5 6 7", ""),
        (
            "Ryanair cancels 150 flights over strike of pilots",
            "Ryanair cancels 600 flights over strike of pilots",
            "",
        ),
        (
            "Number of deaths from the virus exceeds 640 thousand worldwide",
            "17:40 Number of deaths from the virus exceeds 640,000 worldwide",
            "title",
        ),
        ("习近平举行仪式欢迎伊朗总统访华", "习近平举行仪式欢迎阿塞拜疆总统访华", ""),
    ],
)
def test_titles_that_share_enough_are_of_one_story(one: str, other: str, why: str) -> None:
    assert same_news(sketch_of(one, "", "xx"), sketch_of(other, "", "xx")) == why


def test_one_wire_report_under_two_titles_is_one_story() -> None:
    first = sketch_of("Leaders talk", f"BEIJING (Agency) {WIRE}", "en")
    second = sketch_of("What was said at the summit", f"{WIRE} Reporting by our staff.", "en")
    assert same_news(first, second) == "text"
    other = " ".join(f"term{number} of another text" for number in range(80))
    assert same_news(first, sketch_of("Weather", other, "en")) == ""


def test_a_column_has_its_title_every_week_and_other_news_in_it() -> None:
    title = "What is happening in Parliament next week?"
    one = sketch_of(title, WIRE, "en")
    other = sketch_of(title, " ".join(f"term{number} of a text" for number in range(80)), "en")
    assert same_news(one, other) == ""
    assert same_news(one, sketch_of(title, "", "en")) == "title"  # nothing says otherwise


def test_a_rewritten_report_is_known_by_some_of_both() -> None:
    half = " ".join(WIRE.split()[:120])
    own = " ".join(f"term{number} of another text" for number in range(40))
    one = sketch_of("Pipeline deal signed after talks in Beijing", WIRE, "en")
    other = sketch_of("Signed in Beijing: the pipeline", f"{half} {own}", "en")
    assert same_news(one, other) == "both"
    apart = sketch_of("Oil falls again", f"{half} {own}", "en")
    assert same_news(one, apart) == ""


def test_languages_are_not_mixed() -> None:
    title = "Xi and Putin meet in Beijing over gas pipeline"
    assert same_news(sketch_of(title, WIRE, "en"), sketch_of(title, WIRE, "id")) == ""


def test_an_unknown_language_may_be_any() -> None:
    title = "Xi and Putin meet in Beijing over gas pipeline"
    assert same_news(sketch_of(title, "", "en"), sketch_of(title, "", "")) == "title"


def test_the_name_of_the_source_says_nothing() -> None:
    names = ("Kompas Daily Business News",)
    one = sketch_of("Kompas Daily Business News: rupiah falls again", "", "id", names)
    other = sketch_of("Kompas Daily Business News: flood in Demak", "", "id", names)
    assert same_news(one, other) == ""


@given(st.text(max_size=300), st.text(max_size=2_000), st.sampled_from(["", "zh", "en"]))
def test_a_sketch_survives_being_stored_and_every_item_is_like_itself(
    title: str, text: str, lang: str
) -> None:
    sketch = sketch_of(title, text, lang)
    stored = Sketch.from_json(sketch.to_json())
    assert stored == sketch
    assert same_news(sketch, stored) or (len(sketch.title) < 10 and not sketch.text)


def test_a_story_is_found_again_and_counts_its_sources() -> None:
    clock = Clock()
    stored: list[Member] = []
    book = StoryBook(lambda _rule, _since: list(stored), clock())
    title = "Xi and Putin meet in Beijing over gas pipeline"
    first = book.place("r", "1", Item("a", 1, "a", title, ""), "Antara")
    second = book.place("r", "2", Item("b", 1, "b", f"{title}, sources say", ""), "Kompas")
    third = book.place("r", "3", Item("c", 1, "c", f"Breaking: {title}", ""), "Antara")
    elsewhere = book.place("other", "1", Item("a", 1, "a", title, ""), "Antara")
    assert (first.follows, second.follows, third.follows) == (False, True, True)
    assert (third.items, third.sources) == (3, ("Antara", "Kompas"))
    assert third.story == first.story != elsewhere.story
    assert not elsewhere.follows  # a story is of one rule
    assert book.extended == {first.story: (3, ["Antara", "Kompas"])}


# What is told of them.

TITLES = ("Xi and Putin sign pipa deal in Beijing today", "Xi and Putin sign pipa deal in Beijing")


def channel(desk: Desk, kind: str, more: str = "") -> str:
    return f"  chat: {{type: {kind}, url: '{desk.receiver.url}'{more}}}\n"


def test_the_first_rings_and_what_follows_is_summed_up_when_the_story_closes(desk: Desk) -> None:
    desk.configure("pipa", channels=channel(desk, "discord"))
    desk.publish(TITLES[0])
    desk.now()
    assert len(desk.new()) == 1
    desk.publish(TITLES[1])
    desk.pass_time(2 * H, every=H)
    assert desk.new() == []
    desk.publish(f"Now {TITLES[1]}")
    desk.pass_time(22 * H, every=2 * H)
    assert desk.new() == []  # not yet: the story went on
    desk.pass_time(4 * H, every=H)
    [summary] = desk.new()
    title = summary["embeds"][0]["title"].replace("\\", "")  # as Discord shows it
    assert title == f'2 more on "{TITLES[0]}" (T)'
    assert "more of a story told before" in json.dumps(summary)


def test_what_follows_is_counted_in_its_story_and_why_says_what_told_it(desk: Desk) -> None:
    desk.configure("pipa", channels=f"  chat: {{type: teams, url: '{desk.receiver.url}'}}\n")
    desk.publish(TITLES[0])
    desk.now()
    desk.publish(TITLES[1])
    desk.pass_time(2 * M)
    shown = " ".join(command(desk, "hits").out.split())
    assert "chat counted in its story" in shown
    later, first = [json.loads(line) for line in command(desk, "hits", "--json").out.splitlines()]
    told = [json.loads(line) for line in command(desk, "deliveries", "--json").out.splitlines()]
    [ring] = [row["id"] for row in told if row["kind"] == "hit"]
    assert (later["title"], first["title"]) == (TITLES[1], TITLES[0])
    [why] = [
        json.loads(line) for line in command(desk, "why", later["id"], "--json").out.splitlines()
    ]
    assert why["verdict"] == f"a hit; chat: counted in its story, which delivery {ring} told"
    [why] = [
        json.loads(line) for line in command(desk, "why", first["id"], "--json").out.splitlines()
    ]
    assert why["verdict"] == "a hit; chat: sent"


def test_a_webhook_is_told_each_with_the_storys_id(desk: Desk) -> None:
    desk.configure("pipa")
    for title in TITLES:
        desk.publish(title)
        desk.pass_time(H, every=H / 2)
    first, second = (body["data"]["story"] for body in desk.new())
    assert first["id"] == second["id"]
    assert (first["items"], second["items"]) == (1, 2)
    assert second["sources"] == ["T"]


@pytest.mark.parametrize("where", ["rule", "channel"])
def test_a_rule_or_a_channel_may_ask_for_each(desk: Desk, where: str) -> None:
    rule = "{match: pipa, repeat: each}" if where == "rule" else "pipa"
    more = ", repeat: each" if where == "channel" else ""
    desk.configure(rule, channels=channel(desk, "discord", more))
    for title in TITLES:
        desk.publish(title)
        desk.pass_time(H, every=H / 2)
    assert len(desk.new()) == 2


def test_other_news_rings(desk: Desk) -> None:
    desk.configure("pipa", channels=channel(desk, "discord"))
    desk.publish(TITLES[0])
    desk.now()
    desk.publish("Pemerintah Demak perbaiki pipa air yang bocor sejak Senin")
    desk.pass_time(H, every=H / 2)
    assert len(desk.new()) == 2


def command(desk: Desk, *words: str) -> Any:
    name, *rest = words
    return run_here([name, "-c", str(desk.folder / "wirewatch.yaml"), *rest])


def test_stories_are_listed_and_one_can_be_muted(desk: Desk) -> None:
    desk.configure("{match: pipa, repeat: each}", channels=channel(desk, "discord"))
    desk.publish()
    desk.now()
    assert command(desk, "stories").err == "no stories yet\n"
    for title in TITLES:
        desk.publish(title)
        desk.pass_time(H, every=H / 2)
    assert len(desk.new()) == 2
    [story] = [json.loads(line) for line in command(desk, "stories", "--json").out.splitlines()]
    assert (story["rule"], story["items"], story["sources"]) == ("pipes", 2, ["T"])
    listed = command(desk, "stories").out
    assert TITLES[0] in listed
    said = command(desk, "mute", story["id"][:20], "--for", "30d").out
    assert said.startswith(f"story '{story['id']}' is muted until ")
    desk.publish(f"Yes {TITLES[1]}")
    desk.pass_time(H, every=H / 2)
    assert desk.new() == []


@pytest.mark.parametrize("lifted", ["rule", "story"])
def test_when_a_story_and_its_rule_are_muted_lifting_one_leaves_the_other(
    desk: Desk, lifted: str
) -> None:
    desk.configure("pipa", channels=channel(desk, "discord"))
    desk.publish(TITLES[0])
    desk.now()
    assert len(desk.new()) == 1
    [story] = [json.loads(line) for line in command(desk, "stories", "--json").out.splitlines()]
    names = {"rule": "pipes", "story": story["id"]}
    other = next(name for kind, name in names.items() if kind != lifted)
    command(desk, "mute", names[lifted], "--for", "90d")  # the longer of both holds what comes
    command(desk, "mute", other, "--for", "80d")
    desk.publish(TITLES[1])
    desk.pass_time(2 * M)
    said = command(desk, "mute", names[lifted], "--lift").out
    assert "sent now" not in said
    desk.pass_time(2 * M)
    assert desk.new() == []
    [held] = [
        row
        for line in command(desk, "deliveries", "--json").out.splitlines()
        if (row := json.loads(line))["state"] == "held"
    ]
    assert held["title"] == "1 hit of pipes"
