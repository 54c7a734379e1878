"""The last five minutes of a run, a row a second: what the page's charts show."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import NamedTuple

from edge_runtime.pipeline.vitals import Vitals

SECONDS = 300
NS = 1_000_000_000


class Row(NamedTuple):
    """One second; None for what was not measured in it."""

    t_s: float
    fps: float | None
    fps_floor: float | None
    power_w: float | None
    power_budget_w: float | None
    point: str | None
    reason: str | None
    alarm: str | None


class History:
    """Rows are counted from 0 over the life of a server, so that a page need only ask for those it does not have."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque(maxlen=SECONDS)
        self.count = 0
        self._before: tuple[int, int] | None = None

    def add(self, now_ns: int, vitals: Vitals | None) -> None:
        """How it is now; a second without a run is a gap in the lines."""
        row = Row(now_ns / NS, None, None, None, None, None, None, None)
        if vitals is not None:
            row = row._replace(fps=_rounded(self._rate(now_ns, vitals)), alarm=vitals.alarm)
        if vitals is not None and (state := vitals.steering) is not None:
            row = row._replace(
                fps_floor=_rounded(state.fps_floor),
                power_w=_rounded(state.power_w),
                power_budget_w=state.power_budget_w,
                point=state.point,
                reason=state.reason,
            )
        self._rows.append(row)
        self.count += 1

    def _rate(self, now_ns: int, vitals: Vitals) -> float | None:
        """Of the last second; never above what was counted, as two frames right after a pause would have it."""
        published = vitals.snapshot.counts.published
        before_ns, before = self._before or (now_ns - NS, 0)
        self._before = now_ns, published
        if _silent(vitals):
            return 0.0
        if vitals.snapshot.fps is None or published < before:
            return None
        return min(vitals.snapshot.fps, (published - before + 1) * NS / (now_ns - before_ns))

    @property
    def fps(self) -> float | None:
        """The rate of the newest second."""
        return self._rows[-1].fps if self._rows else None

    def since(self, count: int) -> list[Row]:
        """The rows from number `count` on, as far back as they are kept."""
        kept = len(self._rows)
        return list(islice(self._rows, max(0, kept - (self.count - count)) if count <= self.count else 0, kept))


def _silent(vitals: Vitals) -> bool:
    """Results came before, and not one in the last second."""
    snapshot = vitals.snapshot
    return snapshot.latency_p50_ms is None and snapshot.counts.published > 0 and not vitals.ended


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
