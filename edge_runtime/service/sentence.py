"""The line that `systemctl status` shows: what a person wants to know first."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.pipeline.accounts import Snapshot
from edge_runtime.pipeline.steered import SteeringState

# A camera that has sent nothing for so long is worth a word.
SILENT_S = 2.0


def sentence(
    snapshot: Snapshot,
    state: SteeringState | None = None,
    points: Sequence[str] = (),
    silent_s: float = 0.0,
    camera: str = "",
    models_out: Sequence[str] = (),
) -> str:
    """`30.0 fps, 41 W of 60, point 7 of 9`, with what was not measured left out.

    `points` are the names of all operating points, the most useful first.
    """
    if silent_s > SILENT_S:
        parts = [f"no picture from {camera} for {silent_s:.0f} s"]
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
