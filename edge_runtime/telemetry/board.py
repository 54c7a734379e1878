"""What board this is: its model, the JetPack on it and the power mode it is in."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator

from edge_runtime.core.check import Check
from edge_runtime.core.machine import Machine

from .power_modes import power_modes, refusal

_RELEASE = re.compile(r"# R(\d+) \(release\), REVISION: ([\d.]+)")
_MODE = re.compile(r"NV Power Mode: *(\S+)")
# Jetson Linux 36 is JetPack 6; 38 and 39 are JetPack 7.
OLDEST_LINUX = 36
INSTALL_JETPACK = "sudo apt update && sudo apt install nvidia-jetpack"


def board_checks(machine: Machine) -> Iterator[Check]:
    """The board, and on a Jetson its JetPack and power mode."""
    if not machine.is_jetson:
        model = machine.text("sys/class/dmi/id/product_name")
        yield Check("board", "ok", f"no Jetson: {model or 'a machine without a name'} ({platform.machine()})")
        return
    yield Check("board", "ok", machine.text("sys/firmware/devicetree/base/model") or "a Jetson of unknown model")
    yield _jetpack(machine)
    yield _power_mode(machine)


def _jetpack(machine: Machine) -> Check:
    release = _RELEASE.search(machine.text("etc/nv_tegra_release") or "")
    if release is None:
        return Check("JetPack", "warning", "/etc/nv_tegra_release does not say which Jetson Linux this is")
    linux = f"Jetson Linux {release[1]}.{release[2]}"
    if int(release[1]) < OLDEST_LINUX:
        fix = "flash JetPack 6 or 7: https://developer.nvidia.com/embedded/jetpack"
        return Check("JetPack", "warning", f"{linux} is older than JetPack 6", fix)
    version = package_version(machine, "nvidia-jetpack")
    if version is None:
        found = f"{linux}; the package nvidia-jetpack (CUDA, TensorRT, OpenCV) is not installed"
        return Check("JetPack", "warning", found, INSTALL_JETPACK)
    return Check("JetPack", "ok", f"{version.partition('+')[0]} on {linux}")


def _power_mode(machine: Machine) -> Check:
    """As the command `nvpmodel` says it; jtop says the same."""
    modes, said = power_modes(machine.root), _MODE.search(machine.ask("nvpmodel", "-q") or "")
    if said is None:
        found = f"not known: nvpmodel does not answer; it has {', '.join(modes) or 'no modes'}"
        return Check("power mode", "warning", found, "sudo nvpmodel -q")
    free = [name for name in modes if name != said[1] and refusal(modes, said[1], name) is None]
    return Check("power mode", "ok", f"{said[1]}; without a reboot also {', '.join(free) or 'none'}")


def package_version(machine: Machine, name: str) -> str | None:
    """The version of an installed Debian package."""
    for paragraph in (machine.text("var/lib/dpkg/status") or "").split("\n\n"):
        if paragraph.startswith(f"Package: {name}\n") and "\nStatus: install ok installed\n" in paragraph:
            found = re.search(r"^Version: (\S+)", paragraph, re.MULTILINE)
            return found[1] if found else None
    return None
