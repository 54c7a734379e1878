"""Were the stated budgets held? Counted in windows of one second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_runtime.config.floors import demanded_fps
from edge_runtime.config.schema import Budgets

NS = 1_000_000_000
# A stream of exactly the floor's rate jitters around it; 2 % of a window is a fraction of one frame.
_FPS_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class BudgetAccount:
    """How a budget fared: `held` of `windows`, and the longest run of windows in a row that broke it."""

    limit: float | dict[str, float]
    windows: int
    held: int
    longest_violation_s: float


class _Rate:
    """Published frames of one camera in a window."""

    def __init__(self, now_ns: int) -> None:
        self._previous_ns = self._last_ns = now_ns
        self._published = 0

    def add(self, now_ns: int) -> None:
        self._published, self._last_ns = self._published + 1, now_ns

    def close(self) -> float:
        """Frames a second in the window that ends; the next one begins."""
        fps = self._published * NS / (self._last_ns - self._previous_ns) if self._published else 0.0
        self._previous_ns, self._published = self._last_ns, 0
        return fps


class BudgetWindows:
    """Judges each whole second between the first and the last publication.

    The rate of a window is that of the intervals ending in it, so that a phase shift between windows and frames does
    not read as a lost frame; of several cameras the slowest counts, from its first frame until it has `ended`. Latency
    is judged by the window's p99, which below 100 frames is its worst frame.
    `on_broken` hears the name of a budget at the first window that breaks it, and again when it was held in between.
    """

    def __init__(self, budgets: Budgets, on_broken: Callable[[str], None] | None = None) -> None:
        self._budgets, self._on_broken = budgets, on_broken
        self._start_ns: int | None = None
        self._rates: dict[str, _Rate] = {}
        self._ended: frozenset[str] = frozenset()
        self._latencies: list[float] = []
        self._speed: float | None = None
        self._counts: dict[str, list[int]] = {
            name: [0, 0, 0, 0] for name in Budgets.model_fields if getattr(budgets, name) is not None
        }

    def published(self, now_ns: int, latency_ms: float, ego_speed_mps: float | None, camera: str = "") -> None:
        if self._start_ns is None:
            self._start_ns = now_ns
        self.advance(now_ns)
        if camera not in self._rates:
            self._rates[camera] = _Rate(now_ns)
            return
        self._rates[camera].add(now_ns)
        self._latencies.append(latency_ms)
        self._speed = ego_speed_mps

    def ended(self, camera: str) -> None:
        """One of several cameras has given all it was to give. Any thread may say so."""
        self._ended |= {camera}

    def advance(self, now_ns: int) -> None:
        """Close every window that has ended by now, those in which nothing came out included."""
        while self._start_ns is not None and now_ns - self._start_ns >= NS:
            self._close_window()
            self._start_ns += NS

    def _close_window(self) -> None:
        rates = {camera: rate.close() for camera, rate in self._rates.items()}
        fps = min((rate for camera, rate in rates.items() if camera not in self._ended), default=None)
        for name in ("fps_floor", "max_metres_per_frame"):
            if getattr(self._budgets, name) is not None and fps is not None:
                floor = demanded_fps(Budgets(**{name: getattr(self._budgets, name)}), self._speed)
                self._count(name, floor is None or fps >= floor * (1 - _FPS_TOLERANCE))
        if self._budgets.latency_ms is not None and self._latencies:
            ordered = sorted(self._latencies)
            p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
            self._count("latency_ms", p99 <= self._budgets.latency_ms)
        self._latencies = []

    def measured(self, power_w: float | None, hottest_c: float | None) -> None:
        """One second of telemetry: its mean power and highest temperature. What was not measured is not judged."""
        if self._budgets.power_w is not None and power_w is not None:
            self._count("power_w", power_w <= self._budgets.power_w)
        if self._budgets.thermal_c is not None and hottest_c is not None:
            self._count("thermal_c", hottest_c <= self._budgets.thermal_c)

    def _count(self, name: str, held: bool) -> None:
        counts = self._counts[name]
        counts[0] += 1
        counts[1] += held
        counts[2] = 0 if held else counts[2] + 1
        counts[3] = max(counts[3], counts[2])
        if counts[2] == 1 and self._on_broken is not None:
            self._on_broken(name)

    def accounts(self) -> dict[str, BudgetAccount]:
        limits = self._budgets.model_dump()
        return {
            name: BudgetAccount(limits[name], windows, held, float(longest))
            for name, (windows, held, _, longest) in self._counts.items()
        }
