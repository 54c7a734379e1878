"""What a build is asked for (`BuildOptions`) and the GPU it is for (`Target`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, get_args

Precision = Literal["fp32", "fp16", "bf16", "int8", "fp8", "as_is"]
Provider = Literal["tensorrt", "tensorrt_rtx"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True)
class BuildOptions:
    """How one network becomes an engine; every field is part of the cache key.

    `batch` is (min, opt, max) of a free batch axis; a model whose batch is fixed keeps its own.
    `sides` gives an input's free axes after the batch, such as {"images": (3, 384, 640)}. `keep_float32` names ONNX
    nodes or operators that stay in FP32 when the rest is narrowed. `workspace_mib` None leaves TensorRT's own limit
    (the GPU's memory). `external_libraries` lets cuDNN and cuBLAS compete, where TensorRT still knows them.
    """

    precision: Precision = "fp16"
    batch: tuple[int, int, int] = (1, 1, 1)
    sides: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    keep_float32: tuple[str, ...] = ()
    workspace_mib: int | None = None
    optimization_level: int = 3
    dla_core: int | None = None
    gpu_fallback: bool = True
    plugin_libraries: tuple[Path, ...] = ()
    external_libraries: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        low, usual, high = self.batch
        if not 1 <= low <= usual <= high:
            raise ValueError(f"batch must be 1 <= min <= opt <= max, got {self.batch}")
        if not 0 <= self.optimization_level <= 5:
            raise ValueError(f"optimization_level must be 0 to 5, got {self.optimization_level}")
        if self.workspace_mib is not None and self.workspace_mib < 1:
            raise ValueError(f"workspace_mib must be 1 or more, got {self.workspace_mib}")
        if self.dla_core is not None and self.dla_core < 0:
            raise ValueError(f"dla_core must be 0 or more, got {self.dla_core}")

    def parts(self) -> dict[str, str]:
        """Every option as text, by name. Plugin libraries count by what is in them, so the key adds those itself."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        del values["plugin_libraries"]
        values["sides"] = sorted((name, list(sides)) for name, sides in self.sides.items())
        values["keep_float32"] = sorted(self.keep_float32)
        values["batch"] = "/".join(str(rows) for rows in self.batch)
        return {name: str(value) for name, value in values.items()}


@dataclass(frozen=True)
class Target:
    """The GPU an engine is built for. What nobody knows is None: TensorRT-RTX builds for a GPU that is elsewhere."""

    compute_capability: tuple[int, int]
    gpu_name: str | None = None
    driver: str | None = None
    cuda: str | None = None

    @property
    def sm(self) -> str:
        return "sm_{}{}".format(*self.compute_capability)

    def __str__(self) -> str:
        return f"{self.sm} ({self.gpu_name})" if self.gpu_name else self.sm
