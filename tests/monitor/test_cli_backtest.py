"""`wirewatch backtest`: rules run over stored items, compared with what was in force."""

from __future__ import annotations

import json
import re
import sys
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from rigs.archive import DAY, NOW, RULES, Archive
from rigs.command import Done, Terminal, run_here

from monitor.cli import main
from monitor.cli.comparison import PAGE, Comparison, Words, charts, pages
from monitor.ids import new_id
from monitor.parse import Item
from rules import Document, evaluate

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Four days of news."""
    archive = Archive(tmp_path_factory.mktemp("past"))
    archive.publish("Xi met Putin", now=NOW - 3 * DAY)
    archive.publish("Xi met Obama", now=NOW - 2 * DAY)
    archive.publish("Xi met Путина", content="Putin in Beijing", now=NOW - DAY)
    archive.publish("Gas in the pipeline", now=NOW - HOUR)
    return archive


@pytest.fixture
def archive(past: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """The past; now is NOW."""
    monkeypatch.setattr("monitor.cli.backtest.now", lambda: NOW)
    return past.copied_to(tmp_path)


def backtest(archive: Archive, *words: str) -> Done:
    return run_here(["backtest", *words, "-c", str(archive.etc)])


def objects(archive: Archive, *words: str) -> dict[str, dict[str, Any]]:
    """What --json tells, by rule."""
    done = backtest(archive, *words, "--json")
    assert (done.code, done.err) == (0, "")
    return {row["rule"]: row for row in map(json.loads, done.out.splitlines())}


def trial(archive: Archive, text: str) -> str:
    """A file of rules on trial, beside the configuration."""
    file = archive.etc.parent / "trial.yaml"
    file.write_text(text)
    return str(file)


def test_nothing_changes_while_the_rules_are_those_in_force(archive: Archive) -> None:
    done = backtest(archive)
    assert (done.code, done.err) == (0, "")
    assert done.out == "2 rules on 4 items since 2026-10-23 19:00 WIB: nothing changes\n"


def test_a_changed_rule_shows_what_it_gains_and_loses(archive: Archive) -> None:
    archive.rules(RULES.replace("Xi AND @putin", "Xi AND (Obama OR Путин*)"))
    done = backtest(archive)
    assert done.out == (
        "xi-putin: 2 hits before, 2 after: 1 gained, 1 lost\n"
        "  before █·█· at most 1 a day\n"
        "  after  ·██· at most 1 a day\n"
        "  + 2026-11-20 19:00 antara  *Xi* met *Obama*\n"
        "  - 2026-11-19 19:00 antara  *Xi* met *Putin*\n"
        "2 rules on 4 items since 2026-10-23 19:00 WIB: 1 rule changed, 1 gained, 1 lost\n"
    )


def test_words_in_the_text_are_shown_of_what_is_gained_and_of_what_is_lost(
    archive: Archive,
) -> None:
    archive.rules("rules: {beijing: Beijing, gas: gas NEAR/3 pipeline*}\n")
    lines = backtest(archive).out.splitlines()
    assert lines[0] == (
        "xi-putin (no longer in the configuration): 2 hits before, 0 after: 0 gained, 2 lost"
    )
    assert lines[3:6] == [
        "  - 2026-11-21 19:00 antara  *Xi* met *Путина*",
        "      content: *Putin* in Beijing",
        "  - 2026-11-19 19:00 antara  *Xi* met *Putin*",
    ]
    assert lines[6] == "beijing: 0 hits before, 1 after: 1 gained, 0 lost"
    assert lines[9:11] == [
        "  + 2026-11-21 19:00 antara  Xi met Путина",
        "      content: Putin in *Beijing*",
    ]
    assert lines[11] == (
        "3 rules on 4 items since 2026-10-23 19:00 WIB: 2 rules changed, 1 gained, 2 lost"
    )


def test_one_rule_can_be_looked_at_even_if_it_does_not_change(archive: Archive) -> None:
    archive.rules(RULES + "  obama: Obama\n")
    assert backtest(archive, "gas").out == (
        "gas: 1 hit before, 1 after: 0 gained, 0 lost\n"
        "  before ···█ at most 1 a day\n"
        "  after  ···█ at most 1 a day\n"
        "1 rule on 4 items since 2026-10-23 19:00 WIB: nothing changes\n"
    )
    assert list(objects(archive, "gas")) == ["gas"]
    assert objects(archive, "obama")["obama"]["gained"] == 1


def test_a_rule_that_is_not_enabled_is_run_only_when_asked_for(archive: Archive) -> None:
    archive.rules("rules:\n  xi-putin: {match: Xi, enabled: no}\n  gas: gas\n")
    assert list(objects(archive)) == ["gas"]
    assert objects(archive, "xi-putin")["xi-putin"]["gained"] == 1
    archive.rules("rules:\n  xi-putin: {match: Xi AND, enabled: no}\n")
    done = backtest(archive, "xi-putin")
    assert (done.code, done.out) == (2, "")
    assert done.err == "column 7: expected a term after AND\n    Xi AND\n          ^\n"


def test_a_rule_that_ended_hits_nothing_that_came_later(archive: Archive) -> None:
    archive.rules("rules:\n  xi: {match: Xi, until: 2026-11-20}\n")
    found = objects(archive, "xi")["xi"]
    assert [row["title"] for row in found["newest_gained"]] == ["Xi met Obama", "Xi met Putin"]


def test_json_tells_of_every_rule(archive: Archive) -> None:
    archive.rules(RULES.replace("Xi AND @putin", "Xi AND Obama"))
    found = objects(archive)
    assert list(found) == ["xi-putin", "gas"]
    assert found["gas"]["days"] == [{"day": "2026-11-22", "before": 1, "after": 1}]
    changed = found["xi-putin"]
    (gained,) = changed["newest_gained"]
    assert gained.pop("id")
    assert gained == {
        "title": "Xi met Obama",
        "url": "https://antara.example/2",
        "feed": "antara",
        "first_seen": "2026-11-20T12:00:00Z",
        "spans": [
            {"field": "title", "start": 0, "end": 2, "term": "Xi"},
            {"field": "title", "start": 7, "end": 12, "term": "Obama"},
        ],
    }
    assert [row["title"] for row in changed["newest_lost"]] == ["Xi met Путина", "Xi met Putin"]
    assert changed["newest_lost"][1]["spans"][1]["term"] == "Putin"
    assert {key: changed[key] for key in ("before", "after", "gained", "lost")} == {
        "before": 2,
        "after": 1,
        "gained": 1,
        "lost": 2,
    }
    assert changed["days"] == [
        {"day": "2026-11-19", "before": 1, "after": 0},
        {"day": "2026-11-20", "before": 0, "after": 1},
        {"day": "2026-11-21", "before": 1, "after": 0},
    ]


def test_rules_on_trial_are_compared_with_those_of_the_same_names(archive: Archive) -> None:
    file = trial(
        archive, "rules:\n  xi-putin: {match: Xi AND (@putin OR Obama)}\n  new: pipeline\n"
    )
    found = objects(archive, file)
    assert {rule: (row["gained"], row["lost"]) for rule, row in found.items()} == {
        "new": (1, 0),
        "xi-putin": (1, 0),
    }
    assert backtest(archive, file).out.splitlines()[-1] == (
        "2 rules on 4 items since 2026-10-23 19:00 WIB: 2 rules changed, 2 gained, 0 lost"
    )
    folder = trial(archive, "rules: {}\n").replace("/trial.yaml", "/etc/rules")
    assert backtest(archive, folder).out.endswith(": nothing changes\n")


def test_what_is_lost_on_trial_shows_the_words_it_was_found_by(archive: Archive) -> None:
    file = trial(archive, "rules:\n  gas: {match: gas, enabled: no}\n")
    lines = backtest(archive, file).out.splitlines()
    assert lines[0] == "gas: 1 hit before, 0 after: 0 gained, 1 lost"
    assert lines[3] == "  - 2026-11-22 18:00 antara  *Gas* in the *pipeline*"


def test_a_group_on_trial_is_tried_on_the_rules_that_use_it(archive: Archive) -> None:
    file = trial(archive, "terms: {putin: [Obama]}\n")
    found = objects(archive, file)
    assert {rule: (row["gained"], row["lost"]) for rule, row in found.items()} == {
        "gas": (0, 0),
        "xi-putin": (1, 2),
    }
    file = trial(archive, "terms: {us: [Obama]}\nrules: {us: '@us OR @putin'}\n")
    assert list(objects(archive, file)) == ["us"]


def test_mistakes_of_rules_on_trial_are_told_with_their_places(archive: Archive) -> None:
    file = trial(archive, "rules:\n  a: Xi AND\n  b: {send: [x]}\n  a: '@putn'\n  c: '@putn'\n")
    done = backtest(archive, file)
    assert (done.code, done.out) == (2, "")
    assert [line for line in done.err.splitlines() if not line.startswith(" ")] == [
        f"{file}:2:12: expected a term after AND",
        f"{file}:3:3: rule 'b' has no match:",
        f"{file}:4:3: rule 'a' is already defined at {file}:2:3",
        f"{file}:5:7: no group named @putn; did you mean @putin?",
    ]
    file = trial(archive, "rules: [x]\n")
    assert backtest(archive, file).err.startswith(f"{file}:1:8: rules: holds rules, `name: ")


def test_a_group_on_trial_that_makes_a_circle_is_told_where_the_circle_is(
    archive: Archive,
) -> None:
    (archive.etc / "rules" / "terms.yaml").write_text("terms:\n  leaders: ['@putin']\n")
    done = backtest(archive, trial(archive, "terms: {putin: ['@leaders']}\n"))
    assert done.code == 2
    assert "uses itself: " in done.err
    assert done.err.startswith((str(archive.etc), str(archive.etc.parent / "trial.yaml")))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["gaz"],
            "no rule and no file is called 'gaz'; did you mean gas?\n",
        ),
        (
            ["nonsense.yaml"],
            "no rule and no file is called 'nonsense.yaml'; rules are shown by: wirewatch check\n",
        ),
        (
            ["--since", "30"],
            "--since 30: write a period such as 30d, or a day such as 2026-11-01\n",
        ),
        (
            ["--since", "2026-13-01"],
            "--since 2026-13-01: write a period such as 30d, or a day such as 2026-11-01\n",
        ),
        (
            ["--since", "0001-01-01"],
            "--since 0001-01-01: write a period such as 30d, or a day such as 2026-11-01\n",
        ),
    ],
)
def test_a_mistake_is_told_with_the_next_step(
    archive: Archive, words: list[str], told: str
) -> None:
    done = backtest(archive, *words)
    assert (done.code, done.out, done.err) == (2, "", told)


def test_a_file_without_rules_is_a_mistake(archive: Archive) -> None:
    file = trial(archive, "feeds: {}\n")
    assert backtest(archive, file).err == f"{file}: no rules and no groups in it\n"


def test_how_far_back_can_be_a_period_or_a_day(archive: Archive) -> None:
    assert "on 1 item since 2026-11-22 17:30 WIB" in backtest(archive, "--since", "90m").out
    assert "on 2 items since 2026-11-21 00:00 WIB" in backtest(archive, "--since", "2026-11-21").out
    assert "on 0 items since " in backtest(archive, "--since", "1s").out


def test_the_newest_of_many_are_shown_and_the_others_counted(archive: Archive) -> None:
    for number in range(4):
        archive.publish(f"Snow {number}", now=NOW - HOUR + timedelta(minutes=number))
    archive.rules(RULES + "  snow: snow\n")
    lines = backtest(archive, "snow", "-n", "2").out.splitlines()
    assert lines[3:6] == [
        "  + 2026-11-22 18:03 antara  *Snow* 3",
        "  + 2026-11-22 18:02 antara  *Snow* 2",
        "  + and 2 older",
    ]


def test_of_many_changed_rules_those_that_change_most_are_shown(archive: Archive) -> None:
    more = "".join(f"  r{number:02}: Xi\n" for number in range(21)) + "  z: Xi OR gas\n"
    archive.rules(RULES + more)
    lines = backtest(archive).out.splitlines()
    assert lines[0].startswith("z: 0 hits before, 4 after")
    assert lines[-2] == "and 2 more rules that change less: --json has all"
    assert len(objects(archive)) == 24


def test_an_edited_item_is_judged_by_its_text_of_today(archive: Archive) -> None:
    archive.publish("Gas and pipeline", key="k", now=NOW - 2 * HOUR)
    archive.publish("Nothing of this", key="k", now=NOW - HOUR)
    lines = backtest(archive).out.splitlines()
    assert lines[0] == "gas: 2 hits before, 1 after: 0 gained, 1 lost"
    assert lines[3] == "  - 2026-11-22 17:00 antara  Nothing of this"


def test_items_of_a_feed_that_left_are_still_of_that_feed(archive: Archive) -> None:
    text = (archive.etc / "wirewatch.yaml").read_text()
    changed = "\n".join(line for line in text.splitlines() if "antara.example" not in line)
    (archive.etc / "wirewatch.yaml").write_text(changed)
    archive.rules("rules: {a: 'feed:antara', b: 'feed:asia'}\n")
    found = objects(archive)
    assert (found["a"]["after"], found["b"]["after"]) == (4, 0)


def test_pages_bring_every_item_once_newest_first_also_of_one_moment(archive: Archive) -> None:
    with archive.store() as store:
        (feed, *_) = store.feeds()
        _add(store, feed.id, 2 * PAGE + 7, same_moment=PAGE + 3)
        found = [row for page in pages(store, NOW - 400 * DAY, NOW) for row in page]
        assert len(found) == store.count_items(NOW - 400 * DAY, NOW) == 2 * PAGE + 7 + 4
        order = [(row.first_seen_at, row.id) for row in found]
        assert order == sorted(set(order), reverse=True)


def _add(store: Any, feed_id: str, count: int, *, same_moment: int = 0) -> None:
    texts = dict.fromkeys(("summary", "author", "source", "lang", "url"), "")
    with store.transaction():
        store.add_items(
            [
                {
                    "id": new_id(),
                    "feed_id": feed_id,
                    "first_seen_at": NOW - 5 * DAY - max(0, n - same_moment) * timedelta(seconds=1),
                    "title": f"Item {n}",
                    "content": "word " * 100,
                    "tags": "[]",
                    "text_hash": "",
                    **texts,
                }
                for n in range(count)
            ]
        )


OLD = {"war": "war OR война OR perang", "asia": "lang:id AND (presiden OR menteri*)", "zh": "中国"}
NEW = {
    "war": "(war* OR войн* OR perang) NOT star*",
    "asia": "lang:id presiden",
    "zh": "中国 OR 美国",
}


@pytest.mark.corpus
def test_what_changes_on_real_texts_is_what_the_evaluator_says(
    corpora: Path, tmp_path: Path
) -> None:
    archive = Archive(tmp_path, rules=_rules(OLD))
    texts = [text for lang in ("en", "id", "ru", "zh") for text in _texts(corpora, lang)]
    items = [
        Item(f"k{n}", 1, "", text["title"], "", content=text["text"], lang=text["lang"])
        for n, text in enumerate(texts)
    ]
    archive.poll("antara", *items, now=datetime.now(UTC))
    done = run_here(["backtest", "-c", str(archive.etc)])
    assert done.out.endswith(": nothing changes\n")
    found = objects(archive, trial(archive, _rules(NEW)))
    for rule in OLD:
        was, now = ({item.key for item in items if _is(r[rule], item)} for r in (OLD, NEW))
        told = {key: found[rule][key] for key in ("before", "after", "gained", "lost")}
        assert told == {
            "before": len(was),
            "after": len(now),
            "gained": len(now - was),
            "lost": len(was - now),
        }
    assert all(found[rule]["before"] for rule in OLD)


def _rules(rules: dict[str, str]) -> str:
    return "rules:\n" + "".join(f"  {name}: '{text}'\n" for name, text in rules.items())


def _texts(corpora: Path, lang: str) -> list[dict[str, str]]:
    lines = (corpora / "news" / f"{lang}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:150]]


def _is(expression: str, item: Item) -> bool:
    document = Document(item.title, content=item.content, lang=item.lang)
    return evaluate(expression, document) is not None


class Row(NamedTuple):
    """All that a comparison needs of an item."""

    id: str
    first_seen_at: datetime


class Always:
    """An opinion: these rules hit every item."""

    def __init__(self, *rules: str) -> None:
        self._rules = rules

    def hits(self, rows: Sequence[Any]) -> Sequence[Sequence[str]]:
        return [self._rules for _ in rows]

    def words(self, rule: str, row: Any) -> Words:
        raise AssertionError


def test_memory_does_not_grow_with_the_number_of_items() -> None:
    def peak(count: int) -> int:
        comparison = Comparison(Always("a", "b"), Always("b", "c"), ZoneInfo("UTC"), 10)
        tracemalloc.start()
        try:
            for page in range(count):
                rows: Any = [Row(f"{page}-{n}", NOW) for n in range(PAGE)]
                comparison.add(rows)
            assert comparison.tallies["c"].gained == count * PAGE
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)
    assert peak(20) < peak(2) + 50_000


def test_a_terminal_shows_how_far_it_is(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(SystemExit) as end:
        main(["backtest", "-c", str(archive.etc)])
    assert end.value.code == 0
    assert re.search(r"items .*0/4.*4/4", terminal.getvalue(), re.DOTALL)


def test_bars_are_of_one_scale_and_whatever_is_not_nothing_shows() -> None:
    found = charts([0, 1, 80], [160, 0, 20], 60)
    assert (found.before, found.after) == ("·▁▄", "█·▁")
    assert (found.most_before, found.most_after, found.days) == (80, 160, 1)


def test_many_days_are_added_up_until_they_fit() -> None:
    found = charts([1] * 100, [0] * 100, 60)
    assert (len(found.before), found.days, found.most_before) == (50, 2, 2)
    assert (found.before[-1], found.after) == ("█", "·" * 50)
    assert charts([], [], 60).before == ""


def test_a_day_is_one_where_the_operator_lives() -> None:
    late = datetime.fromisoformat("2026-11-21T23:30:00+00:00")
    comparison = Comparison(Always(), Always("a"), ZoneInfo("Asia/Jakarta"), 1)
    rows: Any = [Row("1", late)]
    comparison.add(rows)
    assert list(comparison.tallies["a"].after) == [date(2026, 11, 22)] == [comparison.first_day]
