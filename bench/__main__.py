"""``python -m bench [match] [--quick]``: run the benchmarks, print what they measured."""

from __future__ import annotations

import argparse

from bench import match


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["match"], default="match")
    parser.add_argument("--rules", type=int, nargs="*", default=None, help="sizes of rule sets")
    parser.add_argument("--quick", action="store_true", help="up to 10,000 rules, fewer items")
    given = parser.parse_args()
    sizes = given.rules or (match.QUICK if given.quick else match.SIZES)
    match.run(sizes, rounds=3 if given.quick else 5)


if __name__ == "__main__":
    main()
