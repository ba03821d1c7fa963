"""``python -m bench [match | poll | alerts]``: run the benchmarks, print what they measured."""

from __future__ import annotations

import argparse


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller and less exact")
    which = parser.add_subparsers(dest="what")
    match_ = which.add_parser("match", help="how fast rules are matched")
    match_.add_argument("--rules", type=int, nargs="*", help="sizes of rule sets")
    poll_ = which.add_parser("poll", help="how politely, cheaply and fast feeds are polled")
    poll_.add_argument("part", nargs="*", choices=["score", "cost", "scale", []], default=[])
    poll_.add_argument("--days", type=float, help="how long the scoreboard goes on")
    poll_.add_argument("--feeds", type=int, help="how many feeds the daemon has")
    poll_.add_argument("--seconds", type=float, default=60, help="how long the daemon is watched")
    poll_.add_argument("--items", type=int, default=30, help="how many items these hold")
    alerts_ = which.add_parser("alerts", help="how soon and how many alerts go out")
    alerts_.add_argument("part", nargs="*", choices=["latency", "rate", "drain", []], default=[])
    alerts_.add_argument("--seconds", type=float, help="how long the daemon is watched each time")
    alerts_.add_argument("--rows", type=int, help="how many alerts wait to be drained")
    given = parser.parse_args()
    if given.what == "poll":
        _poll(given)
    elif given.what == "alerts":
        _alerts(given)
    else:
        _match(given)


def _match(given: argparse.Namespace) -> None:
    from bench import match  # noqa: PLC0415 - each benchmark has needs of its own

    sizes = getattr(given, "rules", None) or (match.QUICK if given.quick else match.SIZES)
    match.run(sizes, rounds=3 if given.quick else 5)


def _poll(given: argparse.Namespace) -> None:
    from bench import poll  # noqa: PLC0415 - each benchmark has needs of its own

    parts = given.part or ["score", "cost", "scale"]
    if "score" in parts:
        poll.scoreboard(given.days or (3 if given.quick else 30))
    if "cost" in parts:
        poll.cost(50 if given.quick else 200)
    if "scale" in parts:
        poll.scale(given.feeds or (1_000 if given.quick else 10_000), given.seconds, given.items)


def _alerts(given: argparse.Namespace) -> None:
    from bench import alerts  # noqa: PLC0415 - each benchmark has needs of its own

    parts = given.part or ["latency", "rate", "drain"]
    seconds = given.seconds or (10 if given.quick else 30)
    rows = given.rows or (10_000 if given.quick else 100_000)
    alerts.run(parts, seconds, backlog=10_000, rows=rows)


if __name__ == "__main__":
    main()
