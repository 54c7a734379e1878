"""A machine of its own for a test: the real systemd as the first process of fresh namespaces, on a RAM disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
BOOT_S = 20.0


def why_not() -> str | None:
    """Why no machine can be started here; None where one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a machine with systemd needs root on Linux, for its namespaces"
    if missing := [tool for tool in ("unshare", "nsenter", "pivot_root", "useradd") if shutil.which(tool) is None]:
        return f"a machine with systemd needs {', '.join(missing)}"
    if not Path("/lib/systemd/systemd").exists():
        return "systemd is not installed (apt-get install systemd)"
    if any(folder.is_relative_to(hidden) for folder in (CHECKOUT, Path(sys.prefix)) for hidden in ("/tmp", "/var/tmp")):
        return "a service does not see a checkout in /tmp: clone it elsewhere"
    if subprocess.run(["unshare", "-mpuiCn", "--fork", "true"], capture_output=True).returncode:
        return "this root may not make namespaces (a container without CAP_SYS_ADMIN?)"
    return None


class Machine:
    """Boots at once; `run` is a command on it. Nothing of this machine can be changed from there. Close it, or `with`.

    `folder` is an empty one: the RAM disk is mounted there, for that machine only. Of this machine it sees, besides
    the system, the checkout, the interpreter and the folders `shown`.
    """

    def __init__(self, folder: Path, *shown: Path) -> None:
        self._log = (folder.parent / "machine.log").open("wb")
        prefixes = {Path(prefix) for prefix in (sys.prefix, sys.base_prefix) if not prefix.startswith("/usr")}
        outside = [CHECKOUT, *(prefix for prefix in prefixes if CHECKOUT not in prefix.parents), *shown]
        self._boot = subprocess.Popen(
            ["unshare", "-fpmuiCn", "--kill-child", str(HERE / "boot.sh"), str(folder), *map(str, outside)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        if not until(self._is_up, BOOT_S) or self._boot.poll() is not None:
            self.close()
            raise RuntimeError(f"the machine does not start:\n{(folder.parent / 'machine.log').read_text()[-2000:]}")

    def _is_up(self) -> bool:
        if self._boot.poll() is not None:
            return True
        return self._first() is not None and self.run("systemctl", "is-active", "machine.target").stdout == "active\n"

    def _first(self) -> str | None:
        """The process id of its systemd; before that is started, of the script that starts it."""
        children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children").read_text().split()
        return children[0] if children else None

    def run(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        enter = ["nsenter", f"--target={self._first()}", "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        settings = ["SYSTEMD_UNIT_PATH=/etc/systemd/system", "COLUMNS=120", "HOME=/root"]
        return subprocess.run([*enter, *settings, *command], input=stdin, capture_output=True, text=True, timeout=120)

    def service(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`edge-run service …` on it."""
        return self.run(sys.executable, "-m", "edge_runtime", "service", *arguments)

    def show(self, unit: str, key: str) -> str:
        return self.run("systemctl", "show", unit, f"--property={key}", "--value").stdout.strip()

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout

    def write(self, path: str, text: str) -> None:
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "sh", path, stdin=text)

    def journal(self, unit: str) -> list[dict[str, str]]:
        done = self.run("journalctl", f"--unit={unit}", "--output=json", "--no-pager")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def close(self) -> None:
        self._boot.kill()
        self._boot.wait()
        self._log.close()

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def until(condition, seconds: float = 30.0) -> bool:
    """Look again and again until it holds; False when it never did."""
    end_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.05)
    return True
