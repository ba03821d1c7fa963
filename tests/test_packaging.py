"""What is installed: three packages and their data, nothing else at the top level."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as `pip wheel` makes it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            *["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w"],
            folder,
            root,
        ],
        check=True,
        capture_output=True,
    )
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "monitor",
        "rules",
        "alerts",
    }


def test_the_wheel_carries_its_data(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert "monitor/migrations/env.py" in names
    assert any(name.startswith("monitor/migrations/versions/0001") for name in names)
    assert any(name.startswith("monitor/starter/") for name in names)


def test_every_dependency_is_pinned(root: Path) -> None:
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (root / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    text = (root / "pyproject.toml").read_text()
    named = re.findall(r'^    "([A-Za-z0-9_-]+)[<>=!~]', text, re.MULTILINE)
    assert len(named) > 20
    assert {name.lower().replace("_", "-") for name in named} <= pinned


def test_the_constraints_name_no_address(root: Path) -> None:
    text = (root / "constraints.txt").read_text()
    assert "://" not in text
    assert "--" not in text
