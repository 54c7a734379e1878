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

# A track is a row of numbers: its id; middle and size in frame pixels; the middle's pixels a second and the growth in
# e-folds a second; what the newest box said; seconds of the stream when it was seen and looked at last; and in what
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
        self._tracks: Floats = np.empty((0, 13))  # by id
        self._rows: Ints = np.empty(0, np.intp)

    def propose(self, scene: Scene, picture: Picture) -> Proposals:
        if not len(self._tracks):
            return Proposals.none()
        t_s = scene.t_ns * 1e-9
        xyxy, height = _predicted(self._tracks, t_s)
        enough = self._block.smaller_than_px * np.where(self._tracks[:, _CONFIDENCE] < _UNSURE, 2.0, 1.0)
        wanted = (height * picture.scale < enough) & (self._tracks[:, _SEEN_S] >= t_s - _LOST_S)
        wanted &= ((xyxy[:, :2] < picture.frame) & (xyxy[:, 2:] > 0)).all(axis=1)
        self._rows = rows = np.flatnonzero(wanted)
        tracks, height = self._tracks[rows], height[rows]
        class_id = tracks[:, _CLASS].astype(np.intp)
        gain = np.maximum(picture.seen_better(height, enough[rows]), _LEAST_GAIN)
        value = gain * (2 - tracks[:, _CONFIDENCE]) * (1 + np.maximum(t_s - tracks[:, _LOOKED_S], 0.0))
        value *= self._block.weight * self._classes.weight[class_id]
        held = (tracks[:, _SHOWN] < 0.5) & (height * picture.scale < self._block.smaller_than_px)
        tier = np.where(self._classes.never_shed[class_id], NEVER_SHED, np.where(held, HELD, OPEN))
        return Proposals(_with_margin(xyxy[rows], tracks, t_s, picture), value, tier)

    def reason(self, row: int) -> str:
        return f"track {int(self._tracks[self._rows[row], _ID])}"

    def chosen(self, rows: Flags, t_ns: int) -> None:
        if len(rows):
            self._tracks[self._rows[rows], _LOOKED_S] = t_ns * 1e-9

    def observe(self, scene: Scene, picture: Picture, tracks: Detections, looked: Sequence[Looked]) -> None:
        t_s, old = scene.t_ns * 1e-9, self._tracks
        new = _rows(tracks, t_s)
        at = np.searchsorted(old[:, _ID], new[:, _ID])
        known = at < len(old)
        known[known] = old[at[known], _ID] == new[known, _ID]
        unseen = np.ones(len(old), bool)
        unseen[at[known]] = False
        shown = _shown(new, looked, self._classes.groups)
        new[:, _SHOWN] = shown if shown is not None else 0.0
        if known.any():
            new[known] = _carried_on(old[at[known]], new[known], shown is not None)
        if unseen.any():
            if shown is not None:
                old[unseen, _SHOWN] *= 1 - _SHARE
            unseen &= old[:, _SEEN_S] >= t_s - _LOST_S
            new = np.concatenate([new, old[unseen]])
            new = new[np.argsort(new[:, _ID])]
        self._tracks = new


def _rows(tracks: Detections, t_s: float) -> Floats:
    """Tracks as if seen for the first time, by id."""
    order = np.argsort(tracks.track_id, kind="stable")[np.count_nonzero(tracks.track_id < 0) :]
    rows, xyxy = np.zeros((len(order), 13)), tracks.xyxy[order]
    rows[:, _ID] = tracks.track_id[order]
    rows[:, _MIDDLE] = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    rows[:, _SIZE] = xyxy[:, 2:] - xyxy[:, :2]
    rows[:, _CONFIDENCE] = tracks.confidence[order]
    rows[:, _CLASS] = tracks.class_id[order]
    rows[:, _SEEN_S] = rows[:, _LOOKED_S] = t_s
    return rows


def _carried_on(old: Floats, new: Floats, shown: bool) -> Floats:
    """The new rows of known tracks, with what the old ones remember; `shown` when both know the whole frame's share."""
    since_s = (new[:, _SEEN_S] - old[:, _SEEN_S])[:, None]
    moved = np.empty((len(new), 3))
    moved[:, :2] = new[:, _MIDDLE] - old[:, _MIDDLE]
    moved[:, 2] = np.log(np.maximum(new[:, _H], 1.0) / np.maximum(old[:, _H], 1.0))
    timed = since_s > 0
    share = new[:, _SHOWN].copy()
    new[:, _KEPT] = old[:, _KEPT]
    if shown:
        new[:, _SHOWN] += _SHARE * (share - old[:, _SHOWN])
    speed = old[:, _MOTION]
    new[:, _MOTION] = speed + np.where(timed, _TURN * (moved / np.where(timed, since_s, 1.0) - speed), 0.0)
    np.clip(new[:, _GROWTH], -_MOST_GROWTH, _MOST_GROWTH, out=new[:, _GROWTH])
    return new


def _shown(tracks: Floats, looked: Sequence[Looked], groups: ClassGroups) -> Floats | None:
    """1 for tracks that the whole frame shows, else 0; None when nobody looked at the whole frame."""
    views = [look.detections for look in looked if look.region.reason == WHOLE_FRAME]
    if not views:
        return None
    found, half = Detections.concatenate(views), tracks[:, _SIZE] / 2
    xyxy = np.concatenate([tracks[:, _MIDDLE] - half, tracks[:, _MIDDLE] + half], axis=1)
    same = iou_matrix(xyxy, found.xyxy) > _SAME_IOU
    same &= groups.group_of(tracks[:, _CLASS].astype(np.int32))[:, None] == groups.group_of(found.class_id)
    return np.asarray(same.any(axis=1), np.float64)


def _predicted(tracks: Floats, t_s: float) -> tuple[Floats, Floats]:
    """Boxes (n, 4) at that time by constant velocity and growth, and their heights."""
    age_s = np.clip(t_s - tracks[:, _SEEN_S], 0.0, _LOST_S)[:, None]
    middle = tracks[:, _MIDDLE] + tracks[:, _SPEED] * age_s
    size = tracks[:, _SIZE] * np.exp(tracks[:, _GROWTH, None] * age_s)
    return np.concatenate([middle - size / 2, middle + size / 2], axis=1), size[:, 1]


def _with_margin(xyxy: Floats, tracks: Floats, t_s: float, picture: Picture) -> Floats:
    """Boxes with room for what is not known of their motion, but no more than fits into one region."""
    size = xyxy[:, 2:] - xyxy[:, :2]
    age_s = np.clip(t_s - tracks[:, _SEEN_S], 0.0, _LOST_S)
    way = np.abs(tracks[:, _SPEED]).max(axis=1)
    margin = _MARGIN_PX + _MARGIN_SIZE * size.max(axis=1) + (_MARGIN_AGE_PX + _MARGIN_WAY * way) * age_s
    sides = np.minimum(margin[:, None], np.maximum((picture.region - size) / 2 - 1, 0.0))
    return np.concatenate([xyxy[:, :2] - sides, xyxy[:, 2:] + sides], axis=1)
