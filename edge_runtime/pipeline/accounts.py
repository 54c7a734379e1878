"""The books of a run: every captured frame ends in exactly one column, and the columns add up."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from edge_runtime.core import FrameResult
from edge_runtime.core.quantiles import Quantiles

NS = 1_000_000_000
REASONS = 20


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """captured = published + overwritten + shed + failed, once a run has ended."""

    captured: int = 0
    published: int = 0
    overwritten: int = 0
    shed: int = 0
    failed: int = 0

    @property
    def lost(self) -> int:
        """Captured, and not published for whatever reason."""
        return self.overwritten + self.shed + self.failed

    @property
    def balanced(self) -> bool:
        return self.captured == self.published + self.overwritten + self.shed + self.failed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a status line shows: the last second, and the run so far. None where nothing was measured yet."""

    counts: FrameCounts
    elapsed_s: float
    fps: float | None
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    stage_ms: Mapping[str, float]


class Accounts:
    """Counts and durations of one run, in constant memory. Written by the pipeline's threads, read by anyone.

    Those of one camera of several count into the `whole` as well.
    """

    def __init__(self, whole: Accounts | None = None) -> None:
        self._lock = threading.Lock()
        self._whole = whole
        self.captured = 0
        self.published = 0
        self.shed = 0
        self.failed = 0
        self.failures: Counter[str] = Counter()
        self.latency = Quantiles()
        self.stages: dict[str, Quantiles] = defaultdict(Quantiles)
        self.first_capture_ns: int | None = None
        self.first_publish_ns: int | None = None
        self.last_publish_ns: int | None = None
        self._recent: deque[tuple[int, float, Mapping[str, float]]] = deque()

    def capture(self, t_ns: int) -> int:
        """Count a captured frame and return its frame id, which counts the frames of these accounts."""
        if self._whole is not None:
            self._whole.capture(t_ns)
        with self._lock:
            if self.first_capture_ns is None:
                self.first_capture_ns = t_ns
            self.captured += 1
            return self.captured - 1

    @property
    def began_ns(self) -> int | None:
        """When the first frame of the run was captured, of whichever camera."""
        return self.first_capture_ns if self._whole is None else self._whole.first_capture_ns

    def drop(self) -> None:
        """Count a captured frame that the pipeline gave up before it ran."""
        if self._whole is not None:
            self._whole.drop()
        with self._lock:
            self.shed += 1

    def lose(self, reason: str) -> None:
        """Count a frame that was in flight when the run broke down."""
        if self._whole is not None:
            self._whole.lose(reason)
        with self._lock:
            self._fail(reason)

    def _fail(self, reason: str) -> None:
        self.failed += 1
        if reason not in self.failures and len(self.failures) >= REASONS:
            reason = "other reasons"
        self.failures[reason] += 1

    def publish(self, result: FrameResult, now_ns: int) -> None:
        if self._whole is not None:
            self._whole.publish(result, now_ns)
        with self._lock:
            self.last_publish_ns = now_ns
            if self.first_publish_ns is None:
                self.first_publish_ns = now_ns
            if result.error is not None:
                self._fail(result.error)
                return
            self.published += 1
            self.latency.add(result.latency_ms)
            for stage, took_ms in result.stage_ms.items():
                self.stages[stage].add(took_ms)
            self._recent.append((now_ns, result.latency_ms, result.stage_ms))
            while now_ns - self._recent[0][0] > NS:
                self._recent.popleft()

    def counts(self, overwritten: int) -> FrameCounts:
        return FrameCounts(self.captured, self.published, overwritten, self.shed, self.failed)

    @property
    def seconds(self) -> float:
        """From the first capture to the last publication."""
        if self.first_capture_ns is None or self.last_publish_ns is None:
            return 0.0
        return (self.last_publish_ns - self.first_capture_ns) / NS

    @property
    def fps(self) -> float | None:
        """Published frames a second between the first publication and the last; None below two frames."""
        if self.first_publish_ns is None or self.last_publish_ns in (None, self.first_publish_ns):
            return None
        assert self.last_publish_ns is not None
        done = self.published + self.failed - 1
        return done * NS / (self.last_publish_ns - self.first_publish_ns) * self.published / (done + 1)

    def snapshot(self, now_ns: int, overwritten: int) -> Snapshot:
        with self._lock:
            recent = [entry for entry in self._recent if now_ns - entry[0] <= NS]
            counts = self.counts(overwritten)
        elapsed_ns = now_ns - self.first_capture_ns if self.first_capture_ns is not None else 0
        fps = None
        if len(recent) > 1 and (span_ns := recent[-1][0] - recent[0][0]) > 0:
            fps = (len(recent) - 1) * NS / span_ns
            if span_ns < NS / 2 < elapsed_ns:  # a bunch, as after a gap: its frames are those of the whole second
                fps = len(recent) * NS / min(NS, elapsed_ns)
        latencies = sorted(latency_ms for _, latency_ms, _ in recent)
        # Where the detector rests, frames differ; one that did everything says the order.
        in_order = sorted((stage_ms for *_, stage_ms in recent), key=len, reverse=True)
        stages = dict.fromkeys(stage for stage_ms in in_order for stage in stage_ms)
        return Snapshot(
            counts=counts,
            elapsed_s=elapsed_ns / NS,
            fps=fps,
            latency_p50_ms=latencies[len(latencies) // 2] if latencies else None,
            latency_p99_ms=latencies[min(len(latencies) - 1, int(0.99 * len(latencies)))] if latencies else None,
            stage_ms={
                stage: sum(stage_ms.get(stage, 0.0) for _, _, stage_ms in recent) / len(recent) for stage in stages
            },
        )
