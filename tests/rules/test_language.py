"""The description of the language, sentence by sentence: what each promises is so."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules import Document, RuleErrors, Span, compile_rules, evaluate, load_rules


def holds(expression: str, text: str, lang: str = "") -> bool:
    return evaluate(expression, Document(text, lang=lang)) is not None


@pytest.mark.parametrize(
    ("sentence", "expression", "text", "lang"),
    [
        # text and words
        ("NFKC", "fi", "ﬁ", ""),
        ("case folding", "strasse", "STRAẞE", ""),
        ("soft hyphens are dropped", "pipeline", "pipe\u00adline", ""),
        ("zero-width characters are dropped", "pipeline", "pipe\u200bli\u2060ne\ufeff", ""),
        ("bidi controls are dropped", "pipeline", "\u202apipe\u200eline\u202c", ""),
        ("typographic apostrophes are plain ones", "o'brien", "O’Brien", ""),
        ("typographic dashes are plain ones", "covid-19", "COVID—19", ""),
        ("ё is е", "елка", "Ёлка", ""),
        ("accents of Latin letters do not count", "Zürich", "zurich", ""),
        ("nor those of Greek letters", "Πούτιν", "ΠΟΥΤΙΝ", ""),
        ("Cyrillic stress marks are dropped", "Путин", "Пу\u0301тин", ""),
        ("Arabic tashkeel is dropped", "بوتين", "بُوتِين", ""),
        ("tatweel is dropped", "بوتين", "بـوتين", ""),
        ("Hebrew niqqud is dropped", "פוטין", "פּוּטִין", ""),
        ("ı is i", "isil", "ışıl", ""),
        ("ł is l", "lodz", "Łódź", ""),
        ("đ is d", "dakovic", "Đaković", ""),
        ("ø is o", "malmo", "Malmø", ""),
        ("ħ is h", "hamrun", "Ħamrun", ""),
        ("æ is ae", "aero", "Ærø", ""),
        ("œ is oe", "oeuvre", "œuvre", ""),
        ("أ is ا", "احمد", "أحمد", ""),
        ("إ is ا", "ايران", "إيران", ""),
        ("آ is ا", "اسيا", "آسيا", ""),
        ("ٱ is ا", "ال", "ٱل", ""),
        ("ی is ي", "علي", "علی", ""),
        ("ک is ك", "كتاب", "کتاب", ""),
        ("™ is a sign", "gazprom", "Gazprom™", ""),
        ("℠ is a sign", "gazprom", "Gazprom℠", ""),
        ("superscript digits are signs", "gazprom", "Gazprom²", ""),
        ("an apostrophe ends a word", "putin", "Putin's", ""),
        ("a hyphen separates two words", '"covid 19"', "COVID-19", ""),
        ("which are adjacent", "covid-19", "COVID 19", ""),
        ("a zero-width non-joiner between Arabic letters too", "تحریم", "تحریم\u200cهای", ""),
        # scripts without spaces
        ("Han: found inside", "普京", "普京访华", ""),
        ("a run of Katakana is one word", "タイ", "タイの首相", ""),
        ("Hangul ends where another script begins", "EU", "EU가", ""),
        ("or a digit", "2024", "2024년", ""),
        ("푸틴*", "푸틴*", "푸틴이", ""),
        ("*بوتين", "*بوتين", "وبوتين", ""),
        ("*pipeline*", "*pipeline*", "Gaspipeline", ""),
        ("~pipa", "~pipa", "pipanya", "id"),
        # signs
        ("AT&T", "AT&T", "at&t", ""),
        ("signs stand between the same words", "AT&T", "AT & T", ""),
        ("or right beside the end", "C++", "in C++.", ""),
        (".NET", ".NET", "the .net way", ""),
        ("S&P 500", '"S&P 500"', "S&P-500", ""),
        ("10:30", "10:30", "at 10:30", ""),
        ("km/h", "km/h", "90 km/h", ""),
        ("hyphens are never asked for", "gas-pipeline", "gas pipeline", ""),
        ('commas, semicolons and " neither', '"gas, oil; coal"', "gas oil coal", ""),
        ("digits compare by value", "２０２４", "٢٠٢٤", ""),
        ("of every script", "2024", "२०२४", ""),
        # terms
        ("any case, any accents", "pipeline", "PIPÉLINE", ""),
        ("whatever signs stand between", '"gas pipeline"', "gas... (pipeline)", ""),
        ("in any order, 5 words beyond", '"gas pipeline"~5', "pipeline 1 2 3 4 5 gas", ""),
        ("words that begin so", "pipelin*", "pipelining", ""),
        ("one letter for Han", "普*", "普京", ""),
        ("for kana", "プ*", "プーチン", ""),
        ("for Hangul", "푸*", "푸틴", ""),
        ("also inside a phrase", '"gas pipelin*"', "gas pipelines", ""),
        ("words that end so", "*stream", "Nordstream", ""),
        ("words that contain it", "*stream*", "Nordstreams", ""),
        ("exactly these letters", "=US", "the US", ""),
        ("of a phrase", '="Us Weekly"', "Us Weekly", ""),
        ("any inflected form", "~pipeline", "pipelines", "en"),
        ("of a phrase's words", '~"gas pipelines"', "gas pipeline", "en"),
        ("and the word itself", "~pipeline", "pipeline", ""),
        ("without a stemmer only that", "~Путін", "Путін", "uk"),
        ("ignoring case", r"/gas\s?prom/", "GAS PROM", ""),
        ("on the normalised text", "/zurich/", "Zürich", ""),
        ("or on the original", "/Zürich/c", "Zürich", ""),
        (r"\pL and \pN", r"/^\pL+ \pN+$/", "цена ٢٠", ""),
        ("= and * combine", "=Gazprom*", "Gazprombank", ""),
        ("quotes “ ”", "“gas deal”", "gas deal", ""),
        ("quotes „ “", "„gas deal“", "gas deal", ""),
        ("quotes « »", "«gas deal»", "gas deal", ""),
        ("quotes 「 」", "「gas deal」", "gas deal", ""),
        ("quotes ＂ ＂", "＂gas deal＂", "gas deal", ""),
        ("full-width ( ) |", "（gas｜oil）　deal", "oil deal", ""),
        ("full-width * = ~", "pipelin＊ ＝US ～gas", "pipelines US gas", ""),
        ("full-width , :", "ATLEAST/1 （title：gas， oil）", "gas", ""),
        ("a comma between digits stays inside", "7,000", "7,000", ""),
        ('a " between Hebrew letters stays inside', 'צה"ל', 'צה"ל', ""),
        ("gas-pipeline is a term", "gas-pipeline", "gas pipeline", ""),
        ("AC/DC is a term", "AC/DC", "AC/DC", ""),
        ("a@b.org is a term", "a@b.org", "a@b.org", ""),
        ("http:// is a term", "http://tass.com", "http://tass.com", ""),
        # operators
        ("NEAR: at most 10 words between", "a NEAR/10 b", "a 1 2 3 4 5 6 7 8 9 0 b", ""),
        ("either order", "a NEAR/10 b", "b a", ""),
        ("NEAR alone is NEAR/10", "a NEAR b", "a 1 2 3 4 5 6 7 8 9 0 b", ""),
        ("ONEAR: a first", "a ONEAR/10 b", "a b", ""),
        ("NOT", "a NOT b", "a", ""),
        ("-", "a -b", "a", ""),
        ("side by side is AND", "a b", "b a", ""),
        ("OR", "a OR b", "b", ""),
        ("|", "a | b", "b", ""),
        ("ATLEAST: two different ones", "ATLEAST/2 (a, b, c)", "c a", ""),
        ("any expressions", 'ATLEAST/2 (a NOT x, b c, "d e")', "a d e", ""),
        ("it stands where a term stands", "x ATLEAST/1 (a, b) -y", "x b", ""),
        ("a line break is a space", "a\nAND\nb", "a b", ""),
        ("NOT in brackets beside a term", "a (NOT b OR c)", "a", ""),
    ],
)
def test_it_finds(sentence: str, expression: str, text: str, lang: str) -> None:
    assert holds(expression, text, lang), sentence


@pytest.mark.parametrize(
    ("sentence", "expression", "text", "lang"),
    [
        ("й is not и", "и", "й", ""),
        ("ї is not і", "ї", "і", ""),
        ("Devanagari vowel signs stay", "पतन", "पुतिन", ""),
        ("ى stays", "علي", "على", ""),
        ("Vietnamese accents count", "khí", "khi", "vi"),
        ("marks belong to the word", "पुत", "पुति", ""),
        ("no sign inside a term of Han", "日中", "25日、中国", ""),
        ("a run of Katakana is one word", "タイ", "タイトル", ""),
        ("Hangul is treated as words", "푸틴", "푸틴이", ""),
        ("a Thai vowel belongs to its letter", "กา", "เกาะ", ""),
        ("the signs must be there", "AT&T", "AT T", ""),
        ("right beside the end", "C++", "C ++", ""),
        ("that word", "pipeline", "pipelines", ""),
        ("one after another", '"gas pipeline"', "gas and pipeline", ""),
        ("5 words beyond their own number", '"gas pipeline"~5', "gas 1 2 3 4 5 6 pipeline", ""),
        ("words that end so", "*stream", "streams", ""),
        ("case counts", "=US", "us", ""),
        ("accents count", "=Zürich", "Zurich", ""),
        ("~ by the item's language", "~Путин", "Путина", "bg"),
        ("/.../ looks at the normalised text", "/Zürich/", "Zürich", ""),
        ("/.../c at the original", "/zurich/c", "Zürich", ""),
        (r"\b is ASCII", r"/\bгаз/", "газ", ""),
        (r"\w is ASCII", r"/г\w+/", "газ", ""),
        (r"\d is ASCII", r"/\d/c", "٢", ""),
        ("11 words between are not near", "a NEAR b", "a 1 2 3 4 5 6 7 8 9 0 1 b", ""),
        ("not overlapping", '"a b" NEAR b', "a b", ""),
        ("a first", "a ONEAR/10 b", "b a", ""),
        ("b is not there", "a NOT b", "a b", ""),
        ("mentions are not counted", "ATLEAST/2 (a, b, c)", "a a a", ""),
        ("a group counts as one", "ATLEAST/2 ((a OR b), c)", "a b", ""),
        ("a lower-case and is a word", "a and b", "a b", ""),
    ],
)
def test_it_leaves_alone(sentence: str, expression: str, text: str, lang: str) -> None:
    assert not holds(expression, text, lang), sentence


@pytest.mark.parametrize(
    "expression",
    ["feed:reuters NOT sport", "a (NOT b OR c)", "10:30", "http://tass.com", "P5 AND W3", "R2-D2"],
)
def test_it_is_no_mistake(expression: str) -> None:
    compile_rules({"rule": expression})


def told(tmp_path: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RuleErrors) as caught:
        load_rules([tmp_path])
    return [str(mistake).replace(f"{tmp_path}/", "") for mistake in caught.value.mistakes]


def test_mistakes_have_file_line_column_the_line_and_a_caret(tmp_path: Path) -> None:
    leaders = (
        "rules:\n  a: x\n  b: y\n\n\n  c:\n    match: Xi AND\n  d: '@putn'\nterms:\n  putin: [P]\n"
    )
    energy = "rules:\n\n  gas: gas OR oil\n"
    gas = "rules:\n  gas: gas\n  pattern: /(?=x)/\n  w: gas W/5 deal\n"
    assert "\n".join(told(tmp_path, leaders=leaders, energy=energy, gas=gas)) == TOLD


TOLD = """\
gas.yaml:2:3: rule 'gas' is already defined at energy.yaml:3:3
      gas: gas
      ^
gas.yaml:3:12: /(?=x)/ uses look-ahead, which RE2 does not have
      pattern: /(?=x)/
               ^
gas.yaml:4:10: W/5 is not an operator here; write NEAR/5
      w: gas W/5 deal
             ^
leaders.yaml:7:18: expected a term after AND
        match: Xi AND
                     ^
leaders.yaml:8:7: no group named @putn; did you mean @putin?
      d: '@putn'
          ^"""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('"gas" OR oil', "YAML ends this value at the second quote"),
        ("'gas' OR oil", "YAML ends this value at the second quote"),
        ("* OR oil", "YAML takes a value that begins with * for"),
        ("@gas OR oil", "YAML lets no value begin with @"),
        ("!gas", "YAML takes a value that begins with ! for a tag"),
        ("&gas", "YAML takes a value that begins with & for an anchor"),
        ("| oil", "YAML takes | for the beginning of a block of lines"),
        ("> oil", "YAML takes > for the beginning of a block of lines"),
        ("% oil", "YAML lets no value begin with %"),
        ("[gas OR oil] coal", "YAML takes a value that begins with [ for a list"),
        ("{gas OR oil} coal", "YAML takes a value that begins with { for keys and values"),
        ("gas AND title: oil", "YAML takes this colon for the end of a key"),
    ],
)
def test_an_expression_that_yaml_reads_otherwise_says_where_to_put_it(
    tmp_path: Path, value: str, message: str
) -> None:
    (said,) = told(tmp_path, gas=f"rules:\n  gas: {value}\n")
    headline = said.split("\n")[0]
    assert message in headline
    assert headline.endswith("put the whole rule in single quotes or after >-")


def test_a_match_returns_its_spans_in_reading_order_and_the_terms_as_written() -> None:
    document = Document("gas: 普京 and oil", summary="Putin", content="pipes", feed="a", lang="en")
    match = evaluate(
        '(content:~pipe OR summary:@putin) AND ("oil 普京"~5 OR coal) AND feed:a NOT peat',
        document,
        {"putin": ["Putin*"]},
    )
    assert match is not None
    assert match.spans == (
        Span("title", 5, 7, '"oil 普京"~5'),
        Span("title", 12, 15, '"oil 普京"~5'),
        Span("summary", 0, 5, "Putin*"),
        Span("content", 0, 5, "~pipe"),
    )


def test_a_match_may_have_no_spans() -> None:
    match = evaluate("feed:a NOT gas", Document("oil", feed="a"))
    assert match is not None
    assert match.spans == ()
