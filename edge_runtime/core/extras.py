"""The optional parts of this package, and what is said where one is missing."""

from __future__ import annotations

import sys

from .machine import Machine


def install(extra: str) -> str:
    """The command that adds an extra to the environment that runs this."""
    return f"{sys.executable} -m pip install 'edge-runtime[{extra}]'"


def missing(what: str, package: str, extra: str) -> str:
    """The sentence for `what` (a verb, an option, a key of a file) that needs a package which is not there."""
    return f"{what} needs {package}, which is not installed. Run: {install(extra)}"


def gpu_extra() -> str:
    """The extra for NVIDIA's GPUs on this machine: on a Jetson TensorRT and OpenCV come with JetPack."""
    return "jetson" if Machine().is_jetson else "nvidia"
