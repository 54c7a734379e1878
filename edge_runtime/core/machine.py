"""The machine that `edge-run doctor` looks at: its files below a root, and commands that may be asked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 2.0
Ask = Callable[..., "str | None"]


def answer(*command: str) -> str | None:
    """What a command says; None where it is not there, fails, or says nothing in time."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Machine:
    """`root` is where its files lie; `ask` runs one of its commands and returns what it says, or None."""

    root: Path = Path("/")
    ask: Ask = answer

    def text(self, path: str) -> str | None:
        """A small file without what pads it; None where it is not there or does not answer."""
        try:
            return (self.root / path).read_text(errors="replace").strip("\0 \n")
        except OSError:
            return None

    def has(self, path: str) -> bool:
        return (self.root / path).exists()

    def find(self, pattern: str) -> list[Path]:
        return sorted(self.root.glob(pattern))

    @property
    def is_jetson(self) -> bool:
        compatible = self.text("sys/firmware/devicetree/base/compatible") or ""
        return "nvidia,tegra" in compatible or self.has("etc/nv_tegra_release")
