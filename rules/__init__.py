"""The rule language: pure; no network, no database, no clock."""

from rules.document import Document, Span
from rules.errors import Mistake, RuleErrors
from rules.ruleset import Match, RuleSet, compile_rules, evaluate

__all__ = [
    "Document",
    "Match",
    "Mistake",
    "RuleErrors",
    "RuleSet",
    "Span",
    "compile_rules",
    "evaluate",
]
