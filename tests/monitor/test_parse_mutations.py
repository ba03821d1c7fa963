"""Every document of the corpora, cut and spoilt at random: nothing escapes, nothing is half (B8).

Sizes are a matter of the environment: ``WIREWATCH_MUTATIONS`` documents are spoilt, each corpus
document is cut ``WIREWATCH_CUTS`` times, chance begins at ``WIREWATCH_SEED``. A failure names the
document, and the seed and number with which it comes again.
"""

from __future__ import annotations

import asyncio
import os
import time
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from rigs.mutation import content_type, mutated

from monitor import clean
from monitor.feedreader import read
from monitor.item import Item, NotAFeed, Parsed, ParseFailed, ParseResult, ParseTask
from monitor.language import Detector, load_guess
from monitor.parse import ParserPool
from monitor.parse_wire import result_from_bytes, result_to_bytes

pytestmark = [pytest.mark.corpus, pytest.mark.xdist_group("corpora")]

MUTATIONS = int(os.environ.get("WIREWATCH_MUTATIONS", "80"))
CUTS = float(os.environ.get("WIREWATCH_CUTS", "0.03"))
SEED = os.environ.get("WIREWATCH_SEED", "1")
URL = "https://corpus.example/feed.xml"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
_MOST_SECONDS = 1.0


@pytest.fixture(scope="module")
def documents(corpora: Path) -> list[tuple[str, bytes]]:
    folder = corpora / "feeds"
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path.relative_to(folder)), path.read_bytes()) for path in paths]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(load_guess())


def worked(task: ParseTask, detector: Detector) -> ParseResult:
    """What a worker would answer, as it arrives."""
    return result_from_bytes(result_to_bytes(read(task, detector)))


def mistakes(result: ParseResult) -> list[str]:
    """What is wrong with a result, whatever it is of."""
    if isinstance(result, NotAFeed):
        return [] if result.looks_like == clean.plain(result.looks_like) else ["looks_like"]
    if isinstance(result, ParseFailed):
        return [result.message]
    keys = [item.key for item in result.items]
    found = ["a key comes twice"] if len(set(keys)) < len(keys) else []
    found += ["too many items"] if len(keys) > 10_000 else []
    found += [f"hint {url}" for url in _addresses(result) if not _is_address(url)]
    return found + [f"{mistake} of {item.key}" for item in result.items for mistake in _of(item)]


def _of(item: Item) -> list[str]:
    texts = {"title": 1_000, "summary": 64_000, "content": 64_000, "author": 200, "source": 200}
    found = [name for name, cap in texts.items() if not _is_fit(getattr(item, name), cap)]
    found += ["tag" for tag in item.tags if not tag or not _is_fit(tag, 200)]
    found += ["tags"] if len(item.tags) > 100 else []
    found += ["key"] if not 2 < len(item.key) <= 202 or not _is_storable(item.key) else []
    found += ["guid"] if len(item.guid) > 2_000 or not _is_storable(item.guid) else []
    found += ["url"] if item.url and not _is_address(item.url) else []
    found += ["content that repeats"] if item.content and item.content == item.summary else []
    found += ["lang"] if not item.lang.replace("-", "").isalnum() and item.lang else []
    if item.published is not None and not datetime(1980, 1, 1, tzinfo=UTC) <= item.published <= NOW:
        found.append("published")
    return found


def _addresses(feed: Parsed) -> list[str]:
    hints = feed.hints
    return [url for url in (hints.prev_archive, hints.next_page, hints.self_url) if url]


def _is_address(url: str) -> bool:
    return url.isascii() and len(url) <= 2_000 and url.startswith(("http://", "https://"))


def _is_fit(text: str, cap: int) -> bool:
    """What rules, databases, headers and terminals can take."""
    return len(text) <= cap and text == clean.plain(text) and _is_storable(text)


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any(unicodedata.category(char) == "Cs" for char in text)


def test_a_cut_document_gives_nothing_but_whole_items(
    documents: list[tuple[str, bytes]], detector: Detector
) -> None:  # B8
    chance = Random(f"cut {SEED}")
    wrong = []
    for name, body in documents:
        times = int(CUTS) + (chance.random() < CUTS % 1)
        places = [chance.randint(0, len(body)) for _ in range(times)]
        whole = _texts(worked(ParseTask(body, URL, now=NOW), detector)) if places else set()
        for place in places:
            result = worked(ParseTask(body[:place], URL, now=NOW), detector)
            if mistakes(result) or (whole and not _texts(result) <= whole):
                wrong.append((name, place))

    assert not wrong, f"WIREWATCH_SEED={SEED}: {wrong}"


def _texts(result: ParseResult) -> set[tuple[str, str, str]]:
    items = result.items if isinstance(result, Parsed) else ()
    return {(item.title, item.summary, item.content) for item in items}


def _task(number: int, documents: list[tuple[str, bytes]]) -> tuple[str, ParseTask]:
    chance = Random(f"mutation {SEED} {number}")
    captured = [one for one in documents if one[0].startswith("captured/")]
    name, body = chance.choice(documents if chance.random() < 0.97 else captured)
    return name, ParseTask(mutated(body, chance), URL, content_type(chance), now=NOW)


def test_a_spoilt_document_gives_sound_items_within_a_second_and_the_same_ones_again(
    documents: list[tuple[str, bytes]], detector: Detector
) -> None:  # B6, B7, B8, B11, B16, B19, B21, B22
    for number in range(MUTATIONS):
        name, task = _task(number, documents)
        again = f"{name}, WIREWATCH_SEED={SEED}, number {number}"
        begun = time.process_time()
        try:
            result = worked(task, detector)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test says what from
            pytest.fail(f"{again}: {error!r}")

        assert time.process_time() - begun < _MOST_SECONDS, again
        assert mistakes(result) == [], again
        assert worked(task, detector) == result, again


def test_spoilt_documents_do_the_real_workers_no_harm(documents: list[tuple[str, bytes]]) -> None:
    tasks = [_task(number, documents) for number in range(0, MUTATIONS, 4)]

    async def results() -> list[ParseResult]:
        async with ParserPool(workers=2) as pool:
            return await asyncio.gather(*(pool.parse(task) for _, task in tasks))

    failed = [
        (name, number * 4, result)
        for number, ((name, _), result) in enumerate(
            zip(tasks, asyncio.run(results()), strict=True)
        )
        if mistakes(result)
    ]
    assert not failed, f"WIREWATCH_SEED={SEED}: {failed}"
