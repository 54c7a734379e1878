"""The books of a drive that is replayed: of the whole, and of each of its cameras by the drive's own clock."""

from __future__ import annotations

from collections.abc import Iterable

from edge_runtime.core import Frame, FrameResult

from .accounts import Accounts
from .outages import NS, CameraAccount
from .summary import CameraSummary, Spread


class _Absences:
    """How often and how long a camera of the drive was away: frames carry the count, their times say how long."""

    def __init__(self) -> None:
        self._count = 0
        self._last_ns: int | None = None
        self._longest_ns = self._away_ns = 0

    def see(self, frame: Frame) -> None:
        if self._last_ns is not None and frame.outages > self._count:
            away_ns = frame.t_capture_ns - self._last_ns
            self._longest_ns, self._away_ns = max(self._longest_ns, away_ns), self._away_ns + away_ns
        self._count, self._last_ns = frame.outages, frame.t_capture_ns

    @property
    def account(self) -> CameraAccount:
        return CameraAccount(self._count, round(self._longest_ns / NS, 3), round(self._away_ns / NS, 3))


class DriveBooks:
    """`whole` are those of the replay; with several cameras each has books of its own beside them."""

    def __init__(self, cameras: Iterable[str]) -> None:
        names = list(cameras)
        self.whole = Accounts()
        self._of = {name: Accounts(self.whole) if len(names) > 1 else self.whole for name in names}
        self._absences = {name: _Absences() for name in names}

    def captured(self, camera: str) -> int:
        return self._of[camera].captured

    def capture(self, frame: Frame) -> None:
        self._absences[frame.camera].see(frame)
        self._of[frame.camera].capture(frame.t_capture_ns)

    def drop(self, camera: str) -> None:
        self._of[camera].drop()

    def lose(self, camera: str, reason: str) -> None:
        self._of[camera].lose(reason)

    def publish(self, camera: str, result: FrameResult, t_ns: int) -> None:
        self._of[camera].publish(result, t_ns)

    @property
    def fps(self) -> float | None:
        """That of the slowest camera."""
        return min((fps for each in self._of.values() if (fps := each.fps) is not None), default=None)

    def summaries(self) -> dict[str, CameraSummary]:
        return {
            name: CameraSummary(
                frames=each.counts(overwritten=0),
                fps=each.fps,
                latency_ms=Spread.of(each.latency),
                outages=self._absences[name].account,
            )
            for name, each in self._of.items()
        }
