"""Where pictures come from. `open_source` imports OpenCV only when a source is really opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.config import schema

    from .base import Source

    Block = schema.VideoSource | schema.ImagesSource | schema.SimulationSource | schema.CameraSource

__all__ = ["open_source"]


def open_source(block: Block, *, waits: bool = False, later: bool = False) -> Source:
    """The source that a pipeline's `source:` block describes, opened; a camera with `later` not yet (its `open` does).

    A camera that is not there is waited for with `waits`, unless its block decides that itself. A recording is
    opened by `pipeline.open_source`, which opens all others too. Raises `SourceError`.
    """
    if block.kind == "video":
        from .video import VideoFile

        return VideoFile(block)
    if block.kind == "images":
        from .images import ImageFolder

        return ImageFolder(block)
    if block.kind == "simulation":
        from .simulation import SimulatedDrive

        return SimulatedDrive(block)
    from .camera import open_camera

    return open_camera(block, waits=waits, later=later)
