"""How fast rules are matched: items a second on one core, beside what else one could write."""

from __future__ import annotations

import datetime
import gc
import platform
import re
import statistics
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from resource import getpagesize
from time import process_time, process_time_ns

from bench.news import Material, Rule, RuleMaker, material
from rules import Document, RuleSet, compile_rules
from rules.expression import Node, Reading, holds
from rules.matcher import Matcher
from rules.parser import parse
from rules.stream import stream

SIZES = (10, 100, 1_000, 10_000, 100_000)
QUICK = (10, 100, 1_000, 10_000)
_TRIALS = 20_000_000  # rules times items a slow way is given at most
Way = Callable[[str], object]


def run(sizes: Sequence[int], rounds: int) -> None:
    """Measure and print."""
    told = material()
    print(_machine())
    print(f"Items: {len(told.unseen):,} of 1,000 characters, {told.source}.\n")
    _each(stream, told.unseen, 1)
    folding = _each(stream, told.unseen, rounds)
    print(f"Folding alone: {folding:.1f} µs an item.\n")
    maker = RuleMaker(told.known)
    made = maker.rules(max(sizes))
    for size in sizes:
        _measure(made[:size], told, rounds)


def _machine() -> str:
    cpu = "an unknown processor"
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = re.search(r"model name\s*: (.*)", info.read_text())
        cpu = found[1] if found else cpu
    packages = ", ".join(f"{name} {version(name)}" for name in ("ahocorasick_rs", "google-re2"))
    return (
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {cpu}, {platform.system()}, "
        f"Python {platform.python_version()}, {packages}."
    )


def _measure(made: list[Rule], told: Material, rounds: int) -> None:
    named = {f"r{number}": rule for number, rule in enumerate(made)}
    texts = {name: rule.expression for name, rule in named.items()}
    rules = _built(texts)
    gc.collect()
    gc.freeze()
    ours = partial(_match, rules)
    hits = sum(len(_match(rules, text)) for text in told.unseen) / len(told.unseen)
    times = _times(ours, told.unseen, rounds)
    best, cut = statistics.fmean(times), statistics.quantiles(times, n=100)
    print(f"{len(made):,} rules, {hits:.2f} hits an item:")
    print(
        f"  this matcher: {1e6 / best:,.0f} items/s, {best:.1f} µs an item "
        f"(p50 {cut[49]:.0f}, p99 {cut[98]:.0f})"
    )
    _others(named, told, best)
    if len(made) >= 1_000:
        _change(rules, told.unseen[0])
    gc.unfreeze()
    print(flush=True)


def _match(rules: RuleSet, text: str) -> list[str]:
    return [match.rule for match in rules.match(Document(text))]


def _each(way: Way, items: Sequence[str], rounds: int) -> float:
    """CPU microseconds an item, of each item the best of some rounds: others use the machine."""
    return statistics.fmean(_times(way, items, rounds))


def _times(way: Way, items: Sequence[str], rounds: int) -> list[float]:
    best = [float("inf")] * len(items)
    for _ in range(rounds):
        for index, text in enumerate(items):
            begin = process_time_ns()
            way(text)
            best[index] = min(best[index], (process_time_ns() - begin) / 1_000)
    return best


def _built(texts: dict[str, str]) -> RuleSet:
    """Build the rules; say what it took."""
    begin = process_time()
    trees = _trees(texts)
    read = process_time() - begin
    begin = process_time()
    matcher = Matcher.of(trees)
    compiled = process_time() - begin
    del matcher
    gc.collect()
    tracemalloc.start()
    matcher = Matcher.of(trees)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    count = len(texts)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        grown = fresh.submit(_grown, texts).result()
    print(
        f"build: read {read / count * 1e6:.0f} µs, compile {compiled / count * 1e6:.0f} µs a rule; "
        f"{size / count:.0f} bytes of Python objects a rule, in a fresh process "
        f"{grown / count:.0f} bytes with the automaton; every item: {len(matcher.always)}"
    )
    return compile_rules(texts)


def _grown(texts: dict[str, str]) -> int:
    """By how many bytes this process grows when rules that were read are compiled."""
    trees = _trees(texts)
    Matcher.of(_trees({"first": "gas OR Путин OR 普京"}))  # what any rule needs, once
    gc.collect()
    before = _resident()
    matcher = Matcher.of(trees)
    gc.collect()
    grown = _resident() - before
    del matcher
    return grown


def _resident() -> int:
    """Bytes of memory this process has; 0 where Linux does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * getpagesize() if statm.is_file() else 0


def _trees(texts: dict[str, str]) -> dict[str, Node]:
    return {
        name: expression.root for name, text in texts.items() if (expression := parse(text, {})[0])
    }


def _others(named: dict[str, Rule], told: Material, best: float) -> None:
    some = told.unseen[: max(_TRIALS // 200 // len(named), 3)]
    begin = process_time()
    loop = _ReLoop(named)
    built = (process_time() - begin) / len(named) * 1e6
    took = _each(loop, some, 1)
    print(
        f"  a loop of re patterns: {1e6 / took:,.1f} items/s, {took / best:,.0f} times slower "
        f"({len(some)} items; {built:.0f} µs a rule to build)"
    )
    roots = _trees({name: rule.expression for name, rule in named.items()})

    def oracle(text: str) -> list[str]:
        reading = Reading(Document(text))
        return [name for name, root in roots.items() if holds(root, reading)]

    took = _each(oracle, some, 1)
    print(
        f"  a loop of the oracle: {1e6 / took:,.1f} items/s, {took / best:,.0f} times slower "
        f"({len(some)} items)"
    )


class _ReLoop:
    """What a Python programmer would write: a pattern a term, asked in turn."""

    def __init__(self, named: dict[str, Rule]) -> None:
        self._rules = [
            (name, _patterns(rule.every), _patterns(rule.some), _patterns(rule.none))
            for name, rule in named.items()
        ]

    def __call__(self, text: str) -> list[str]:
        return [
            name
            for name, every, some, none in self._rules
            if all(one.search(text) for one in every)
            and (not some or any(one.search(text) for one in some))
            and not any(one.search(text) for one in none)
        ]


def _patterns(terms: Sequence[str]) -> list[re.Pattern[str]]:
    return [_pattern(term) for term in terms]


def _pattern(term: str) -> re.Pattern[str]:
    inner = r"\W+".join(map(re.escape, term.strip('"*').split()))
    return re.compile(rf"\b{inner}" if term.endswith("*") else rf"\b{inner}\b", re.IGNORECASE)


def _change(rules: RuleSet, text: str) -> None:
    """From a changed rule to its first match."""
    word = next(word for word in text.split() if word.isalpha() and len(word) > 3)
    trials = []
    for trial in range(5):
        begin = process_time()
        changed = rules.updated({"r7": f"{word} OR changed{trial}"})
        assert "r7" in _match(changed, text)
        trials.append(process_time() - begin)
    print(f"  one rule changed and matching: {min(trials) * 1e3:.1f} ms")


if __name__ == "__main__":
    sys.exit("run python -m bench")
