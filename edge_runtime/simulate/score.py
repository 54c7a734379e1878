"""What a policy achieved: every second judged against the budgets, and what the seconds add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.config.ladder import Ladder
from edge_runtime.governor.pace import FPS_TOLERANCE

from .board import Trace
from .world import STEP_S, STEPS_PER_S, World

Held = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]
BUDGETS = ("power", "fps", "thermal", "latency")
# After a step a board needs this long until a second counts as steady.
_STEADY_AFTER_S = 3


@dataclass(frozen=True)
class Windows:
    """One entry a second: which budgets were held, and the figures they were judged by."""

    held: Mapping[str, Held]
    power_w: Values
    fps: Values
    temp_c: Values
    latency_ms: Values
    usefulness: Values


def windows(world: World, trace: Trace) -> Windows:
    """Judge every second; where no budget is stated it counts as held.

    The rate of a second is that of the intervals ending in it. Latency is judged by the second's p99, its worst frame.
    """
    seconds = world.seconds
    power_w = np.asarray(trace.power_w).reshape(seconds, STEPS_PER_S).mean(axis=1)
    temp_c = np.asarray(trace.temp_c).reshape(seconds, STEPS_PER_S).max(axis=1)
    done_s, latency_s = np.asarray(trace.done_s), np.asarray(trace.latency_s)
    edges = np.searchsorted(done_s, np.arange(seconds + 1))
    published = np.diff(edges)
    last_s = np.where(edges > 0, done_s[np.maximum(edges - 1, 0)] if len(done_s) else 0.0, 0.0)
    span_s = np.diff(last_s)
    fps = np.divide(published, span_s, out=np.zeros(seconds), where=span_s > 0)
    latency_ms = np.zeros(seconds)
    second = np.minimum(done_s.astype(int), seconds - 1)
    np.maximum.at(latency_ms, second, latency_s * 1e3)
    floors = np.array([world.floors_fps[world.segment_at(index)] or 0.0 for index in range(seconds)])
    budgets, everywhere = world.budgets, np.ones(seconds, bool)
    held = {
        "power": everywhere if budgets.power_w is None else power_w <= budgets.power_w,
        # The first second has no interval that ends in its first frame.
        "fps": (fps >= floors * (1 - FPS_TOLERANCE)) | (np.arange(seconds) == 0),
        "thermal": everywhere if budgets.thermal_c is None else temp_c <= budgets.thermal_c,
        "latency": everywhere if budgets.latency_ms is None else latency_ms <= budgets.latency_ms,
    }
    return Windows(held, power_w, fps, temp_c, latency_ms, _usefulness(world, trace, second))


def late(world: World, trace: Trace) -> Held:
    """Which published frames missed their deadline."""
    bound_ms = world.budgets.latency_ms
    latency_ms = np.asarray(trace.latency_s) * 1e3
    return latency_ms > (np.inf if bound_ms is None else bound_ms)


def _usefulness(world: World, trace: Trace, second: npt.NDArray[np.int_]) -> Values:
    """A second is as useful as its point, in proportion to the frames that the point should deliver and that came in
    time."""
    rungs = np.asarray(trace.rung, int)
    camera = np.array([segment.camera_fps for segment in world.segments])
    segment = np.array([world.segment_at(index) for index in range(world.seconds)])
    full = np.array([rung.fps for rung in world.ladder.points])
    value = np.array([rung.usefulness for rung in world.ladder.points])
    expected = np.minimum(full[rungs], camera[segment[second]])
    useful = np.where(late(world, trace), 0.0, value[rungs] / expected)
    by_second = np.zeros(world.seconds)
    np.add.at(by_second, second, useful)
    return by_second.clip(max=value.max())


def changes_s(trace: Trace) -> Values:
    """When the point changed."""
    times = [now for (_, old), (now, new) in pairwise(trace.decided) if new != old]
    return np.asarray(times, float)


def longest_run(flags: npt.ArrayLike) -> int:
    """The most that are true in a row."""
    padded = np.concatenate(([False], np.asarray(flags, bool), [False]))
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return int((edges[1::2] - edges[::2]).max(initial=0))


def segment_starts(world: World) -> list[int]:
    """The seconds at which segments begin."""
    return [second for second in range(world.seconds) if second == 0 or _begins(world, second)]


def _begins(world: World, second: int) -> bool:
    return world.segment_at(second) != world.segment_at(second - 1)


def settling_s(world: World, judged: Windows, able: Held) -> list[int]:
    """For each step into a segment that can be held throughout, how many seconds it took until power, rate and heat
    were held three seconds in a row."""
    good = judged.held["power"] & judged.held["fps"] & judged.held["thermal"]
    settled = []
    starts = [*segment_starts(world), world.seconds]
    for start, end in pairwise(starts[1:]):
        if able[start:end].all() and end - start >= 5:
            runs = (index for index in range(start, end - 2) if good[index : index + 3].all())
            settled.append(next(runs, end) - start)
    return settled


def steady_changes_per_minute(world: World, trace: Trace) -> float:
    """The most changes in any minute of a segment, its first seconds left out; a shorter one counts as a minute."""
    times, most = changes_s(trace), 0
    starts = [*segment_starts(world), world.seconds]
    for start, end in pairwise(starts):
        inside = times[(times >= start + _STEADY_AFTER_S) & (times < end)]
        most = max(most, int((np.searchsorted(inside, inside + 60.0) - np.arange(len(inside))).max(initial=0)))
    return float(most)


def longest_steady_burst(world: World, trace: Trace) -> int:
    """The most frames in a row that missed their deadline, the second after each step left out."""
    done_s = np.asarray(trace.done_s)
    missed = late(world, trace)
    for start in segment_starts(world):
        missed = missed & ~((done_s >= start) & (done_s < start + 1.0))
    return longest_run(missed)


def longest_fault_violation_s(world: World, judged: Windows, able: Held) -> int:
    """The longest stretch of seconds, in segments with a faulty sensor, that broke power or heat."""
    faulty = np.array([world.segments[world.segment_at(s)].sensor != "ok" for s in range(world.seconds)])
    return longest_run(faulty & able & ~(judged.held["power"] & judged.held["thermal"]))


def policy_document(world: World, trace: Trace, judged: Windows, able: Held) -> dict[str, Any]:
    """One entry of `simulate --json`; shares are 0..1."""
    missed, minutes = late(world, trace), world.seconds / 60
    return {
        "windows_held": {name: _share(judged.held[name]) for name in BUDGETS},
        "feasible_windows_held": {name: _share(judged.held[name][able]) for name in BUDGETS},
        "deadline_miss_share": _share(missed) if len(missed) else 0.0,
        "longest_miss_burst": longest_run(missed),
        "longest_steady_miss_burst": longest_steady_burst(world, trace),
        "usefulness": round(float(judged.usefulness.mean()), 5),
        "energy_j": round(float(sum(trace.power_w)) * STEP_S, 1),
        "changes_per_minute": round(len(changes_s(trace)) / minutes, 3),
        "steady_changes_per_minute": steady_changes_per_minute(world, trace),
        "settling_s": settling_s(world, judged, able),
        "longest_fault_violation_s": longest_fault_violation_s(world, judged, able),
        "throttled_share": round(trace.throttled_steps / world.steps, 5),
        "decisions_per_minute": round(len(trace.decided) / minutes, 1),
    }


def segment_rows(world: World, judged: Windows, trace: Trace, ladder: Ladder) -> list[dict[str, Any]]:
    """What a policy did in each segment, by index."""
    rows = []
    starts = [*segment_starts(world), world.seconds]
    decided_s = np.array([time for time, _ in trace.decided])
    decided = np.array([index for _, index in trace.decided])
    for start, end in pairwise(starts):
        span = slice(start, end)
        inside = decided[(decided_s >= start) & (decided_s < end)]
        longest = int(np.bincount(inside).argmax()) if len(inside) else int(decided[0])
        rows.append(
            {
                "point": ladder.points[longest].name,
                "windows_held": {name: _share(judged.held[name][span]) for name in BUDGETS},
                "power_w": round(float(judged.power_w[span].mean()), 2),
                "fps": round(float(judged.fps[span].mean()), 2),
                "temp_c": round(float(judged.temp_c[span].max()), 1),
                "latency_ms": round(float(judged.latency_ms[span].max()), 1),
                "usefulness": round(float(judged.usefulness[span].mean()), 4),
            }
        )
    return rows


def _share(flags: Held) -> float:
    return round(float(flags.mean()), 5) if len(flags) else 1.0
