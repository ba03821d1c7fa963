"""`wirewatch check`: exit codes, and which stream says what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rigs.configured import Configured

from monitor.cli import main

GOOD = "contact: a@b.org\nchannels:\n  term: {type: console}\n"
EXAMPLE = "rules:\n  xi:\n    match: Xi\n    examples: {matches: [%s]}\n"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """A configuration directory called ``etc`` in the current directory."""
    monkeypatch.chdir(tmp_path)
    for variable in ("INVOCATION_ID", "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"):
        monkeypatch.delenv(variable, raising=False)
    Path("etc").mkdir()
    return Configured(Path("etc"))


def check(*words: str) -> int:
    """Run `wirewatch check -c etc` and give its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["check", "-c", "etc", *words])
    return int(ended.value.code or 0)


def test_a_good_configuration_is_summed_up_on_stdout(
    etc: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    etc.write(GOOD + "feeds: {a: https://x.org}\n" + EXAMPLE % "Xi, Xi again")
    assert check() == 0
    shown = capsys.readouterr()
    assert shown.out == "1 feed, 1 channel, 1 rule, 2 examples: fine\n"
    assert shown.err == ""


def test_every_mistake_goes_to_stderr_with_its_line_and_a_caret(
    etc: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    etc.write({"wirewatch.yaml": GOOD, "rules/leaders.yaml": "rules:\n  a: Xi AND\n  b: (x\n"})
    assert check() == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert lines[:3] == [
        "etc/rules/leaders.yaml:2:12: expected a term after AND",
        "      a: Xi AND",
        "               ^",
    ]
    assert lines[3].startswith("etc/rules/leaders.yaml:3:")


def test_a_long_mistake_is_not_wrapped(etc: Configured, capsys: pytest.CaptureFixture[str]) -> None:
    etc.write(GOOD + f"rules: {{a: {{match: x, send: [{'y' * 90}]}}}}\n")
    assert check() == 2
    (headline,) = (line for line in capsys.readouterr().err.splitlines() if line[:3] == "etc")
    assert headline == (f"etc/wirewatch.yaml:4:30: no channel named '{'y' * 60}…'; known are term")


def test_a_failing_example_is_a_mistake(
    etc: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    etc.write(GOOD + EXAMPLE % "Putin")
    assert check() == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "etc/wirewatch.yaml:7:26: rule 'xi' does not match this example",
        "        examples: {matches: [Putin]}",
        "                             ^",
        "    no  Xi",
    ]


def test_warnings_count_only_when_strict(
    etc: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    etc.write("channels:\n  term: {type: console}\n")
    assert check() == 0
    shown = capsys.readouterr()
    assert shown.out == "0 feeds, 1 channel, 0 rules, 0 examples: fine, with 1 warning\n"
    assert shown.err == (
        "etc/wirewatch.yaml:1:1: warning: no contact is configured; publishers are told whom to"
        " write to; add a line such as contact: desk@example.org\n"
        "no feed is enabled, so nothing is polled; write feeds: and below it name: URL\n"
        "no rule is enabled, so nobody is told; write rules: and below it name: expression\n"
    )
    assert check("--strict") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("feeds: {a: {url: https://x.org, enabled: no}}\nrules: {a: x}\n", "no feed is enabled"),
        ("feeds: {a: https://x.org}\nrules: {a: {match: x, enabled: no}}\n", "no rule is enabled"),
    ],
)
def test_what_keeps_it_idle_is_told_and_is_no_warning(
    etc: Configured, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    etc.write(GOOD + text)
    assert check("--strict") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{said}, so ")


@pytest.mark.parametrize(
    ("rules", "begin", "names"),
    [
        (r"{a: gas, b: '/\d{3}-\d{4}/'}", "one rule needs", "b"),
        (
            "\n" + "".join(f"  {name}: '/\\d{number}/'\n" for number, name in enumerate("abcdefg")),
            "7 rules need",
            "a, b, c, d, e and 2 more",
        ),
    ],
)
def test_rules_that_need_no_word_are_counted_and_are_no_warning(
    etc: Configured, capsys: pytest.CaptureFixture[str], rules: str, begin: str, names: str
) -> None:
    etc.write(f"{GOOD}feeds: {{x: https://x.org}}\nrules: {rules}\n")
    assert check("--strict") == 0
    assert capsys.readouterr().err == (
        f"{begin} no word that can be looked up, so every item is read in full: {names}; "
        "a word joined by AND makes it cheap\n"
    )


def test_rules_that_need_a_word_are_not_counted(
    etc: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    etc.write(f"{GOOD}feeds: {{x: https://x.org}}\nrules: {{a: '/\\d+/ AND gas'}}\n")
    assert check("--strict") == 0
    assert capsys.readouterr().err == ""


RULES_TO_ASK_ABOUT = """\
feeds: {kyiv: {url: "https://x.example/", lang: uk}}
terms:
  idle: [coal]
rules:
  lower: Xi and Putin
  mixed: Merkel AND Macron OR Scholz
  name: Xi Jinping
  prefix: pip*
  far: steel NEAR/40 copper
  never: zinc AND lead NOT zinc
  idle: gas OR (gas AND oil)
  same: Kim AND Moon
  again: Moon AND Kim
  within: Kim AND Moon AND Abe
  stem: ~uranium lang:uk
  comment: gaza #gaza
  feed: feed:kiyv lithium
"""


def test_every_warning_about_rules_is_told_at_its_place(
    etc: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    etc.write({"wirewatch.yaml": GOOD, "rules/r.yaml": RULES_TO_ASK_ABOUT})
    assert check() == 0
    shown = capsys.readouterr()
    assert shown.out == "1 feed, 1 channel, 13 rules, 0 examples: fine, with 13 warnings\n"
    told = [line for line in shown.err.splitlines() if line.startswith("etc/")]
    assert [line.removeprefix("etc/rules/r.yaml:").replace(" warning:", "") for line in told] == [
        "3:3: no rule uses group @idle",
        '5:13: and is a search word here; write AND for the operator, "and" for the word',
        (
            "6:10: AND and OR are mixed without brackets; "
            "AND binds tighter: write (Merkel AND Macron) if that is meant"
        ),
        '7:9: Xi Jinping are 2 terms, found anywhere in an item; did you mean "Xi Jinping"?',
        "8:11: pip* finds every word that begins with pip; write 4 letters or more if you can",
        (
            "9:14: NEAR/40 joins words that may be far apart; "
            "NEAR/30 or less finds words that belong together"
        ),
        (
            "10:10: zinc AND lead NOT zinc can never be true; "
            "NOT zinc excludes what the rest asks for"
        ),
        "11:16: (gas AND oil) never matters; gas decides alone",
        "13:10: rule 'again' is the same as rule 'same'; remove one",
        (
            "14:11: every match of rule 'within' is a match of rule 'same' too; "
            "remove one, unless they are told differently"
        ),
        (
            "15:9: ~uranium finds the word itself only: there is no stemmer for uk; "
            "write uranium* for its endings"
        ),
        (
            "16:17: YAML ends this rule here: what follows # is a comment; "
            "put the whole rule in single quotes or after >-"
        ),
        "17:14: no feed and no tag of one is called 'kiyv'; did you mean kyiv?",
    ]


def test_a_failing_example_shows_the_whole_tree_of_its_rule(
    etc: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    etc.write(
        GOOD
        + "terms: {putin: [Putin, Путин*]}\n"
        + "rules:\n  xi:\n    match: Xi NEAR/2 @putin NOT rumour\n"
        + "    examples: {matches: [Xi will soon be meeting Putin], ignores: [Xi and Putin]}\n"
    )
    assert check() == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line[:3] == "etc" or line.lstrip()[:3] in ("yes", "no ")] == [
        "etc/wirewatch.yaml:8:26: rule 'xi' does not match this example",
        "    no  Xi NEAR/2 @putin NOT rumour",
        "      no  Xi NEAR/2 @putin  (4 words between)",
        "        yes Xi",
        "        yes @putin",
        "          yes Putin",
        "          no  Путин*",
        "      yes NOT rumour",
        "        no  rumour",
        "etc/wirewatch.yaml:8:68: rule 'xi' matches this example, which it must ignore",
        "    yes Xi NEAR/2 @putin NOT rumour",
        "      yes Xi NEAR/2 @putin",
        "        yes Xi",
        "        yes @putin",
        "          yes Putin",
        "          no  Путин*",
        "      yes NOT rumour",
        "        no  rumour",
    ]


def test_json_gives_one_object_a_finding_and_nothing_for_none(
    etc: Configured, capsys: pytest.CaptureFixture[str]
) -> None:
    etc.write("channels:\n  term: {type: console}\n" + EXAMPLE % "Putin")
    assert check("--json") == 2
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {
        "level": "mistake",
        "file": "etc/wirewatch.yaml",
        "line": 6,
        "column": 26,
        "message": "rule 'xi' does not match this example",
        "hint": "",
        "evaluated": ["no  Xi"],
    }
    assert (second["level"], second["line"]) == ("warning", 1)
    etc.write(GOOD)
    assert check("--json") == 0
    assert capsys.readouterr().out == ""


def test_no_configuration_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert check() == 2
    assert capsys.readouterr().err == (
        "etc:1:1: there is no such configuration; name another after -c, or write a first one"
        " with: wirewatch init etc\n"
    )


def test_the_file_beside_us_is_found_without_being_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if Path("/etc/wirewatch").exists():
        pytest.skip("this machine has a configuration of its own in /etc/wirewatch")
    monkeypatch.chdir(tmp_path)
    Path("wirewatch.yaml").write_text(GOOD)
    with pytest.raises(SystemExit) as ended:
        main(["check"])
    assert ended.value.code == 0
    assert "fine" in capsys.readouterr().out
