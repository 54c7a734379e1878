"""The governor's alarms as a person wants to hear them: one of each kind, not one a decision."""

from __future__ import annotations

from dataclasses import dataclass

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Alarm:
    """Alarms of one kind: the words of the first, how many times it rose, for how long in all, and when at first."""

    text: str
    times: int
    seconds: float
    first_s: float

    def __str__(self) -> str:
        times = "once" if self.times == 1 else f"{self.times} times"
        return f"alarm at {self.first_s:.0f} s, {times}, {self.seconds:.1f} s in all: {self.text}"


class AlarmBook:
    """Told every decision's alarm. A kind is what stands before the colon; behind it stand the figures."""

    def __init__(self) -> None:
        self.alarms: dict[str, Alarm] = {}
        self._start_ns: int | None = None
        self._last_ns = 0
        self._now: str | None = None

    def see(self, now_ns: int, text: str | None) -> None:
        """What holds from now on; None for no alarm."""
        if self._start_ns is None:
            self._start_ns = self._last_ns = now_ns
        lasted_s, self._last_ns = (now_ns - self._last_ns) / NS, now_ns
        if self._now is not None:
            known = self.alarms[self._now]
            lasted_s = round(known.seconds + lasted_s, 3)
            self.alarms[self._now] = Alarm(known.text, known.times, lasted_s, known.first_s)
        kind = None if text is None else text.partition(":")[0]
        if kind is not None and text is not None and kind != self._now:
            new = Alarm(text, 0, 0.0, round((now_ns - self._start_ns) / NS, 3))
            known = self.alarms.get(kind, new)
            self.alarms[kind] = Alarm(known.text, known.times + 1, known.seconds, known.first_s)
        self._now = kind
