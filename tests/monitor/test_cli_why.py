"""`wirewatch why`: what is said of one item and one rule, for hits and for misses."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rigs.archive import DAY, NOW, RULES, Archive
from rigs.command import Done, run_here

from monitor.store import ClaimedDelivery

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Feed antara was polled before, feed tass never."""
    archive = Archive(tmp_path_factory.mktemp("past"))
    archive.publish("Rain in Minsk", now=NOW - DAY)
    return archive


@pytest.fixture
def archive(past: Archive, tmp_path: Path) -> Archive:
    return past.copied_to(tmp_path)


def why(archive: Archive, *words: str) -> Done:
    return run_here(["why", *words, "-c", str(archive.etc)])


def tree(archive: Archive, *words: str) -> dict[str, Any]:
    done = why(archive, *words, "--json")
    assert done.code == 0
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_a_hit_tells_its_words_and_where_its_alerts_are(archive: Archive) -> None:
    item = archive.publish(
        "Xi met Putin", content="Путина ждут. Putin, Putin and Putin.", lang="en", now=NOW
    )
    hit = archive.hits()[0]["id"]
    done = why(archive, item, "xi-putin")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "*Xi* met *Putin*\n"
        "  https://antara.example/2\n"
        f"  item {item}, lang en\n"
        "  feed antara: seen 2026-11-22 19:00:00 WIB\n"
        "rule xi-putin\n"
        "  yes Xi AND @putin\n"
        "    yes Xi  title *Xi*\n"
        "    yes @putin\n"
        "      yes Putin  title *Putin*, content *Putin*, content *Putin* and 1 more\n"
        "      yes Путин*  content *Путина*\n"
        "      and 1 other is not there\n"
        f"hit {hit}, 2026-11-22 19:00:00 WIB\n"
        "  desk: due, 0 tries, next 2026-11-22 19:00:00 WIB\n"
        "  newsroom: due, 0 tries, next 2026-11-22 19:00:00 WIB\n"
        "a hit; desk: due, newsroom: due\n"
    )


def test_a_miss_tells_which_parts_are_not_there(archive: Archive) -> None:
    item = archive.publish("Gas for the long new eastern pipeline", now=NOW)
    assert why(archive, item, "gas").out.splitlines()[4:] == [
        "rule gas",
        "  no  gas NEAR/3 pipeline*  (5 words between)",
        "    yes gas  title *Gas*",
        "    yes pipeline*  title *pipeline*",
        "no match",
    ]


def test_the_deliveries_answers_are_told(archive: Archive) -> None:
    archive.publish("Xi met Putin", now=NOW)
    with archive.store() as store:
        lease = {"desk": HOUR, "newsroom": HOUR}
        desk, newsroom = store.claim_deliveries("me", NOW, lease, {"desk": 1, "newsroom": 1})
        with store.transaction():
            store.settle_sent(desk.id, NOW + HOUR, "written")
            store.settle_dead(newsroom, "404: no_service\x1b[2J")
    done = why(archive, archive.hits()[0]["id"])
    assert done.out.splitlines()[-3:] == [
        "  desk: sent, 1 try, last 2026-11-22 20:00:00 WIB: written",
        "  newsroom: dead, 1 try, last 2026-11-22 19:00:00 WIB: 404: no_service [2J",
        "a hit; desk: sent, newsroom: dead",
    ]
    assert isinstance(desk, ClaimedDelivery)


def test_a_hits_id_means_its_rule_and_its_item(archive: Archive) -> None:
    item = archive.publish("Xi met Putin", now=NOW)
    (hit,) = archive.hits()
    found = tree(archive, hit["id"])
    assert (found["item"]["id"], found["rule"], found["true"]) == (item, "xi-putin", True)
    assert tree(archive, hit["id"], "gas")["rule"] == "gas"


def test_json_tells_all_of_it(archive: Archive) -> None:
    item = archive.publish(
        "Xi met Putin", lang="en", source="ANTARA", author="Ann", published=NOW - HOUR, now=NOW
    )
    found = tree(archive, item, "xi-putin")
    xi = {"field": "title", "start": 0, "end": 2, "term": "Xi"}
    putin = {"field": "title", "start": 7, "end": 12, "term": "Putin"}
    (hit,) = archive.hits()
    assert found["item"] == {
        "id": item,
        "title": "Xi met Putin",
        "url": "https://antara.example/2",
        "source": "ANTARA",
        "author": "Ann",
        "lang": "en",
        "published": "2026-11-22T11:00:00Z",
        "first_seen": "2026-11-22T12:00:00Z",
        "edited": None,
    }
    assert found["sightings"] == [
        {
            "feed": "antara",
            "first_seen": "2026-11-22T12:00:00Z",
            "last_seen": "2026-11-22T12:00:00Z",
            "first_poll": False,
        }
    ]
    assert (found["rule"], found["expression"]) == ("xi-putin", "Xi AND @putin")
    assert (found["tree"]["kind"], found["tree"]["spans"]) == ("and", [xi, putin])
    assert [child["spans"] for child in found["tree"]["children"]] == [[xi], [putin]]
    assert found["hit"]["id"] == hit["id"]
    assert found["hit"]["match"]["terms"] == ["Xi", "Putin"]
    assert [(one["channel"], one["state"]) for one in found["deliveries"]] == [
        ("desk", "due"),
        ("newsroom", "due"),
    ]
    assert found["verdict"] == "a hit; desk: due, newsroom: due"


def test_an_item_of_the_first_poll_was_not_told(archive: Archive) -> None:
    item = archive.publish("Xi met Putin", feed="tass", now=NOW)
    lines = why(archive, item, "xi-putin").out.splitlines()
    assert lines[3] == "  feed tass: seen 2026-11-22 19:00:00 WIB, when the feed was polled first"
    assert lines[-1] == "a hit; nobody was told: it was there when its feed was polled first"


@pytest.mark.parametrize(
    ("config", "verdict"),
    [
        ("max_age: 1h", "a hit; nobody was told: it was older than its feed's max_age"),
        ("every: 10m", "a hit; nobody was told: the rule had no channel that was on"),
    ],
)
def test_a_hit_that_nobody_was_told_of_says_why(tmp_path: Path, config: str, verdict: str) -> None:
    archive = Archive(
        tmp_path,
        f"feeds: {{a: {{url: https://a.example/, first_poll: alert, {config}}}}}\n"
        "channels: {desk: {type: console, enabled: no}}\n"
        "defaults: {send: [desk]}\n",
        "rules: {rain: rain}\n",
    )
    item = archive.publish("Rain", feed="a", published=NOW - DAY, now=NOW)
    assert tree(archive, item, "rain")["verdict"] == verdict


def test_a_rule_newer_than_the_item_is_told_as_such(archive: Archive) -> None:
    item = archive.publish("Snow in Minsk", now=NOW)
    archive.rules(RULES + "  snow: snow\n")
    assert why(archive, item, "snow").out.splitlines()[-1] == (
        "a match, but no hit: a rule looks at new items only, and it or the groups it uses are "
        "newer than this one; to look back: wirewatch backtest snow"
    )


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ("enabled: no", "a match, but no hit: the rule is not enabled"),
        ("until: 2026-11-01", "a match, but no hit: the rule had ended"),
    ],
)
def test_a_rule_that_is_off_says_so(archive: Archive, more: str, verdict: str) -> None:
    archive.rules(RULES + f"  snow: {{match: snow, {more}}}\n")
    item = archive.publish("Snow in Minsk", now=NOW)
    done = why(archive, item, "snow")
    assert done.out.splitlines()[-1] == verdict
    shown = {"enabled: no": ", not enabled", "until: 2026-11-01": ", until 2026-11-02 00:00:00 WIB"}
    assert f"rule snow{shown[more]}\n" in done.out


def test_a_hit_of_a_rule_that_was_changed_since_says_so(archive: Archive) -> None:
    item = archive.publish("Xi met Putin", now=NOW)
    archive.rules("rules: {xi-putin: Xi AND Obama}\n")
    done = why(archive, item, "xi-putin")
    assert "    no  Obama\n" in done.out
    assert done.out.splitlines()[-1] == (
        "a hit, although the rule does not match now: it or the item was changed since"
    )


def test_an_expression_can_be_asked_for_with_the_feeds_of_today(archive: Archive) -> None:
    item = archive.publish("Snow in Minsk", now=NOW)
    assert why(archive, item, "--expr", "feed:asia lang:en").out.splitlines()[4:] == [
        "expression",
        "  no  feed:asia lang:en",
        "    yes feed:asia",
        "    no  lang:en  (lang is empty)",
        "the expression does not match this item",
    ]
    assert tree(archive, item, "--expr", "@putin OR snow")["verdict"] == (
        "the expression matches this item"
    )
    done = why(archive, item, "--expr", "Xi AND")
    assert (done.code, done.err) == (
        2,
        "column 7: expected a term after AND\n    Xi AND\n          ^\n",
    )


def test_a_long_group_is_cut_when_it_is_not_there(archive: Archive) -> None:
    (archive.etc / "rules" / "more.yaml").write_text(
        f"terms: {{many: [{', '.join(f'word{n}' for n in range(50))}]}}\nrules: {{many: '@many'}}\n"
    )
    item = archive.publish("Snow in Minsk", now=NOW)
    lines = why(archive, item, "many").out.splitlines()
    assert lines[5:8] == ["  no  @many", "    no  word0", "    no  word1"]
    assert lines[-2:] == ["    and 40 others are not there", "no match"]
    assert len(tree(archive, item, "many")["tree"]["children"]) == 50


def test_an_item_is_found_by_its_url_as_it_may_be_written(archive: Archive) -> None:
    item = archive.publish("Snow", url="https://antara.example/snow", now=NOW)
    for url in ("https://antara.example/snow", "HTTPS://Antara.example:443/snow#top"):
        assert tree(archive, url, "gas")["item"]["id"] == item


def test_of_several_items_at_one_url_the_newest_is_explained(archive: Archive) -> None:
    url = "https://antara.example/snow"
    old = archive.publish("Snow", url=url, now=NOW)
    new = archive.publish("What antara says", url=url, feed="tass", now=NOW + HOUR)
    found = tree(archive, url, "gas")
    assert (found["item"]["id"], found["same_url"]) == (new, [old])
    assert f"  the newest of 2 items with this URL; the others: {old}\n" in (
        why(archive, url, "gas").out
    )


def test_an_edited_item_says_when(archive: Archive) -> None:
    archive.publish("Snow", key="k", now=NOW)
    item = archive.publish("Snow and gas", key="k", lang="en", now=NOW + HOUR)
    assert f"  item {item}, lang en, edited 2026-11-22 20:00:00 WIB\n" in (
        why(archive, item, "gas").out
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("0", "gas"), "0: more than one item or hit begins so; write more of the id\n"),
        (
            ("z", "gas"),
            "z: no item and no hit begins so; ids are shown by: wirewatch hits\n",
        ),
        (
            ("%", "gas"),
            "%: no item and no hit begins so; ids are shown by: wirewatch hits\n",
        ),
        (("https://x.example/", "gas"), "https://x.example/: no stored item has this URL\n"),
        (("ftp://[", "gas"), "ftp://[: no stored item has this URL\n"),
        (
            ("https://antara.example/1", "xi-putn"),
            "no rule 'xi-putn' in the configuration; did you mean xi-putin?\n",
        ),
        (
            ("https://antara.example/1", "Xi AND Putin AND Obama"),
            (
                "no rule 'Xi AND Putin AND Obama' in the configuration; "
                "for an expression, add --expr\n"
            ),
        ),
        (
            ("https://antara.example/1",),
            "why: name a rule too, or with --expr an expression in quotes\n",
        ),
    ],
)
def test_what_is_not_there_is_told_with_the_next_step(
    archive: Archive, words: tuple[str, ...], told: str
) -> None:
    archive.publish("Xi met Putin", now=NOW)
    done = why(archive, *words)
    assert (done.code, done.out, done.err) == (2, "", told)
