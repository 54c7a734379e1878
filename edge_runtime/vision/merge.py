"""Cross-view merging: boxes of several views of a frame become one set in which every object is marked once.

Views are regions, the whole frame, or the whole frame seen by other networks. Where merging goes wrong is at borders:
a region shows a network half a car, and the box around it overlaps the car's too little to be its duplicate. So boxes
that a border has cut are known as such, and give way to one that another view shows whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_runtime.core import ClassGroups, Detections

from .nms import areas
from .resize import ViewTransform

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_INWARD = np.array((1, 1, -1, -1), np.float32)
_BORDER_PX = 3.0  # network pixels between a view's border and a box that the border has cut
_NOTHING = 1e-30  # square pixels: keeps boxes without area from dividing by it
_AS_LONG = 0.5  # share of an object's height or width that a part of it has
_WHOLE = 0.95  # share of a box inside a view that is as good as all of it
_EDGE_PX = 1.0  # network pixels by which a view may misplace the edge of a box
_CLOSER = 0.8  # size of a network pixel in the frame, beside that of another view, from which on a look is closer
_UNSURE = 0.75  # share of a larger box's confidence below which a box in it needs to be confirmed
_TRUSTED_PX = 32.0  # network height from which on a confidence is taken at its word


@dataclass(frozen=True, slots=True, eq=False)
class ViewBoxes:
    """What one view found of a frame of `frame_size` (width, height). The view's edges inside the frame are borders."""

    detections: Detections
    view: ViewTransform
    frame_size: tuple[int, int]


def merge_views(views: Sequence[ViewBoxes], groups: ClassGroups, iou: float, ios: float = 0.6) -> Detections:
    """Every object once, surest first; every row that comes out is one that went in, with all its columns.

    Boxes of one group are one object when they overlap by more than `iou`; also when a border has cut one of them and
    they share more than `ios` of the smaller one, or `iou` of what both views could show. The whole box stays rather
    than the cut one, and of two whole ones the surer; a small object is the surer, the more pixels the network had of
    it. How far a view can place an edge is allowed for. Two boxes of one class that one view kept apart are two
    objects, and no third one stands for both. A box that fills its view from border to border, while a wider view shows
    no such thing, is nothing; nor is an unsure one of half an object, where a closer look finds the whole one alone.

    The order of views and of rows changes nothing, and merging the outcome again changes nothing either.
    """
    boxes = _gather(views)
    found = boxes.found
    first, second = _overlapping(boxes, groups.group_of(found.class_id))
    if not len(first):
        return found
    pairs = _measured(boxes, first, second)
    cut = _cut(boxes, first, second, pairs, iou, ios)
    stands = list(range(len(found)))  # the box that stands for each box; itself while it is there

    # One view: what it kept apart within a class is apart, but a group has one class an object.
    twice = pairs.one_view & (pairs.iou > iou)
    _drop(stands, first[twice], second[twice])

    # Several views: whole boxes before cut ones, large cut ones before small ones, trusted ones before others.
    rank = np.empty(len(found), np.intp)
    rank[np.lexsort((-boxes.trust, np.where(cut, -boxes.area, 0.0), cut))] = np.arange(len(found))
    ahead = rank[first] < rank[second]
    winner, loser = np.where(ahead, first, second), np.where(ahead, second, first)
    part = cut[loser] & ((pairs.ios > ios) | (pairs.iou_shown > iou))
    same = (~pairs.one_view & (part | (pairs.iou_near > iou))).nonzero()[0]
    same = same[np.lexsort((rank[loser[same]], -pairs.iou[same], rank[winner[same]]))]
    winner, loser = winner[same], loser[same]
    apart = ~cut[loser] & (found.class_id[winner] == found.class_id[loser])
    _drop(stands, winner, loser, np.where(apart, boxes.view[loser], -1))

    # A closer look: halves that it does not confirm. What stands for the whole now must hold them too.
    whole, half = _doubted(boxes, first, second, pairs, iou, ios)
    if len(whole):
        whole = np.array(stands)[np.array(stands)[whole]]
        held = _common(*found.xyxy.astype(np.float64)[[whole, half]]) > ios * boxes.area[half]
        order = (-boxes.area[whole]).argsort(kind="stable")
        order = order[(held & (boxes.area[whole] > boxes.area[half]))[order]]
        _drop(stands, whole[order], half[order])
    return found.take(np.array(stands) == np.arange(len(found)))


class _Boxes(NamedTuple):
    """All boxes, surest first. `view` is the number of each box's view, `shown` (n, 4) the rectangle of that view and
    `pixel` (n, 4) the size of a pixel of its network in the frame, horizontally and vertically, once an edge.
    """

    found: Detections
    view: Ints
    shown: Floats
    pixel: Floats
    area: Floats
    at_border: Flags
    trust: Floats


def _gather(views: Sequence[ViewBoxes]) -> _Boxes:
    """An order of its own for all boxes, so that the one they came in does not matter."""
    found = Detections.concatenate([part.detections for part in views])
    if not len(found):
        nothing = np.empty(0)
        none = np.empty((0, 4))
        return _Boxes(found, np.empty(0, np.intp), none, none, nothing, np.empty(0, bool), nothing)
    view = np.arange(len(views)).repeat([len(part.detections) for part in views])
    edges = np.array([_edges(part) for part in views]).take(view, axis=0)
    xyxy, area = found.xyxy, areas(found.xyxy)
    cut = xyxy * _INWARD <= edges[:, 4:8]
    at_border = np.asarray(cut.any(axis=1))
    height = xyxy[:, 3] - xyxy[:, 1]
    trust = np.asarray(found.confidence * np.minimum(height / (edges[:, 9] * _TRUSTED_PX), 1.0), np.float64)
    columns = (-trust, at_border, found.track_id, found.class_id, *xyxy.T[::-1], -area, -found.confidence)
    order = np.lexsort(columns)  # the last column weighs most
    across = cut[:, :2] & cut[:, 2:]
    if across.any():
        fills = across.any(axis=1) & _inside_another(views)[view]
        order = order[~fills[order]]
    shown, pixel = edges[:, :4].take(order, axis=0), edges[:, 8:].take(order, axis=0)
    return _Boxes(found.take(order), view[order], shown, pixel, area[order], at_border[order], trust[order])


def _edges(part: ViewBoxes) -> tuple[float, ...]:
    """Of one view: its rectangle; where a box ends that touches a border (times `_INWARD`); its pixel, twice."""
    x0, y0, x1, y1 = part.view.view
    px0, py0, px1, py1 = part.view.picture
    width, height = part.frame_size
    wide, high = (x1 - x0) / (px1 - px0), (y1 - y0) / (py1 - py0)
    x, y = wide * _BORDER_PX, high * _BORDER_PX
    never = -np.inf
    left, top = x0 + x if x0 > 0 else never, y0 + y if y0 > 0 else never
    right, bottom = x - x1 if x1 < width else never, y - y1 if y1 < height else never
    return x0, y0, x1, y1, left, top, right, bottom, wide, high, wide, high


def _inside_another(views: Sequence[ViewBoxes]) -> Flags:
    """Views that are only a part of another one."""
    rectangles = [part.view.view for part in views]
    wider = [
        any(a != b and b[0] <= a[0] and b[1] <= a[1] and b[2] >= a[2] and b[3] >= a[3] for b in rectangles)
        for a in rectangles
    ]
    return np.array(wider)


class _Pairs(NamedTuple):
    """Pairs of boxes that may be one object. `iou_near` is their overlap if every edge is as near to the other's as the
    pixels of both networks allow; `first_shown` is the area of the first inside the view of the second.
    """

    one_view: Flags
    iou: Floats
    iou_near: Floats
    ios: Floats
    iou_shown: Floats
    first_shown: Floats
    second_shown: Floats


def _overlapping(boxes: _Boxes, group: npt.NDArray[np.int32]) -> tuple[Ints, Ints]:
    """Pairs of one group with common area, without those of one class that one view kept apart.

    The first of a pair is the surer; they go by the first, then by the second.
    """
    view, class_id = boxes.view, boxes.found.class_id
    low, high = np.ascontiguousarray(boxes.found.xyxy.T).reshape(2, 2, -1)
    starts_before = low[:, :, None] < high[:, None]  # (axis, box, end of another)
    meet = starts_before[0] & starts_before[1]
    first, second = (meet & meet.T & (group[:, None] == group)).nonzero()
    once = (first < second) & ((view[first] != view[second]) | (class_id[first] != class_id[second]))
    return first[once], second[once]


def _measured(boxes: _Boxes, first: Ints, second: Ints) -> _Pairs:
    xyxy, shown = boxes.found.xyxy.astype(np.float64), boxes.shown
    a, b = xyxy.take(first, axis=0), xyxy.take(second, axis=0)
    misplaced = np.maximum(boxes.pixel.take(first, axis=0), boxes.pixel.take(second, axis=0)) * _EDGE_PX
    near = b + np.minimum(np.maximum(a - b, -misplaced), misplaced)
    others = np.concatenate([b, near, shown.take(second, axis=0), shown.take(first, axis=0)])
    both, nearly, first_shown, second_shown = _common(np.concatenate([a, a, a, b]), others).reshape(4, -1)
    area, other_area = boxes.area[first], boxes.area[second]
    return _Pairs(
        boxes.view[first] == boxes.view[second],
        both / np.maximum(area + other_area - both, _NOTHING),
        (both > 0) * nearly / np.maximum(area + areas(near) - nearly, _NOTHING),
        both / np.maximum(np.minimum(area, other_area), _NOTHING),
        both / np.maximum(first_shown + second_shown - both, _NOTHING),
        first_shown,
        second_shown,
    )


def _common(a: Floats, b: Floats) -> Floats:
    """The area that each box of `a` (n, 4) shares with the box of `b` in its row."""
    size = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    np.maximum(size, 0.0, out=size)
    return np.asarray(size[:, 0] * size[:, 1])


def _cut(boxes: _Boxes, first: Ints, second: Ints, pairs: _Pairs, iou: float, ios: float) -> Flags:
    """Boxes that end at a border, and those of what a view shows of an object that goes on beyond its border.

    Such a box covers what the view shows of the object, or lies inside it and has its height where the border cuts
    left or right, its width where it cuts above or below.
    """
    small, large = np.concatenate([second, first]), np.concatenate([first, second])
    shown = np.concatenate([pairs.first_shown, pairs.second_shown])
    at_border = boxes.at_border
    goes_on = ((shown < _WHOLE * boxes.area[large]) & ~(at_border[large] | at_border[small])).nonzero()[0]
    if not len(goes_on):
        return at_border
    small, large, pair = small[goes_on], large[goes_on], goes_on % len(first)
    xyxy, view = boxes.found.xyxy, boxes.shown[small]
    size = xyxy[:, 2:] - xyxy[:, :2]
    axis = ((xyxy[large, 0] < view[:, 0]) | (xyxy[large, 2] > view[:, 2])).astype(np.intp)
    lies_in = (pairs.ios[pair] > ios) & (size[small, axis] > _AS_LONG * size[large, axis])
    cut: Flags = at_border.copy()
    cut[small[lies_in | (pairs.iou_shown[pair] > iou)]] = True
    return cut


def _doubted(boxes: _Boxes, first: Ints, second: Ints, pairs: _Pairs, iou: float, ios: float) -> tuple[Ints, Ints]:
    """Boxes of a closer look, each with a smaller and much less sure one of another view that it holds.

    The closer look has no box of its own for it. (It shows all of its place: a box that goes on beyond the border makes
    the larger one a cut one.) What is less than half as high and as wide is no half, but something small beside it.
    """
    swap = boxes.area[first] < boxes.area[second]
    large, small = np.where(swap, second, first), np.where(swap, first, second)
    holds = (pairs.ios > ios) & (boxes.found.confidence[small] < _UNSURE * boxes.found.confidence[large])
    closer = boxes.pixel[large, 1] < _CLOSER * boxes.pixel[small, 1]
    chosen = (holds & closer).nonzero()[0]
    size = boxes.found.xyxy[:, 2:] - boxes.found.xyxy[:, :2]
    chosen = chosen[(size[small[chosen]] > _AS_LONG * size[large[chosen]]).any(axis=1)]
    if len(chosen):
        same = ~(pairs.one_view | holds) & (pairs.iou_near > iou)
        confirmed = np.zeros((len(size), boxes.view.max() + 1), bool)
        confirmed[first[same], boxes.view[second[same]]] = True
        confirmed[second[same], boxes.view[first[same]]] = True
        chosen = chosen[~confirmed[small[chosen], boxes.view[large[chosen]]]]
    return large[chosen], small[chosen]


def _drop(stands: list[int], winner: Ints, loser: Ints, slot: Ints | None = None) -> None:
    """Let losers of winners that are still there go. A winner takes one loser a slot; slot -1 holds any number."""
    taken = set()
    slots = [-1] * len(winner) if slot is None else slot.tolist()
    for better, worse, place in zip(winner.tolist(), loser.tolist(), slots, strict=True):
        if stands[better] == better and stands[worse] == worse and (better, place) not in taken:
            stands[worse] = better
            if place >= 0:
                taken.add((better, place))
