"""The examples of rules: texts that a rule must match, or must leave alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from monitor.config import Config
from rules import Explanation, Mistake, RuleErrors


@dataclass(frozen=True, slots=True)
class FailedExample:
    """An example that did not do what it must, at its place, and what the rule evaluated to."""

    mistake: Mistake
    explanation: Explanation


def failing_examples(config: Config) -> tuple[FailedExample, ...]:
    """Run the examples of the enabled rules; each rule sees its own, so the cost follows their
    number."""
    return tuple(_failing(config))


def require_examples(config: Config) -> None:
    """Refuse a configuration whose examples fail, as a reload must.

    Raises:
        rules.RuleErrors: with a mistake for each of them.
    """
    failing = failing_examples(config)
    if failing:
        hint = "wirewatch check shows what it evaluated to"
        raise RuleErrors(replace(failed.mistake, hint=hint) for failed in failing)


def _failing(config: Config) -> Iterator[FailedExample]:
    for example in config.examples:
        if example.rule not in config.ruleset:
            continue
        explanation = config.ruleset.why(example.rule, example.document)
        if explanation.true == example.matches:
            continue
        message = f"rule '{example.rule}' does not match this example"
        if explanation.true:
            message = f"rule '{example.rule}' matches this example, which it must ignore"
        mistake = replace(example.place, message=message, rule=example.rule)
        yield FailedExample(mistake, explanation)
