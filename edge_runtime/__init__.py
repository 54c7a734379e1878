"""Run perception networks at frame rate, overlapped and accounted for.

    import edge_runtime

    pipeline = edge_runtime.load("pipelines/highway_video.yaml", {"source.path": "drive.mp4"})
    summary = pipeline.run(lambda frame, result: print(result.frame_id, result.detections["tracked"].xyxy))

Importing this module imports nothing heavy; the first use of a name does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ConfigError, EdgeRuntimeError
from .version import VERSION as __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from .core import Detections, Frame, FrameResult, Masks
    from .pipeline.run import Pipeline, Run
    from .pipeline.summary import RunSummary

__all__ = [
    "ConfigError",
    "Detections",
    "EdgeRuntimeError",
    "Frame",
    "FrameResult",
    "Masks",
    "Pipeline",
    "Run",
    "RunSummary",
    "__version__",
    "load",
]

_HOMES = {
    "Detections": "core",
    "Frame": "core",
    "FrameResult": "core",
    "Masks": "core",
    "Pipeline": "pipeline.run",
    "Run": "pipeline.run",
    "RunSummary": "pipeline.summary",
}


def load(path: str | Path, overrides: Mapping[str, object] | Iterable[str] = ()) -> Pipeline:
    """Read and check a pipeline file; raises `ConfigError` with every mistake in it. See `Pipeline.load`."""
    from .pipeline.run import Pipeline

    return Pipeline.load(path, overrides)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
