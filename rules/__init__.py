"""The rule language: pure; no network, no database, no clock."""

from rules.document import Document, Span
from rules.errors import Mistake, RuleErrors

__all__ = ["Document", "Mistake", "RuleErrors", "Span"]
