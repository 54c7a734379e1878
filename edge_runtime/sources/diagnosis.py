"""Which cameras this machine has, what they can do, and what OpenCV can open."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from edge_runtime.core.check import Check
from edge_runtime.core.machine import Machine

# How NVIDIA's capture driver names the video device of a CSI sensor: "vi-output, imx219 9-0010".
_CSI = "vi-output, "
_MODES_SHOWN = 6
_FORMAT = re.compile(r"\[\d+\]: '(.{4})'")
_SIZE = re.compile(r"Size: \w+ (\d+)x(\d+)")
_RATE = re.compile(r"\(([\d.]+) fps\)")
SYSTEM_OPENCV = (
    "pip uninstall opencv-python opencv-python-headless, in an environment made with: "
    "python3 -m venv --system-site-packages .venv"
)


def opencv_check(machine: Machine) -> Check:
    """The version of OpenCV; CSI cameras and hardware decoding need one with GStreamer."""
    try:
        cv2 = import_module("cv2")
    except ImportError as error:
        # JetPack 6's was compiled for NumPy 1, and pip takes NumPy 2 when nobody stops it.
        package = "sudo apt install nvidia-opencv" if machine.is_jetson else "pip install opencv-python-headless"
        fix = "pip install 'numpy<2'" if "numpy" in str(error) else package
        return Check("OpenCV", "error", f"does not load: {str(error).partition(chr(10))[0]}", fix)
    if cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        return Check("OpenCV", "ok", f"{cv2.__version__} with GStreamer")
    found = f"{cv2.__version__} without GStreamer"
    if not machine.is_jetson:
        return Check("OpenCV", "ok", f"{found}, as all wheels of PyPI")
    return Check("OpenCV", "warning", f"{found}: no CSI camera and no hardware decoder", SYSTEM_OPENCV)


def camera_checks(machine: Machine) -> Iterator[Check]:
    """A line for each camera with its sizes and rates; video devices that are no camera are left out."""
    checks = [check for node in machine.find("sys/class/video4linux/video*") if (check := _camera(machine, node))]
    yield from checks or [Check("cameras", "ok", "none on this machine: no /dev/video*")]


def _camera(machine: Machine, node: Path) -> Check | None:
    entry = f"sys/class/video4linux/{node.name}"
    if (machine.text(f"{entry}/index") or "0") != "0":
        return None  # the second device of a USB camera gives no pictures
    device = f"/dev/{node.name}"
    label = machine.text(f"{entry}/name") or "a camera without a name"
    csi = label.startswith(_CSI)
    label = f"CSI sensor {label.removeprefix(_CSI)}" if csi else label
    if not os.access(machine.root / device[1:], os.R_OK | os.W_OK):
        return Check(
            device,
            "error",
            f"{label}: may not be opened by this user",
            "sudo usermod -aG video $USER, then log in again",
        )
    listed = machine.ask("v4l2-ctl", "--device", device, "--list-formats-ext")
    if listed is None:
        return Check(device, "warning", f"{label}; its modes are not known", "sudo apt install v4l-utils")
    found = modes(listed)
    if not found:
        return None
    shown = ", ".join(found[:_MODES_SHOWN]) + (f" and {len(found) - _MODES_SHOWN} more" * (len(found) > _MODES_SHOWN))
    return Check(device, "ok", f"{label}: {shown}" + ("; open it with nvarguscamerasrc" * csi))


def modes(listed: str) -> list[str]:
    """What `v4l2-ctl --list-formats-ext` lists, as `1920x1080 MJPG 30/s`; a size without a rate has none."""
    rates: dict[tuple[str, str], list[float]] = {}
    fourcc = size = ""
    for line in listed.splitlines():
        if found := _FORMAT.search(line):
            fourcc, size = found[1].strip(), ""
        elif found := _SIZE.search(line):
            size = f"{found[1]}x{found[2]}"
            rates.setdefault((fourcc, size), [])
        elif (found := _RATE.search(line)) and size:
            rates[fourcc, size].append(float(found[1]))
    return [f"{size} {fourcc}" + (f" {max(seen):g}/s" if seen else "") for (fourcc, size), seen in rates.items()]
