"""Real articles and real queries, read in place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from rules import Document, RuleErrors, compile_rules, evaluate
from rules.text import Text

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def article(corpora: Path) -> Document:
    (path,) = (corpora / "seed").glob("*.txt")
    title, _, content = path.read_text(encoding="utf-8").partition("\n")
    return Document(title=title, content=content, lang="id")


def test_xi_and_putin_are_in_the_article(article: Document) -> None:
    match = evaluate("Xi AND Putin", article)
    assert match is not None
    found = Counter(
        (span.term, getattr(article, span.field)[span.start : span.end]) for span in match.spans
    )
    assert set(found) == {("Xi", "Xi"), ("Putin", "Putin")}
    words = Text(f"{article.title}\n{article.content}").surfaces
    assert found[("Xi", "Xi")] == words.count("Xi")
    assert found[("Putin", "Putin")] == words.count("Putin")


def test_the_article_speaks_of_a_pipeline_in_its_own_language_only(article: Document) -> None:
    rules = compile_rules(
        {"english": "pipeline", "indonesian": "pipa", "group": "@pipeline"},
        {"pipeline": ["pipeline*", "pipa", "pipa gas", "газопровод*", "管道"]},
    )
    matches = {match.rule: match.spans for match in rules.match(article)}
    assert set(matches) == {"indonesian", "group"}
    (span,) = matches["group"]
    assert article.content[span.start : span.end] == "pipa"
    assert article.content[span.start : span.end + 21] == "pipa “Power of Siberia 2”"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"Xi Jinping" NEAR/3 "Vladimir Putin"', True),
        ('"Power of Siberia"', True),
        ("=AS NEAR/5 sekutu*", True),
        ("=As", False),
        ("7,000", True),
        ('"7.000 kata"', True),
        ("~sekutu NOT sekutux", True),
        ("rasputin OR xinhua OR pipanya", False),
        ("ATLEAST/3 (Taiwan, Gaza, Ukraina, Suriah)", True),
        ("lang:id title:beijing -sport", True),
    ],
)
def test_the_article_and_other_rules(article: Document, expression: str, expected: bool) -> None:
    assert (evaluate(expression, article) is not None) == expected


def queries(corpora: Path) -> list[dict[str, object]]:
    lines = (corpora / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_query_of_other_tools_is_read_or_told_what_to_write(corpora: Path) -> None:
    read = refused = 0
    for query in queries(corpora):
        text = str(query["q"])
        try:
            compile_rules({"rule": text})
        except RuleErrors as errors:
            refused += query["expect_valid"] is True
            for mistake in errors.mistakes:
                assert 0 <= mistake.offset <= len(text)
            first = errors.mistakes[0]
            if query["expect_valid"] is True:
                assert "is not an operator here" in first.message or first.message.startswith(
                    ("no field named", "? in ", "! after ", "+ before ", "\\ in ")
                ), text
                assert first.hint, text
        else:
            read += query["expect_valid"] is True
    assert read >= 50
    assert refused >= 20


@pytest.mark.parametrize(
    "kind",
    ["unbalanced quote (as printed in the vendor doc)", "single NOT"],
)
def test_a_query_that_is_wrong_everywhere_is_wrong_here(corpora: Path, kind: str) -> None:
    (query,) = (query for query in queries(corpora) if query["kind"] == kind)
    with pytest.raises(RuleErrors):
        compile_rules({"rule": str(query["q"])})


LANGUAGES = (
    "ar", "bg", "cs", "de", "en", "es", "fa", "fr", "hi", "id",
    "ja", "ko", "pl", "pt", "ru", "th", "tr", "uk", "vi", "zh",
)  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_of_the_news_finds_itself_where_it_stands(corpora: Path, lang: str) -> None:
    lines = (corpora / "news" / f"{lang}.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines[:: max(1, len(lines) // 25)]:
        item = json.loads(line)
        document = Document(title=item["title"], content=item["text"], lang=item["lang"])
        read = Text(document.content, lang)
        for index in range(0, len(read), max(1, len(read) // 12)):
            place = read.place(index, index)
            word = document.content[place.start : place.end]
            rules = compile_rules({"rule": f'="{word}" AND "{word}"'})
            (match,) = rules.match(document)
            assert ("content", place.start, place.end) in {span[:3] for span in match.spans}
