"""What happened when, for a picture of a run on a time line: spans of work and values that change.

Who traces holds a `TraceLog | None` and asks once: `if trace is not None: trace.span(...)`. Times are those of the
`Clock`, in nanoseconds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

# A lane is one row of the picture. Those of a kind share the first word: "network road", "sink overlay".
SOURCE, FRONT, NETWORK, BACK, SINK, GOVERNOR = "source", "front", "network", "back", "sink", "governor"
LANE_ORDER = (SOURCE, FRONT, NETWORK, BACK, SINK)
Facts = Mapping[str, str | float | bool | None]


@dataclass(frozen=True, slots=True)
class Span:
    """Work on a lane, from `begin_ns` to `end_ns`; `frame_id` is the frame it was done for, None for no single one.

    `facts` is what else there is to know of it; `camera` is the frame's, as each counts its own.
    """

    lane: str
    name: str
    begin_ns: int
    end_ns: int
    frame_id: int | None = None
    facts: Facts | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class Counter:
    """`value` holds from `t_ns` until the next one of that name."""

    name: str
    t_ns: int
    value: float


class TraceLog:
    """Takes spans and counters from any thread and keeps the last `limit` of them.

    The end of a run is kept and not its beginning, because that is where one that failed shows why.
    """

    def __init__(self, limit: int = 200_000) -> None:
        if limit < 1:
            raise ValueError(f"limit must be 1 or more, got {limit}")
        self._events: deque[Span | Counter] = deque(maxlen=limit)
        self._added = 0
        self._values: dict[str, float] = {}
        self._lock = threading.Lock()

    def span(
        self,
        lane: str,
        name: str,
        begin_ns: int,
        end_ns: int,
        frame_id: int | None = None,
        facts: Facts | None = None,
        camera: str | None = None,
    ) -> None:
        self._add(Span(lane, name, begin_ns, end_ns, frame_id, facts, camera))

    def counter(self, name: str, t_ns: int, value: float) -> None:
        self._add(Counter(name, t_ns, value))

    def changed(self, name: str, t_ns: int, value: float) -> None:
        """As `counter`, of a value that mostly stays what it was: only what is new is kept."""
        if self._values.get(name) != value:
            self._values[name] = value
            self.counter(name, t_ns, value)

    def _add(self, event: Span | Counter) -> None:
        with self._lock:
            self._events.append(event)
            self._added += 1

    def read(self) -> tuple[list[Span | Counter], int]:
        """What is kept, in the order it came in, and how many before it were left out."""
        with self._lock:
            return list(self._events), self._added - len(self._events)
