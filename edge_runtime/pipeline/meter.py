"""What the pipeline's frames did since somebody asked last: the governor's eyes on the pipeline."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Collection
from typing import NamedTuple

from edge_runtime.core import Frame, FrameResult, FrameStats

NS = 1_000_000_000
# Rates and quantiles are those of so long a past; decisions come several times a second.
WINDOW_NS = NS


class BusyTimes(NamedTuple):
    """How long a frame kept its networks busy, and the busier of the two host threads."""

    gpu_ms: float
    host_ms: float


def busy_times(result: FrameResult, networks: Collection[str]) -> BusyTimes:
    """Of a frame that came out whole; `networks` names the stages whose time is a network's.

    The host's is that of the front thread (preprocessing) or of the back thread (all the rest), whichever is longer,
    since they overlap. Neither waiting in the slot counts nor reading the source, which for a camera is waiting too.
    """
    gpu_ms = front_ms = back_ms = 0.0
    for stage, took_ms in result.stage_ms.items():
        if stage in networks:
            gpu_ms += took_ms
        elif stage.endswith(".preprocess"):
            front_ms += took_ms
        elif stage not in ("source", "queue"):
            back_ms += took_ms
    return BusyTimes(gpu_ms, max(front_ms, back_ms))


class _Published(NamedTuple):
    t_ns: int
    camera: str
    latency_ms: float
    gpu_ms: float
    host_ms: float
    point: str


class FrameMeter:
    """Collects captures and publications of the last second; `take` sums up what lies behind. Any thread may call it.

    `networks` names the stages whose time is a network's (see `busy_times`). Where a point lets its detector or regions
    rest, a frame counts with the mean of the point's last cycle, as it does in a ladder: it is not the rest that is
    fast, nor the look between two of them slow.

    Several cameras count as one that does the work of all: rates are the mean of the cameras that deliver, and the
    busy time of a frame is that of one frame of each.
    """

    def __init__(self, networks: Collection[str], latency_bound_ms: float | None) -> None:
        self._networks, self._bound_ms = frozenset(networks), latency_bound_ms
        self._lock = threading.Lock()
        self._captured: dict[str, list[int]] = {}
        self._published: dict[str, list[_Published]] = {}
        self._cycles: dict[str, deque[BusyTimes]] = {}
        self._cycle_of: dict[str, str] = {}
        self._asked_ns: int | None = None
        self._work_ms = (0.0, 0.0)
        self.ego_speed_mps: float | None = None

    def capture(self, t_ns: int, camera: str = "") -> None:
        with self._lock:
            self._captured.setdefault(camera, []).append(t_ns)

    def publish(self, now_ns: int, frame: Frame, result: FrameResult) -> None:
        """A frame that came out whole."""
        with self._lock:
            busy, camera = self._over_cycle(result), frame.camera
            gpu_ms, host_ms = busy_times(result, self._networks)
            self._work_ms = (self._work_ms[0] + gpu_ms, self._work_ms[1] + host_ms)
            seen = _Published(now_ns, camera, result.latency_ms, *busy, result.point.name)
            self._published.setdefault(camera, []).append(seen)
            self.ego_speed_mps = frame.ego_speed_mps

    def _over_cycle(self, result: FrameResult) -> BusyTimes:
        point, camera = result.point, result.camera
        if point.name != self._cycle_of.get(camera):
            self._cycle_of[camera] = point.name
            self._cycles[camera] = deque(maxlen=math.lcm(point.detector_period, point.region_period))
        cycle = self._cycles[camera]
        cycle.append(busy_times(result, self._networks))
        each = len(cycle)
        return BusyTimes(sum(one.gpu_ms for one in cycle) / each, sum(one.host_ms for one in cycle) / each)

    def work_ms(self) -> tuple[float, float]:
        """How long the networks were busy since the beginning, and the host."""
        return self._work_ms

    def take(self, now_ns: int) -> FrameStats:
        """Statistics up to now. Counts are since the last `take`, rates and times of the last second."""
        with self._lock:
            since_ns = now_ns - WINDOW_NS
            # One before the window stays, as the beginning of its first interval.
            for camera, times in self._captured.items():
                self._captured[camera] = times[_first(times, since_ns) :]
            for camera, frames in self._published.items():
                self._published[camera] = frames[_first([each.t_ns for each in frames], since_ns) :]
            captured = list(self._captured.values())
            published = list(self._published.values())
            asked_ns, self._asked_ns = self._asked_ns or since_ns, now_ns
        new = [each for frames in published for each in frames if each.t_ns > asked_ns]
        known = [each for frames in published for each in frames if each.t_ns > since_ns]
        cameras = len({each.camera for each in known}) or 1
        latencies = sorted(each.latency_ms for each in known)
        points = {each.point for each in new}
        return FrameStats(
            t_ns=now_ns,
            span_s=(now_ns - asked_ns) / NS,
            captured=sum(t_ns > asked_ns for times in captured for t_ns in times),
            published=len(new),
            missed=0 if self._bound_ms is None else sum(each.latency_ms > self._bound_ms for each in new),
            camera_fps=_rate_of_each(captured, since_ns),
            fps=_rate_of_each([[each.t_ns for each in frames] for frames in published], since_ns),
            latency_p50_ms=latencies[len(latencies) // 2] if latencies else None,
            latency_p99_ms=latencies[min(len(latencies) - 1, int(0.99 * len(latencies)))] if latencies else None,
            gpu_ms=_mean([cameras * each.gpu_ms for each in new]),
            gpu_max_ms=max((cameras * each.gpu_ms for each in new), default=None),
            host_ms=_mean([cameras * each.host_ms for each in new]),
            point=points.pop() if len(points) == 1 else None,
        )


def _first(times: list[int], since_ns: int) -> int:
    return max(0, bisect_right(times, since_ns) - 1)


def _rate(times: list[int]) -> float | None:
    return (len(times) - 1) * NS / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else None


def _rate_of_each(cameras: list[list[int]], since_ns: int) -> float | None:
    """The mean rate of the cameras from which something came."""
    rates = [_rate(times) for times in cameras if times and times[-1] > since_ns]
    return _mean([rate for rate in rates if rate is not None])


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
