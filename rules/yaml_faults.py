"""What is wrong when YAML refuses a file, in words that say what to write instead.

An operator writes rules, not YAML: an expression that begins with a quote, ``@`` or ``*``, or
that holds ``: ``, is refused by YAML with words about tokens and mappings. `explain` finds the
value that caused it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

_ENTRY = re.compile(
    r"""[ ]*(?:-[ ]+)*
        (?:(?P<key>"[^"\n]*"|'[^'\n]*'|[^\s:'"\[{#,&*!|>%@`-][^:\n]*?)[ ]*:[ ]+)?
        (?P<value>[^\s#].*)""",
    re.VERBOSE,
)
_LONGEST_LINE = 4_000
_SECRET = re.compile(r"\$\{[^}\n]*\}[^,\]}\n]*")
_SECTION = re.compile(r"^([A-Za-z_]+)[ ]*:", re.MULTILINE)
_NOUNS = {"rules": "rule", "terms": "entry"}
_BEGINNINGS = {
    "@": "YAML lets no value begin with @",
    "`": "YAML lets no value begin with `",
    "%": "YAML lets no value begin with %",
    "*": "YAML takes a value that begins with * for an alias, and aliases are not read",
    "&": "YAML takes a value that begins with & for an anchor, and anchors are not read",
    "!": "YAML takes a value that begins with ! for a tag, and tags are not read",
    "|": "YAML takes | for the beginning of a block of lines",
    ">": "YAML takes > for the beginning of a block of lines",
    "[": "YAML takes a value that begins with [ for a list",
    "{": "YAML takes a value that begins with { for keys and values",
}
_WORDS = {
    "could not find expected ':'": "this is neither `key: value` nor an entry of a list",
    "did not find expected key": "this does not belong to the lines above it",
    "did not find expected '-' indicator": "this does not belong to the list above it",
    "mapping values are not allowed in this context": "a `:` does not fit here",
    "block sequence entries are not allowed in this context": "a list must begin on a new line",
    "mapping keys are not allowed in this context": "YAML takes a ? at the beginning for a key",
    "did not find expected <document start>": "this does not belong to the lines above it",
    "did not find expected ',' or ']'": "the list that begins here is not closed by ]",
    "did not find expected ',' or '}'": "what begins here with { is not closed by }",
    "found unexpected end of stream": "the quote that begins here is not closed",
    "found unexpected document indicator": "the quote that begins here is not closed",
}
_AT_CONTEXT = {
    "did not find expected ',' or ']'",
    "did not find expected ',' or '}'",
    "found unexpected end of stream",
    "found unexpected document indicator",
    "could not find expected ':'",
}


class Fault(NamedTuple):
    """What stops YAML. ``value``: the piece of the text to set aside so that reading can go on,
    None where that cannot be told."""

    offset: int
    message: str
    hint: str
    value: tuple[int, int] | None


def explain(text: str, error: yaml.MarkedYAMLError) -> Fault:
    """The fault behind an error of the YAML parser."""
    at = min(error.problem_mark.index if error.problem_mark else 0, len(text))
    begin = text.rfind("\n", 0, at) + 1
    if "\t" in _indentation(text, begin) or text[at : at + 1] == "\t":
        at = text.index("\t", begin)
        return Fault(at, "a tab; YAML indents with spaces only", "write spaces", None)
    return (
        _secret_in_braces(text, begin)
        or _escape(text, at, error)
        or _value(text, begin, at)
        or _in_flow(text, at)
        or _general(at, error)
    )


def alias(text: str, at: int) -> tuple[str, str]:
    """Message and hint for ``*name``."""
    return _BEGINNINGS["*"], _hint(text, at)


def property_of(text: str, at: int) -> tuple[str, str]:
    """Message and hint for an anchor (``&name``) or a tag (``!name``)."""
    return _BEGINNINGS["&" if text[at : at + 1] == "&" else "!"], _hint(text, at)


def noun(text: str, at: int) -> str:
    """What the value at a place is: a rule, an entry of a group, or some value."""
    section = ""
    for found in _SECTION.finditer(text, 0, at):
        section = found[1]
    return _NOUNS.get(section, "value")


def _hint(text: str, at: int) -> str:
    if noun(text, at) == "rule":
        return "put the whole rule in single quotes or after >-"
    return f"put the whole {noun(text, at)} in single quotes"


def _line_end(text: str, at: int) -> int:
    """The end of a line, or of what of it is worth looking at."""
    end = text.find("\n", at, at + _LONGEST_LINE)
    return min(len(text), at + _LONGEST_LINE) if end < 0 else end


def _indentation(text: str, begin: int) -> str:
    line = text[begin : _line_end(text, begin)]
    return line[: len(line) - len(line.lstrip())]


def _secret_in_braces(text: str, begin: int) -> Fault | None:
    """``{url: ${env:X}}``: the second brace begins keys and values of its own."""
    for found in _SECRET.finditer(text, begin, _line_end(text, begin)):
        before = text[begin : found.start()]
        if ("{" in before or "[" in before) and before.rstrip()[-1:] in (":", ",", "["):
            message = "YAML takes the braces of ${...} for its own here"
            return Fault(found.start(), message, "put the value in double quotes", found.span())
    return None


def _escape(text: str, at: int, error: yaml.MarkedYAMLError) -> Fault | None:
    if error.problem != "found unknown escape character":
        return None
    begin = error.context_mark.index if error.context_mark else at
    end = _close(text, begin)
    message = f"\\{text[at + 1 : at + 2]} means nothing between double quotes"
    return Fault(at, message, "use single quotes", (begin, end) if end else None)


def _value(text: str, begin: int, at: int) -> Fault | None:
    """The fault is a whole block value: what follows a key or a dash on its line."""
    entry = _ENTRY.match(text, begin, _line_end(text, begin))
    if entry is None:
        return None
    if entry["key"] is None and "-" not in text[begin : entry.start("value")]:
        return _continued(text, begin)
    start, end = entry.span("value")
    first = text[start]
    if first in "\"'":
        return _second_quote(text, start, end)
    if first in "[{" and not _text_after_bracket(text, start, at):
        return None
    if first in _BEGINNINGS:
        return Fault(start, _BEGINNINGS[first], _hint(text, start), (start, end))
    if at >= start and text[at : at + 1] == ":":
        message = "YAML takes this colon for the end of a key"
        return Fault(at, message, _hint(text, start), (start, end))
    return None


def _text_after_bracket(text: str, start: int, at: int) -> bool:
    """Whether YAML stopped behind the closing bracket, at text that goes on."""
    closed = text.find("]" if text[start] == "[" else "}", start, _line_end(text, start))
    return 0 <= closed < at


def _second_quote(text: str, start: int, end: int) -> Fault | None:
    closed = _close(text, start)
    if closed is None or closed >= end or text[closed:end].lstrip().startswith(("#", ":")):
        return None
    message = "YAML ends this value at the second quote"
    return Fault(start, message, _hint(text, start), (start, end))


def _continued(text: str, begin: int) -> Fault | None:
    """The line goes on with a quoted value of a line above."""
    line = begin
    for _ in range(50):
        if line == 0:
            return None
        line = text.rfind("\n", 0, line - 1) + 1
        entry = _ENTRY.match(text, line, _line_end(text, line))
        if entry is None or entry["key"] is None:
            continue
        start = entry.start("value")
        closed = _close(text, start) if text[start] in "\"'" else None
        if closed is None or closed > _line_end(text, begin):
            return None
        message = "YAML ends this value at the second quote"
        return Fault(start, message, _hint(text, start), (start, _line_end(text, begin)))
    return None


def _close(text: str, start: int) -> int | None:
    """The place behind the quote that closes the one at ``start``."""
    if text[start] == "'":
        found = re.compile(r"'(?:[^']|'')*'").match(text, start)
    else:
        found = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL).match(text, start)
    return found.end() if found else None


def _in_flow(text: str, at: int) -> Fault | None:
    """The fault is an entry between brackets, as in ``[Putin, @putin]``."""
    first = text[at : at + 1]
    if first not in ("@", "`", "%", "*"):
        return None
    end = re.compile(r"[^,\]}\n]*").match(text, at)
    return Fault(at, _BEGINNINGS[first], _hint(text, at), end.span() if end else None)


def _general(at: int, error: yaml.MarkedYAMLError) -> Fault:
    problem = str(error.problem or "it ends too early")
    if problem in _AT_CONTEXT and error.context_mark:
        at = error.context_mark.index
    message = _WORDS.get(problem, f"not YAML: {problem}")
    return Fault(at, message, "check quotes, colons and indentation", None)
