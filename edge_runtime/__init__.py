"""Run perception networks at frame rate, overlapped and accounted for.

What `edge-run` does from a command line, a program does with a few names:

    >>> import edge_runtime
    >>> short = {"source.size": [640, 360], "source.fps": 5, "source.seconds": 1, "source.pace": "fast", "sinks": []}
    >>> pipeline = edge_runtime.load("demo", short)

`load` takes a file or the name of one that ships, and values to replace. A mistake is told before anything starts:

    >>> edge_runtime.load("demo", {"source.kind": "vidoe"})
    Traceback (most recent call last):
    ...
    edge_runtime.errors.ConfigError: overrides['source.kind']: source.kind: unknown value 'vidoe'
        did you mean `video`? It takes video, images, camera, simulation or recording

Results come frame by frame, in order, on a thread of their own; boxes are columns in full-frame pixels:

    >>> def steer(frame, result):
    ...     boxes = result.detections["tracked"]
    ...     assert boxes.xyxy.shape == (len(boxes), 4)
    >>> summary = pipeline.run(steer)
    >>> summary.frames
    FrameCounts(captured=5, published=5, overwritten=0, shed=0, failed=0)

A run may also be started, looked at and stopped:

    >>> with pipeline.start(frames=2) as run:
    ...     ended = run.wait(timeout_s=60)
    ...     print(ended, sorted(run.classes.names)[:2], run.snapshot().counts.published)
    True ['car', 'green'] 2

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
    from .pipeline.pipeline import Pipeline
    from .pipeline.run import Run
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
    "Pipeline": "pipeline.pipeline",
    "Run": "pipeline.run",
    "RunSummary": "pipeline.summary",
}


def load(path: str | Path, overrides: Mapping[str, object] | Iterable[str] = ()) -> Pipeline:
    """Read and check a pipeline file; raises `ConfigError` with every mistake in it. See `Pipeline.load`."""
    from .pipeline.pipeline import Pipeline

    return Pipeline.load(path, overrides)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
