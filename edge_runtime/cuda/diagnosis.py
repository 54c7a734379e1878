"""What CUDA finds on this machine."""

from __future__ import annotations

import re
from importlib import metadata

from edge_runtime.core.check import Check
from edge_runtime.core.machine import Machine
from edge_runtime.errors import EngineError

from .driver import CudaGpu, open_gpu

# What the driver makes on a Jetson and on a PC.
_DRIVER = ("dev/nvhost-ctrl-gpu", "dev/nvgpu", "dev/nvidiactl", "proc/driver/nvidia")


def gpu_check(machine: Machine) -> tuple[Check, CudaGpu | None]:
    """The first GPU with its CUDA driver and runtime, and the GPU itself where it can be used."""
    if not machine.is_jetson and not any(map(machine.has, _DRIVER)):
        return Check("GPU", "ok", "no NVIDIA driver here: networks run on the CPU with ONNX Runtime"), None
    try:
        gpu = open_gpu()
    except EngineError as error:
        found, _, fix = str(error).partition(" Run: ")
        return Check("GPU", "error", found.rstrip("."), _older_bindings(machine, _bindings()) or fix), None
    kernel = re.search(r"Kernel Module.*?\s(\d+\.[\d.]+)", machine.text("proc/driver/nvidia/version") or "")
    driver = f"driver {kernel[1]} with CUDA {gpu.driver_cuda}" if kernel else f"driver with CUDA {gpu.driver_cuda}"
    return Check("GPU", "ok", f"{gpu.name} ({gpu.arch}), {driver}, runtime {gpu.runtime_cuda}"), gpu


def _bindings() -> int | None:
    """The CUDA that cuda-bindings was made for, as its major version."""
    try:
        return int(metadata.version("cuda-bindings").partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return None


def _older_bindings(machine: Machine, bindings: int | None) -> str:
    """What to type where pip took bindings that are newer than the board: Jetson Linux 36 has CUDA 12."""
    of_cuda_12 = (machine.text("etc/nv_tegra_release") or "").startswith("# R36 ")
    return "pip install 'cuda-bindings<13'" if of_cuda_12 and bindings is not None and bindings > 12 else ""
