"""A pipeline that runs while its operating point is turned from outside, one visit after another.

All points are visited in one run, as they are when a governor turns them: everything is loaded, nothing is opened anew
between two of them. A visit at pace `fast` tells throughput and power, one at pace `live` what the governor will see
while it drives: busy times and latency at the camera's rate, the newest frame winning.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import TracebackType
from typing import Literal, NamedTuple

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.config.schema import NetworkStage
from edge_runtime.core import Clock, Frame, FrameResult, OperatingPoint
from edge_runtime.errors import RunError
from edge_runtime.pipeline.meter import busy_times
from edge_runtime.pipeline.pipeline import Pipeline
from edge_runtime.sources.resident import ResidentPictures
from edge_runtime.telemetry.base import Telemetry

Pace = Literal["fast", "live"]
NS = 1_000_000_000
# At the beginning of a visit nothing counts: frames of the point before are still out, and sensors lag.
SETTLE_SHARE, SETTLE_S = 0.25, 1.0
# How long a first reading may take, and after how many without power there will be none.
FIRST_S, ENOUGH_READINGS = 8.0, 4
# A visit to a slow point goes on until it has so many frames, but not for ever.
LEAST_FRAMES, PATIENCE_S = 8, 30.0
_LOOK_S = 0.02


class Drawn(NamedTuple):
    """Mean power of a stretch of time, None where nothing measured it, and the limits that throttled the board."""

    power_w: float | None
    throttled: tuple[str, ...]


class Work:
    """What networks and host have done since the beginning: a simulated board draws its watts for that."""

    def __init__(self) -> None:
        self._done_ms = (0.0, 0.0)

    def add(self, gpu_ms: float, host_ms: float) -> None:
        """Of a frame; one thread adds, and another may ask."""
        self._done_ms = (self._done_ms[0] + gpu_ms, self._done_ms[1] + host_ms)

    def __call__(self) -> tuple[float, float]:
        return self._done_ms


class PowerWatch:
    """Collects the readings of a telemetry that it does not own; `work` is told what runs meanwhile."""

    def __init__(self, telemetry: Telemetry, work: Work | None = None) -> None:
        self._telemetry = telemetry
        self.work = work or Work()
        self._readings: list[tuple[int, float | None, tuple[str, ...]]] = []
        self.power_mode: str | None = None
        self.reads_power = False

    @property
    def silence(self) -> str:
        """Why there is no power, where there is none."""
        return self._telemetry.problem or f"telemetry from {self._telemetry.name} has none"

    def look(self, now_ns: int) -> None:
        """Take in the newest sample; to be called more often than samples come."""
        sample = self._telemetry.read(now_ns)
        if sample is not None and (not self._readings or self._readings[-1][0] != sample.t_ns):
            self._readings.append((sample.t_ns, sample.power_w, sample.throttled))
            self.power_mode = sample.power_mode or self.power_mode
            self.reads_power |= sample.power_w is not None

    @property
    def knows(self) -> bool:
        """Whether what was read decides if power is: some sources need two readings for their first watt."""
        return self.reads_power or len(self._readings) >= ENOUGH_READINGS

    @property
    def newest_ns(self) -> int:
        return self._readings[-1][0] if self._readings else 0

    def between(self, begin_ns: int, end_ns: int) -> Drawn:
        """What was read in that time; all before it but the newest reading is forgotten."""
        self._readings = [reading for reading in self._readings if reading[0] >= begin_ns] or self._readings[-1:]
        inside = [reading for reading in self._readings if begin_ns <= reading[0] <= end_ns]
        watts = [power_w for _, power_w, _ in inside if power_w is not None]
        throttled = sorted({name for _, _, names in inside for name in names})
        return Drawn(fmean(watts) if watts else None, tuple(throttled))


@dataclass(frozen=True, slots=True)
class Visit:
    """What one point did for a while; times are of a frame, power is of the whole board."""

    frames: int
    fps: float
    latency_p50_ms: float
    latency_p99_ms: float
    gpu_ms: float
    host_ms: float
    power_w: float | None
    throttled: tuple[str, ...]


class _Seen(NamedTuple):
    point: str
    published_ns: int
    latency_ms: float
    gpu_ms: float
    host_ms: float


class Session:
    """A run at one pace. `with` owns it; one thread visits. `source` None is the pipeline's own."""

    def __init__(
        self,
        loaded: LoadedPipeline,
        pace: Pace,
        source: ResidentPictures | None,
        clock: Clock,
        watch: PowerWatch,
    ) -> None:
        config = loaded.config
        self._clock, self._watch = clock, watch
        self._networks = frozenset(stage.name for stage in config.stages if isinstance(stage, NetworkStage))
        self._point = OperatingPoint()
        self._lock = threading.Lock()
        self._seen: list[_Seen] = []
        paced = config.one_source.model_copy(update={"pace": pace, "loop": True})
        with ExitStack() as owner:
            folder = owner.enter_context(tempfile.TemporaryDirectory(prefix="edge-run-profile-"))
            self._run = Pipeline(loaded.with_config(config.model_copy(update={"source": paced}))).start(
                out=Path(folder),
                on_result=self._collect,
                sources=None if source is None else {paced.camera: source},
                point=lambda: self._point,
            )
            owner.callback(self._run.finish)
            if isinstance(source, ResidentPictures):
                self._run.pin(picture.image for picture in source.pictures)
            self._owner = owner.pop_all()

    def _collect(self, frame: Frame, result: FrameResult) -> None:
        if result.error is None:
            gpu_ms, host_ms = busy_times(result, self._networks)
            self._watch.work.add(gpu_ms, host_ms)
            published_ns = result.t_capture_ns + round(result.latency_ms * 1e6)
            with self._lock:
                self._seen.append(_Seen(result.point.name, published_ns, result.latency_ms, gpu_ms, host_ms))

    def visit(self, point: OperatingPoint, seconds: float) -> Visit:
        """Run at a point for so long, and longer where it is slow. Raises `RunError` when the run ends."""
        self._point = point
        began_ns = self._clock.now_ns()
        settled_ns = began_ns + round(min(SETTLE_S, SETTLE_SHARE * seconds) * NS)
        end_ns, given_up_ns = began_ns + round(seconds * NS), began_ns + round((seconds + PATIENCE_S) * NS)
        while True:
            now_ns = self._clock.now_ns()
            self._watch.look(now_ns)
            if now_ns >= end_ns:
                seen = self._frames(point, settled_ns)
                if len(seen) >= LEAST_FRAMES:
                    return _summed_up(seen, self._watch.between(settled_ns, now_ns))
                if now_ns >= given_up_ns:
                    raise RunError(f"point {point.name} published {len(seen)} frames in {seconds + PATIENCE_S:g} s")
            if self._run.wait(_LOOK_S):
                raise RunError(f"the run ended at point {point.name}: {self._run.finish().error or 'no reason given'}")

    def _frames(self, point: OperatingPoint, since_ns: int) -> list[_Seen]:
        with self._lock:
            self._seen = [seen for seen in self._seen if seen.published_ns >= since_ns]
            return [seen for seen in self._seen if seen.point == point.name]

    def close(self) -> None:
        self._owner.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _summed_up(seen: Sequence[_Seen], drawn: Drawn) -> Visit:
    latencies = sorted(one.latency_ms for one in seen)
    span_s = (seen[-1].published_ns - seen[0].published_ns) / NS
    return Visit(
        frames=len(seen),
        fps=(len(seen) - 1) / max(span_s, 1e-9),
        latency_p50_ms=latencies[len(latencies) // 2],
        latency_p99_ms=latencies[min(len(latencies) - 1, int(0.99 * len(latencies)))],
        gpu_ms=fmean(one.gpu_ms for one in seen),
        host_ms=fmean(one.host_ms for one in seen),
        power_w=drawn.power_w,
        throttled=drawn.throttled,
    )


def listen(clock: Clock, watch: PowerWatch, *, for_mode: bool) -> None:
    """Wait until it is known whether power is read, and with `for_mode` the board's power mode: at most `FIRST_S`."""
    given_up_ns = clock.now_ns() + round(FIRST_S * NS)

    def told() -> bool:
        return watch.knows and (watch.power_mode is not None or not for_mode)

    _look_until(clock, watch, lambda now_ns: told() or now_ns >= given_up_ns)


def at_rest(clock: Clock, watch: PowerWatch, seconds: float) -> Drawn:
    """What the board draws while nothing of ours runs."""
    began_ns = clock.now_ns()
    end_ns = began_ns + round(seconds * NS)
    late_ns = end_ns + round(FIRST_S * NS)
    # A slow sensor may need longer than that for one reading.
    _look_until(clock, watch, lambda now_ns: now_ns >= end_ns and (watch.newest_ns >= began_ns or now_ns >= late_ns))
    return watch.between(began_ns, clock.now_ns())


def _look_until(clock: Clock, watch: PowerWatch, done: Callable[[int], bool]) -> None:
    never = threading.Event()
    while not done(now_ns := clock.now_ns()):
        watch.look(now_ns)
        clock.wait_until_ns(now_ns + round(_LOOK_S * NS), never)
