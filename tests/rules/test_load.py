"""Rules from files: compiled, or every mistake at its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rules import Document, RuleErrors, load_rules

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file into the current directory, so that messages name it as an operator would."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def mistakes(*paths: Path) -> list[str]:
    with pytest.raises(RuleErrors) as caught:
        load_rules(paths)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_rules_and_groups_of_several_files_are_one_set(write: Write) -> None:
    rules = write("rules/a.yaml", "rules:\n  gas: '@pipe AND gas'\n  xi: {match: Xi, send: [x]}\n")
    terms = write("terms.yaml", "terms:\n  pipe: [pipa, pipeline*]\nfeeds: {a: b}\n")
    ruleset = load_rules([rules, terms])
    assert sorted(ruleset) == ["gas", "xi"]
    found = ruleset.match(Document("Pipelines carry gas"))
    assert [match.rule for match in found] == ["gas"]


def test_a_directory_means_every_yaml_file_below_it(write: Write) -> None:
    write("d/rules/a.yaml", "rules: {a: x}\n")
    write("d/b.yaml", "rules: {b: y}\n")
    write("d/c.txt", "rules: {c: z}\n")
    assert sorted(load_rules([Path("d")])) == ["a", "b"]


def test_a_disabled_rule_is_left_out(write: Write) -> None:
    path = write("a.yaml", "rules:\n  a: x\n  b: {match: y, enabled: no}\n")
    assert list(load_rules([path])) == ["a"]


def test_a_mistake_of_an_expression_stands_at_its_line_and_column(write: Write) -> None:
    path = write("rules/leaders.yaml", "rules:\n  xi:\n    match: Xi AND\n")
    assert mistakes(path)[0].split("\n") == [
        "rules/leaders.yaml:3:18: expected a term after AND",
        "        match: Xi AND",
        "                     ^",
    ]


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("xi: 'Xi AND'", "2:14"),
        ('xi: "\\u0058i AND"', "2:19"),
        ("xi: >-\n    Xi\n    AND", "4:8"),
        ("xi: |\n    Xi AND\n\n", "3:11"),
        ("xi: Xi\n    AND", "3:8"),
    ],
)
def test_the_place_is_right_in_every_style_of_writing(
    write: Write, written: str, place: str
) -> None:
    path = write("r.yaml", f"rules:\n  {written}\n")
    assert mistakes(path)[0].startswith(f"r.yaml:{place}: expected a term after AND\n")


def test_an_unknown_group_and_a_bad_entry_stand_where_they_are_written(write: Write) -> None:
    text = "rules:\n  a: Xi AND @putn\nterms:\n  putin: [Putin, '=']\n"
    assert [told.partition("\n")[0] for told in mistakes(write("r.yaml", text))] == [
        "r.yaml:2:13: no group named @putn; did you mean @putin?",
        "r.yaml:4:19: = needs a term right after it",
    ]


def test_a_name_is_taken_once_over_all_files(write: Write) -> None:
    first = write("rules/energy.yaml", "# energy\n\nrules:\n  gas: x\n")
    second = write("rules/gas.yaml", "rules:\n  gas: y\nterms:\n  g: [a]\n  g: [b]\n")
    assert [told.partition("\n")[0] for told in mistakes(first, second)] == [
        "rules/gas.yaml:2:3: rule 'gas' is already defined at rules/energy.yaml:4:3",
        "rules/gas.yaml:5:3: group 'g' is already defined at rules/gas.yaml:4:3",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules: [a]\n", "r.yaml:1:8: rules: holds rules, `name: expression`"),
        ("terms: x\n", "r.yaml:1:8: terms: holds groups, `name: [term, term]`"),
        ("rules:\n  a: [x]\n", "r.yaml:2:3: rule 'a' has no match"),
        ("terms:\n  a: []\n", "r.yaml:2:3: group 'a' has no terms; write a list: [term, term]"),
        (
            "terms:\n  a: {b: c}\n",
            "r.yaml:2:6: group 'a' holds keys and values; write a list: [term, term]",
        ),
        (
            "terms:\n  a: [b, [c]]\n",
            "r.yaml:2:10: an entry of group 'a' is not text; put a term that begins with [ or {",
        ),
        ("rules:\n  '@a': b\n", "r.yaml:2:3: rule '@a' has a name that begins with @"),
        ("rules:\n  '': b\n", "r.yaml:2:3: rule '' has no name"),
    ],
)
def test_a_wrong_shape_says_what_was_expected(write: Write, text: str, told: str) -> None:
    assert mistakes(write("r.yaml", text))[0].startswith(told)


def test_an_empty_section_is_no_mistake(write: Write) -> None:
    assert len(load_rules([write("r.yaml", "rules:\nterms:\n")])) == 0


def test_a_file_that_is_not_there_is_named(write: Write) -> None:
    write("a.yaml", "")
    assert mistakes(Path("gone.yaml")) == [
        "gone.yaml:1:1: cannot be read: No such file or directory"
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("x" * 101, f"a.yaml:2:3: rule '{'x' * 60}' has a name of more than 100 characters"),
        ('"a\\u200bb"', "a.yaml:2:3: rule 'a\u200bb' has a name with signs that cannot be seen"),
        ('" "', "a.yaml:2:3: rule ' ' has no name"),
        (
            '"@a"',
            "a.yaml:2:3: rule '@a' has a name that begins with @; that is how rules call groups",
        ),
    ],
)
def test_a_name_that_nobody_could_write_is_refused(write: Write, name: str, told: str) -> None:
    (said,) = mistakes(write("a.yaml", f"rules:\n  {name}: gas\n"))
    assert said.split("\n")[0] == told
