"""The one file that asks for a version: how TensorRT 8.6, 10.x, 11.x and TensorRT-RTX differ.

`Traits` says what a version can do, from its number alone; `touched` lists every name of the API that this package
uses in a version, so that a test can hold both against the real surface of each. `provider` acts on it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_runtime.core.extras import gpu_extra, missing
from edge_runtime.errors import EngineError

from .options import Provider


@dataclass(frozen=True)
class Traits:
    """What one version of TensorRT can do. JetPack ships 8.6 and 10.x; 11.x and RTX mirror each other."""

    provider: Provider
    version: tuple[int, int, int]

    @property
    def rtx(self) -> bool:
        return self.provider == "tensorrt_rtx"

    @property
    def modern(self) -> bool:
        """10.0 and later: progress monitor, BF16, parser errors that name their node."""
        return self.rtx or self.version >= (10, 0, 0)

    @property
    def strongly_typed_only(self) -> bool:
        """Precision lives in the ONNX; the precision flags are gone."""
        return self.rtx or self.version >= (11, 0, 0)

    @property
    def weakly_typed(self) -> bool:
        return not self.strongly_typed_only

    @property
    def classic(self) -> bool:
        """8.6: a batch axis must be asked for, and so must contexts that share a shape profile."""
        return not self.modern

    @property
    def weak_bf16(self) -> bool:
        return self.modern and self.weakly_typed

    @property
    def dla(self) -> bool:
        return self.weakly_typed

    @property
    def plugins(self) -> bool:
        return not self.rtx

    @property
    def timing_cache(self) -> bool:
        """TensorRT-RTX compiles for a GPU that it does not see and times nothing."""
        return not self.rtx

    @property
    def named_target(self) -> bool:
        return self.rtx

    def __str__(self) -> str:
        name = "TensorRT-RTX" if self.rtx else "TensorRT"
        return f"{name} {'.'.join(map(str, self.version))}"


# Used with every version, by owner.
_ALWAYS: Mapping[str, str] = {
    "": "ILogger IProfiler init_libnvinfer_plugins",
    "Builder": "build_serialized_network create_builder_config create_network create_optimization_profile",
    "BuilderFlag": "TF32",
    "DataType": "BOOL FLOAT FP8 HALF INT32 INT8 UINT8",
    "EngineInspector": "get_engine_information",
    "IBuilderConfig": "add_optimization_profile builder_optimization_level clear_flag profiling_verbosity set_flag"
    " set_memory_pool_limit set_tactic_sources",
    "ICudaEngine": "create_engine_inspector create_execution_context get_tensor_dtype get_tensor_mode get_tensor_name"
    " get_tensor_profile_shape get_tensor_shape num_io_tensors",
    "IExecutionContext": "active_optimization_profile execute_async_v3 get_tensor_shape profiler set_input_shape"
    " set_optimization_profile_async set_tensor_address",
    "IHostMemory": "nbytes",
    "INetworkDefinition": "get_input get_layer num_inputs num_layers num_outputs",
    "IOptimizationProfile": "set_shape",
    "IProfiler": "report_layer_time",
    "ITensor": "name shape",
    "LayerInformationFormat": "JSON",
    "MemoryPoolType": "WORKSPACE",
    "OnnxParser": "get_error num_errors parse",
    "ParserError": "code desc node",
    "ProfilingVerbosity": "DETAILED",
    "Runtime": "deserialize_cuda_engine",
    "TacticSource": "EDGE_MASK_CONVOLUTIONS JIT_CONVOLUTIONS",
    "TensorIOMode": "INPUT OUTPUT",
}
# Used only where the trait says so.
_SOMETIMES: Mapping[str, Mapping[str, str]] = {
    "modern": {
        "": "IProgressMonitor",
        "DataType": "BF16 INT4 INT64",
        "IBuilderConfig": "progress_monitor",
        "ExecutionContextAllocationStrategy": "USER_MANAGED",
        "ICudaEngine": "device_memory_size_v2",
        "IExecutionContext": "set_device_memory",
        "IProgressMonitor": "phase_finish phase_start step_complete",
        "NetworkDefinitionCreationFlag": "STRONGLY_TYPED",
        "ParserError": "local_function_stack node_name node_operator",
    },
    "classic": {
        "IBuilderConfig": "set_preview_feature",
        "ICudaEngine": "create_execution_context_without_device_memory device_memory_size",
        "IExecutionContext": "device_memory",
        "NetworkDefinitionCreationFlag": "EXPLICIT_BATCH",
        "OnnxParser": "supports_model",
        "PreviewFeature": "PROFILE_SHARING_0806",
    },
    "weakly_typed": {
        "BuilderFlag": "FP16 FP8 INT8 OBEY_PRECISION_CONSTRAINTS",
        "ILayer": "name num_outputs precision set_output_type",
        "TacticSource": "CUBLAS CUBLAS_LT CUDNN",
    },
    "weak_bf16": {"BuilderFlag": "BF16"},
    "dla": {
        "Builder": "num_DLA_cores",
        "BuilderFlag": "GPU_FALLBACK",
        "DeviceType": "DLA",
        "IBuilderConfig": "DLA_core can_run_on_DLA default_device_type",
        "ILayer": "name",
        "Runtime": "DLA_core",
    },
    "timing_cache": {
        "IBuilderConfig": "create_timing_cache get_timing_cache set_timing_cache",
        "ITimingCache": "combine serialize",
    },
    "named_target": {
        "": "ComputeCapability",
        "IBuilderConfig": "num_compute_capabilities set_compute_capability",
    },
}


def touched(traits: Traits) -> frozenset[tuple[str, str]]:
    """Every (owner, member) of the API that is used with this version; owner "" is the module."""
    tables = [_ALWAYS, *(table for trait, table in _SOMETIMES.items() if getattr(traits, trait))]
    return frozenset(
        (owner, member) for table in tables for owner, members in table.items() for member in members.split()
    )


_DTYPES = {
    "FLOAT": "float32", "HALF": "float16", "INT8": "int8", "INT32": "int32", "INT64": "int64", "BOOL": "bool",
    "UINT8": "uint8",
}  # fmt: skip
_NARROW_DTYPES = {"BF16": "bfloat16", "FP8": "float8_e4m3fn"}


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The NumPy type of a TensorRT `DataType` by its name; raises `EngineError` where there is none."""
    if name in _DTYPES:
        return np.dtype(_DTYPES[name])
    if name not in _NARROW_DTYPES:
        raise EngineError(f"{name} tensors cannot be read as an array; end the ONNX graph with a Cast to FLOAT")
    try:
        narrow = importlib.import_module("ml_dtypes")
    except ImportError as error:
        raise EngineError(missing(name, "ml_dtypes", gpu_extra())) from error
    dtype: np.dtype[Any] = np.dtype(getattr(narrow, _NARROW_DTYPES[name]))
    return dtype


def traits_of(provider: Provider, version: str) -> Traits:
    """`version` as the vendor writes it: 8.6.0, 8.6.1.post1, 10.16.0.72."""
    numbers = re.findall(r"\d+", version)[:3]
    if len(numbers) < 2:
        raise EngineError(f"{provider} has the version {version!r}, which cannot be read")
    major, minor, patch = map(int, [*numbers, "0"][:3])
    return Traits(provider, (major, minor, patch))
