"""What the board said about itself at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class TelemetrySample:
    """One reading of a board, whatever measured it (`source`: jtop, sysfs, nvml, host, recorded, plant).

    `t_ns` is the monotonic time at which the values were true, as near as the source can tell. What was not measured
    is None, or missing from a mapping; it is never 0. `rails_w` and `power_w` (the whole board, or what the source can
    see of it) in watts, `temp_c` by thermal zone, `gpu_load` and `cpu_load` 0..1, `clocks_mhz` by unit.
    `throttle_events` are counters that only grow, by name (over-current 1 to 3, thermal); `throttled` names the
    limits that act right now.
    """

    t_ns: int
    source: str
    power_w: float | None = None
    rails_w: Mapping[str, float] = field(default_factory=dict)
    temp_c: Mapping[str, float] = field(default_factory=dict)
    gpu_load: float | None = None
    cpu_load: float | None = None
    clocks_mhz: Mapping[str, float] = field(default_factory=dict)
    throttle_events: Mapping[str, int] = field(default_factory=dict)
    throttled: tuple[str, ...] = ()
    power_mode: str | None = None

    def document(self) -> dict[str, Any]:
        """As a log holds it: what was not measured is left out."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: value for name, value in values.items() if value not in (None, {}, ())}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> TelemetrySample:
        """The sample of a log's entry; keys it does not know are left alone. Raises KeyError without time or source."""
        known = {entry.name: document[entry.name] for entry in fields(cls) if entry.name in document}
        return cls(**{**known, "t_ns": int(document["t_ns"]), "throttled": tuple(known.get("throttled", ()))})
