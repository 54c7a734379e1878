"""Where results go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from edge_runtime.config.schema.values import Block, Fps


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
