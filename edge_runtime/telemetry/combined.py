"""Two sources as one: the fast one's values, and of the slow one what the fast one cannot see."""

from __future__ import annotations

from dataclasses import replace

from edge_runtime.core import TelemetrySample

from .base import Closing, Telemetry

# From this age on the slow source's values are left out instead of mixed into a fresh sample.
STALE_NS = 3_000_000_000


class Combined(Closing):
    """Owns both. While one of them is silent the other stands alone."""

    def __init__(self, fast: Telemetry, slow: Telemetry) -> None:
        self._fast, self._slow = fast, slow

    @property
    def name(self) -> str:
        return f"{self._fast.name}+{self._slow.name}"

    @property
    def problem(self) -> str | None:
        return self._fast.problem or self._slow.problem

    def read(self, now_ns: int) -> TelemetrySample | None:
        fast, slow = self._fast.read(now_ns), self._slow.read(now_ns)
        if fast is None or slow is None:
            return fast or slow
        return fast if now_ns - slow.t_ns > STALE_NS else merge(fast, slow)

    def close(self) -> None:
        self._fast.close()
        self._slow.close()


def merge(fast: TelemetrySample, slow: TelemetrySample) -> TelemetrySample:
    """One sample of two. Its time is that of its power: a governor must not take an old reading for a new one."""
    lends_power = fast.power_w is None and slow.power_w is not None
    return replace(
        fast,
        t_ns=slow.t_ns if lends_power else fast.t_ns,
        source=f"{fast.source}+{slow.source}",
        power_w=slow.power_w if lends_power else fast.power_w,
        rails_w={**slow.rails_w, **fast.rails_w},
        temp_c={**slow.temp_c, **fast.temp_c},
        gpu_load=slow.gpu_load if fast.gpu_load is None else fast.gpu_load,
        cpu_load=slow.cpu_load if fast.cpu_load is None else fast.cpu_load,
        clocks_mhz={**slow.clocks_mhz, **fast.clocks_mhz},
        throttle_events={**slow.throttle_events, **fast.throttle_events},
        throttled=tuple(sorted({*slow.throttled, *fast.throttled})),
        power_mode=slow.power_mode if fast.power_mode is None else fast.power_mode,
    )
