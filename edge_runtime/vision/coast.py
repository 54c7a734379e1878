"""Where tracked objects are in a frame that no detector has looked at: carried on as they last moved."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.core import Detections

# Between two looks an object is not carried on for longer than this; it may have left.
LONGEST_NS = 1_000_000_000


class Coast:
    """Constant velocity of each side of a box, from the last two frames in which its track was seen."""

    def __init__(self) -> None:
        self._before: tuple[int, Detections] | None = None
        self._last: tuple[int, Detections] | None = None

    def seen(self, t_ns: int, tracks: Detections) -> None:
        """Tracks as they were found in a frame. Costs nothing: what follows from them is computed where it is asked."""
        self._before, self._last = self._last, (t_ns, tracks)

    def at(self, t_ns: int, width: int, height: int) -> Detections:
        """The same objects in a later frame of that size; those that have left it are gone."""
        if self._last is None or t_ns - self._last[0] > LONGEST_NS:
            return Detections.empty()
        seen_ns, tracks = self._last
        moved = tracks.xyxy + self._speed(seen_ns, tracks) * np.float32(max(0, t_ns - seen_ns))
        frame = np.array((width, height, width, height), np.float32)
        boxes = np.clip(moved, np.float32(0), frame)
        inside = (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
        return Detections.of(boxes, tracks.confidence, tracks.class_id, tracks.track_id).take(inside)

    def _speed(self, seen_ns: int, tracks: Detections) -> npt.NDArray[np.float32]:
        """Pixels a nanosecond of each side, (n, 4); 0 for a track that was seen once."""
        speed = np.zeros((len(tracks), 4), np.float32)
        if self._before is not None and seen_ns > self._before[0]:
            before_ns, before = self._before
            _, now, then = np.intersect1d(tracks.track_id, before.track_id, return_indices=True)
            speed[now] = (tracks.xyxy[now] - before.xyxy[then]) / np.float32(seen_ns - before_ns)
        return speed
