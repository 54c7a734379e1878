"""The source that follows objects which the whole frame shows badly: where small or uncertain tracks will be.

In plain numbers, one track after another: of the few that a frame has, that is faster than columns of NumPy. And with
conditions rather than `min` and `max` in the loop, which take ten times as long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.config.schema import TrackRegions
from edge_runtime.core import ClassGroups, Detections
from edge_runtime.vision.nms import iou_matrix

from .proposals import HELD, NEVER_SHED, OPEN, ClassValues, Flags, Picture, Proposals
from .scene import WHOLE_FRAME, Looked, Scene

_LOST_S = 1.0  # unseen for so long
_UNSURE = 0.5  # confidence below which a track may be twice as large and is still looked at
_SAME_IOU = 0.3
_SHARE = 0.25  # weight of the newest frame in the share of frames that show a track without a region
_TURN = 0.4  # weight of the newest frame in a track's motion
_LEAST_GAIN = 0.05
_LEAST_PX = 1.0  # that a side of a box has
_MOST_GROWTH = 2.0  # e-folds a second: an object 14 m ahead, approached at 100 km/h

# A margin around a predicted box, in frame pixels or shares of its longer side and of the way it went unseen.
_MARGIN_PX, _MARGIN_SIZE, _MARGIN_AGE_PX, _MARGIN_WAY = 8.0, 0.25, 40.0, 0.5


@dataclass(slots=True)
class _Track:
    """Middle and size in frame pixels, the middle's pixels a second and the growth in e-folds a second; what the newest
    box said; seconds of the stream when it was seen and looked at last; and in what share of frames the whole frame
    shows it.
    """

    x: float
    y: float
    width: float
    height: float
    confidence: float
    class_id: int
    seen_s: float
    looked_s: float
    shown: float
    dx: float = 0.0
    dy: float = 0.0
    growth: float = 0.0

    def see(self, x: float, y: float, width: float, height: float, t_s: float) -> None:
        """Middle and size in the newest frame."""
        since_s = t_s - self.seen_s
        if since_s > 0:
            self.dx += _TURN * ((x - self.x) / since_s - self.dx)
            self.dy += _TURN * ((y - self.y) / since_s - self.dy)
            self.growth += _TURN * (math.log(height / self.height) / since_s - self.growth)
            if abs(self.growth) > _MOST_GROWTH:
                self.growth = math.copysign(_MOST_GROWTH, self.growth)
        self.x, self.y, self.width, self.height, self.seen_s = x, y, width, height, t_s

    def predicted(self, age_s: float) -> tuple[float, float, float, float]:
        """Middle and size at that age, by constant velocity and growth."""
        grown = math.exp(self.growth * age_s)
        return self.x + self.dx * age_s, self.y + self.dy * age_s, self.width * grown, self.height * grown

    def margin(self, longer: float, age_s: float) -> float:
        """Room for what is not known of its motion around a box whose longer side is given."""
        across, down = abs(self.dx), abs(self.dy)
        way = (across if across > down else down) * age_s
        return _MARGIN_PX + _MARGIN_SIZE * longer + _MARGIN_AGE_PX * age_s + _MARGIN_WAY * way


class TrackSource:
    """A track that only regions show keeps its region until it is lost, or large enough for the whole frame."""

    def __init__(self, block: TrackRegions, classes: ClassValues) -> None:
        self._small_px, self._groups = block.smaller_than_px, classes.groups
        self._weight: list[float] = (block.weight * classes.weight).tolist()
        self._never_shed: list[bool] = classes.never_shed.tolist()
        self.reset()

    def reset(self) -> None:
        self._tracks: dict[int, _Track] = {}  # ascending
        self._proposed: list[int] = []

    def propose(self, scene: Scene, picture: Picture) -> Proposals:
        t_s, small_px = scene.t_ns * 1e-9, self._small_px
        (frame_width, frame_height), (region_width, region_height) = picture.frame, picture.region
        self._proposed = []
        edges: list[float] = []
        values, tiers = [], []
        for track_id, track in self._tracks.items():
            age_s = t_s - track.seen_s
            if age_s > _LOST_S:
                continue
            age_s = age_s if age_s > 0 else 0.0
            x, y, width, height = track.predicted(age_s)
            height_px, looked_px = height * picture.scale, height * picture.region_scale
            enough_px = small_px if track.confidence >= _UNSURE else 2 * small_px
            if height_px >= enough_px:
                continue
            across, down = width / 2, height / 2
            if not (-across < x < frame_width + across and -down < y < frame_height + down):
                continue
            gain = 1 - height_px / enough_px if looked_px > enough_px else (looked_px - height_px) / enough_px
            value = (gain if gain > _LEAST_GAIN else _LEAST_GAIN) * (2 - track.confidence)
            waited_s = t_s - track.looked_s
            held = track.shown < 0.5 and height_px < small_px
            margin = track.margin(width if width > height else height, age_s)
            across = _with_margin(across, margin, region_width)
            down = _with_margin(down, margin, region_height)
            self._proposed.append(track_id)
            edges += (x - across, y - down, x + across, y + down)
            values.append(value * (1 + waited_s if waited_s > 0 else 1.0) * self._weight[track.class_id])
            tiers.append(NEVER_SHED if self._never_shed[track.class_id] else HELD if held else OPEN)
        return Proposals(np.array(edges).reshape(-1, 4), np.array(values), np.array(tiers, np.int64))

    def reason(self, row: int) -> str:
        return f"track {self._proposed[row]}"

    def chosen(self, rows: Flags, t_ns: int) -> None:
        for track_id, looked in zip(self._proposed, rows.tolist(), strict=True):
            if looked:
                self._tracks[track_id].looked_s = t_ns * 1e-9

    def observe(self, scene: Scene, picture: Picture, tracks: Detections, looked: Sequence[Looked]) -> None:
        t_s, known = scene.t_ns * 1e-9, self._tracks
        shown = _shown(tracks, looked, self._groups)
        share = 0.0 if shown is None else _SHARE
        low, high = tracks.xyxy[:, :2], tracks.xyxy[:, 2:]
        columns = (
            *(tracks.track_id.tolist(), ((low + high) / 2).tolist(), np.maximum(high - low, _LEAST_PX).tolist()),
            *(tracks.confidence.tolist(), tracks.class_id.tolist(), shown or [False] * len(tracks)),
        )
        for track_id, (x, y), (width, height), confidence, class_id, is_shown in zip(*columns, strict=True):
            track = known.get(track_id)
            if track is not None:
                track.see(x, y, width, height, t_s)
                track.confidence, track.class_id = confidence, class_id
                track.shown += share * (is_shown - track.shown)
            elif track_id >= 0:
                known[track_id] = _Track(x, y, width, height, confidence, class_id, t_s, t_s, float(is_shown))
        for track in known.values():
            if track.seen_s != t_s:
                track.shown *= 1 - share
        newest_s = t_s - _LOST_S
        self._tracks = {track_id: known[track_id] for track_id in sorted(known) if known[track_id].seen_s >= newest_s}


def _shown(tracks: Detections, looked: Sequence[Looked], groups: ClassGroups) -> list[bool] | None:
    """Which tracks the whole frame shows; None when nobody looked at the whole frame."""
    views = [look.detections for look in looked if look.region.reason == WHOLE_FRAME]
    if not views:
        return None
    found = Detections.concatenate(views)
    same = iou_matrix(tracks.xyxy, found.xyxy) > _SAME_IOU
    same &= groups.group_of(tracks.class_id)[:, None] == groups.group_of(found.class_id)
    shown: list[bool] = np.asarray(same.any(axis=1)).tolist()
    return shown


def _with_margin(half: float, margin: float, region: float) -> float:
    """Half of a box's side and a margin, but no more than fits into one region."""
    most = region / 2 - 1
    if half + margin < most:
        return half + margin
    return half if half > most else most
