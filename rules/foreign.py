"""What other tools would read as an operator: an error with our spelling, never a search word."""

from __future__ import annotations

import re

from rules.expression import FIELDS

_DISTANCE = re.compile(r"(?i)((?:not)?o?near|w|pre|p|n|adj|within)(/?)(\d*)([a-z]*)$")
_SAME_PART = re.compile(r"(?i)(?:w|pre)/(?:s|p|seg|sent|para)$")
_ODD_DISTANCE = re.compile(r"(O?NEAR)/(?!\d+[a-z]*$)")
_AT_LEAST = re.compile(r"(?i)atleast(/?)(\d*)(.*)$")
_AND_NOT = re.compile(r"(?i)(?:and|but)[_-]?not$")
SUSPECT = r"(?i:(?:not)?o?near|adj|within|atleast|andnot|butnot|xor|exc)"
"""How every word of letters and digits begins that may be an operator elsewhere."""

_NEVER = re.compile(rf"(?!{SUSPECT}|(?i:and|but)[_-]not)\w[^?=~!<>\\^\]}}/]*\Z")
"""Fits only what no check refuses."""

_FEWEST_LETTERS = 3  # that a word with * must have

_FUZZY = re.compile(r"(.+?)~([\d.]*)$")
_BOOST = re.compile(r"(.+?)\^[\d.]*$")
_LETTER = r"[^\W\d_]"
_ANY_LETTER = re.compile(_LETTER)

FUNCTIONS = {
    "caps": "=US",
    "allcaps": "=US",
    "nocaps": "us",
    "title": "title:(...)",
    "headline": "title:(...)",
    "hlead": "title:(...) OR summary:(...)",
    "intitle": "title:(...)",
    "body": "content:(...)",
    "text": "content:(...)",
    "plural": "~leak",
    "singular": "~leak",
    "phrase": '"gas pipeline"',
    "near": "a NEAR/10 b",
    "onear": "a ONEAR/10 b",
    "around": "a NEAR/5 b",
    "atl": "ATLEAST/2 (a, b, c)",
}


def operator(word: str) -> tuple[str, str] | None:
    """Message and hint when a bare word is an operator elsewhere; ``None`` when it is a word."""
    if _NEVER.match(word):
        return None
    for check in (_alone, _proximity, _combining, _wildcard, _leading, _comparing, _trailing):
        told = check(word)
        if told:
            return told
    return None


def function(name: str) -> tuple[str, str] | None:
    """Message and hint for ``CAPS(`` and its like."""
    known = FUNCTIONS.get(re.sub(r"[\d/]+$", "", name).lower())
    if known:
        return f"{name}(...) is not an operator here", f"write {known}"
    if name.isupper() and len(name) > 1:
        return (
            f"{name}(...) is not an operator here",
            f"put a space between, if {name} is a word to look for",
        )
    return None


def after_quotes(rest: str) -> tuple[str, str]:
    """Message and hint for what follows a closing quote without a space."""
    if rest.startswith("~"):
        return "a window needs a number after ~", 'write "gas pipeline"~5'
    if rest.startswith("^"):
        return "^ does not weigh terms here", "leave it out: an item matches or does not"
    if rest.startswith("*"):
        return "* after a closing quote finds nothing", 'write it inside: "gas pipelin*"'
    return "a space is missing after the closing quote", ""


def after_bracket(rest: str) -> tuple[str, str] | None:
    """Message and hint for what follows a closing bracket without a space."""
    if rest.startswith("~"):
        return "(...)~5 is not an operator here", 'write "a b"~5 or a NEAR/5 b'
    if rest.startswith("^"):
        return "^ does not weigh terms here", "leave it out: an item matches or does not"
    return None


_ALONE = {
    "&": "write AND",
    "&&": "write AND",
    "+": "leave it out: terms side by side must all be there",
    "-": "write NOT",
    "!": "write NOT to exclude a term, = for exactly its letters",
    "||": "write OR",
    "/": "write OR",
    "!=": "write NOT",
    "==": "write title:putin",
    "=~": "write title:/putin/",
    "!~": "write NOT title:/putin/",
}


def _alone(word: str) -> tuple[str, str] | None:
    hint = _ALONE.get(word)
    return (f"{word} is not an operator here", hint) if hint else None


def _proximity(word: str) -> tuple[str, str] | None:
    odd = _ODD_DISTANCE.match(word)
    if odd:
        return f"{word} needs a number after {odd[1]}/", f"write {odd[1]}/10"
    if _SAME_PART.match(word):
        return f"{word} is not an operator here", "write NEAR/15 for words of one sentence"
    found = _DISTANCE.match(word)
    if not found:
        return None
    name, slash, distance, suffix = found[1].upper(), found[2], found[3], found[4]
    if name.startswith("NOT"):
        return f"{word} is not an operator here", f"write a NOT (a NEAR/{distance or 10} b)"
    if not distance:
        return None
    if not slash and (name in {"W", "P", "N"} or (name == "PRE" and not suffix)):
        return None  # P5 and W3 are names
    ordered = name in {"PRE", "P", "ADJ", "ONEAR"} or suffix.lower() == "f"
    ours = f"{'ONEAR' if ordered else 'NEAR'}/{int(distance[:9])}"
    return f"{word} is not an operator here", f"write {ours}"


def _combining(word: str) -> tuple[str, str] | None:
    if _AND_NOT.match(word):
        return f"{word} is not an operator here", "write NOT"
    if word in ("XOR", "EXC"):
        hint = "write NOT" if word == "EXC" else "write (a NOT b) OR (b NOT a)"
        return f"{word} is not an operator here", hint
    if word == "ADJ":
        return "ADJ is not an operator here", "write ONEAR/1"
    found = _AT_LEAST.match(word)
    if word.startswith("ATLEAST/") or (
        found and (found[1] or found[2] or word == "ATLEAST") and not found[3].isalpha()
    ):
        count = (found and found[2][:4]) or "2"
        return f"{word} is not an operator here", f"write ATLEAST/{count} (a, b, c)"
    return None


def _wildcard(word: str) -> tuple[str, str] | None:
    if "?" not in word:
        return None
    stem = word.partition("?")[0]
    if len(stem) < _FEWEST_LETTERS or stem[0] in "=~":
        return (
            f"? in {word} is not a wildcard here",
            "write each spelling, or put the term in quotes if the sign is meant",
        )
    return (
        f"? in {word} is not a wildcard here",
        f"write {stem}*, or put the term in quotes if the sign is meant",
    )


_COMPARES = re.compile(r"([^\W\d]\w*)(==|!=|=~|!~|>=|<=|=)")


def _comparing(word: str) -> tuple[str, str] | None:
    found = _COMPARES.match(word)
    if not found or (found[2] == "=" and found[1].lower() not in FIELDS and found[0] != word):
        return None
    name, value = found[1].lower(), word[found.end() :].strip("=")
    hint = f"write {name}:{value}" if name in FIELDS and value else "write title:putin"
    return f"{found[2]} in {word} is not an operator here", hint


_LEADING = {
    "+": "every term is required already; write {rest}",
    "!": "write NOT {rest} to exclude it, ={rest} for exactly these letters",
    "<": "there are no ranges; put the term in quotes if the sign is meant",
    ">": "there are no ranges; put the term in quotes if the sign is meant",
    "[": "there are no ranges; put the term in quotes if the sign is meant",
    "{": "there are no ranges; put the term in quotes if the sign is meant",
    "'": 'a phrase stands in double quotes, "gas pipeline"',
    "‘": 'a phrase stands in double quotes, "gas pipeline"',
    "^": "a term is found anywhere in a field; write /^.../ for its beginning",
}


def _leading(word: str) -> tuple[str, str] | None:
    hint = _LEADING.get(word[0])
    if hint is None or not any(map(str.isalnum, word)):
        return None
    return f"{word[0]} before {word[1:]} is not an operator here", hint.format(rest=word[1:])


def _trailing(word: str) -> tuple[str, str] | None:
    if "\\" in word:
        return f"\\ in {word} does not escape here", "put the term in quotes if its signs are meant"
    found = _FUZZY.match(word)
    if found:
        return f"{word} is not an operator here", f"write ~{found[1]} for its inflected forms"
    found = _BOOST.match(word)
    if found:
        return "^ does not weigh terms here", "leave it out: an item matches or does not"
    if len(word) > 1 and word[-1] == "!" and _ANY_LETTER.search(word):
        bare = word.rstrip("!")
        ends = bare[0] not in "=~" and len(bare) >= _FEWEST_LETTERS
        instead = f"{bare}*" if ends else "each spelling"
        return (
            f"! after {bare} is not a wildcard here",
            f"write {instead}, or put the term in quotes if the sign is meant",
        )
    if word[-1] in "]}" and _ANY_LETTER.search(word):
        return f"{word[-1]} in {word} is not an operator here", "there are no ranges"
    return None


FIELD_HINTS = {
    "site": "did you mean domain:?",
    "host": "did you mean domain:?",
    "website": "did you mean domain:?",
    "intitle": "did you mean title:?",
    "headline": "did you mean title:?",
    "allintitle": "did you mean title:?",
    "subject": "did you mean title:?",
    "body": "did you mean content:?",
    "text": "did you mean content:?",
    "intext": "did you mean content:?",
    "inbody": "did you mean content:?",
    "description": "did you mean summary:?",
    "desc": "did you mean summary:?",
    "inurl": "did you mean url:?",
    "link": "did you mean url:?",
    "links": "did you mean url:?",
    "language": "did you mean lang:?",
    "sourcelang": "did you mean lang:?",
    "publisher": "did you mean source:?",
    "tags": "did you mean tag:?",
    "category": "did you mean tag:?",
    "raw": "write =EU for exactly these letters",
}


def field_hint(name: str) -> str:
    """What to write instead of a field that does not exist; empty when nobody knows."""
    told = FIELD_HINTS.get(name.lower())
    if told:
        return told
    if name.upper() in ("NEAR", "ONEAR", "ATLEAST"):
        return f"write {name.upper()}/5 for the operator"
    found = _DISTANCE.match(name)
    if found and found[1].lower().endswith("near"):
        return f"write a NEAR/{found[3][:3] or 10} b"
    if re.match(r"repeat\d+$", name):
        return "mentions are not counted; write the term alone"
    return ""
