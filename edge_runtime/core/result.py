"""What comes out of the pipeline for one frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .detections import Detections
from .frame import Region
from .masks import Masks
from .point import OperatingPoint


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """Everything found in one frame, by stage name; `regions` says where a stage with regions looked, best first.

    `latency_ms` runs from capture to publication. `stage_ms` is the time each stage kept this frame, in
    milliseconds, with `source`, `preprocess` and `queue` beside the YAML's own names. `error` is None, or the
    sentence that says why the frame failed; a failed frame has no detections and no masks.
    """

    frame_id: int
    camera: str
    t_capture_ns: int
    latency_ms: float
    point: OperatingPoint
    detections: Mapping[str, Detections] = field(default_factory=dict)
    masks: Mapping[str, Masks] = field(default_factory=dict)
    regions: Mapping[str, tuple[Region, ...]] = field(default_factory=dict)
    stage_ms: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    t_stream_ns: int | None = None

    def boxes(self, shown: Iterable[str], instead: Mapping[str, str]) -> Detections:
        """All boxes of the stages `shown`; of one that said nothing those of the stage named `instead`."""
        found = []
        for stage in shown:
            while stage not in self.detections and stage in instead:
                stage = instead[stage]
            if stage in self.detections:
                found.append(self.detections[stage])
        return Detections.concatenate(found)
