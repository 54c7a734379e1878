"""The source that follows objects which the whole frame shows badly: where small or uncertain tracks will be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.config.schema import TrackRegions
from edge_runtime.core import ClassGroups, Detections
from edge_runtime.vision.nms import iou_matrix

from .proposals import HELD, NEVER_SHED, OPEN, ClassValues, Flags, Floats, Ints, Picture, Proposals
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

# A track is a column of numbers: its id; middle and size in frame pixels; the middle's pixels a second and the growth
# in e-folds a second; what the newest box said; seconds of the stream when it was seen and looked at last; and in what
# share of frames the whole frame shows it.
_ID, _X, _Y, _W, _H, _DX, _DY, _GROWTH, _CONFIDENCE, _CLASS, _SEEN_S, _LOOKED_S, _SHOWN = range(13)
_MIDDLE, _SIZE, _SPEED, _MOTION = slice(_X, _W), slice(_W, _DX), slice(_DX, _GROWTH), slice(_DX, _CONFIDENCE)
_KEPT = slice(_LOOKED_S, _SHOWN + 1)


class TrackSource:
    """A track that only regions show keeps its region until it is lost, or large enough for the whole frame."""

    def __init__(self, block: TrackRegions, classes: ClassValues) -> None:
        self._block, self._classes = block, classes
        self.reset()

    def reset(self) -> None:
        self._tracks: Floats = np.empty((13, 0))  # by id
        self._rows: Ints = np.empty(0, np.intp)

    def propose(self, scene: Scene, picture: Picture) -> Proposals:
        tracks = self._tracks
        if not tracks.shape[1]:
            return Proposals.none()
        t_s, small_px = scene.t_ns * 1e-9, self._block.smaller_than_px
        age_s = np.minimum(np.maximum(t_s - tracks[_SEEN_S], 0.0), _LOST_S)
        middle, size = _predicted(tracks, age_s)
        low, high = middle - size / 2, middle + size / 2
        height_px = size[1] * picture.scale  # in the network
        enough = small_px * (1.0 + (tracks[_CONFIDENCE] < _UNSURE))
        wanted = (height_px < enough) & (tracks[_SEEN_S] >= t_s - _LOST_S)
        wanted &= (low[0] < picture.frame[0]) & (low[1] < picture.frame[1]) & (high[0] > 0) & (high[1] > 0)
        self._rows = rows = wanted.nonzero()[0]
        if not len(rows):
            return Proposals.none()
        tracks, age_s, enough, height_px = tracks.take(rows, axis=1), age_s[rows], enough[rows], height_px[rows]
        class_id = tracks[_CLASS].astype(np.intp)
        gain = np.maximum(picture.seen_better(size[1, rows], enough), _LEAST_GAIN)
        value = gain * (2 - tracks[_CONFIDENCE]) * (1 + np.maximum(t_s - tracks[_LOOKED_S], 0.0))
        value *= self._block.weight * self._classes.weight[class_id]
        held = (tracks[_SHOWN] < 0.5) & (height_px < small_px)
        tier = np.where(self._classes.never_shed[class_id], NEVER_SHED, np.where(held, HELD, OPEN))
        xyxy = _with_margin(low.take(rows, axis=1), high.take(rows, axis=1), tracks[_SPEED], age_s, picture)
        return Proposals(xyxy, value, tier)

    def reason(self, row: int) -> str:
        return f"track {int(self._tracks[_ID, self._rows[row]])}"

    def chosen(self, rows: Flags, t_ns: int) -> None:
        if len(rows):
            self._tracks[_LOOKED_S, self._rows[rows]] = t_ns * 1e-9

    def observe(self, scene: Scene, picture: Picture, tracks: Detections, looked: Sequence[Looked]) -> None:
        t_s, old = scene.t_ns * 1e-9, self._tracks
        new = _columns(tracks, t_s)
        shown = _shown(new, looked, self._classes.groups)
        new[_SHOWN] = shown if shown is not None else 0.0
        if old.shape[1]:
            at = np.minimum(old[_ID].searchsorted(new[_ID]), old.shape[1] - 1)
            known = (old[_ID, at] == new[_ID]).nonzero()[0]
            unseen = np.ones(old.shape[1], bool)
            unseen[at[known]] = False
            if len(known):
                new[:, known] = _carried_on(old.take(at[known], axis=1), new.take(known, axis=1), shown is not None)
            if unseen.any():
                if shown is not None:
                    old[_SHOWN, unseen] *= 1 - _SHARE
                unseen &= old[_SEEN_S] >= t_s - _LOST_S
                new = np.concatenate([new, old[:, unseen]], axis=1)
                new = new.take(new[_ID].argsort(), axis=1)
        self._tracks = new


def _columns(tracks: Detections, t_s: float) -> Floats:
    """Tracks as if seen for the first time, by id."""
    order = tracks.track_id.argsort(kind="stable")[np.count_nonzero(tracks.track_id < 0) :]
    columns, corners = np.zeros((13, len(order))), tracks.xyxy.take(order, axis=0).T
    columns[_ID] = tracks.track_id[order]
    columns[_MIDDLE] = (corners[:2] + corners[2:]) / 2
    columns[_SIZE] = corners[2:] - corners[:2]
    columns[_CONFIDENCE] = tracks.confidence[order]
    columns[_CLASS] = tracks.class_id[order]
    columns[_SEEN_S] = columns[_LOOKED_S] = t_s
    return columns


def _carried_on(old: Floats, new: Floats, shown: bool) -> Floats:
    """What is new of known tracks, with what is remembered; `shown` when both know the whole frame's share."""
    since_s = new[_SEEN_S] - old[_SEEN_S]
    moved = np.empty((3, len(since_s)))
    moved[:2] = new[_MIDDLE] - old[_MIDDLE]
    moved[2] = np.log(np.maximum(new[_H], 1.0) / np.maximum(old[_H], 1.0))
    timed = since_s > 0
    share = new[_SHOWN].copy()
    new[_KEPT] = old[_KEPT]
    if shown:
        new[_SHOWN] += _SHARE * (share - old[_SHOWN])
    speed = old[_MOTION]
    new[_MOTION] = speed + np.where(timed, _TURN * (moved / np.where(timed, since_s, 1.0) - speed), 0.0)
    new[_GROWTH] = np.minimum(np.maximum(new[_GROWTH], -_MOST_GROWTH), _MOST_GROWTH)
    return new


def _shown(tracks: Floats, looked: Sequence[Looked], groups: ClassGroups) -> Floats | None:
    """1 for tracks that the whole frame shows, else 0; None when nobody looked at the whole frame."""
    views = [look.detections for look in looked if look.region.reason == WHOLE_FRAME]
    if not views:
        return None
    found, half = Detections.concatenate(views), tracks[_SIZE] / 2
    xyxy = np.concatenate([tracks[_MIDDLE] - half, tracks[_MIDDLE] + half]).T
    same = iou_matrix(xyxy, found.xyxy) > _SAME_IOU
    same &= groups.group_of(tracks[_CLASS].astype(np.int32))[:, None] == groups.group_of(found.class_id)
    return np.asarray(same.any(axis=1), np.float64)


def _predicted(tracks: Floats, age_s: Floats) -> tuple[Floats, Floats]:
    """Middle (2, n) and size (2, n) at that age, by constant velocity and growth."""
    return tracks[_MIDDLE] + tracks[_SPEED] * age_s, tracks[_SIZE] * np.exp(tracks[_GROWTH] * age_s)


def _with_margin(low: Floats, high: Floats, speed: Floats, age_s: Floats, picture: Picture) -> Floats:
    """Boxes (n, 4) with room for what is not known of their motion, but no more than fits into one region."""
    size, way = high - low, np.maximum(*np.abs(speed))
    margin = _MARGIN_PX + _MARGIN_SIZE * np.maximum(*size) + (_MARGIN_AGE_PX + _MARGIN_WAY * way) * age_s
    room = (np.array(picture.region)[:, None] - size) / 2 - 1
    sides = np.minimum(margin, np.maximum(room, 0.0))
    return np.asarray(np.concatenate([low - sides, high + sides]).T)
