"""The matcher gives what the oracle gives: the same rules, the same spans, for every input."""

from __future__ import annotations

import gc
import json
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.news import RuleMaker, material
from rules import Document, RuleSet, compile_rules, evaluate
from rules.expression import Reading, holds, spans
from rules.groups import read_groups
from rules.matcher import Item
from rules.parser import parse
from rules.regex import RegexSet
from rules.text import Text

PAIRS = int(os.environ.get("WIREWATCH_PAIRS", "1000"))
NEWS = int(os.environ.get("WIREWATCH_NEWS_RULES", "600"))
RULES = 20  # of one rule set, so that many pairs come of one example

# --- a small vocabulary, so that rules find something -------------------------------------------

WORDS = """
gas pipeline pipelines pipeline's Zürich zurich ZÜRICH Straße strasse Łódź lodz İstanbul ısı I'm
Gæst gaest œuvre US us Us Xi xi AT&T C++ .NET COVID-19 covid 19 2024 ２０２４ ٢٠٢٤ O'Brien 10:30
Путин Путина путин ёлка елка Елка за́мок замок й и̂ їжак Київ
Πούτιν πουτιν ΟΔΟΣ οδός οδοσ
بوتين وبوتين بُوتِين بوتـين أحمد احمد على علي تحریم‌های تحریم های می‌خواهم
פוטין שָׁלוֹם שלום צה"ל
普京 普京访华 习近平 習近平 中 日中 日 京 々 〇
プーチン タイトル タイ ﾌﾟｰﾁﾝ らーめん ら ぷーちん プー ガス カ\u3099ス
푸틴 푸틴이 EU가 가 2024년 ᄒ\u1161ᆫ 한
ปูติน กิน ข้าว เก่า กำ ก้ำ ก เ ๆ ລາວ ခရီး ကြ ភាសា ក
पुतिन पुति क़ानून कानून ক্ষ
khí khi Khí đường duong Đường ơ ﬁn fin ½ ㈱ Ⓐ a ㍿ ª º ²  ™ Gazprom™ gazprom ŉ ǆ № №5 ﷺ
５Ｇ ５ Ｇ20 क２ x१ १ कa ऩ क\u093c ำ กำa เก่า1 ー ーら 一ー 、ー ſ K Å
makan dimakan makanan walks walking walked
""".split()  # noqa: SIM905 - reads better than 150 pairs of quotes
SIGNS = [
    *(" ", " ", " ", " ", "  ", "\n", ", ", ". ", "-", "–", "'", "’", "/", "&", "+", "\t", "", ""),
    *("、", "。", "・", "「", "」", "，", "\u3000", "\xa0", "\xad", "\u200b", "\u200c", "\u200d"),
    *("\u200e", "\ufeff", "\ufe0f", "\u0301", "\u064e", "\u0654", "\u0640", "\u093c", "\u3099"),
    *("ー", "\uff9e", "\u0e49", "\x00", "\x01", "\x1f", "\x7f", "\ud800", "\U0001f600", "•", "€"),
    *("\u20dd", "\U000e0041", "\u2029", "\u0345", "\u0483", "\u302a", "\U00020000", "\U0001d400"),
]
LANGS = ["", "", "en", "id", "ru", "vi", "tr", "ar", "zh", "th", "pl", "en-GB", "xx"]
FEEDS = ["reuters", "Reuters", "bbc-world", "普京", "Zürich"]
TAGS = ["sport", "Gas Pipeline", "world news", "普京访华", "２０２４"]
URLS = [
    *("", "https://www.bbc.co.uk/news/gas-pipeline", "http://xn--80a1acny.xn--p1ai/путин"),
    *("https://Zürich.example:8080/普京", "https://user@host. /x", "mailto:a@b.org"),
]

words = st.sampled_from(WORDS)
texts = st.lists(st.one_of(words, words, st.sampled_from(SIGNS)), max_size=14).map("".join) | (
    st.lists(words, max_size=12).map(" ".join)
)
wild_texts = texts | st.text(max_size=12) | st.tuples(texts, st.text(max_size=3)).map("".join)
documents = st.builds(
    Document,
    title=wild_texts,
    summary=st.just("") | texts,
    content=st.just("") | wild_texts,
    author=st.just("") | texts,
    tags=st.lists(st.sampled_from(TAGS) | texts, max_size=2).map(tuple),
    url=st.sampled_from(URLS),
    feed=st.sampled_from(FEEDS),
    feed_tags=st.lists(st.sampled_from(TAGS), max_size=1).map(tuple),
    source=st.just("") | texts,
    lang=st.sampled_from(LANGS),
)


def _word_term(word: str, shape: int) -> str:
    shapes = (word, word, word, f"{word}*", f"*{word}", f"*{word}*", f"={word}", f"~{word}")
    return shapes[shape % len(shapes)]


def _quoted(parts: list[str], shape: int) -> str:
    inner = " ".join(parts).replace('"', "")
    return (f'"{inner}"', f'"{inner}"', f'="{inner}"', f'"{inner}*"', f'"*{inner}"',
            f'"{inner}"~{shape % 5}', f'~"{inner}"')[shape % 7]  # fmt: skip


REGEXES = [
    "/[XУ]i?/",
    r"/\d\d|\pL{12}/c",
    "/gaz?s (?:pipe|путин)|普[京访]+/",
    r"/gas\s?pip/",
    "/путин/",
    "/Xi/c",
    "/[0-9]{4}/",
    "/普./",
    "/z.rich/",
    r"/\pL{9}/",
    "/a+b*c/",
]
shapes = st.integers(0, 10_000)
word_terms = st.builds(_word_term, words, shapes)
quoted = st.builds(_quoted, st.lists(words, min_size=1, max_size=3), shapes)
joined = st.lists(words, min_size=1, max_size=2).map(
    lambda parts: '"' + "".join(parts).replace('"', "") + '"'
)
groups = st.sampled_from(["@one", "@two", "@all"])
terms = st.one_of(
    word_terms, word_terms, word_terms, quoted, joined, groups, st.sampled_from(REGEXES)
)
fields = st.sampled_from(["title", "summary", "content", "author", "url", "source"])
whole = st.one_of(
    st.sampled_from(
        ["feed:reuters", "feed:=Reuters", "tag:sport", 'tag:"gas pipeline"', "tag:*news"]
    ),
    st.sampled_from(
        ["domain:bbc.co.uk", "domain:*.co.uk", "lang:en", "lang:vi", "feed:*r*", "tag:普京*"]
    ),
    st.sampled_from(
        ["domain:zürich.example", "domain:org", 'feed:"bbc-world"', "tag:2024", "feed:/r.u/"]
    ),
)
leaves = st.one_of(terms, terms, terms, terms, st.builds("{}:{}".format, fields, terms), whole)
sides = terms | st.lists(terms, min_size=2, max_size=3).map(lambda some: f"({' OR '.join(some)})")
nears = st.builds(
    lambda left, how, far, right: f"({left} {how}/{far} {right})",
    sides, st.sampled_from(["NEAR", "ONEAR"]), st.integers(0, 5), sides,
)  # fmt: skip


def _deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    some = st.lists(inner, min_size=2, max_size=4)
    return st.one_of(
        some.map(lambda parts: f"({' AND '.join(parts)})"),
        some.map(lambda parts: f"({' OR '.join(parts)})"),
        st.builds(lambda a, b: f"({a} NOT {b})", inner, inner),
        st.builds(lambda a, b, c: f"({a} (NOT {b} OR {c}))", inner, inner, inner),
        st.builds(lambda least, parts: f"ATLEAST/{min(least, len(parts))} ({', '.join(parts)})",
                  st.integers(1, 3), some),
    )  # fmt: skip


expressions = st.recursive(leaves | leaves | nears, _deeper, max_leaves=6)
GROUPS = {
    "one": ("gas pipeline", "普京", "Путин*", "=US", "~walking", "Xi"),
    "two": ("AT&T", "*zurich", "بوتين", "ปูติน", "/covid.19/", '"gas pipeline"~3'),
    "all": ("@one", "@two", "khí", "らーめん"),
}
entries = read_groups(GROUPS)


def _read(expression: str) -> Any:
    return parse(expression, entries.entries)[0]


def _told(rules: RuleSet, document: Document) -> dict[str, Any]:
    return {match.rule: match.spans for match in rules.match(document)}


def _judged(texts: dict[str, str], document: Document) -> dict[str, Any]:
    reading = Reading(document)
    trees = {name: _read(text).root for name, text in texts.items()}
    return {name: spans(tree, reading) for name, tree in trees.items() if holds(tree, reading)}


rule_sets = st.lists(expressions, min_size=RULES // 2, max_size=RULES).map(
    lambda some: {f"r{n}": text for n, text in enumerate(some) if _read(text)}
)
often = settings(
    max_examples=max(PAIRS // RULES // 3, 1),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@often
@given(rule_sets, st.lists(documents, min_size=3, max_size=6))
def test_matcher_and_oracle_give_the_same_rules_and_the_same_spans(
    texts: dict[str, str], some: list[Document]
) -> None:
    rules = compile_rules(texts, GROUPS)
    for document in some:
        assert _told(rules, document) == _judged(texts, document)


changes = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from([f"r{n}" for n in range(12)]), expressions, max_size=3),
        st.lists(st.sampled_from([f"r{n}" for n in range(12)]), max_size=2),
    ),
    max_size=4,
)


@settings(max_examples=max(PAIRS // 160, 1), deadline=None, suppress_health_check=list(HealthCheck))
@given(rule_sets, changes, st.lists(documents, min_size=1, max_size=2))
def test_an_updated_rule_set_matches_as_one_compiled_from_scratch(
    texts: dict[str, str],
    steps: list[tuple[dict[str, str], list[str]]],
    some: list[Document],
) -> None:
    first = compile_rules(texts, GROUPS)
    before = [_names(first, document) for document in some]
    rules = first
    for changed, removed in steps:
        read = {name: text for name, text in changed.items() if _read(text)}
        rules = rules.updated(read, removed)
        scratch = compile_rules(rules.expressions, GROUPS)
        for document in some:
            assert _names(rules, document) == _names(scratch, document)
        assert sorted(rules.always) == sorted(scratch.always)
    assert [_names(first, document) for document in some] == before


def _names(rules: RuleSet, document: Document) -> list[str]:
    return [match.rule for match in rules.match(document)]


def test_matches_come_in_the_order_of_the_rules_also_after_changes() -> None:
    rules = compile_rules({"c": "gas", "a": "gas OR oil", "b": "gas NOT oil"})
    assert _names(rules, Document("gas")) == ["c", "a", "b"]
    changed = rules.updated({"a": "gas", "z": "gas", "c": "gas"}, removed=["c"])
    assert _names(changed, Document("gas")) == ["a", "b", "z", "c"]
    assert list(changed) == ["a", "b", "z", "c"]


def test_many_small_changes_leave_few_segments() -> None:
    rules = compile_rules({f"r{n}": f"word{n}" for n in range(300)})
    for n in range(40):
        rules = rules.updated({f"r{n}": f"other{n}"})
    assert len(rules._matcher.segments) <= 5
    assert _names(rules, Document("word7 other7 word250")) == ["r7", "r250"]


def test_rules_that_need_no_word_are_counted() -> None:
    rules = compile_rules({"any": "/[0-9]{4}/", "word": "gas AND /[0-9]{4}/", "feed": "feed:bbc"})
    assert rules.always == ("any",)
    assert rules.updated({"any": "gas"}).always == ()


def test_a_regular_expression_waits_for_letters_that_it_needs() -> None:
    rules = compile_rules(
        {"gas": r"/gas\s?prom|лукойл/", "year": "/[0-9]{4}/", "AZ": "/[A-Z]{3}/c"}
    )
    assert rules.always == ("year", "AZ")
    (segment,) = rules._matcher.segments
    for text, names, needed in (
        ("Gas-prom", [], 1),
        ("a gas promise", ["gas"], 1),
        ("ЛУКОЙЛ", ["gas"], 1),
        ("ЛУКОЙЛ OPEC 2024", ["gas", "year", "AZ"], 3),
    ):
        item = Item(Document(text))
        assert len(segment._codes(segment._facts(item))) == needed
        assert _names(rules, Document(text)) == names


def test_a_rule_is_found_by_what_is_rarest_in_it() -> None:
    rules = compile_rules({"r": "of AND (a OR the) AND hydrocarbonaceous"})
    (segment,) = rules._matcher.segments
    assert sum(row > 0 for row in segment._row) == 1
    facts = segment._facts(Item(Document("Hydrocarbonaceous")))
    assert segment._row[max(facts)]


def test_a_word_that_leads_to_hundreds_of_rules_leads_to_the_right_ones() -> None:
    texts = {f"with{n}": f"gasification AND w{n}" for n in range(100)}
    texts |= {f"without{n}": f"gasification NOT w{n}" for n in range(100)}
    texts |= {f"both{n}": f"gasification AND w{n} AND w{n + 1} NOT w{n + 2}" for n in range(50)}
    texts |= {f"alone{n}": "gasification" for n in range(50)}
    rules = compile_rules(texts)
    (segment,) = rules._matcher.segments
    assert segment._many
    for content in ("gasification", "gasification w7", "w7 w8", "w7 w8 gasification w98 w99"):
        document = Document("", content=content)
        assert _names(rules, document) == _names_judged(texts, document)


def test_inflected_forms_of_one_word_need_no_oracle() -> None:
    rules = compile_rules({"r": "~pipeline", "t": "title:~pipeline", "a": "author:~pipeline"})
    (segment,) = rules._matcher.segments
    document = Document("", content="two pipelines", author="Plumber", lang="en")
    facts = segment._facts(Item(document))
    assert sorted(segment._codes(facts)) == [-1, 0]  # of the title it may be true
    assert _names(rules, document) == ["r"]
    for content, lang in (("pipelines", "uk"), ("ــ", "ar"), ("pipelin" + "\xad" * 70, "")):
        document = Document("", content=content, lang=lang)
        assert _names(rules, document) == []
    assert _names(rules, Document("", content="pipelin" + "\xad" * 70, lang="en")) == ["r"]


def test_memory_for_values_of_items_stays_bounded() -> None:
    rules = compile_rules({"r": "feed:reuters OR tag:sport*"})
    (segment,) = rules._matcher.segments
    for n in range(5_000):
        rules.match(Document("", feed=f"feed{n}", tags=(f"tag{n}", "x" * 1_000 + str(n))))
    for values in segment._values.values():
        kept = values.remembered.cache_info()
        assert kept.currsize == kept.maxsize == 4_096


def test_rules_that_were_replaced_are_gone_at_once() -> None:
    rules = compile_rules({"r": "feed:reuters OR ~gas OR /[0-9]+/", "s": "gas"})
    assert _names(rules, Document("gas 1", lang="en")) == ["r", "s"]
    (segment,) = rules._matcher.segments
    gone = weakref.ref(segment)
    gc.disable()
    try:
        del rules, segment
        assert gone() is None
    finally:
        gc.enable()


def test_a_set_of_expressions_that_re2_gives_up_on_leaves_each_to_itself() -> None:
    patterns = [rf"(?:\pL{{1,{900 + n}}}x){{2}}" for n in range(60)]
    rules = RegexSet(patterns, cased=False)
    assert rules.may_find("gas " * 50) in (frozenset(), frozenset(range(60)))
    few = RegexSet(["[0-9]{4}", "g.s", "x+"], cased=False)
    assert few.may_find("GAS \ud800 gas") == {1}
    assert few.may_find("") == set()


def test_threads_that_match_at_once_get_the_same_answers() -> None:
    texts = {
        f"r{n}": f"{word} OR feed:{n} OR ~{word}" for n, word in enumerate(WORDS) if _read(word)
    }
    rules = compile_rules({name: text for name, text in texts.items() if _read(text)})
    some = [Document(" ".join(WORDS[n : n + 9]), feed=str(n), lang="ru") for n in range(len(WORDS))]
    alone = [_names(rules, document) for document in some]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(lambda document: _names(rules, document), some)) == alone


HOSTILE = {
    "letters": "a" * 100_000,
    "words": "gas pipeline " * 30_000,
    "han": "普京访华" * 60_000,
    "thai": "ปูติน" * 40_000,
    "scripts": "aжب普é" * 40_000,
    "surrogates": "\ud800gas\udfff " * 60_000,
    "marks": "e" + "\u0301" * 200_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_long_items_match_as_the_oracle_says(text: str) -> None:
    texts = {
        "word": "gas",
        "phrase": '"gas pipeline gas"',
        "prefix": "aaa*",
        "han": "普京 NOT 习近平",
        "signs": "C++ OR gas",
        "near": "gas NEAR/2 pipeline",
        "thai": "ปูติน",
        "group": "@one",
    }
    rules, document = compile_rules(texts, GROUPS), Document("", content=text)
    assert _names(rules, document) == list(_names_judged(texts, document))


def _names_judged(texts: dict[str, str], document: Document) -> list[str]:
    reading = Reading(document)
    return [name for name, text in texts.items() if holds(_read(text).root, reading)]


def test_the_rules_of_the_benchmark_match_the_news_as_the_oracle_says(corpora: Path) -> None:
    assert corpora.is_dir()
    told = material()
    texts = {f"r{n}": rule.expression for n, rule in enumerate(RuleMaker(told.known).rules(NEWS))}
    rules = compile_rules(texts)
    trees = {name: _read(text).root for name, text in texts.items()}
    hits = 0
    for text in told.unseen[:: max(100_000 // NEWS, 1)]:
        reading = Reading(Document(text))
        names = _names(rules, Document(text))
        assert names == [name for name, tree in trees.items() if holds(tree, reading)]
        hits += len(names)
    assert hits > 5


def test_the_news_match_as_the_oracle_says(corpora: Path) -> None:
    rows = [
        json.loads(line)
        for path in sorted((corpora / "news").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").split("\n")[:12]
        if line
    ]
    cuts = [Text(row["text"]).surfaces for row in rows]
    spoken = [cut[n] for cut in cuts for n in range(5, len(cut), 40)]
    texts = {
        f"r{n}": f'{a} AND {b}* OR "{c} {d}" NOT {a}{d}'
        for n, (a, b, c, d) in enumerate(
            zip(spoken, *(spoken[k:] for k in (1, 2, 3)), strict=False)
        )
    }
    texts = {name: text for name, text in texts.items() if _read(text)}
    rules = compile_rules(texts)
    assert len(rules) > 300
    for row in rows[::12]:
        document = Document(row["title"], content=row["text"], lang=row["lang"])
        assert _names(rules, document) == _names_judged(texts, document)


def test_a_sign_that_prolongs_a_vowel_ends_words_of_hiragana_too() -> None:
    """Such words stand side by side, without the space that ends others."""
    document = Document("ぷーちん")
    for expression in ("*ー", '"*ーち"', '"ぷ* *ー"', "*ー NOT ちん"):
        expected = evaluate(expression, document) is not None
        found = compile_rules({"a": expression}).match(document)
        assert bool(found) == expected, expression
    assert compile_rules({"a": "*ー"}).match(document)
