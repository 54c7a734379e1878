"""The power modes of a Jetson, as /etc/nvpmodel.conf lists them, and which of them can be entered while it runs.

A mode that powers other clusters of the GPU (TPC_PG_MASK, GPU_PG_MASK), or that another line marks so, needs a reboot;
nvpmodel asks for one, jtop ignores the wish in silence. This runtime refuses before either is tried.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .files import text

_MODE = re.compile(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>")
_GATING = re.compile(r"\w+_POWER_GATING\s+(\w+_PG_MASK)\s+(\S+)")


@dataclass(frozen=True, slots=True)
class PowerMode:
    """`gating` holds the masks of what stays without power; modes that differ in them are a reboot apart."""

    number: int
    name: str
    gating: tuple[tuple[str, str], ...] = ()


def power_modes(root: Path = Path("/")) -> dict[str, PowerMode]:
    """By name, in the order of the file; empty where there is none."""
    modes: dict[str, PowerMode] = {}
    name = None
    for line in (text(root / "etc/nvpmodel.conf") or "").splitlines():
        if found := _MODE.match(line.strip()):
            name = found[2]
            modes[name] = PowerMode(int(found[1]), name)
        elif name and (found := _GATING.match(line.strip())):
            before = modes[name]
            modes[name] = PowerMode(before.number, name, (*before.gating, (found[1], found[2])))
    return modes


def refusal(modes: Mapping[str, PowerMode], now: str, wanted: str) -> str | None:
    """Why `wanted` cannot be entered from `now`, as a sentence; None when it can."""
    if wanted not in modes:
        return f"'{wanted}' is no power mode of this board: {', '.join(modes)}"
    if now in modes and modes[now].gating != modes[wanted].gating:
        here = [name for name, mode in modes.items() if mode.gating == modes[now].gating]
        return (
            f"power mode {wanted} needs a reboot from {now}; without one: {', '.join(here)}. "
            f"To change it by hand: sudo nvpmodel -m {modes[wanted].number}"
        )
    return None
