"""Tracks that only a region can show, in frames in which no region looks at them: carried on as they moved.

A planner has fewer regions than a road has far objects. What it looked at a moment ago has not gone because it looks
elsewhere now, and the whole frame, which cannot show it, is no witness against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from edge_runtime.core import Detections

# Weight of the newest sighting in a track's motion, and how many tracks must agree on what the camera did.
_TURN, _WITNESSES = 0.3, 3

Rect = tuple[int, int, int, int]


@dataclass(slots=True)
class _Track:
    """Middle and size in frame pixels; when it was seen; the middle's pixels a second beside the camera's shaking."""

    x: float
    y: float
    width: float
    height: float
    confidence: float
    class_id: int
    seen_s: float
    dx: float = 0.0
    dy: float = 0.0


class Carry:
    """Follows what was last seen inside a region, for up to `longest_ms` after that. Not for two threads at a time."""

    def __init__(self, longest_ms: int) -> None:
        self._longest_s = longest_ms / 1e3
        self._tracks: dict[int, _Track] = {}
        self._t_s = 0.0

    def update(self, t_ns: int, seen: Detections, regions: Sequence[Rect], size: tuple[int, int]) -> Detections:
        """The boxes of tracks that are not in `seen` and that none of `regions` looks at, in a frame of that size.

        Where several tracks have moved by more than they used to, the camera has, and what nobody sees moved with them.
        """
        t_s = t_ns * 1e-9
        since_s, self._t_s = t_s - self._t_s, t_s
        before, self._tracks = self._tracks, {}
        for track in before.values():
            track.x += track.dx * since_s
            track.y += track.dy * since_s
        shaken = [(x - old.x, y - old.y) for old, x, y in _again(before, seen)]
        shake_x = median(x for x, _ in shaken) if len(shaken) >= _WITNESSES else 0.0
        shake_y = median(y for _, y in shaken) if len(shaken) >= _WITNESSES else 0.0
        for track in before.values():
            track.x += shake_x
            track.y += shake_y
        self._see(t_s, seen, regions, before)
        known = set(seen.track_id.tolist())
        unseen = {
            track_id: track
            for track_id, track in before.items()
            if track_id not in known
            and t_s - track.seen_s <= self._longest_s
            and not _inside(track.x, track.y, regions)
            and 0 < track.x < size[0]
            and 0 < track.y < size[1]
        }
        self._tracks.update(unseen)
        return _boxes(unseen, size)

    def _see(self, t_s: float, seen: Detections, regions: Sequence[Rect], before: dict[int, _Track]) -> None:
        columns = (seen.track_id.tolist(), seen.xyxy.tolist(), seen.confidence.tolist(), seen.class_id.tolist())
        for track_id, (x0, y0, x1, y1), confidence, class_id in zip(*columns, strict=True):
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            if not _inside(x, y, regions):
                continue
            track = _Track(x, y, x1 - x0, y1 - y0, confidence, class_id, t_s)
            if (old := before.get(track_id)) is not None and t_s > old.seen_s:
                track.dx = old.dx + _TURN * (x - old.x) / (t_s - old.seen_s)
                track.dy = old.dy + _TURN * (y - old.y) / (t_s - old.seen_s)
            self._tracks[track_id] = track


def _again(before: dict[int, _Track], seen: Detections) -> Iterable[tuple[_Track, float, float]]:
    """The tracks of `before` that are seen now, and the middle of each."""
    for track_id, (x0, y0, x1, y1) in zip(seen.track_id.tolist(), seen.xyxy.tolist(), strict=True):
        if (old := before.get(track_id)) is not None:
            yield old, (x0 + x1) / 2, (y0 + y1) / 2


def _inside(x: float, y: float, regions: Sequence[Rect]) -> bool:
    return any(left <= x < right and top <= y < bottom for left, top, right, bottom in regions)


def _boxes(tracks: dict[int, _Track], size: tuple[int, int]) -> Detections:
    if not tracks:
        return Detections.empty()
    held = list(tracks.values())
    middle = np.array([(track.x, track.y) for track in held], np.float32)
    half = np.array([(track.width, track.height) for track in held], np.float32) / 2
    xyxy = np.clip(np.concatenate([middle - half, middle + half], axis=1), 0, np.array((*size, *size), np.float32))
    return Detections.of(
        xyxy.astype(np.float32),
        np.array([track.confidence for track in held], np.float32),
        np.array([track.class_id for track in held], np.int32),
        np.array(list(tracks), np.int32),
    )
