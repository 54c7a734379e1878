"""Where results go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from edge_runtime.config.schema.values import Block, Fps, Positive


class JsonlSink(Block):
    """One JSON line a frame."""

    kind: Literal["jsonl"] = Field(description="one JSON line a frame")
    path: Path = Field(Path("detections.jsonl"), description="relative to the run folder")


class VideoSink(Block):
    """The video with everything found drawn into it."""

    kind: Literal["video"] = Field(description="the video with everything found drawn into it")
    path: Path = Field(Path("annotated.mp4"), description="relative to the run folder")
    fps: Fps | None = Field(None, description="frames a second; default: the source's rate", examples=[25])


class DisplaySink(Block):
    """A window on this machine's screen."""

    kind: Literal["display"] = Field(description="a window on this machine's screen")


Sink = Annotated[JsonlSink | VideoSink | DisplaySink, Field(discriminator="kind")]


class RecordBlock(Block):
    """A recording of the run for Foxglove and for `edge-run replay`."""

    path: Path = Field(
        Path("recording.mcap"), description="relative to the run folder; an absolute path is taken as it is"
    )
    images: Literal["jpeg", "raw", "none"] = Field(
        "jpeg", description="jpeg of quality 90, raw for results that replay exactly, none for everything but pictures"
    )
    keep_seconds: Positive | None = Field(
        None,
        description="keep only the last so many seconds, in segments, and save them when something goes wrong; "
        "default: keep everything",
        examples=[600],
    )
    max_gb: Positive | None = Field(
        None, description="most disk space in GB, what events have saved included", examples=[32]
    )
