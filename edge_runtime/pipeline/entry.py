"""One frame on its way through the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_runtime.core import Detections, Frame, FrameResult, Masks, OperatingPoint


@dataclass(slots=True, eq=False)
class Entry:
    """What is known of one frame while it is in flight.

    `ring` is its place in the in-flight ring, and with that the input slot of every engine it uses; it is given on
    only after the frame's last network call was collected and decoded.
    """

    ring: int
    frame: Frame
    point: OperatingPoint
    stage_ms: dict[str, float] = field(default_factory=dict)
    detections: dict[str, Detections] = field(default_factory=dict)
    masks: dict[str, Masks] = field(default_factory=dict)
    error: str | None = None

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
            stage_ms=self.stage_ms,
            error=self.error,
            t_stream_ns=frame.t_stream_ns,
        )
