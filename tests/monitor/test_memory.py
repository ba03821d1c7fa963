"""What was large and is freed does not stay with the process."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest

from monitor.memory import give_back, set_aside
from rules import compile_rules

# Small things that outlive large ones stand between them in the heap, and keep it from shrinking.
GROWN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from monitor.memory import give_back, set_aside
from rules import compile_rules
if sys.argv[2] == "give back":
    give_back()
def kept():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
before = kept()
del (large := [bytearray(b"x") * (30 << 20)])[:]
small = []
for _ in range(10):
    large.append(bytearray(b"x") * (4 << 20))
    small.append(bytes(5_000))
large.clear()
print(kept() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator is meant")
def test_large_blocks_leave_the_process_when_they_are_freed() -> None:
    root = give_back.__code__.co_filename.rpartition("/monitor/")[0]
    grown = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", GROWN, root, how], capture_output=True, check=True
            ).stdout
        )
        for how in ("give back", "keep")
    }

    assert grown["give back"] < 2 << 20
    assert grown["give back"] < grown["keep"]


def test_what_is_set_aside_is_freed_all_the_same_when_it_is_replaced() -> None:
    """A rule set that was replaced must go, though the collector does not look for it."""
    ruleset = compile_rules({f"r{number}": f"word{number} AND pipa" for number in range(50)})
    gone = weakref.ref(ruleset)
    set_aside()
    try:
        assert gc.get_freeze_count() > 0
        del ruleset
        assert gone() is None
    finally:
        gc.unfreeze()
