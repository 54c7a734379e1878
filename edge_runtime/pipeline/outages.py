"""When the camera of a run gave no pictures, and what is said of it: the gap, the alarm, the recovery."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

NS = 1_000_000_000
# A camera that has sent nothing for so long is worth a word, also while its driver still waits for it.
SILENT_NS = 2 * NS
# Of a camera that comes and goes all day the newest are told.
TOLD = 10


@dataclass(frozen=True, slots=True)
class CameraAccount:
    """How often a camera was away, how long at the longest and in all; from its last picture to its next."""

    outages: int
    longest_s: float
    away_s: float


class Outages:
    """Told by the source thread what becomes of the camera; anybody may ask. `began_ns` is the beginning of the run."""

    def __init__(self, camera: str, began_ns: int) -> None:
        self.count = 0
        self._camera, self._last_ns = camera, began_ns
        self._why: str | None = None
        self._longest_ns = self._away_ns = 0
        self._told: deque[str] = deque(maxlen=TOLD)

    def lost(self, why: str) -> bool:
        """The camera is away, said again and again while it is; True when that is new."""
        new, self._why = self._why is None, why
        if new:
            self.count += 1
            said = why if self.count == 1 else why.partition("\n")[0]  # what to check is told once
            self._told.append(f"camera {self._camera} is away (outage {self.count}): {said}")
        return new

    def picture(self, now_ns: int) -> str | None:
        """A picture came; returns what to say when it ends an outage."""
        away_ns, self._last_ns = now_ns - self._last_ns, now_ns
        if self._why is None:
            return None
        self._why = None
        self._longest_ns, self._away_ns = max(self._longest_ns, away_ns), self._away_ns + away_ns
        text = f"camera {self._camera} is back after {away_ns / NS:.1f} s (outage {self.count})"
        self._told.append(text)
        return text

    def away_s(self, now_ns: int) -> float | None:
        """For how long no picture has come; None when all is well."""
        silent_ns = now_ns - self._last_ns
        return None if self._why is None and silent_ns < SILENT_NS else silent_ns / NS

    def alarm(self, now_ns: int) -> str | None:
        """`no picture from front for 12 s: …`, or None when all is well."""
        away_s, why = self.away_s(now_ns), self._why
        if away_s is None:
            return None
        text = f"no picture from {self._camera} for {away_s:.0f} s"
        return text if why is None else f"{text}: {why.splitlines()[0]}"

    @property
    def notices(self) -> tuple[str, ...]:
        """What happened, each outage's begin and end once; the newest of them."""
        return tuple(self._told)

    def account(self, now_ns: int) -> CameraAccount:
        """Up to now; an outage that goes on counts as far as it has come."""
        away_ns = 0 if self._why is None else now_ns - self._last_ns
        longest_s, away_s = max(self._longest_ns, away_ns) / NS, (self._away_ns + away_ns) / NS
        return CameraAccount(self.count, round(longest_s, 3), round(away_s, 3))
