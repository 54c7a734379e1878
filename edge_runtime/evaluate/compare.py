"""What a replay finds beside a golden, in terms an engineer acts on: lost, new, moved, flips, breaks of tracks, times.

Frames go through once, side by side, and only sums and the worst frame of each second are kept: a drive may be long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_runtime.core import FrameKey

from .boxes_compared import CLASS, MOVED, STATE, FrameBoxes, FrameDifference, compare_frame
from .compare_checks import (
    NS,
    Cell,
    Check,
    Decisions,
    Document,
    Timed,
    Times,
    box_checks,
    decisions_check,
    frames_check,
    time_checks,
)
from .matching import Values
from .rules import Bands
from .tolerances import Tolerances

# Metres to the objects of boxes (n, 4) of a frame, NaN where unknown.
Distances = Callable[[FrameKey, Values], Values]
COUNTED = ("golden", "now", "matched", "lost", "new", "moved", "class_flips", "state_flips", "breaks")
NO_COMPARISON: Document = {
    **dict.fromkeys(("identical", "matched", "lost", "new", "moved", "by_class", "first_difference")),
    "decisions_identical": None,
    "broken": [],
}


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The outcome. `frames` counts those of both sides, and those that only one of them has; `cameras` are those of
    the frames.
    """

    stage: str
    cameras: tuple[str, ...]
    identical: bool
    frames: Mapping[str, int]
    counts: Mapping[Cell, int]
    bands: Bands
    tolerances: Tolerances
    first_difference: Document | None
    decisions: Decisions
    golden_times: Times | None
    now_times: Times | None
    checks: tuple[Check, ...]
    worst: tuple[FrameDifference, ...]
    by_second: Mapping[int, Mapping[str, int]]

    @property
    def broken(self) -> tuple[str, ...]:
        """A sentence for each condition that does not hold."""
        return tuple(check.told for check in self.checks if check.held is False)

    def total(self, what: str, name: str | None = None) -> int:
        return sum(count for cell, count in self.counts.items() if cell.what == what and name in (None, cell.name))

    @property
    def names(self) -> list[str]:
        """Classes, the one that lost most first."""
        names = {cell.name for cell in self.counts}
        return sorted(names, key=lambda name: (-self.total("lost", name), -self.total("golden", name), name))

    def figures(self, name: str | None = None, camera: str | None = None) -> dict[str, Any]:
        """Counts of a class, of a camera or of all, in sum and by band."""
        mine = {
            cell: count
            for cell, count in self.counts.items()
            if name in (None, cell.name) and camera in (None, cell.camera)
        }
        table = {what: sum(count for cell, count in mine.items() if cell.what == what) for what in COUNTED}
        heights, metres = self.bands.height_px, self.bands.distance_m
        far = any(cell.distance >= 0 for cell in self.counts)
        return {
            **table,
            "by_height_px": _banded([(cell.height, cell.what, count) for cell, count in mine.items()], heights, "px"),
            "by_distance": _banded([(cell.distance, cell.what, count) for cell, count in mine.items()], metres, "m")
            if far
            else [],
        }

    def document(self) -> dict[str, Any]:
        """The JSON document of `replay --against`, beside that of the replay."""
        live = self.now_times is not None
        return {
            "identical": self.identical,
            "stage": self.stage,
            "compared": dict(self.frames),
            **self.figures(),
            "by_class": {name: self.figures(name) for name in self.names},
            "by_camera": {camera: self.figures(camera=camera) for camera in self.cameras},
            "first_difference": self.first_difference,
            "decisions_identical": self.decisions.identical,
            "first_decision_difference": self.decisions.first,
            "times": {
                "judged": live,
                "golden": self.golden_times.document() if self.golden_times else None,
                "now": self.now_times.document() if self.now_times else None,
            },
            "checks": [{"name": one.name, "held": one.held, "told": one.told} for one in self.checks],
            "broken": list(self.broken),
        }


def _banded(cells: Iterable[tuple[int, str, int]], edges: tuple[float, ...], unit: str) -> list[dict[str, Any]]:
    """Bands in which there is anything."""
    sums: Counter[tuple[int, str]] = Counter()
    for place, what, count in cells:
        sums[place, what] += count
    rows = []
    for place, (low, high) in enumerate(zip(edges, (*edges[1:], None), strict=True)):
        counts = {what: sums[place, what] for what in COUNTED}
        if any(counts.values()):
            rows.append({f"from_{unit}": low, f"to_{unit}": high, **counts})
    return rows


# Cameras number their tracks each for itself.
Track = tuple[str, int]


@dataclass
class Comparer:
    """Takes frames of both sides, those of a camera in their order, and adds up."""

    stage: str
    tolerances: Tolerances
    bands: Bands = field(default_factory=Bands)
    distances: Distances | None = None
    identical: bool = True
    counts: Counter[Cell] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)
    by_second: dict[int, Counter[str]] = field(default_factory=dict)
    first_difference: Document | None = None
    first_uncounted: Document | None = None
    _worst: dict[tuple[str, int], FrameDifference] = field(default_factory=dict)
    _partner: dict[Track, int | None] = field(default_factory=dict)
    _interrupted: set[Track] = field(default_factory=set)
    _golden_times: list[Timed] = field(default_factory=list)
    _now_times: list[Timed] = field(default_factory=list)
    _first_ns: int | None = None
    _clocks: dict[str, tuple[str, int]] = field(default_factory=dict)

    def see(self, golden: Document | None, now: Document | None) -> None:
        """One frame. Boxes are compared where both sides have it."""
        self.frames["golden"] += golden is not None
        self.frames["now"] += now is not None
        self.identical &= golden == now
        for line, times in ((golden, self._golden_times), (now, self._now_times)):
            if line is not None and line.get("error") is None:
                times.append(Timed(line["camera"], line["t_capture_ns"], line["latency_ms"]))
        some = golden or now
        assert some is not None
        t_s = self._t_s(some)
        if golden is None or now is None:
            self.frames["missing" if now is None else "added"] += 1
            word = "is missing" if now is None else "is not in the golden"
            self._differs(some, f"the frame {word}")
            return
        self.frames["both"] += 1
        self.frames["failed"] += now.get("error") is not None and golden.get("error") is None
        found = compare_frame(
            FrameBoxes.of(golden, self.stage),
            FrameBoxes.of(now, self.stage),
            self.tolerances.iou,
            self.tolerances.moved_below_iou,
            (now["camera"], golden["frame_id"]),
            t_s,
        )
        self._count(found)
        if (told := found.sentence()) is not None:
            self._differs(golden, told)
        elif golden != now and self.first_uncounted is None:
            fields = ", ".join(key for key in golden if golden[key] != now.get(key))
            self.first_uncounted = _at(golden, f"{fields}: differs, but by nothing that is counted")

    def _t_s(self, line: Document) -> float:
        """Seconds in the drive: in the stream, which people see in a player, else by capture from the first on."""
        if self._first_ns is None:
            self._first_ns = line["t_capture_ns"]
        if line["camera"] not in self._clocks:
            stream_ns = line.get("t_stream_ns")
            known = ("t_capture_ns", self._first_ns) if stream_ns is None else ("t_stream_ns", stream_ns)
            self._clocks[line["camera"]] = known
        clock, zero_ns = self._clocks[line["camera"]]
        return float(((line.get(clock) or zero_ns) - zero_ns) / NS)

    def _differs(self, line: Document, what: str) -> None:
        if self.first_difference is None:
            self.first_difference = _at(line, what)

    def _count(self, found: FrameDifference) -> None:
        golden, now, (camera, _) = found.golden, found.now, found.key
        of_golden, of_now = self._cells(found.key, golden), self._cells(found.key, now)
        second = self.by_second.setdefault(int(found.t_s), Counter())

        def count(what: str, cell: tuple[str, str, int, int]) -> None:
            self.counts[Cell(what, *cell)] += 1
            second[what] += 1

        for cell in of_golden:
            count("golden", cell)
        for cell in of_now:
            count("now", cell)
        partner: dict[int, int] = {}
        for pair in found.pairs:
            partner[pair.golden] = pair.now
            cell = of_golden[pair.golden]
            if pair.change == CLASS:
                count("class_flips", cell)
                continue
            count("matched", cell)
            if pair.change == STATE:
                count("state_flips", cell)
            elif pair.change == MOVED:
                count("moved", cell)
        for row in found.lost:
            count("lost", of_golden[row])
        for row in found.new:
            count("new", of_now[row])
        for row, track in enumerate(golden.track):
            known_as = now.track[partner[row]] if row in partner else None
            if track is not None and self._breaks((camera, track), known_as):
                count("breaks", of_golden[row])
        place = camera, int(found.t_s)
        worst = self._worst.get(place)
        if found.score > (0 if worst is None else worst.score):
            self._worst[place] = found

    def _cells(self, key: FrameKey, boxes: FrameBoxes) -> list[tuple[str, str, int, int]]:
        heights = np.searchsorted(self.bands.height_px, boxes.height_px, side="right") - 1
        far = np.full(len(boxes), -1)
        if self.distances is not None and len(boxes):
            metres = self.distances(key, boxes.xyxy)
            far = np.where(np.isnan(metres), -1, np.searchsorted(self.bands.distance_m, metres, side="right") - 1)
        return [(name, key[0], *bands) for name, *bands in zip(boxes.name, heights.tolist(), far.tolist(), strict=True)]

    def _breaks(self, track: Track, now: int | None) -> bool:
        """Whether a track of the golden goes on here under another id than before, or after an interruption."""
        known = self._partner.get(track)
        if now is None:
            if known is not None:
                self._interrupted.add(track)
            return False
        broken = known is not None and (known != now or track in self._interrupted)
        self._interrupted.discard(track)
        self._partner[track] = now
        return broken

    def comparison(
        self,
        decisions: Decisions,
        *,
        live: bool,
        whole: bool = True,
        budgets: Mapping[str, Document] | None = None,
    ) -> Comparison:
        """The sums, judged. Frames may be missing in a live replay, and in one that was told to end early."""
        golden_times, now_times = (Times.of(lines) if live else None for lines in (self._golden_times, self._now_times))
        frames = {key: self.frames[key] for key in ("golden", "now", "both", "missing", "added", "failed")}
        checks = [
            frames_check(frames, live=live, whole=whole),
            *box_checks(self.counts, self.tolerances, tracked=bool(self._partner)),
            decisions_check(decisions, self.tolerances),
            *time_checks(golden_times, now_times, self.tolerances, budgets or {}),
        ]
        return Comparison(
            stage=self.stage,
            cameras=tuple(sorted(self._clocks)),
            identical=self.identical,
            frames=frames,
            counts=dict(self.counts),
            bands=self.bands,
            tolerances=self.tolerances,
            first_difference=self.first_difference or self.first_uncounted,
            decisions=decisions,
            golden_times=golden_times,
            now_times=now_times,
            checks=tuple(checks),
            worst=tuple(sorted(self._worst.values(), key=lambda found: -found.score)),
            by_second={second: dict(counts) for second, counts in sorted(self.by_second.items())},
        )


def _at(line: Document, what: str) -> Document:
    return {**{key: line[key] for key in ("camera", "frame_id", "t_capture_ns")}, "what": what}
