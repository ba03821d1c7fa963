"""The rule language: pure; no network, no database, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rules.document import Document, Span
from rules.errors import Mistake, RuleErrors
from rules.examples import Failure, as_document, check_examples, example_mistakes
from rules.explain import Explanation
from rules.ruleset import Match, RuleSet, compile_rules, evaluate

__all__ = [
    "Document",
    "Explanation",
    "Failure",
    "Match",
    "Mistake",
    "RuleErrors",
    "RuleSet",
    "Span",
    "as_document",
    "check_examples",
    "compile_rules",
    "evaluate",
    "example_mistakes",
    "load_rules",
]


def load_rules(paths: Iterable[Path | str]) -> RuleSet:
    """Compile the rules of YAML files and directories.

    Raises:
        RuleErrors: with every mistake of every file.
    """
    from rules.load import load_rules as load  # noqa: PLC0415 - only this needs YAML

    return load(paths)
