"""A Debian of its own on this machine's files: a real systemd in which a unit can be tried.

    with Container(tmp_path, files={"/etc/wirewatch": folder}) as debian:    # up in a second
        debian.run("systemctl", "start", "wirewatch")
        with debian.network():                # sockets opened in here are the container's
            receiver = Receiver()

The root is an overlay of ``/`` on a tmpfs, in name spaces that end with this process, however it
ends: nothing done inside reaches the machine. It has a loopback network and nothing else, and
starts no unit of this machine's but the basic ones. Needs root and systemd-nspawn (Debian:
systemd-container); `why_not` says what is missing.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rigs.daemon import wait_until

_OVERLAY = """\
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
"""
_BOOT = """\
root="$1/root"
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/*.requires
# Without an identity it would take this for a first boot and enable every unit there is.
tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
printf '[Unit]\\nRequires=basic.target\\nAfter=basic.target\\n' \\
    >"$root/etc/systemd/system/up.target"
ln -sf up.target "$root/etc/systemd/system/default.target"
cp -a "$2/." "$root"
shift 2
exec systemd-nspawn --quiet --boot --register=no --keep-unit --private-network \\
    --console=pipe --link-journal=no --directory="$root" "$@"
"""
_IN = ("sh", "-c", 'cd "$1" && shift && exec "$@"', "sh")
_CLONE_NEWNET = 0x40000000


@functools.cache
def why_not() -> str:
    """Why there can be no container here; empty when there can."""
    if os.geteuid() != 0:
        return "a container with systemd needs root"
    for tool in ("systemd-nspawn", "unshare", "nsenter"):
        if not shutil.which(tool):
            return f"{tool} is not here (Debian: apt install systemd-container)"
    if not Path("/lib/systemd/systemd").exists():
        return "systemd is not here (Debian: apt install systemd)"
    with tempfile.TemporaryDirectory() as folder:
        tried = _unshared(_OVERLAY, folder, stdout=subprocess.PIPE)
        said, _ = tried.communicate()
    reason = said.decode(errors="replace").strip()
    return f"no overlay can be mounted here: {reason}" if tried.returncode else ""


def _unshared(script: str, *words: str | Path, stdout: int) -> subprocess.Popen[bytes]:
    """Run a script in mount and process name spaces that end with this process."""
    tool = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return subprocess.Popen(
        [*tool, "sh", "-c", script, "sh", *words],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        preexec_fn=_die_with_us,  # noqa: PLW1509 - one call of libc, in a child that then execs
    )


def _die_with_us() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Container:
    """Boots on entering, ends with the ``with``.

    Args:
        folder: for what is prepared; a test's tmp_path.
        files: path inside -> file or directory here, copied over the machine's files.
        texts: path inside -> text of a file.
        links: path inside -> where a symbolic link leads. What is linked in
            /etc/systemd/system/up.target.wants is started at boot.
        binds: path inside -> directory here, shown read-only.
    """

    def __init__(
        self,
        folder: Path,
        *,
        files: Mapping[str, Path] | None = None,
        texts: Mapping[str, str] | None = None,
        links: Mapping[str, str] | None = None,
        binds: Mapping[str, Path] | None = None,
    ) -> None:
        self._mount = folder / "mount"
        self._prepared = folder / "prepared"
        self._console = folder / "console.log"
        self._binds = [f"--bind-ro={here}:{inside}" for inside, here in (binds or {}).items()]
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._mount.mkdir()
        self._prepared.mkdir()
        for inside, here in (files or {}).items():
            _copy(here, self._place(inside))
        for inside, text in (texts or {}).items():
            self._place(inside).write_text(text)
        for inside, target in (links or {}).items():
            self._place(inside).symlink_to(target)

    def _place(self, inside: str) -> Path:
        place = self._prepared / inside.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def __enter__(self) -> Self:
        with self._console.open("wb") as console:
            self._process = _unshared(
                _OVERLAY + _BOOT, self._mount, self._prepared, *self._binds, stdout=console.fileno()
            )
        try:
            wait_until("first process of the container", self._find_leader)
            wait_until("systemd in the container", self._is_up)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()  # its process name space follows it, and all that is in there
            self._process.wait()

    @property
    def console(self) -> str:
        """What was said while booting."""
        return self._console.read_text(errors="replace")

    def _find_leader(self) -> bool:
        """Look for the process that is number 1 in a name space within the one we made."""
        assert self._process is not None
        assert self._process.poll() is None, f"the container ended: {self.console}"
        self._leader = next(
            (pid for pid in _descendants(self._process.pid) if _is_nested_init(pid)), 0
        )
        return self._leader != 0

    def _is_up(self) -> bool:
        state = self.run("systemctl", "is-system-running", check=False)
        return state.stdout.strip() in {"running", "degraded"}

    def run(
        self,
        *command: str,
        check: bool = True,
        stdin: str = "",
        timeout: float = 60,
        directory: str = "/",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root. With ``check`` it must succeed."""
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid"]
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        done = subprocess.run(
            ["nsenter", f"--target={self._leader}", *spaces, *_IN, directory, *command],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env=environment | {"LANG": "C.UTF-8"},
        )
        assert not check or done.returncode == 0, (command, done)
        return done

    def read(self, inside: str) -> str:
        """The text of a file inside."""
        return self.run("cat", inside).stdout

    def write(self, inside: str, text: str) -> None:
        """Write a file inside."""
        self.run("sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1"', "sh", inside, stdin=text)

    @contextmanager
    def network(self) -> Iterator[None]:
        """Sockets that this thread, and threads it starts, open in here are the container's."""
        libc = ctypes.CDLL(None, use_errno=True)
        ours = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        theirs = os.open(f"/proc/{self._leader}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if libc.setns(theirs, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            libc.setns(ours, _CLONE_NEWNET)
            os.close(ours)
            os.close(theirs)


def _copy(here: Path, place: Path) -> None:
    if here.is_dir():
        shutil.copytree(here, place, symlinks=True)
    else:
        shutil.copy2(here, place)


def _descendants(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended meanwhile
        return
    for child in map(int, children):
        yield child
        yield from _descendants(child)


def _is_nested_init(pid: int) -> bool:
    """Whether it is number 1 in its name space, and that one lies in a name space of ours."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    outside = len(
        Path("/proc/self/status").read_text().partition("NSpid:")[2].splitlines()[0].split()
    )
    return len(numbers) == outside + 2 and numbers[-1] == "1"
