"""The emulated Jetson as a running machine: a mount namespace of its own, and the real jetson-stats service in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from .tree import Tree, build

HERE = Path(__file__).parent
READY_S = 20.0


def why_not() -> str | None:
    """Why no machine can be emulated here; None where one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "an emulated Jetson needs root on Linux, for a mount namespace"
    if missing := [tool for tool in ("unshare", "nsenter", "mount") if shutil.which(tool) is None]:
        return f"an emulated Jetson needs {', '.join(missing)} (util-linux)"
    if find_spec("jtop") is None:
        return "jetson-stats is not installed (pip install 'edge-runtime[dev]')"
    if subprocess.run(["unshare", "-m", "--propagation", "private", "true"], capture_output=True).returncode:
        return "this root may not make a mount namespace (a container without CAP_SYS_ADMIN?)"
    return None


class EmulatedJetson:
    """`tree` changes its readings; `enter` is what a command is prefixed with to run on it. Close it, or use `with`."""

    def __init__(self, root: Path, mode: str = "MODE_50W") -> None:
        self.tree: Tree = build(root, mode)
        self._log = (root / "service.log").open("wb")
        command = ["unshare", "-m", "--propagation", "private", str(HERE / "enter.sh"), str(root)]
        self._holder = subprocess.Popen(command, stdout=self._log, stderr=self._log, start_new_session=True)
        self.service: subprocess.Popen[bytes] | None = None
        _wait_for((root / "ready").exists, self._holder, root)

    @property
    def enter(self) -> list[str]:
        path = f"{HERE / 'tools'}:{os.environ['PATH']}"
        settings = {"EMULATED_JETSON": self.tree.root, "EMULATOR": HERE.parent, "PATH": path}
        return [
            *("nsenter", "-t", str(self._holder.pid), "-m", f"--wd={Path.cwd()}", "env"),
            *(f"{name}={value}" for name, value in settings.items()),
        ]

    def start_service(self) -> None:
        """Start the jtop service and wait until it can be asked."""
        packages = f"{HERE / 'shim'}:{os.environ.get('PYTHONPATH', '')}"
        service = [f"PYTHONPATH={packages}", "JTOP_SERVICE=1", "PYTHONUNBUFFERED=1"]
        jtop = Path(sys.executable).with_name("jtop")
        before = self.says().count("service ready")
        self.service = subprocess.Popen(
            [*self.enter, *service, sys.executable, str(jtop), "--force"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        _wait_for(lambda: self.says().count("service ready") > before, self.service, self.tree.root)

    def says(self) -> str:
        return (self.tree.root / "service.log").read_text(errors="replace")

    def signal_service(self, number: signal.Signals) -> None:
        """To all processes of the service: STOP makes its sampler stand still while clients stay connected."""
        assert self.service is not None
        os.killpg(self.service.pid, number)

    def signal_sampler(self, number: signal.Signals) -> None:
        """Only to the process that reads the sensors; the one that clients talk to goes on."""
        assert self.service is not None
        children = Path(f"/proc/{self.service.pid}/task/{self.service.pid}/children").read_text().split()
        os.kill(int(children[-1]), number)

    def kill_service(self) -> None:
        self.signal_service(signal.SIGKILL)
        assert self.service is not None
        self.service.wait()

    def close(self) -> None:
        if self.service is not None and self.service.returncode is None:
            self.kill_service()
        self._holder.kill()
        self._holder.wait()
        self._log.close()

    def __enter__(self) -> EmulatedJetson:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def until(condition, seconds: float = 15.0) -> bool:
    """Look again and again until it holds; False when it never did."""
    end_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.01)
    return True


def _wait_for(ready, process, root: Path) -> None:
    if not until(lambda: ready() or process.poll() is not None, READY_S) or process.poll() is not None:
        raise RuntimeError(f"the emulated Jetson does not start:\n{(root / 'service.log').read_text()[-2000:]}")
