"""Every mistake has its place, its words and the next step."""

from __future__ import annotations

import pytest

from rules import Mistake, RuleErrors, compile_rules

FIELDS = (
    "fields are title, summary, content, author, tag, url, domain, feed, source, lang; "
    "a term that holds : stands in quotes"
)

TERMS_ONLY = "write terms, or terms joined by OR in brackets"
BESIDE = "a field cannot stand inside another; write them beside each other"


def mistakes(expression: str, **terms: list[str]) -> tuple[Mistake, ...]:
    groups = {"putin": ["x"], "sites": ["*.go.id"], **terms}
    with pytest.raises(RuleErrors) as caught:
        compile_rules({"rule": expression}, groups)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("expression", "column", "message", "hint"),
    [
        ("Xi AND", 7, "expected a term after AND", ""),
        ("Xi AND )", 8, "expected a term after AND", ""),
        ("AND Xi", 1, "expected a term before AND", ""),
        ("OR", 1, "expected a term before OR", ""),
        ("Xi OR", 6, "expected a term after OR", ""),
        ("Xi | ", 5, "expected a term after |", ""),
        ("NOT", 4, "expected a term after NOT", ""),
        ("Xi NOT", 7, "expected a term after NOT", ""),
        ("-", 1, "- is not an operator here", "write NOT"),
        ("(", 2, "expected a term after (", ""),
        ("()", 2, "expected a term after (", ""),
        ("(a", 1, "( is never closed", "write ) after its last term"),
        ("a)", 2, ") closes nothing", "remove it, or write ( before"),
        ("a) AND (b", 2, ") closes nothing", "remove it, or write ( before"),
        ("title:", 7, "expected a term after title:", ""),
        ("title:NOT a", 7, "NOT stands before a field, not after title:", "write NOT title:..."),
        ("a NEAR", 7, "expected a term after NEAR", ""),
        (
            "a NEAR/5 NOT b",
            10,
            "NOT cannot be an operand of NEAR/5",
            "write terms, or terms joined by OR in brackets",
        ),
        (
            "a NEAR/5 b NEAR/5 c",
            12,
            "NEAR/5 cannot follow another NEAR",
            "write (a NEAR b) AND (b NEAR c)",
        ),
        (
            "a NEAR (b c)",
            8,
            "AND cannot be an operand of NEAR",
            "write terms, or terms joined by OR in brackets",
        ),
        (
            "a NEAR (b OR NOT c)",
            14,
            "NOT cannot be an operand of NEAR",
            "write terms, or terms joined by OR in brackets",
        ),
        (
            "a NEAR ATLEAST/1 (b, c)",
            8,
            "ATLEAST cannot be an operand of NEAR",
            "write terms, or terms joined by OR in brackets",
        ),
        (
            "tag:a NEAR b",
            1,
            "a field of whole values cannot be an operand of NEAR",
            "write terms, or terms joined by OR in brackets",
        ),
        ("a NOT NEAR b", 7, "expected a term after NOT", "write a NOT (a NEAR b)"),
        (
            "a NEAR/101 b",
            3,
            "NEAR/101 is farther than NEAR/100, the limit",
            "write AND for words anywhere in the item",
        ),
        (
            "a, b",
            2,
            "a comma separates only the list of ATLEAST",
            "write OR for any of them, AND for all",
        ),
        (
            "(a, b)",
            3,
            "a comma separates only the list of ATLEAST",
            "write OR for any of them, AND for all",
        ),
        (
            ", a",
            1,
            "a comma separates only the list of ATLEAST",
            "write OR for any of them, AND for all",
        ),
        ("ATLEAST/2 a", 1, "ATLEAST/2 needs a list in brackets", "write ATLEAST/2 (a, b, c)"),
        (
            "ATLEAST/2 (a)",
            1,
            "ATLEAST/2 has 1 different one in its list",
            "ask for at least 1 and at most all of them",
        ),
        (
            "ATLEAST/2 (gas, Gas, GAS)",
            1,
            "ATLEAST/2 has 1 different one in its list",
            "ask for at least 1 and at most all of them",
        ),
        (
            "ATLEAST/2 (a, a)",
            1,
            "ATLEAST/2 has 1 different one in its list",
            "ask for at least 1 and at most all of them",
        ),
        (
            "ATLEAST/0 (a, b)",
            1,
            "ATLEAST/0 has 2 different ones in its list",
            "ask for at least 1 and at most all of them",
        ),
        ("ATLEAST/2 (a, b", 11, "( is never closed", "write ) after its last term"),
        (
            "NOT x",
            1,
            "NOT x needs nothing to be there, and a rule must",
            "write before NOT what must be there",
        ),
        (
            "NOT x OR y",
            1,
            "NOT x needs nothing to be there, and a rule must",
            "write before NOT what must be there",
        ),
        (
            "y OR NOT x",
            6,
            "NOT x needs nothing to be there, and a rule must",
            "write before NOT what must be there",
        ),
        (
            "-a -b",
            1,
            "-a -b needs nothing to be there, and a rule must",
            "write before NOT what must be there",
        ),
        (
            "title:(summary:x)",
            8,
            "summary: stands inside title:",
            "a field cannot stand inside another; write them beside each other",
        ),
        ("titel:x", 1, "no field named titel", "did you mean title:?"),
        ("site:x", 1, "no field named site", "did you mean domain:?"),
        ("foo:x", 1, "no field named foo", FIELDS),
        ("习:x", 1, "no field named 习", FIELDS),
        ('near10:"xi putin"', 1, "no field named near10", "write a NEAR/10 b"),
        (
            'repeat3:"pipeline"',
            1,
            "no field named repeat3",
            "mentions are not counted; write the term alone",
        ),
        ("raw:EU+", 1, "no field named raw", "write =EU for exactly these letters"),
        ("@putn", 1, "no group named @putn", "did you mean @putin?"),
        ("@zzz", 1, "no group named @zzz", ""),
        ("@", 1, "@ needs the name of a group", "write @putin"),
        (
            "@sites",
            1,
            "group @sites: * in *.go.id stands beside no word",
            "entries like it belong into fields of whole values, domain:@sites",
        ),
        ("W/5", 1, "W/5 is not an operator here", "write NEAR/5"),
        ("w/s", 1, "w/s is not an operator here", "write NEAR/15 for words of one sentence"),
        ("a w/5 b", 3, "w/5 is not an operator here", "write NEAR/5"),
        ("NEAR5", 1, "NEAR5 is not an operator here", "write NEAR/5"),
        ("NEAR/2f", 1, "NEAR/2f is not an operator here", "write ONEAR/2"),
        ("a NEAR/ b", 3, "NEAR/ needs a number after NEAR/", "write NEAR/10"),
        ("a NEAR/-5 b", 3, "NEAR/-5 needs a number after NEAR/", "write NEAR/10"),
        ("a NEAR/5.5 b", 3, "NEAR/5.5 needs a number after NEAR/", "write NEAR/10"),
        ("a NEAR/1/2 b", 3, "NEAR/1/2 needs a number after NEAR/", "write NEAR/10"),
        (
            "ATLEAST/x (a, b)",
            1,
            "ATLEAST/x is not an operator here",
            "write ATLEAST/2 (a, b, c)",
        ),
        ("lang=en", 1, "= in lang=en is not an operator here", "write lang:en"),
        ("title==gas", 1, "== in title==gas is not an operator here", "write title:gas"),
        (
            "‘gas pipeline’",
            1,
            "‘ before gas is not an operator here",
            'a phrase stands in double quotes, "gas pipeline"',
        ),
        ("a NEAR (b NEAR c)", 8, "NEAR cannot be an operand of NEAR", TERMS_ONLY),
        ("a NEAR/5 AND b", 10, "expected a term after NEAR/5", ""),
        ("ATLEAST/2 (a, , b)", 15, "expected a term after ,", ""),
        ("title:title:x", 7, "title: stands inside title:", BESIDE),
        ("a]", 1, "] in a] is not an operator here", "there are no ranges"),
        ('tag:"!"', 5, '"!" has no letter or digit to look for', "write a word"),
        ("a ONEAR/x b", 3, "ONEAR/x needs a number after ONEAR/", "write ONEAR/10"),
        ("PRE/3", 1, "PRE/3 is not an operator here", "write ONEAR/3"),
        ("near/5", 1, "near/5 is not an operator here", "write NEAR/5"),
        ("ANDNOT", 1, "ANDNOT is not an operator here", "write NOT"),
        ("andnot", 1, "andnot is not an operator here", "write NOT"),
        ("ATLEAST3", 1, "ATLEAST3 is not an operator here", "write ATLEAST/3 (a, b, c)"),
        ("ATLEAST", 1, "ATLEAST is not an operator here", "write ATLEAST/2 (a, b, c)"),
        ("ATLEAST3 (a, b)", 1, "ATLEAST3 is not an operator here", "write ATLEAST/3 (a, b, c)"),
        ("CAPS(US)", 1, "CAPS(...) is not an operator here", "write =US"),
        (
            "HLEAD(Xi)",
            1,
            "HLEAD(...) is not an operator here",
            "write title:(...) OR summary:(...)",
        ),
        (
            "NATO(EU)",
            1,
            "NATO(...) is not an operator here",
            "put a space between, if NATO is a word to look for",
        ),
        (
            'headline("joint statement")',
            1,
            "headline(...) is not an operator here",
            "write title:(...)",
        ),
        ("(a b)~5", 6, "(...)~5 is not an operator here", 'write "a b"~5 or a NEAR/5 b'),
        (
            "(a b)^2",
            6,
            "^ before 2 is not an operator here",
            "a term is found anywhere in a field; write /^.../ for its beginning",
        ),
        (
            "+putin",
            1,
            "+ before putin is not an operator here",
            "every term is required already; write putin",
        ),
        (
            "!x",
            1,
            "! before x is not an operator here",
            "write NOT x to exclude it, =x for exactly these letters",
        ),
        (
            "p?tin",
            1,
            "? in p?tin is not a wildcard here",
            "write each spelling, or put the term in quotes if the sign is meant",
        ),
        (
            "diploma?",
            1,
            "? in diploma? is not a wildcard here",
            "write diploma*, or put the term in quotes if the sign is meant",
        ),
        (
            "gazprm~1",
            1,
            "gazprm~1 is not an operator here",
            "write ~gazprm for its inflected forms",
        ),
        ("gazprm~", 1, "gazprm~ is not an operator here", "write ~gazprm for its inflected forms"),
        ("x^2", 1, "^ does not weigh terms here", "leave it out: an item matches or does not"),
        ('"a b"^2', 6, "^ does not weigh terms here", "leave it out: an item matches or does not"),
        ('"a b"~', 6, "a window needs a number after ~", 'write "gas pipeline"~5'),
        ('"a b"x', 6, "a space is missing after the closing quote", ""),
        (
            '"gas pipelin"*',
            14,
            "* after a closing quote finds nothing",
            'write it inside: "gas pipelin*"',
        ),
        ("a & b", 3, "& is not an operator here", "write AND"),
        ("a && b", 3, "&& is not an operator here", "write AND"),
        ("a || b", 3, "|| is not an operator here", "write | or OR"),
        (
            "a NOTNEAR/5 b",
            3,
            "NOTNEAR/5 is not an operator here",
            "write a NOT (a NEAR/5 b)",
        ),
        ("a ADJ5 b", 3, "ADJ5 is not an operator here", "write ONEAR/5"),
        (
            "a + b",
            3,
            "+ is not an operator here",
            "leave it out: terms side by side must all be there",
        ),
        ("a - b", 3, "- is not an operator here", "write NOT"),
        (
            "a / b",
            3,
            "a regular expression must end in /",
            "put a term that begins with / in quotes",
        ),
        (
            "p*n",
            2,
            "* stands inside a word in p*n",
            "write a regular expression, /p\\pL*n/",
        ),
        (
            "Zü*ch",
            3,
            "* stands inside a word in Zü*ch",
            "write a regular expression, /zu\\pL*ch/",
        ),
        (
            "=Zü*ch",
            4,
            "* stands inside a word in =Zü*ch",
            "write a regular expression, /Zü\\pL*ch/c",
        ),
        (
            '="the g*s"',
            8,
            '* stands inside a word in ="the g*s"',
            "write a regular expression, /g\\pL*s/c",
        ),
        (
            "US!",
            1,
            "! after US is not a wildcard here",
            "write each spelling, or put the term in quotes if the sign is meant",
        ),
        (
            "~leak!",
            1,
            "! after ~leak is not a wildcard here",
            "write each spelling, or put the term in quotes if the sign is meant",
        ),
        (
            "Gaz*bank",
            4,
            "* stands inside a word in Gaz*bank",
            "write Gaz* or *bank, or a regular expression, /gaz\\pL*bank/",
        ),
        (
            "gas*ln",
            4,
            "* stands inside a word in gas*ln",
            "write gas*, or a regular expression, /gas\\pL*ln/",
        ),
        (
            "*",
            1,
            "* stands beside no word",
            'write pipelin* or *stream, or "gas pipeline"~1 for a word between',
        ),
        (
            '"gas * pipeline"',
            1,
            '* in "gas * pipeline" stands beside no word',
            'write pipelin* or *stream, or "gas pipeline"~1 for a word between',
        ),
        (
            "ab*",
            1,
            "ab* would find too many words: * needs at least 3 letters",
            "write more letters, or each word",
        ),
        (
            '"gas p*"',
            1,
            '"gas p*" would find too many words: * needs at least 3 letters',
            "write more letters, or each word",
        ),
        (
            "*ab",
            1,
            "*ab would find too many words: * needs at least 3 letters",
            "write more letters, or each word",
        ),
        (
            "~gas*",
            1,
            "~ and * do not combine in ~gas*",
            "write ~ for inflected forms or * for any ending",
        ),
        (
            "=~x",
            1,
            "=~ is not an operator here",
            "write = for exactly these letters or ~ for inflected forms",
        ),
        (
            "==x",
            1,
            "== is not an operator here",
            "write = for exactly these letters or ~ for inflected forms",
        ),
        ("=", 1, "= needs a term right after it", "write =Gazprom"),
        ("~", 1, "~ needs a term right after it", "write ~Gazprom"),
        ("= x", 1, "= needs a term right after it", "write =Gazprom"),
        ('"x" = "y"', 5, "= needs a term right after it", "write =Gazprom"),
        ("++", 1, "++ has no letter or digit to look for", "write a word"),
        ('""', 1, '"" has no letter or digit to look for', "write a word"),
        ('"abc', 1, '" is never closed', 'write " after the last word'),
        ("“abc", 1, '" is never closed', 'write " after the last word'),
        (
            "/abc",
            1,
            "a regular expression must end in /",
            "put a term that begins with / in quotes",
        ),
        (
            "/abc/i",
            6,
            "a regular expression cannot end in /i",
            "write /.../ to ignore case, /.../c to respect it",
        ),
        (
            "/abc/d",
            6,
            "a regular expression cannot end in /d",
            "write /.../ to ignore case, /.../c to respect it",
        ),
        (
            "/a b/c/d",
            7,
            "a space is missing after /a b/c",
            "put a term with / in quotes if no regular expression is meant",
        ),
        ("/(?=x)/", 1, "/(?=x)/ uses look-ahead, which RE2 does not have", ""),
        ("/(?<!x)a/", 1, "/(?<!x)a/ uses look-behind, which RE2 does not have", ""),
        ("/(a)\\1/", 1, "/(a)\\1/ uses a back-reference, which RE2 does not have", ""),
        (
            "/(?P<n>a)(?P=n)/",
            1,
            "/(?P<n>a)(?P=n)/ uses a back-reference, which RE2 does not have",
            "",
        ),
        ("/(?>a)/", 1, "/(?>a)/ uses an atomic group, which RE2 does not have", ""),
        ("/a{1,2000}/", 1, "/a{1,2000}/ repeats more than 1000 times: {1,2000}", ""),
        ("/(/", 1, "/(/ is not a regular expression: missing ): (", ""),
        ("/[/", 1, "/[/ is not a regular expression: missing ]: [", ""),
        ("/a**/", 1, "/a**/ is not a regular expression: bad repetition operator: **", ""),
        ("/a*/", 1, "/a*/ matches the empty text, so it would match everywhere", ""),
        ("/^/", 1, "/^/ matches the empty text, so it would match everywhere", ""),
        ("/\\b/", 1, "/\\b/ matches the empty text, so it would match everywhere", ""),
        ("/\\q/", 1, "/\\q/ is not a regular expression: invalid escape sequence: \\q", ""),
        (
            "feed:~x",
            6,
            "feed: compares whole values, so ~x has no meaning there",
            "write the value, with * for any letters",
        ),
        (
            'tag:"a b"~5',
            5,
            'tag: compares whole values, so "a b"~5 has no meaning there',
            "write the value, with * for any letters",
        ),
        (
            "[10 TO 100]",
            1,
            "[ before 10 is not an operator here",
            "there are no ranges; put the term in quotes if the sign is meant",
        ),
        (
            ">=10",
            1,
            "> before =10 is not an operator here",
            "there are no ranges; put the term in quotes if the sign is meant",
        ),
        (
            "'gas pipeline'",
            1,
            "' before gas is not an operator here",
            'a phrase stands in double quotes, "gas pipeline"',
        ),
        (
            "first\\ name:Xi",
            1,
            "\\ in first\\ does not escape here",
            "put the term in quotes if its signs are meant",
        ),
        (
            "sanction!",
            1,
            "! after sanction is not a wildcard here",
            "write sanction*, or put the term in quotes if the sign is meant",
        ),
        ("EXC football", 1, "EXC is not an operator here", "write NOT"),
        ("a XOR b", 3, "XOR is not an operator here", "write (a NOT b) OR (b NOT a)"),
        ("a ADJ b", 3, "ADJ is not an operator here", "write ONEAR/1"),
        (
            '"a b c d e f g h i j k"~5',
            1,
            '"..."~5 holds 11 words; the limit is 10',
            "leave the least telling words out",
        ),
        (
            '"a b"~101',
            1,
            '"a b"~101 is wider than "..."~100, the limit',
            "write AND for words anywhere in the item",
        ),
        ("", 1, "the rule is empty", "write a word to look for"),
        (
            'title==""',
            1,
            "== in title== is not an operator here",
            "write title:putin",
        ),
        ('a != "b"', 3, "!= is not an operator here", "write NOT"),
        ("title=x", 1, "= in title=x is not an operator here", "write title:x"),
        ('= "b"', 1, "= needs a term right after it", "write =Gazprom"),
        ('a =~ "b"', 3, "=~ is not an operator here", "write title:/putin/"),
        ("pubdate:[2022 TO 2023]", 1, "no field named pubdate", FIELDS),
        ("(a OR b", 1, "( is never closed", "write ) after its last term"),
        ('"a"b', 4, "a space is missing after the closing quote", ""),
        (
            "<5",
            1,
            "< before 5 is not an operator here",
            "there are no ranges; put the term in quotes if the sign is meant",
        ),
        ("x|", 3, "expected a term after |", ""),
        (
            "a ,b",
            3,
            "a comma separates only the list of ATLEAST",
            "write OR for any of them, AND for all",
        ),
        ("w/para", 1, "w/para is not an operator here", "write NEAR/15 for words of one sentence"),
        ("a NEAR:5 b", 3, "no field named NEAR", "write NEAR/5 for the operator"),
        ("foo:TO*", 1, "no field named foo", FIELDS),
        (
            'author:book:title:"foo"',
            8,
            "book: stands inside author:",
            "a field cannot stand inside another; write them beside each other",
        ),
        ("a NEAR/5f b", 3, "NEAR/5f is not an operator here", "write ONEAR/5"),
        ("NEAR NEAR", 1, "expected a term before NEAR", ""),
        (
            "PHRASE1(joint statement)",
            1,
            "PHRASE1(...) is not an operator here",
            'write "gas pipeline"',
        ),
        ("PLURAL(leak)", 1, "PLURAL(...) is not an operator here", "write ~leak"),
        ("Putin andnot Medvedev", 7, "andnot is not an operator here", "write NOT"),
        ("near/3", 1, "near/3 is not an operator here", "write NEAR/3"),
        (
            "p？tin",
            1,
            "? in p?tin is not a wildcard here",
            "write each spelling, or put the term in quotes if the sign is meant",
        ),
        (
            "＋putin",
            1,
            "+ before putin is not an operator here",
            "every term is required already; write putin",
        ),
        ("a ＆ b", 3, "& is not an operator here", "write AND"),
        (
            "/x/ic",
            4,
            "a regular expression cannot end in /ic",
            "write /.../ to ignore case, /.../c to respect it",
        ),
    ],
)
def test_a_mistake_says_where_what_and_what_next(
    expression: str, column: int, message: str, hint: str
) -> None:
    first = mistakes(expression)[0]
    assert (first.column, first.message, first.hint) == (column, message, hint)
    assert first.rule == "rule"


def test_a_mistake_shows_its_line_with_a_caret() -> None:
    (mistake,) = mistakes("Xi AND")
    assert str(mistake) == "column 7: expected a term after AND\n    Xi AND\n          ^"


def test_a_mistake_of_a_long_rule_has_its_own_line() -> None:
    (mistake,) = mistakes("Xi AND\n  (gas OR\n   +oil)")
    assert (mistake.line, mistake.column, mistake.offset) == (3, 4, 20)
    assert mistake.source == "   +oil)"


def test_a_rule_tells_all_its_terms_that_are_wrong() -> None:
    told = [
        (mistake.column, mistake.message) for mistake in mistakes("+a OR @putn OR b* OR titel:c")
    ]
    assert told == [
        (1, "+ before a is not an operator here"),
        (7, "no group named @putn"),
        (16, "b* would find too many words: * needs at least 3 letters"),
        (22, "no field named titel"),
    ]


def test_ten_mistakes_of_a_rule_are_enough() -> None:
    told = mistakes(" OR ".join(["+gas"] * 15))
    assert [mistake.column for mistake in told] == list(range(1, 81, 8))


def test_all_mistakes_of_all_rules_and_groups_come_together() -> None:
    with pytest.raises(RuleErrors) as caught:
        compile_rules({"one": "a AND", "two": "fine", "three": "@g x*"}, {"g": ["+x", "y", "@h"]})
    told = [(m.rule, m.entry, m.message) for m in caught.value.mistakes]
    assert told == [
        ("@g", 0, "+ before x is not an operator here"),
        ("@g", 2, "no group named @h"),
        ("one", None, "expected a term after AND"),
        ("three", None, "x* would find too many words: * needs at least 3 letters"),
    ]


def test_a_changed_rule_with_a_mistake_leaves_the_rule_set_as_it_was() -> None:
    rules = compile_rules({"one": "a"})
    with pytest.raises(RuleErrors, match="expected a term after AND"):
        rules.updated({"one": "a AND"})
    assert rules.expressions == {"one": "a"}


@pytest.mark.parametrize(
    ("entry", "offset", "message", "hint"),
    [
        (
            "gas OR oil",
            4,
            "an entry is one term",
            "write each term as an entry of its own, operators in the rule",
        ),
        (
            "(gas)",
            0,
            "an entry is one term",
            "write each term as an entry of its own, operators in the rule",
        ),
        (
            "gas | oil",
            4,
            "an entry is one term",
            "write each term as an entry of its own, operators in the rule",
        ),
        (
            "-gas",
            0,
            "an entry is one term",
            "write each term as an entry of its own, operators in the rule",
        ),
        (
            '"gas" oil',
            0,
            "an entry is one term",
            "write each term as an entry of its own, operators in the rule",
        ),
        (
            "@a b",
            0,
            "an entry is one term",
            "write each term as an entry of its own, operators in the rule",
        ),
        ("title:gas", 0, "a group holds terms without fields", "write title:@group in the rule"),
        ("gas W/5 oil", 4, "W/5 is not an operator here", "write NEAR/5"),
        (
            "p?tin",
            0,
            "? in p?tin is not a wildcard here",
            "write each spelling, or put the term in quotes if the sign is meant",
        ),
        (
            "+putin",
            0,
            "+ before putin is not an operator here",
            "every term is required already; write putin",
        ),
        (
            "ab*",
            0,
            "ab* would find too many words: * needs at least 3 letters",
            "write more letters, or each word",
        ),
        (
            "~gas*",
            0,
            "~ and * do not combine in ~gas*",
            "write ~ for inflected forms or * for any ending",
        ),
        ("=~x", 0, "= needs a term right after it", ""),
        (
            "/a",
            0,
            "a regular expression must end in / or /c",
            "put a term that begins with / in double quotes",
        ),
        ("/(?=a)/", 0, "/(?=a)/ uses look-ahead, which RE2 does not have", ""),
        ("", 0, "'' has no letter or digit to look for", "write a word"),
        ("&", 0, "& has no letter or digit to look for", "write a word"),
        ("@nobody", 0, "no group named @nobody", ""),
        (" @puttin", 1, "no group named @puttin", "did you mean @putin?"),
    ],
)
def test_an_entry_of_a_group_is_one_term(entry: str, offset: int, message: str, hint: str) -> None:
    (mistake,) = mistakes("x", broken=["fine", entry])
    assert (mistake.rule, mistake.entry) == ("@broken", 1)
    assert (mistake.offset, mistake.message, mistake.hint) == (offset, message, hint)


@pytest.mark.parametrize(
    "entry",
    [
        "Johnson & Johnson",
        "Su - 57",
        "Smith, John",
        "pipa gas",
        '"pipa gas"~5',
        "oil and gas",
        '="Us Weekly"',
        "10:30",
        'the "Power of Siberia" line',
        "=Xi Jinping",
        "~gas pipelines",
    ],
)
def test_an_entry_may_be_several_words_without_quotes(entry: str) -> None:
    compile_rules({"rule": "@g"}, {"g": [entry]})


def test_groups_that_use_each_other_in_a_circle_are_told_once() -> None:
    (mistake,) = mistakes("@a OR @b OR @c", a=["x", "@b"], b=["@c"], c=["@a", "y"])
    assert (mistake.rule, mistake.entry) == ("@a", 1)
    assert mistake.message == "group @a uses itself: @a -> @b -> @c -> @a"


def test_a_group_may_not_use_itself() -> None:
    (mistake,) = mistakes("@a", a=["@a"])
    assert mistake.message == "group @a uses itself: @a -> @a"


def test_a_group_needs_terms() -> None:
    (mistake,) = mistakes("@a", a=[])
    assert (mistake.rule, mistake.message) == ("@a", "group @a has no terms")


def test_an_entry_of_a_group_is_no_longer_than_a_rule() -> None:
    (mistake,) = mistakes("@a", a=["a " * 10_001])
    assert (mistake.rule, mistake.entry) == ("@a", 0)
    assert mistake.message == "an entry of 20,002 characters; the limit is 20,000"
    assert mistake.hint == TELLING


def test_an_entry_of_a_group_is_no_longer_than_a_term() -> None:
    (mistake,) = mistakes("@a", a=["gas", "普" * 1_001])
    assert (mistake.rule, mistake.entry) == ("@a", 1)
    assert mistake.message == "a term of 1,001 characters; the limit is 1,000"
    assert mistake.hint == "write only the words that tell it from others"


DIVIDE = "divide it into several rules"
ANYWHERE = "write AND for words anywhere in the item"
TELLING = "write only the words that tell it from others"


@pytest.mark.parametrize(
    ("expression", "line", "column", "message", "hint"),
    [
        (
            "a " * 10_001,
            1,
            20_001,
            "a rule of 20,002 characters; the limit is 20,000",
            "put its terms into groups, or divide it",
        ),
        ("@big\nOR other", 2, 4, "more than 2,000 terms in a rule with its groups", DIVIDE),
        ("a OR @big", 1, 6, "more than 2,000 terms in a rule with its groups", DIVIDE),
        ("a " * 2_001, 1, 4_001, "more than 2,000 terms in a rule with its groups", DIVIDE),
        (
            "(" * 101 + "a" + ")" * 101,
            1,
            101,
            "more than 100 levels of brackets",
            "most of them are not needed",
        ),
        (
            "b (" * 101 + "a" + ")" * 101,
            1,
            303,
            "more than 100 levels of brackets",
            "most of them are not needed",
        ),
        (f"title:{'a' * 1001}", 1, 7, "a term of 1,001 characters; the limit is 1,000", TELLING),
        (f"tag:{'a' * 1001}", 1, 5, "a term of 1,001 characters; the limit is 1,000", TELLING),
        ("a" * 1_001, 1, 1, "a term of 1,001 characters; the limit is 1,000", TELLING),
        (
            'x "' + "a " * 501 + '"',
            1,
            3,
            "a term of 1,002 characters; the limit is 1,000",
            TELLING,
        ),
        (
            f"x\n  /{'a' * 1001}/",
            2,
            3,
            "a regular expression of 1,001 characters; the limit is 1,000",
            "divide it with OR",
        ),
        ("a NEAR/101 b", 1, 3, "NEAR/101 is farther than NEAR/100, the limit", ANYWHERE),
        (
            "a ONEAR/999999999999 b",
            1,
            3,
            "ONEAR/999999999999 is farther than ONEAR/100, the limit",
            ANYWHERE,
        ),
        ('x "a b"~101', 1, 3, '"a b"~101 is wider than "..."~100, the limit', ANYWHERE),
        (
            '"a b c d e f g h i j k"~1',
            1,
            1,
            '"..."~1 holds 11 words; the limit is 10',
            "leave the least telling words out",
        ),
    ],
)
def test_every_limit_has_its_message(
    expression: str, line: int, column: int, message: str, hint: str
) -> None:
    (mistake,) = mistakes(expression, big=[f"word{index}" for index in range(2_000)])
    assert (mistake.line, mistake.column) == (line, column)
    assert (mistake.message, mistake.hint) == (message, hint)


@pytest.mark.parametrize(
    "expression",
    [
        ("a " * 10_000)[:4_000],
        "@big",
        "(" * 100 + "a" + ")" * 100,
        "a" * 1_000,
        f"/{'a' * 1000}/",
        "a NEAR/100 b",
        '"a b c d e f g h i j"~100',
        "NOT " * 4_998 + "abcd",
        "-" * 19_998 + "ab",
    ],
)
def test_what_is_within_the_limits_is_read(expression: str) -> None:
    compile_rules({"rule": expression}, {"big": [f"word{index}" for index in range(2_000)]})
