"""One frame on its way through the pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_runtime.core import Detections, Frame, FrameResult, Masks, OperatingPoint, Region
from edge_runtime.errors import EngineError, OutputError
from edge_runtime.vision.resize import ViewTransform


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One place a network looked at, and what it found there in full-frame pixels."""

    region: Region
    transform: ViewTransform
    detections: Detections


@dataclass(slots=True, eq=False)
class Entry:
    """What is known of one frame while it is in flight.

    `ring` is the place of its round in the in-flight ring, and with that the input slots of every engine it uses; it is
    given on only after the round's last network call was collected and decoded. `place` is its own among all frames in
    flight. `ordinal` counts the frames taken of its camera so far, `taken_ns` is when this one was. `views` holds what
    each detecting stage found by view, before its boxes are put together in `detections`. `sighted` is what a tracking
    stage really saw where `detections` has more. `skipped` names the stages that had nothing to say, because no
    detector ran in this frame, `out` those among them that never will again, because their model is out. `called` names
    the models that were really run.
    """

    ring: int
    frame: Frame
    point: OperatingPoint
    ordinal: int = 0
    taken_ns: int = 0
    place: int = 0
    stage_ms: dict[str, float] = field(default_factory=dict)
    detections: dict[str, Detections] = field(default_factory=dict)
    masks: dict[str, Masks] = field(default_factory=dict)
    regions: dict[str, tuple[Region, ...]] = field(default_factory=dict)
    views: dict[str, tuple[View, ...]] = field(default_factory=dict)
    sighted: dict[str, Detections] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    out: frozenset[str] = frozenset()
    called: set[str] = field(default_factory=set)
    error: str | None = None
    engine_error: EngineError | None = None

    @property
    def t_ns(self) -> int:
        """When the frame was taken, on the stream's own clock where there is one: the same in every replay."""
        return self.frame.t_capture_ns if self.frame.t_stream_ns is None else self.frame.t_stream_ns

    def fail(self, step: str, error: EngineError | OutputError) -> None:
        """Note why the frame failed; the first reason stays."""
        if isinstance(error, EngineError):
            self.engine_error = error
            self.error = self.error or str(error)
        else:
            self.error = self.error or f"{step}: {error}"

    def leave_out(self, stages: Iterable[str]) -> None:
        """Take back what stages said so far, as if they had rested: their model failed, and the frame goes on."""
        for stage in stages:
            for said in (self.detections, self.masks, self.views, self.regions):
                said.pop(stage, None)
            self.skipped.add(stage)

    def result(self, now_ns: int) -> FrameResult:
        """The frame's result as published now; that of a failed frame is empty but for its error."""
        frame, failed = self.frame, self.error is not None
        return FrameResult(
            frame_id=frame.frame_id,
            camera=frame.camera,
            t_capture_ns=frame.t_capture_ns,
            latency_ms=(now_ns - frame.t_capture_ns) / 1e6,
            point=self.point,
            detections={} if failed else self.detections,
            masks={} if failed else self.masks,
            regions=self.regions,
            stage_ms=self.stage_ms,
            error=self.error,
            t_stream_ns=frame.t_stream_ns,
        )
