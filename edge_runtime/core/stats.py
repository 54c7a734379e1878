"""What the pipeline saw of its frames since the last decision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameStats:
    """Frames of the `span_s` seconds up to `t_ns` (monotonic).

    `captured` counts what the camera delivered, `published` what came out, `missed` those of it that came out after
    the latency bound. Rates are those of the intervals between frames, so that a span need not hold a whole number of
    them. `gpu_ms` and `host_ms` are the mean busy time of a published frame, `gpu_max_ms` that of the longest.
    `point` names the point at which every published frame ran, None when they are mixed. What was not measured is
    None.
    """

    t_ns: int
    span_s: float
    captured: int = 0
    published: int = 0
    missed: int = 0
    camera_fps: float | None = None
    fps: float | None = None
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    gpu_ms: float | None = None
    gpu_max_ms: float | None = None
    host_ms: float | None = None
    point: str | None = None
