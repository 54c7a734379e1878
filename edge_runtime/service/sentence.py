"""The line that `systemctl status` shows: what a person wants to know first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_runtime.pipeline.accounts import Snapshot
from edge_runtime.pipeline.cameras import CameraVitals
from edge_runtime.pipeline.steered import SteeringState

# A camera that has sent nothing for so long is worth a word.
SILENT_S = 2.0
# So many cameras are told one by one.
EACH = 6


def sentence(
    snapshot: Snapshot,
    state: SteeringState | None = None,
    points: Sequence[str] = (),
    silent_s: float = 0.0,
    cameras: Mapping[str, CameraVitals] | None = None,
    models_out: Sequence[str] = (),
) -> str:
    """`30.0 fps, 41 W of 60, point 7 of 9`, with what was not measured left out.

    `points` are the names of all operating points, the most useful first; `silent_s` is how long no camera at all has
    given a picture. Of several cameras: `front 30.0 fps, left away 12 s, 41 W of 60`.
    """
    cameras = cameras or {}
    if len(cameras) > 1:
        parts = _of_each(cameras) if len(cameras) <= EACH else _of_many(cameras, snapshot)
    elif silent_s > SILENT_S:
        parts = [f"no picture from {next(iter(cameras), 'the camera')} for {silent_s:.0f} s"]
    else:
        parts = ["starting" if snapshot.fps is None else f"{snapshot.fps:.1f} fps"]
    if state is not None and state.power_w is not None:
        parts.append(f"{state.power_w:.0f} W" + (f" of {state.power_budget_w:g}" if state.power_budget_w else ""))
    if state is not None and state.point in points:
        parts.append(f"point {points.index(state.point) + 1} of {len(points)}")
    if snapshot.counts.failed:
        parts.append(f"{snapshot.counts.failed} frames failed")
    if state is not None and state.alarm is not None:
        parts.append(f"ALARM: {state.alarm}")
    parts += [f"ALARM: {alarm}" for alarm in models_out]
    return ", ".join(parts)


def _of_each(cameras: Mapping[str, CameraVitals]) -> list[str]:
    return [f"{name} {_how(camera)}" for name, camera in cameras.items()]


def _how(camera: CameraVitals) -> str:
    if camera.trouble is not None:
        return camera.trouble
    if camera.fps is not None:
        return f"{camera.fps:.1f} fps"
    return "ended" if camera.ended else "starting"


def _of_many(cameras: Mapping[str, CameraVitals], snapshot: Snapshot) -> list[str]:
    """The rate of the slowest, and those that give nothing."""
    rate = "starting" if snapshot.fps is None else f"{snapshot.fps:.1f} fps of the slowest of {len(cameras)} cameras"
    return [rate, *(f"{name} {_how(camera)}" for name, camera in cameras.items() if camera.fps is None)]
