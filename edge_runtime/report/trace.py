"""Spans of a run as a trace file that https://ui.perfetto.dev and chrome://tracing open.

The JSON is that of Google's Trace Event Format, https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU:
complete events (X) for spans, counter events (C), flow events (s, f) for the arrows that follow a frame from lane to
lane, and metadata events (M) for names and order. Its time unit is the microsecond.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

from edge_runtime.core.trace import LANE_ORDER, Counter, Span, TraceLog
from edge_runtime.recording.run_folder import write_whole

_PROCESS = 1


def write_trace(path: Path, log: TraceLog, name: str) -> None:
    """Write what a log has kept, whole or not at all. Raises `RunError` when the file cannot be written."""
    events, left_out = log.read()
    document = trace_document(events, name=name, left_out=left_out)
    write_whole(path, json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def trace_document(events: Iterable[Span | Counter], *, name: str, left_out: int = 0) -> dict[str, Any]:
    """The trace as one JSON object; `name` is what the run is called.

    Time starts at the first event. A span that ends before it begins and a value that is no number are left out, and
    counted with `left_out`.
    """
    given = list(events)
    spans = [event for event in given if isinstance(event, Span) and event.end_ns >= event.begin_ns]
    counters = [event for event in given if isinstance(event, Counter) and isfinite(event.value)]
    zero_ns = min([*(span.begin_ns for span in spans), *(counter.t_ns for counter in counters)], default=0)
    rows = _rows(spans)
    drawn = [*_slices(rows, zero_ns), *_arrows(rows, zero_ns), *_values(counters, zero_ns)]
    drawn.sort(key=lambda event: (event["ts"], -event.get("dur", 0.0)))  # stable: an arrow stays behind its slice
    return {
        "traceEvents": [*_names(name, rows), *drawn],
        "displayTimeUnit": "ms",
        "otherData": {
            "run": name,
            "begins_at_ns": zero_ns,
            "events_left_out": left_out + len(given) - len(spans) - len(counters),
        },
    }


# One row of the picture: the lane it belongs to and its spans, which nest or follow each other.
_Row = tuple[str, list[Span]]
# A frame by its camera and number.
_Frame = tuple[str | None, int]


def _rows(spans: Iterable[Span]) -> list[_Row]:
    """Lanes in their fixed order; one whose spans overlap without nesting takes several rows, as the format wants."""
    lanes: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        lanes[span.lane].append(span)
    rows: list[_Row] = []
    for lane in sorted(lanes, key=lambda lane: (_rank(lane), lane)):
        rows += [(lane, row) for row in _spread(lanes[lane])]
    return rows


def _rank(lane: str) -> int:
    kind = lane.split(" ", 1)[0]
    return LANE_ORDER.index(kind) if kind in LANE_ORDER else len(LANE_ORDER)


def _spread(spans: Iterable[Span]) -> list[list[Span]]:
    rows: list[list[Span]] = []
    open_until: list[list[int]] = []  # of each row, the ends of the spans that the next one might lie in
    for span in sorted(spans, key=lambda span: (span.begin_ns, -span.end_ns)):
        number = next((number for number, ends in enumerate(open_until) if _fits(span, ends)), len(rows))
        if number == len(rows):
            rows.append([])
            open_until.append([])
        rows[number].append(span)
        open_until[number].append(span.end_ns)
    return rows


def _fits(span: Span, ends: list[int]) -> bool:
    """Does a span lie in the innermost of a row's open spans, or after all of them? Closes what it comes after."""
    while ends and ends[-1] <= span.begin_ns:
        ends.pop()
    return not ends or span.end_ns <= ends[-1]


def _us(t_ns: int) -> float:
    return t_ns / 1000


def _names(name: str, rows: list[_Row]) -> Iterator[dict[str, Any]]:
    yield {"ph": "M", "name": "process_name", "pid": _PROCESS, "args": {"name": name}}
    shown = ""
    for thread, (lane, _) in enumerate(rows, start=1):
        label = f"{lane} (overlapping)" if lane == shown else lane
        shown = lane
        yield {"ph": "M", "name": "thread_name", "pid": _PROCESS, "tid": thread, "args": {"name": label}}
        yield {"ph": "M", "name": "thread_sort_index", "pid": _PROCESS, "tid": thread, "args": {"sort_index": thread}}


def _slices(rows: list[_Row], zero_ns: int) -> Iterator[dict[str, Any]]:
    for thread, (lane, spans) in enumerate(rows, start=1):
        for span in spans:
            yield {
                "ph": "X",
                "name": span.name,
                "cat": lane,
                "pid": _PROCESS,
                "tid": thread,
                "ts": _us(span.begin_ns - zero_ns),
                "dur": _us(span.end_ns - span.begin_ns),
                "args": {**_frame(span), **(span.facts or {})},
            }


def _frame(span: Span) -> dict[str, Any]:
    """Whose work it is."""
    if span.frame_id is None:
        return {}
    return {"frame": span.frame_id, **({} if span.camera is None else {"camera": span.camera})}


def _values(counters: Iterable[Counter], zero_ns: int) -> Iterator[dict[str, Any]]:
    for counter in counters:
        yield {
            "ph": "C",
            "name": counter.name,
            "pid": _PROCESS,
            "ts": _us(counter.t_ns - zero_ns),
            "args": {"value": counter.value},
        }


def _arrows(rows: list[_Row], zero_ns: int) -> Iterator[dict[str, Any]]:
    """For every frame, arrows from each lane it was on to those of the next kind: front, networks, back, sinks.

    An arrow leaves the last span that began before the other lane took over, and reaches the first one there.
    """
    frames: dict[_Frame, dict[int, dict[str, list[tuple[Span, int]]]]] = defaultdict(lambda: defaultdict(dict))
    for thread, (lane, spans) in enumerate(rows, start=1):
        if _rank(lane) == len(LANE_ORDER):
            continue
        for span in spans:
            if span.frame_id is not None and span.end_ns > span.begin_ns:
                frames[span.camera, span.frame_id][_rank(lane)].setdefault(lane, []).append((span, thread))
    number = 0
    for (_, frame_id), by_rank in frames.items():
        ranks = sorted(by_rank)
        for before, after in pairwise(ranks):
            for there in by_rank[after].values():
                target, target_thread = min(there, key=lambda placed: placed[0].begin_ns)
                for here in by_rank[before].values():
                    earlier = [placed for placed in here if placed[0].begin_ns <= target.begin_ns]
                    if not earlier:
                        continue
                    start, start_thread = max(earlier, key=lambda placed: placed[0].begin_ns)
                    number += 1
                    arrow = {"name": f"frame {frame_id}", "cat": "frame", "id": number, "pid": _PROCESS}
                    yield {**arrow, "ph": "s", "tid": start_thread, "ts": _us(start.begin_ns - zero_ns)}
                    end = {"ph": "f", "bp": "e", "tid": target_thread, "ts": _us(target.begin_ns - zero_ns)}
                    yield {**arrow, **end}
