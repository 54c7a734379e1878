"""Identity over time: ByteTrack (Zhang et al. 2022).

From `trackforge` (MIT): a Rust wheel without dependencies that takes 25 µs for 30 boxes and exists for aarch64.
`norfair-enough` (BSD) is pure Python on SciPy and takes 1.4 ms for the same; Roboflow's `trackers` and `supervision`
pull in `opencv-python`, which would replace a Jetson's own OpenCV, and Matplotlib.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import trackforge

from edge_runtime.config.schema import TrackStage
from edge_runtime.core import UNTRACKED, ClassGroups, Detections


class _Named(NamedTuple):
    track_id: int
    frame: int


class Tracker:
    """Names the objects of one camera, frame after frame. Not for two threads at a time.

    Ids count from 1 and are never given twice before `reset`. The library matches boxes whatever their class, so each
    group of classes has its own instance, and the ids of all of them become ids of one count. An object that is a car
    in one frame and a truck in the next keeps its id where the two are of one group.
    """

    def __init__(self, block: TrackStage, groups: ClassGroups | None = None) -> None:
        self._block = block
        self._groups = groups or ClassGroups()
        self.reset()

    def reset(self) -> None:
        """Forget all objects; the next id is 1 again."""
        self.forget()
        self._last_id = 0
        self._frame = 0

    def forget(self) -> None:
        """Forget all objects, as after a time in which nobody looked; their ids are not given again."""
        self._by_group: dict[int, trackforge.BYTETRACK] = {}
        self._ids: dict[tuple[int, int], _Named] = {}

    def update(self, detections: Detections) -> Detections:
        """The same boxes with `track_id` filled; call it once a frame, also for a frame without boxes.

        A box that belongs to no track keeps UNTRACKED: it was weaker than `new_track` and matched nothing.
        """
        self._frame += 1
        track_id = np.full(len(detections), UNTRACKED, np.int32)
        corner, size = detections.xyxy[:, :2], detections.xyxy[:, 2:] - detections.xyxy[:, :2]
        boxes = np.concatenate([corner, size], axis=1).tolist()
        confidence = detections.confidence.tolist()
        rows_of: dict[int, list[int]] = {group: [] for group in self._by_group}
        for row, group in enumerate(self._groups.group_of(detections.class_id).tolist()):
            rows_of.setdefault(group, []).append(row)
        for group, rows in sorted(rows_of.items()):
            found = [(boxes[row], confidence[row], group) for row in rows]
            for library_id, place in self._track(group, found):
                track_id[rows[place]] = self._name(group, library_id)
        self._forget()
        return detections.with_tracks(track_id)

    def _track(self, group: int, found: list[tuple[list[float], float, int]]) -> list[tuple[int, int]]:
        """The library's id and the row of every box of one group that has a track, in a fixed order."""
        if group not in self._by_group:
            self._by_group[group] = trackforge.BYTETRACK(
                track_thresh=self._block.confidence,
                track_buffer=self._block.keep_frames,
                match_thresh=1 - self._block.iou,
                det_thresh=self._block.new_track,
                second_match_thresh=1 - self._block.iou,
            )
        tracks = self._by_group[group].update(found)
        return sorted((track[0], track[4]) for track in tracks if track[4] is not None)

    def _name(self, group: int, library_id: int) -> int:
        named = self._ids.get((group, library_id))
        if named is None:
            self._last_id += 1
        track_id = self._last_id if named is None else named.track_id
        self._ids[group, library_id] = _Named(track_id, self._frame)
        return track_id

    def _forget(self) -> None:
        """Let go of names whose track the library has dropped, so that a long drive does not collect them."""
        oldest = self._frame - self._block.keep_frames - 1
        self._ids = {key: named for key, named in self._ids.items() if named.frame >= oldest}
