"""What deploy/ installs: a unit that systemd takes without a word and that is hard to leave."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli.common import CANNOT_START
from monitor.daemon import POLL_GRACE, SEND_GRACE

needs_systemd = [
    pytest.mark.systemd,
    pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here"),
]


@pytest.fixture(scope="module")
def deploy(root: Path) -> Path:
    return root / "deploy"


@pytest.fixture(scope="module")
def unit(deploy: Path) -> dict[str, list[str]]:
    """The unit's settings, each with its values in order."""
    settings: dict[str, list[str]] = {}
    for line in (deploy / "wirewatch.service").read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings


def exposure(unit: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=12", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
    )


class TestTheUnitAsSystemdReadsIt:
    pytestmark = needs_systemd

    def test_it_is_exposed_by_at_most_1_2(self, deploy: Path) -> None:
        judged = exposure(deploy / "wirewatch.service")
        assert judged.returncode == 0, judged.stdout

    def test_a_unit_without_hardening_would_be_refused(self, tmp_path: Path) -> None:
        bare = tmp_path / "bare.service"
        bare.write_text("[Service]\nExecStart=/bin/true\nUser=nobody\n")
        assert exposure(bare).returncode != 0

    def test_verify_has_nothing_to_say(self, deploy: Path, tmp_path: Path) -> None:
        assert verify((deploy / "wirewatch.service").read_text(), tmp_path) == ""

    def test_verify_would_name_a_setting_that_systemd_does_not_know(
        self, deploy: Path, tmp_path: Path
    ) -> None:
        text = (deploy / "wirewatch.service").read_text()
        assert "ProtectSytem" in verify(text.replace("ProtectSystem", "ProtectSytem"), tmp_path)


def verify(text: str, folder: Path) -> str:
    """What `systemd-analyze verify` says of a unit whose program is there. It is silent only when
    every setting is known: its exit code is 0 for unknown ones too."""
    program = re.search(r"^ExecStart=(\S+)", text, re.MULTILINE)
    assert program is not None
    file = folder / "wirewatch.service"
    file.write_text(text.replace(program[1], sys.executable))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", file],
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout + said.stderr


def test_a_configuration_it_cannot_start_with_is_not_tried_again(
    unit: dict[str, list[str]],
) -> None:
    (codes,) = unit["RestartPreventExitStatus"]
    assert set(map(int, codes.split())) == {CANNOT_START, 203, 217, 226, 228, 243}
    assert unit["Restart"] == ["on-failure"]


def test_stopping_is_given_more_time_than_it_takes(unit: dict[str, list[str]]) -> None:
    assert unit["TimeoutStopSec"] == ["30s"]
    assert POLL_GRACE.total_seconds() + SEND_GRACE.total_seconds() < 28


def test_the_unit_works_on_debian_12(unit: dict[str, list[str]]) -> None:
    assert unit["Type"] == ["notify"]  # notify-reload came with systemd 253
    assert unit["ExecReload"] == ["kill -HUP $MAINPID"]


def test_the_network_is_wanted_and_not_required(unit: dict[str, list[str]]) -> None:
    assert unit["Wants"] == ["network-online.target"]
    assert "Requires" not in unit
    assert "BindsTo" not in unit


def test_no_secret_is_needed_to_start(unit: dict[str, list[str]]) -> None:
    assert "LoadCredential" not in unit
    assert "EnvironmentFile" not in unit


def test_wirewatchctl_gives_what_the_unit_gives(deploy: Path, unit: dict[str, list[str]]) -> None:
    script = (deploy / "wirewatchctl").read_text()
    assert f"PROGRAM={unit['ExecStart'][0].split()[0]}\n" in script
    for key in (
        "User",
        "Group",
        "UMask",
        "NoNewPrivileges",
        "StateDirectory",
        "StateDirectoryMode",
    ):
        assert f"-p {key}={unit[key][0]}" in script


def test_wirewatchctl_says_how_it_is_used(deploy: Path) -> None:
    asked = subprocess.run(
        [deploy / "wirewatchctl", "--help"], capture_output=True, text=True, check=True
    )
    assert asked.stdout.startswith("Usage: wirewatchctl COMMAND [ARGUMENTS]")
    assert asked.stderr == ""


def test_the_guide_names_the_paths_that_the_files_use(
    deploy: Path, unit: dict[str, list[str]]
) -> None:
    guide = (deploy / "README.md").read_text()
    program, *_, configuration = unit["ExecStart"][0].split()
    assert str(Path(program).parent.parent) in guide
    assert configuration in guide
    assert f"/var/lib/{unit['StateDirectory'][0]}" in guide
    for file in ("wirewatch.service", "wirewatchctl", "sysusers.d", "tmpfiles.d", "etc/wirewatch"):
        assert (deploy / file).exists()
        assert f"deploy/{file}" in guide


@pytest.mark.root
@pytest.mark.systemd
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="systemd-sysusers is not here")
def test_sysusers_makes_a_user_that_nobody_can_log_in_as(deploy: Path, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", deploy / "sysusers.d/wirewatch.conf"],
        check=True,
        capture_output=True,
    )
    (user,) = (tmp_path / "etc/passwd").read_text().splitlines()
    name, _, number, _, _, home, shell = user.split(":")
    assert (name, home, shell) == ("wirewatch", "/var/lib/wirewatch", "/usr/sbin/nologin")
    assert 0 < int(number) < 1000
    assert "wirewatch:" in (tmp_path / "etc/group").read_text()
