"""How many regions fit into this frame? The loop that runs every frame, inside the point the governor has chosen."""

from __future__ import annotations

from dataclasses import dataclass

# Smoothing and weight of the deviation as TCP times its retransmissions (RFC 6298).
_MEAN_GAIN, _DEVIATION_GAIN, _DEVIATIONS = 1 / 8, 1 / 4, 2.0


class _Duration:
    def __init__(self) -> None:
        self.mean_ms: float | None = None
        self.deviation_ms = 0.0

    def add(self, took_ms: float) -> None:
        if self.mean_ms is None:
            self.mean_ms, self.deviation_ms = took_ms, took_ms / 2
            return
        self.deviation_ms += _DEVIATION_GAIN * (abs(took_ms - self.mean_ms) - self.deviation_ms)
        self.mean_ms += _MEAN_GAIN * (took_ms - self.mean_ms)


@dataclass(frozen=True, slots=True)
class DeadlineCounts:
    """Regions that were planned and shed so far, the protected ones among those shed, and frames that shed any."""

    planned: int = 0
    shed: int = 0
    protected_shed: int = 0
    frames: int = 0


class DeadlineLimit:
    """Limits the regions of a frame to what its deadline leaves time for.

    `finished` teaches it what a frame costs without regions and what each region adds, both with their deviation; until
    it has seen a frame, nothing is shed. Regions come best first with the protected ones (`never_shed`) at the front,
    and are taken from the end, so a protected one goes only when all others are gone.
    """

    def __init__(self, deadline_ms: float) -> None:
        if not deadline_ms > 0:
            raise ValueError(f"deadline_ms must be above 0, got {deadline_ms}")
        self._deadline_ms = deadline_ms
        self._frame, self._region = _Duration(), _Duration()
        self.counts = DeadlineCounts()

    def finished(self, frame_ms: float, regions: int, regions_ms: float) -> None:
        """A frame took `frame_ms` from the start of its work to publication, `regions_ms` of them for its regions."""
        self._frame.add(frame_ms - regions_ms)
        if regions:
            self._region.add(regions_ms / regions)

    def limit(self, age_ms: float, planned: int, protected: int = 0) -> int:
        """How many of the planned regions a frame of this age may look at."""
        fit = min(planned, self._fit(age_ms))
        counts = self.counts
        self.counts = DeadlineCounts(
            counts.planned + planned,
            counts.shed + planned - fit,
            counts.protected_shed + max(0, min(protected, planned) - fit),
            counts.frames + (fit < planned),
        )
        return fit

    def _fit(self, age_ms: float) -> int:
        if self._frame.mean_ms is None:
            return 2**31
        left_ms = self._deadline_ms - age_ms - self._frame.mean_ms - _DEVIATIONS * self._frame.deviation_ms
        if left_ms <= 0:
            return 0
        if self._region.mean_ms is None:
            return 2**31
        each_ms = self._region.mean_ms + _DEVIATIONS * self._region.deviation_ms
        return int(left_ms / max(each_ms, 1e-6))
