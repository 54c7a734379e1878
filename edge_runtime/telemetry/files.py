"""Small files of the kernel: read without fear, written with a check."""

from __future__ import annotations

from pathlib import Path


def text(path: Path) -> str | None:
    """What a file holds; None where it is not there or, like the sensor of an idle engine, does not answer."""
    try:
        return path.read_text(errors="replace").strip("\0 \n")
    except OSError:
        return None


def number(path: Path) -> int | None:
    try:
        return int(text(path) or "")
    except ValueError:
        return None


def children(folder: Path, pattern: str = "*") -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def find_gpu(root: Path) -> Path | None:
    """The devfreq folder of a Jetson's GPU: Orin, Xavier, TX2, Nano; Thor's graphics cluster."""
    names = (".gpu", ".ga10b", ".gv11b", ".gp10b", ".gm20b", "gpu-gpc-0")
    return next((node for node in children(root / "sys/class/devfreq") if node.name.endswith(names)), None)
