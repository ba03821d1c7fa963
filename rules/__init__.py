"""The rule language: pure; no network, no database, no clock."""

from rules.document import Document, Span
from rules.errors import Mistake, RuleErrors
from rules.examples import Failure, as_document, check_examples, example_mistakes
from rules.explain import Explanation
from rules.load import load_rules
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
