"""What differs from machine to machine, as a drop-in beside the unit that ships: pure text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.config.ladder import ladder_of
from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import CameraSource


@dataclass(frozen=True, slots=True)
class Facts:
    """What an installation found: the interpreter that has this package, who runs it, and what it may touch."""

    python: Path
    user: str
    groups: tuple[str, ...]
    devices: tuple[str, ...]


def drop_in_text(name: str, facts: Facts, loaded: LoadedPipeline) -> str:
    """The drop-in of one pipeline."""
    lines = [f"# Written by edge-run service install for {loaded.path}; the next installation replaces it.", "[Unit]"]
    if over_network(loaded):
        lines += ["# The camera is on the network. If that never comes up, the service starts all the same."]
        lines += ["Wants=network-online.target", "After=network-online.target"]
    python = _quoted(str(facts.python))
    lines += ["", "[Service]", "ExecStart=", f"ExecStart={python} -m edge_runtime service run {name}"]
    lines += ["ExecReload=", f"ExecReload={python} -m edge_runtime.service.swap {name}", f"User={facts.user}"]
    if facts.groups:
        lines.append(f"SupplementaryGroups={' '.join(facts.groups)}")
    lines += [f"DeviceAllow={device} rw" for device in facts.devices]
    if caps_clocks(loaded):
        lines += [
            "# `board.control` and a point with `gpu_cap_mhz`: the kernel's clock files belong to root.",
            "CapabilityBoundingSet=CAP_DAC_OVERRIDE",
            "AmbientCapabilities=CAP_DAC_OVERRIDE",
            "ProtectKernelTunables=no",
        ]
    return "\n".join(lines) + "\n"


def over_network(loaded: LoadedPipeline) -> bool:
    cameras = (source for source in loaded.config.cameras if isinstance(source, CameraSource))
    return any("://" in str(camera.device) for camera in cameras)


def caps_clocks(loaded: LoadedPipeline) -> bool:
    """Whether a point of the pipeline's ladder may cap clocks, which takes a capability."""
    if not loaded.config.board.control or loaded.config.governor is None:
        return False
    return any(rung.knobs.gpu_cap_mhz is not None for rung in ladder_of(loaded)[0].points)


def device_files(root: Path = Path("/dev")) -> tuple[str, ...]:
    """The device files of NVIDIA's driver, which has no one name in /proc/devices on a Jetson."""
    found: list[Path] = []
    for path in sorted(root.glob("nv*")):
        found += sorted(path.rglob("*")) if path.is_dir() else [path]
    return tuple(str(path) for path in found if path.is_char_device())


def _quoted(text: str) -> str:
    """As systemd.syntax(7) has it: `%` and `$` mean something there, and a space ends a word."""
    text = text.replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if " " in text else text


def existing(groups: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Those of the groups that this machine has: a unit with an unknown one does not start."""
    return tuple(group for group in groups if group in known)
