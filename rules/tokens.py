"""Tokens: an expression cut into brackets, operators and terms.

A bare term ends at white space and ``( ) " , |``; what another tool would read as an operator is
refused here, where it still looks as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from rules import foreign
from rules import text as words
from rules.terms import Mark, TermError, Written

NEAR_BY = 10

# --- characters that count as others ---------------------------------------------------------

_SAME = (
    dict(zip("（），：｜＊＝～＠＋！？＆", "(),:|*=~@+!?&", strict=True))
    | dict.fromkeys(words.QUOTES, '"')
    | dict.fromkeys("\t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000", " ")
    | dict.fromkeys(map(chr, range(0x2000, 0x200B)), " ")
)
_PLAIN = str.maketrans(_SAME)


def plain(expression: str) -> str:
    """The expression as it is read, character by character: quotes, brackets and spaces plain."""
    return expression.translate(_PLAIN)


# --- tokens ----------------------------------------------------------------------------------

_HEBREW = "\u0591-\u05c7\u05d0-\u05ea\u05ef-\u05f2"
_IN_WORD = f'(?<=[{_HEBREW}])"(?=[{_HEBREW}])'
_BARE = rf'(?:[^\s()",|]|(?<=\d),(?=\d)|{_IN_WORD})+'
_TOKEN = re.compile(
    rf"""[ ]*(?:
      (?P<punct>[()|,])
    | (?P<regex>/(?:[^/\\]|\\.)*/[A-Za-z]*)
    | (?P<quoted>(?P<qmark>[=~]?)"(?P<inner>(?:[^"]|{_IN_WORD})*)"(?:~(?P<reach>\d+))?)
    | (?P<field>[^\W\d][\w.\-]*:)(?!//)
    | (?P<dash>[{re.escape(words.DASHES)}])(?=[^\s),|])
    | (?P<bare>{_BARE})
    | (?P<quote>")
    )""",
    re.VERBOSE | re.DOTALL,
)
_OPERATOR = re.compile(r"(O?NEAR|ATLEAST)/(\d+)$")
_PLAIN_OPERATORS = frozenset({"AND", "OR", "NOT", "NEAR", "ONEAR"})


class Token(NamedTuple):
    """``kind`` is the operator or sign itself, or ``term``, ``field``, ``end``."""

    kind: str
    start: int
    end: int
    number: int = 0
    written: Written | None = None
    regex: tuple[str, bool] | None = None
    group: str = ""


# --- cutting into tokens ---------------------------------------------------------------------


def tokens(expression: str, text: str, faults: list[TermError]) -> Iterator[Token]:
    """The tokens of an expression; ``text`` is its plain form.

    What is wrong with one token is added to ``faults``, and cutting goes on.

    Raises:
        TermError: it cannot go on.
    """
    position, stop = 0, len(text.rstrip(" "))
    while position < stop:
        found = _TOKEN.match(text, position)
        kind = found.lastgroup if found else None
        if found is None or kind is None or kind == "quote":
            start = stop - len(text[position:stop].lstrip(" "))
            raise TermError('" is never closed', 'write " after the last word', offset=start)
        position = found.end()
        start = found.start(kind)
        try:
            yield _CUTS[kind](expression, text, found, start)
        except TermError as fault:
            faults.append(fault)
            position = _UNREAD.match(text, position).end()  # type: ignore[union-attr]  # it matches ""
            yield Token("foreign", start, position)
    yield Token("end", len(expression), len(expression))


_Cut = Callable[[str, str, "re.Match[str]", int], Token]


def _sign_token(_expression: str, _text: str, found: re.Match[str], start: int) -> Token:
    return Token(found["punct"], start, found.end())


def _dash_token(_expression: str, _text: str, found: re.Match[str], start: int) -> Token:
    return Token("-", start, found.end())


def _field_token(_expression: str, _text: str, found: re.Match[str], start: int) -> Token:
    return Token("field", start, found.end())


def _regex_token(expression: str, text: str, found: re.Match[str], start: int) -> Token:
    whole = expression[start : found.end()]
    body, _, flags = whole[1:].rpartition("/")
    if flags not in ("", "c"):
        raise TermError(
            f"a regular expression cannot end in /{flags}",
            "write /.../ to ignore case, /.../c to respect it",
            offset=found.end() - len(flags),
        )
    if text[found.end() : found.end() + 1] not in _ENDS:
        raise TermError(
            f"a space is missing after {short(whole)}",
            "put a term with / in quotes if no regular expression is meant",
            offset=found.end(),
        )
    return Token("term", start, found.end(), regex=(body, flags == "c"))


def _quoted_token(expression: str, text: str, found: re.Match[str], start: int) -> Token:
    end = found.end()
    if text[end : end + 1] not in _ENDS:
        raise TermError(*foreign.after_quotes(text[end:]), offset=end)
    begin, stop = found.span("inner")
    inner = _stars(expression[begin:stop])
    reach = found["reach"]
    number = None if reach is None else int(reach[:9])
    mark = MARKS[found["qmark"]]
    return Token(
        "term",
        start,
        end,
        written=Written(expression[start:end], inner, start, mark, quoted=True, reach=number),
    )


def _bare_token(expression: str, text: str, found: re.Match[str], start: int) -> Token:
    word, end = text[start : found.end()], found.end()
    if word in _PLAIN_OPERATORS:
        return Token(word, start, end, NEAR_BY)
    if "/" in word:
        operator = _OPERATOR.match(word)
        if operator:
            return Token(operator[1], start, end, int(operator[2][:9]))
    if word[0] == "/":
        raise TermError(
            "a regular expression must end in /",
            "put a term that begins with / in quotes",
            offset=start,
        )
    told = foreign.operator(word)
    if not told and text[end : end + 1] == "(":
        told = foreign.function(word)
    if told:
        raise TermError(*told, offset=start)
    if word[0] == "@":
        return _group_token(expression, word, start, end)
    return _word_token(expression, word, start, end)


def _group_token(expression: str, word: str, start: int, end: int) -> Token:
    if len(word) == 1:
        raise TermError("@ needs the name of a group", "write @putin", offset=start)
    return Token("group", start, end, group=expression[start + 1 : end])


def _word_token(expression: str, word: str, start: int, end: int) -> Token:
    mark = MARKS.get(word[0], "")
    if mark and len(word) == 1:
        raise TermError(f"{mark} needs a term right after it", f"write {mark}Gazprom", offset=start)
    if mark and word[1] in "=~":
        raise TermError(
            f"{word[:2]} is not an operator here",
            "write = for exactly these letters or ~ for inflected forms",
            offset=start,
        )
    whole = expression[start:end]
    inner = _stars(whole[len(mark) :])
    return Token("term", start, end, written=Written(whole, inner, start, mark))


def _stars(text: str) -> str:
    return text.replace("＊", "*")


def short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


_UNREAD = re.compile(r'[^\s()",|]*')
_ENDS = ("", " ", "(", ")", "|", ",")
MARKS: Mapping[str, Mark] = {"": "", "=": "=", "~": "~"}
_CUTS: Mapping[str, _Cut] = {
    "punct": _sign_token,
    "regex": _regex_token,
    "quoted": _quoted_token,
    "field": _field_token,
    "dash": _dash_token,
    "bare": _bare_token,
}
