"""Why a build ended without an engine, in one sentence and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edge_runtime.errors import EngineError

from .provider import NO_GPU


class BuildError(EngineError):
    """TensorRT gave no engine."""


class BuildCancelled(EngineError):
    """Someone asked the build to stop; nothing was written."""


# What TensorRT says -> what it means and the way out, most specific first.
_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"driver version is insufficient|no CUDA-capable device|CUDA initialization failure|cudaErrorNoDevice"
        r"|libcuda\.so|cudaError 35|cudaError 100|error code: 35|error code: 100",
        NO_GPU,
    ),
    (
        r"within workspace limit|[Ww]orkspace.*(insufficient|too small|not enough)|insufficient workspace",
        "a layer does not fit into the workspace{workspace}. Raise workspace_mib, or leave it out",
    ),
    (
        r"out of memory|OutOfMemory|cudaErrorMemoryAllocation|std::bad_alloc|MEM_ALLOC|Requested amount of GPU memory",
        "the GPU ran out of memory. Close other programs that use it, lower workspace_mib{workspace}"
        " or optimization_level ({level}), or shrink the batch ({batch})",
    ),
    (
        r"not supported.*(SM|compute capability)|(SM|compute capability).*not supported|Target GPU SM|no kernel image",
        "this TensorRT does not build for the GPU. Use the TensorRT that came with its JetPack or driver",
    ),
    (
        r"Could not find any implementation",
        "TensorRT found no kernel for a layer. Give it a larger workspace_mib{workspace}, another precision, or"
        " external_libraries: true where cuDNN is installed",
    ),
    (
        r"[Pp]lugin.*(not found|not registered)|getPluginCreator",
        "a plugin is missing. Name its library in plugin_libraries",
    ),
)


def explain(
    errors: Sequence[str], *, workspace_mib: int | None = None, level: int = 3, batch: Sequence[int] = (1, 1, 1)
) -> str:
    """The errors of TensorRT's log as one sentence, with TensorRT's own words after it."""
    said = [" ".join(error.split()) for error in errors if error.strip()]
    words = said[0][:400] if said else "TensorRT gives no reason"
    for pattern, sentence in _CAUSES:
        match = next((error for error in said if re.search(pattern, error)), None)
        if match is not None:
            limit = "" if workspace_mib is None else f" (now {workspace_mib})"
            plain = sentence.format(workspace=limit, level=level, batch="/".join(map(str, batch)))
            return f"{plain}\n    TensorRT: {match[:400]}"
    return words
