"""Examples of a rule: texts it must match, texts it must ignore, and what came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from rules.document import Document
from rules.errors import Mistake
from rules.explain import Explanation
from rules.parser import close_to
from rules.ruleset import RuleSet

Example = str | Mapping[str, object]
"""A text (a title), or a mapping with the keys of `Document`."""

_KEYS = tuple(field.name for field in fields(Document))
_LISTS = frozenset({"tags", "feed_tags"})


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that did not do what it must: number ``index`` (from 0) of ``matches`` or
    ``ignores``. ``explanation`` is what the rule evaluated to."""

    rule: str
    section: str
    index: int
    document: Document
    explanation: Explanation

    @property
    def message(self) -> str:
        does = "does not match" if self.section == "matches" else "matches"
        text = self.document.title or self.document.summary or self.document.content
        shown = text if len(text) <= 60 else f"{text[:59]}…"
        return f"rule '{self.rule}' {does} example {self.index + 1} of {self.section}: {shown}"

    def __str__(self) -> str:
        return f"{self.message}\n{self.explanation}"


def check_examples(
    ruleset: RuleSet,
    rule: str,
    matches: Sequence[Example] = (),
    ignores: Sequence[Example] = (),
) -> tuple[Failure, ...]:
    """The examples that fail.

    Raises:
        ValueError: an example has a key that documents do not have; `example_mistakes` says so
            in the operator's words.
        KeyError: there is no such rule.
    """
    return tuple(_failures(ruleset, rule, matches, ignores))


def _failures(
    ruleset: RuleSet, rule: str, matches: Sequence[Example], ignores: Sequence[Example]
) -> Iterator[Failure]:
    for section, examples in (("matches", matches), ("ignores", ignores)):
        for index, example in enumerate(examples):
            document = as_document(example)
            explanation = ruleset.why(rule, document)
            if explanation.true != (section == "matches"):
                yield Failure(rule, section, index, document, explanation)


def as_document(example: Example) -> Document:
    """The document an example stands for.

    Raises:
        ValueError: it has a key that documents do not have.
    """
    if isinstance(example, str):
        return Document(title=example)
    wrong = example_mistakes(example)
    if wrong:
        raise ValueError("; ".join(mistake.message for mistake in wrong))
    values: dict[str, object] = {"title": ""}
    for key, value in example.items():
        values[key] = _listed(value) if key in _LISTS else str(value)
    return Document(**values)  # type: ignore[arg-type]  # the keys are checked, the values made fit


def _listed(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, Sequence) else (str(value),)


def example_mistakes(example: Example) -> tuple[Mistake, ...]:
    """What is wrong with an example, for the operator."""
    if isinstance(example, str):
        return ()
    return tuple(_unknown(key) for key in example if key not in _KEYS)


def _unknown(key: str) -> Mistake:
    close = {"tag": "tags", "text": "content", "link": "url"}.get(key) or close_to(key, _KEYS)
    hint = f"did you mean {close}?" if close else f"keys are {', '.join(_KEYS)}"
    return Mistake(f"an example has no key {key}", hint)
