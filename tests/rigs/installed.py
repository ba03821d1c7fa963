"""wirewatch as deploy/README.md installs it, in a container of its own.

    with Installed(root, tmp_path) as debian:
        debian.follow("2.", "3.")              # the commands of these sections of the guide
        debian.run("systemctl", "start", "wirewatch")

Only the first section is done by the rig: there is no package index in the container, so the
libraries of this test run are shown to it, beside a copy of our own three packages.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from rigs.container import Container
from rigs.daemon import wait_until

CHECKOUT = "/srv/wirewatch"
CONFIGURATION = "/etc/wirewatch/wirewatch.yaml"
_LIBRARIES = "/opt/libraries"
_PYTHON = "/opt/python"


class Installed(Container):
    """A container in which section 1 of the guide is done and the checkout lies at `CHECKOUT`."""

    def __init__(
        self,
        root: Path,
        folder: Path,
        *,
        version: str = "0.0.test",
        texts: Mapping[str, str] | None = None,
        links: Mapping[str, str] | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> None:
        home, binds = _python()
        own = f"/opt/wirewatch/{version}"
        packages = f"{own}/lib/python{sysconfig.get_python_version()}/site-packages"
        binds[_LIBRARIES] = Path(sysconfig.get_path("purelib"))
        super().__init__(
            folder,
            files={f"{CHECKOUT}/deploy": root / "deploy"}
            | {f"{packages}/{name}": root / name for name in ("monitor", "rules", "alerts")}
            | dict(files or {}),
            texts={
                f"{own}/pyvenv.cfg": f"home = {home}\ninclude-system-site-packages = false\n",
                f"{own}/bin/wirewatch": _SCRIPT.format(own=own),
                # What is put on the path by a .pth file has no .pth files of its own read.
                f"{packages}/libraries.pth": f"{_LIBRARIES}\n",
                "/etc/ld.so.conf.d/python.conf": f"{_PYTHON}/lib\n",
            }
            | dict(texts or {}),
            links={
                f"{own}/bin/python3": f"{home}/python{sysconfig.get_python_version()}",
                "/opt/wirewatch/current": version,
            }
            | dict(links or {}),
            binds=binds,
        )
        self._place(f"{own}/bin/wirewatch").chmod(0o755)
        self._guide = (root / "deploy/README.md").read_text()

    def __enter__(self) -> Installed:
        super().__enter__()
        self.run("ldconfig")
        return self

    def follow(self, *sections: str) -> None:
        """Run the commands of sections of the guide, named by how their headings begin."""
        for section in sections:
            for block in commands(self._guide, section):
                self.run("sh", "-euc", block, "sh", directory=CHECKOUT)

    def show(self, setting: str) -> str:
        """What `systemctl show` says of the service."""
        return self.run("systemctl", "show", "--value", f"-p{setting}", "wirewatch").stdout.strip()

    def wait_for(self, setting: str, pattern: str, timeout: float = 30) -> str:
        """What the setting is, as soon as the pattern is found in it."""
        wait_until(
            f"{setting} like {pattern}: {self.show(setting)}",
            lambda: re.search(pattern, self.show(setting)),
            timeout,
        )
        return self.show(setting)

    def journal(self) -> str:
        """What the service and systemd said about it."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", "wirewatch").stdout


_SCRIPT = """\
#!{own}/bin/python3
import sys
from monitor.cli import main
sys.exit(main())
"""


def commands(guide: str, section: str) -> list[str]:
    """The shell commands of the section whose heading begins so, one text a block."""
    parts = re.split(r"^## ", guide, flags=re.MULTILINE)
    (body,) = (part for part in parts if part.startswith(section))
    blocks: list[str] = re.findall(r"^```sh\n(.*?)^```", body, re.MULTILINE | re.DOTALL)
    assert blocks, section
    return blocks


def _python() -> tuple[str, dict[str, Path]]:
    """Where the container finds this version of Python, and what must be shown to it for that:
    the unit sees no homes."""
    name = f"python{sysconfig.get_python_version()}"
    if os.access(f"/usr/bin/{name}", os.X_OK):
        return "/usr/bin", {}
    base = Path(sys.base_prefix).resolve()
    return f"{_PYTHON}/bin", {_PYTHON: base}
