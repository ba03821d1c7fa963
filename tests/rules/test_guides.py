"""What the guides for operators say is true: every example of theirs runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules import Mistake, RuleErrors, RuleSet, as_document, check_examples, compile_rules

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "rules" / "README.md").read_text(encoding="utf-8")
COMING_FROM = (ROOT / "docs" / "coming-from.md").read_text(encoding="utf-8")
TERMS = {"putin": ["Putin", "Путин*", "普京"]}


def rows(guide: str, *header: str) -> list[tuple[str, ...]]:
    """The rows of all tables with this header, code marks and escapes removed."""
    found: list[tuple[str, ...]] = []
    inside = False
    for line in guide.splitlines():
        cells = tuple(
            cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]
        )
        if cells == header:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not cells[0].startswith("-"):
            found.append(cells)
    return found


def code(cell: str) -> str:
    assert cell.startswith("`"), cell
    assert cell.endswith("`"), cell
    return cell[1:-1]


def examples(cell: str) -> list[Any]:
    return [yaml.safe_load(text) if text.startswith("{") else text for text in cell.split(" · ")]


def blocks(guide: str) -> Iterator[dict[str, Any]]:
    for block in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL):
        yield yaml.safe_load(block)


def told(rules: RuleSet) -> list[str]:
    return [f"{w.message}; {w.hint}" for w in rules.lint() if w.rule == "rule"]


@pytest.mark.parametrize(("write", "finds", "leaves"), rows(README, "write", "finds", "but not"))
def test_the_guide_says_what_a_rule_finds(write: str, finds: str, leaves: str) -> None:
    rules = compile_rules({"rule": code(write)}, TERMS)
    for example in examples(finds):
        assert rules.match(as_document(example)), example
    for example in examples(leaves):
        assert not rules.match(as_document(example)), example


@pytest.mark.parametrize(("write", "says"), rows(README, "write", "says"))
def test_the_guide_says_what_is_wrong(write: str, says: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        compile_rules({"rule": code(write)}, TERMS)
    mistake = caught.value.mistakes[0]
    assert (f"{mistake.message}; {mistake.hint}" if mistake.hint else mistake.message) == says


@pytest.mark.parametrize(("write", "asks"), rows(README, "write", "asks"))
def test_the_guide_says_what_the_linter_asks(write: str, asks: str) -> None:
    assert asks in told(compile_rules({"rule": code(write)}))


def test_the_rule_files_of_the_guide_are_right_and_their_examples_pass() -> None:
    seen = 0
    for block in blocks(README):
        expressions = {
            name: rule if isinstance(rule, str) else rule["match"]
            for name, rule in block["rules"].items()
        }
        rules = compile_rules(expressions, block["terms"])
        for name, rule in block["rules"].items():
            if not isinstance(rule, str) and "examples" in rule:
                seen += 1
                assert check_examples(rules, name, **rule["examples"]) == ()
    assert seen == 1


def test_the_tree_of_the_guide_is_what_why_shows() -> None:
    (tree,) = re.findall(r"```text\n(.*?)\n```", README, re.DOTALL)
    rules = compile_rules({"rule": "gas NEAR/2 deal"})
    assert str(rules.why("rule", as_document("gas and also a deal"))) == tree


@pytest.mark.parametrize(("there", "here", "note"), rows(COMING_FROM, "there", "here", ""))
def test_what_other_tools_write_is_the_same_here_or_refused(
    there: str, here: str, note: str
) -> None:
    compile_rules({"rule": code(here)}, TERMS)
    if note.startswith("the same"):
        compile_rules({"rule": code(there)}, TERMS)
        return
    mistakes = mistakes_of(code(there))
    if mistakes:
        assert mistakes[0].hint
    else:
        assert note, "what is read differently here has a note"
        assert code(there) != code(here)


def mistakes_of(expression: str) -> tuple[Mistake, ...]:
    try:
        compile_rules({"rule": expression}, TERMS)
    except RuleErrors as errors:
        return errors.mistakes
    return ()


def test_the_guides_are_full_of_examples() -> None:
    assert len(rows(README, "write", "finds", "but not")) > 45
    assert len(rows(COMING_FROM, "there", "here", "")) > 50
