"""What can run networks on this machine, and whether it fits its GPU."""

from __future__ import annotations

import onnxruntime

from edge_runtime.core.check import Check
from edge_runtime.core.extras import install
from edge_runtime.core.machine import Machine
from edge_runtime.errors import EngineError

from .tensorrt.compat import Traits
from .tensorrt.provider import load

Capability = tuple[int, int]
# From this version on -> the least and the greatest compute capability (NVIDIA's support matrices of each version).
# Thor is 10.1 in CUDA 12 and 11.0 from CUDA 13 on.
_RUNS_ON: tuple[tuple[tuple[int, int], Capability, Capability], ...] = (
    ((8, 0), (5, 0), (9, 0)),
    ((10, 0), (7, 0), (9, 0)),
    ((10, 5), (7, 5), (9, 0)),
    ((10, 8), (7, 5), (12, 9)),
)


TENSORRT_OF_JETPACK = "sudo apt install python3-libnvinfer"
SEES_SYSTEM = "in an environment made with: python3 -m venv --system-site-packages .venv"


def runtime_checks(machine: Machine, capability: Capability | None, *, is_wanted: bool) -> list[Check]:
    """TensorRT for a GPU of this compute capability, and ONNX Runtime.

    Without a GPU (None) nobody misses TensorRT, unless it `is_wanted` for one that does not answer now.
    """
    names = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    providers = ", ".join(name for name in names if name != "Azure")  # runs nothing here: it asks a server
    return [
        _tensorrt(machine, capability, is_wanted),
        Check("ONNX Runtime", "ok", f"{onnxruntime.__version__} on {providers}"),
    ]


def _tensorrt(machine: Machine, capability: Capability | None, is_wanted: bool) -> Check:
    try:
        traits = load("tensorrt").traits
    except EngineError as error:
        if capability is None and not is_wanted:
            return Check("TensorRT", "ok", "not installed, and without a GPU not needed")
        fix = f"{TENSORRT_OF_JETPACK}, {SEES_SYSTEM}" if machine.is_jetson else install("nvidia")
        return Check("TensorRT", "warning", str(error).partition(". ")[0], fix)
    if capability is None:
        return Check("TensorRT", "ok", f"{traits}; no GPU here can be used by it")
    return fit(traits, capability)


def fit(traits: Traits, capability: Capability) -> Check:
    """Whether a version of TensorRT makes engines for a GPU."""
    least, most = next(
        ((low, high) for since, low, high in reversed(_RUNS_ON) if traits.version[:2] >= since), ((5, 0), (9, 0))
    )
    sm = "sm_{}{}".format(*capability)
    if least <= capability <= most:
        return Check("TensorRT", "ok", f"{traits}, makes engines for {sm}")
    span = f"it runs on {least[0]}.{least[1]} to {most[0]}.{most[1]}"
    if capability > most:
        return Check("TensorRT", "error", f"{traits} is too old for {sm}: {span}", "install TensorRT 10.8 or newer")
    fix = "take a version that still knows this GPU: https://docs.nvidia.com/deeplearning/tensorrt"
    return Check("TensorRT", "error", f"{traits} no longer runs on {sm}: {span}", fix)
