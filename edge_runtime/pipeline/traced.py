"""What a trace shows beside the work on frames: the governor's decisions as a lane, rates and losses as curves."""

from __future__ import annotations

from collections import deque

from edge_runtime.core import Decision
from edge_runtime.core.trace import GOVERNOR, Facts, TraceLog

NS = 1_000_000_000
# A curve gets a point so often at most.
_STEP_NS = NS // 10
_FREE = "no limit"


class TracedDecisions:
    """The lane `governor`: how long each point held, and within it each decision with its reason."""

    def __init__(self, trace: TraceLog) -> None:
        self._trace = trace
        self._point_since_ns = 0
        self._last: Decision | None = None
        self._first: Decision | None = None

    def decided(self, decision: Decision) -> None:
        last, first = self._last, self._first
        if last is not None:
            self._trace.span(GOVERNOR, last.binding or _FREE, last.t_ns, decision.t_ns, facts=_facts(last))
        if first is None or first.point.name != decision.point.name:
            self._end_point(decision.t_ns)
            self._first = decision
        self._last = decision

    def end(self, now_ns: int) -> None:
        """The run is over, and with it what was decided last."""
        if (last := self._last) is not None:
            self._trace.span(GOVERNOR, last.binding or _FREE, last.t_ns, now_ns, facts=_facts(last))
        self._end_point(now_ns)
        self._first = self._last = None

    def _end_point(self, now_ns: int) -> None:
        if (first := self._first) is not None:
            self._trace.span(GOVERNOR, first.point.name, first.t_ns, now_ns, facts=_facts(first))


def _facts(decision: Decision) -> Facts:
    return {
        "reason": decision.reason,
        "binding": decision.binding,
        "feasible": decision.feasible,
        "alarm": decision.alarm,
    }


class TracedRate:
    """The curve `fps`: what came out in the last second, at any pace; used by the thread that publishes."""

    def __init__(self, trace: TraceLog) -> None:
        self._trace = trace
        self._times: deque[int] = deque()
        self._due_ns = 0

    def published(self, now_ns: int) -> None:
        self.silent(now_ns)
        self._times.append(now_ns)
        while now_ns - self._times[0] > NS:
            self._times.popleft()
        span_ns = now_ns - self._times[0]
        if span_ns >= _STEP_NS and now_ns >= self._due_ns:  # two frames of a moment are no rate
            self._due_ns = now_ns + _STEP_NS
            self._trace.counter("fps", now_ns, round((len(self._times) - 1) * NS / span_ns, 2))

    def silent(self, now_ns: int) -> None:
        """Nothing has come out since the last frame: after a second of that the rate was 0."""
        if self._times and now_ns - self._times[-1] > NS:
            self._trace.counter("fps", self._times[-1] + NS, 0.0)
