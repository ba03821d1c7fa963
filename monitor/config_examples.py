"""The examples of rules: texts that a rule must match, or must leave alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from monitor.config import Config, ExampleConfig
from rules import Match, Mistake


def failing_examples(config: Config) -> tuple[Mistake, ...]:
    """Run the examples of the enabled rules; each that fails is a mistake at its place.

    Each rule is tried alone, so the cost follows the number of examples.
    """
    alone = config.ruleset.updated({}, removed=tuple(config.ruleset))
    failing: list[Mistake] = []
    for name, examples in groupby(config.examples, key=lambda example: example.rule):
        rule = config.rules[name]
        if rule.enabled:
            ruleset = alone.updated({name: rule.expression})
            for example in examples:
                found = next(iter(ruleset.match(example.document)), None)
                failing += _failing(example, found)
    return tuple(failing)


def _failing(example: ExampleConfig, found: Match | None) -> Iterator[Mistake]:
    if example.matches and found is None:
        message = f"rule '{example.rule}' does not match this example"
        yield replace(example.place, message=message, rule=example.rule)
    elif found is not None and not example.matches:
        terms = ", ".join(dict.fromkeys(f"{span.term} in {span.field}" for span in found.spans))
        message = f"rule '{example.rule}' matches this example, which it must ignore"
        hint = f"it found {terms}" if terms else ""
        yield replace(example.place, message=message, hint=hint, rule=example.rule)
