"""The source that follows objects which the whole frame shows badly: where small or uncertain tracks will be.

In plain numbers, one track after another: of the few that a frame has, that is faster than columns of NumPy.
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
_MOST_GROWTH = 2.0  # e-folds a second: an object 14 m ahead, approached at 100 km/h

# A margin around a predicted box, in frame pixels or shares of its longer side and of the way it went unseen.
_MARGIN_PX, _MARGIN_SIZE, _MARGIN_AGE_PX, _MARGIN_WAY = 8.0, 0.25, 40.0, 0.5

Box = tuple[float, float, float, float]


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

    def carry_on(self, before: _Track, *, shown: bool) -> None:
        """Take over what is remembered from `before`; `shown` when the newest share is known."""
        since_s = self.seen_s - before.seen_s
        self.looked_s = before.looked_s
        self.shown = before.shown + (_SHARE * (self.shown - before.shown) if shown else 0.0)
        self.dx, self.dy, self.growth = before.dx, before.dy, before.growth
        if since_s > 0:
            grown = math.log(max(self.height, 1.0) / max(before.height, 1.0))
            self.dx += _TURN * ((self.x - before.x) / since_s - before.dx)
            self.dy += _TURN * ((self.y - before.y) / since_s - before.dy)
            self.growth += _TURN * (grown / since_s - before.growth)
            self.growth = min(max(self.growth, -_MOST_GROWTH), _MOST_GROWTH)

    def predicted(self, age_s: float) -> Box:
        """The box at that age, by constant velocity and growth."""
        x, y, grown = self.x + self.dx * age_s, self.y + self.dy * age_s, math.exp(self.growth * age_s)
        half_width, half_height = self.width * grown / 2, self.height * grown / 2
        return x - half_width, y - half_height, x + half_width, y + half_height


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
        t_s = scene.t_ns * 1e-9
        self._proposed = []
        boxes, values, tiers = [], [], []
        for track_id, track in self._tracks.items():
            if track.seen_s < t_s - _LOST_S:
                continue
            age_s = min(max(t_s - track.seen_s, 0.0), _LOST_S)
            x0, y0, x1, y1 = box = track.predicted(age_s)
            height, enough_px = y1 - y0, self._small_px * (2.0 if track.confidence < _UNSURE else 1.0)
            if height * picture.scale >= enough_px:
                continue
            if not (x0 < picture.frame[0] and y0 < picture.frame[1] and x1 > 0 and y1 > 0):
                continue
            value = max(_gain(height, enough_px, picture), _LEAST_GAIN) * (2 - track.confidence)
            value *= (1 + max(t_s - track.looked_s, 0.0)) * self._weight[track.class_id]
            held = track.shown < 0.5 and height * picture.scale < self._small_px
            self._proposed.append(track_id)
            boxes.append(_with_margin(box, max(abs(track.dx), abs(track.dy)), age_s, picture))
            values.append(value)
            tiers.append(NEVER_SHED if self._never_shed[track.class_id] else HELD if held else OPEN)
        return Proposals(np.array(boxes), np.array(values), np.array(tiers)) if boxes else Proposals.none()

    def reason(self, row: int) -> str:
        return f"track {self._proposed[row]}"

    def chosen(self, rows: Flags, t_ns: int) -> None:
        for track_id, looked in zip(self._proposed, rows.tolist(), strict=True):
            if looked:
                self._tracks[track_id].looked_s = t_ns * 1e-9

    def observe(self, scene: Scene, picture: Picture, tracks: Detections, looked: Sequence[Looked]) -> None:
        t_s, old = scene.t_ns * 1e-9, self._tracks
        shown = _shown(tracks, looked, self._groups)
        known = shown is not None
        low, high = tracks.xyxy[:, :2], tracks.xyxy[:, 2:]
        columns = (
            *(tracks.track_id.tolist(), np.concatenate([(low + high) / 2, high - low], axis=1).tolist()),
            *(tracks.confidence.tolist(), tracks.class_id.tolist(), shown or [False] * len(tracks)),
        )
        new: dict[int, _Track] = {}
        for track_id, (x, y, width, height), confidence, class_id, is_shown in zip(*columns, strict=True):
            if track_id >= 0:
                track = _Track(x, y, width, height, confidence, class_id, t_s, t_s, float(is_shown))
                if track_id in old:
                    track.carry_on(old[track_id], shown=known)
                new[track_id] = track
        for track_id, track in old.items():
            if track_id not in new and track.seen_s >= t_s - _LOST_S:
                track.shown *= 1 - _SHARE if known else 1.0
                new[track_id] = track
        self._tracks = dict(sorted(new.items()))


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


def _gain(height: float, enough_px: float, picture: Picture) -> float:
    """How much nearer to `enough_px` of network height an object comes in a region (see `Picture.seen_better`)."""
    return min(height * (picture.region_scale / enough_px), 1.0) - min(height * (picture.scale / enough_px), 1.0)


def _with_margin(box: Box, speed: float, age_s: float, picture: Picture) -> Box:
    """The box with room for what is not known of its motion, but no more than fits into one region."""
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    margin = _MARGIN_PX + _MARGIN_SIZE * max(width, height) + (_MARGIN_AGE_PX + _MARGIN_WAY * speed) * age_s
    x = min(margin, max((picture.region[0] - width) / 2 - 1, 0.0))
    y = min(margin, max((picture.region[1] - height) / 2 - 1, 0.0))
    return x0 - x, y0 - y, x1 + x, y1 + y
