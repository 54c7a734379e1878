"""Streaming accuracy: what is known of a frame at the moment it is the present one.

After Li, Wang and Ramanan, "Towards Streaming Perception" (ECCV 2020): when a frame is captured, the newest result that
is out by then is held against that frame's labels. A result that comes one frame late is judged by a world that has
moved on, and before the first result nothing has been found. Latency so costs accuracy, in one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
NOTHING_YET = -1


@dataclass(frozen=True, slots=True)
class FrameCost:
    """What one frame takes alone: preparing it, its networks, and everything until it is published."""

    prepare_ms: float
    network_ms: float
    finish_ms: float

    @property
    def total_ms(self) -> float:
        return self.prepare_ms + self.network_ms + self.finish_ms


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Which frames were worked on, in order, and when each result was out."""

    frame: npt.NDArray[np.intp]
    published_ns: Times

    def newest_at(self, t_ns: Times) -> npt.NDArray[np.intp]:
        """The frame of the newest result that is out at each time; `NOTHING_YET` before the first."""
        last = np.searchsorted(self.published_ns, t_ns, side="right") - 1
        return np.where(last < 0, NOTHING_YET, np.append(self.frame, NOTHING_YET)[last])


def virtual_schedule(captured_ns: Times, costs: Sequence[FrameCost], in_flight: int) -> Schedule:
    """What the executor would do with frames of these costs that arrive at these times, the newest winning.

    As in the executor, at most `in_flight` frames are inside; with more than one, the next frame is taken just early
    enough to be prepared when the networks become free, and networks work on one frame at a time. The same costs give
    the same schedule.
    """
    frames: list[int] = []
    published: list[float] = []
    networks_free_ns = 0.0
    frame, prepare_ns = -1, costs[0].prepare_ms * 1e6 if costs else 0.0
    while frame + 1 < len(captured_ns):
        room_ns = published[-in_flight] if len(published) >= in_flight else 0.0
        ready_ns = max(room_ns, networks_free_ns - prepare_ns)
        newest = int(np.searchsorted(captured_ns, ready_ns, side="right")) - 1
        frame = max(newest, frame + 1)
        prepare_ns, network_ns, finish_ns = (
            part_ms * 1e6 for part_ms in (costs[frame].prepare_ms, costs[frame].network_ms, costs[frame].finish_ms)
        )
        taken_ns = max(ready_ns, float(captured_ns[frame]))
        networks_free_ns = max(taken_ns + prepare_ns, networks_free_ns) + network_ns
        frames.append(frame)
        published.append(max(networks_free_ns, published[-1] if published else 0.0) + finish_ns)
    return Schedule(np.array(frames, np.intp), np.rint(published).astype(np.int64))
