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

from .resize import ViewTransform

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_INWARD = np.array(((1,), (1,), (-1,), (-1,)), np.float64)
_BORDER_PX = 3.0  # network pixels between a view's border and a box that the border has cut
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
    ranked = np.lexsort((-boxes.trust, -boxes.area * cut, cut))
    rank = ranked.argsort()
    # The loser of a pair is cut where any of the two is.
    part = (cut[first] | cut[second]) & ((pairs.ios > ios) | (pairs.iou_shown > iou))
    same = (~pairs.one_view & (part | (pairs.iou_near > iou))).nonzero()[0]
    one, other = rank[first[same]], rank[second[same]]
    ahead, behind = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((behind, -pairs.iou[same], ahead))
    winner, loser = ranked[ahead[order]], ranked[behind[order]]
    apart = ~cut[loser] & (found.class_id[winner] == found.class_id[loser])
    _drop(stands, winner, loser, np.where(apart, winner * len(views) + boxes.view[loser], -1))

    # A closer look: halves that it does not confirm. What stands for the whole now must hold them too.
    whole, half = _doubted(boxes, first, second, pairs, iou, ios)
    standing = np.array(stands)
    if len(whole):
        whole = standing[standing[whole]]
        held = _common(boxes.xyxy.take(whole, axis=1), boxes.xyxy.take(half, axis=1)) > ios * boxes.area[half]
        order = (-boxes.area[whole]).argsort(kind="stable")
        order = order[(held & (boxes.area[whole] > boxes.area[half]))[order]]
        _drop(stands, whole[order], half[order])
        standing = np.array(stands)
    return found.take((standing == np.arange(len(found))).nonzero()[0])


class _Boxes(NamedTuple):
    """All boxes, surest first; a column each. `view` is the number of a box's view, `shown` (4, n) the rectangle of
    that view and `pixel` (4, n) the size of a pixel of its network in the frame, horizontally and vertically, once an
    edge.
    """

    found: Detections
    xyxy: Floats
    size: Floats
    area: Floats
    view: Ints
    shown: Floats
    pixel: Floats
    at_border: Flags
    trust: Floats


def _gather(views: Sequence[ViewBoxes]) -> _Boxes:
    """An order of its own for all boxes, so that the one they came in does not matter."""
    found = Detections.concatenate([part.detections for part in views])
    view = np.arange(len(views)).repeat([len(part.detections) for part in views])
    edges = np.array([_edges(part) for part in views]).reshape(-1, 12).T.take(view, axis=1)
    xyxy = np.ascontiguousarray(found.xyxy.T, np.float64)
    cut = xyxy * _INWARD <= edges[4:8]
    at_border = np.asarray(cut.any(axis=0))
    size = np.maximum(xyxy[2:] - xyxy[:2], 0.0)
    area = size[0] * size[1]
    trust = found.confidence * np.minimum(size[1] / (edges[9] * _TRUSTED_PX), 1.0)
    order = (-found.confidence).argsort()
    confidence = found.confidence[order]
    if (confidence[1:] == confidence[:-1]).any():
        columns = (-trust, at_border, found.track_id, found.class_id, *xyxy[::-1], -area, -found.confidence)
        order = np.lexsort(columns)  # the last column weighs most
    across = cut[:2] & cut[2:]
    if across.any():
        fills = across.any(axis=0) & _inside_another(views)[view]
        order = order[~fills[order]]
    xyxy, size, shown, pixel = (each.take(order, axis=1) for each in (xyxy, size, edges[:4], edges[8:]))
    return _Boxes(found.take(order), xyxy, size, area[order], view[order], shown, pixel, at_border[order], trust[order])


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
    pixels of both networks allow; `shown` (2, pairs) is the area of each inside the view of the other.
    """

    one_view: Flags
    iou: Floats
    iou_near: Floats
    ios: Floats
    iou_shown: Floats
    shown: Floats


def _overlapping(boxes: _Boxes, group: npt.NDArray[np.int32]) -> tuple[Ints, Ints]:
    """Pairs of one group with common area, without those of one class that one view kept apart.

    The first of a pair is the surer; they go by the first, then by the second.
    """
    view, class_id = boxes.view, boxes.found.class_id
    low, high = np.ascontiguousarray(boxes.found.xyxy.T).reshape(2, 2, -1)
    high = np.where(boxes.area > 0, high, -np.inf)  # a box without area meets nothing
    starts_before = low[:, :, None] < high[:, None]  # (axis, box, end of another)
    meet = starts_before[0] & starts_before[1]
    alike = group[:, None] == group
    alike &= meet
    alike &= meet.T
    pair = alike.ravel().nonzero()[0]
    first, second = np.divmod(pair, len(group))
    once = (first < second) & ((view[first] != view[second]) | (class_id[first] != class_id[second]))
    return first[once], second[once]


def _measured(boxes: _Boxes, first: Ints, second: Ints) -> _Pairs:
    xyxy, shown, pixel = boxes.xyxy, boxes.shown, boxes.pixel
    a, b = xyxy.take(first, axis=1), xyxy.take(second, axis=1)
    misplaced = np.maximum(pixel.take(first, axis=1), pixel.take(second, axis=1)) * _EDGE_PX
    near = b + np.minimum(np.maximum(a - b, -misplaced), misplaced)
    # What `near` has in common with itself is its area.
    others = np.concatenate([b, near, near, shown.take(second, axis=1), shown.take(first, axis=1)], axis=1)
    common = _common(np.concatenate([a, a, near, a, b], axis=1), others).reshape(5, -1)
    both, nearly, near_area, first_shown, second_shown = common
    area, other_area = boxes.area[first], boxes.area[second]
    return _Pairs(
        boxes.view[first] == boxes.view[second],
        both / (area + other_area - both),
        nearly / (area + near_area - nearly),
        both / np.minimum(area, other_area),
        both / np.maximum(first_shown + second_shown - both, both),
        common[3:],
    )


def _common(a: Floats, b: Floats) -> Floats:
    """The area that each box of `a` (4, n) shares with the box of `b` in its column."""
    size = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    np.maximum(size, 0.0, out=size)
    return np.asarray(size[0] * size[1])


def _cut(boxes: _Boxes, first: Ints, second: Ints, pairs: _Pairs, iou: float, ios: float) -> Flags:
    """Boxes that end at a border, and those of what a view shows of an object that goes on beyond its border.

    Such a box covers what the view shows of the object, or lies inside it and has its height where the border cuts
    left or right, its width where it cuts above or below.
    """
    ends, at_border = np.array((first, second)), boxes.at_border
    goes_on = (pairs.shown < _WHOLE * boxes.area[ends]) & ~(at_border[first] | at_border[second])
    if not goes_on.any():
        return at_border
    end, pair = goes_on.nonzero()
    large, small = ends[end, pair], ends[1 - end, pair]
    xyxy, size, view = boxes.xyxy, boxes.size, boxes.shown
    axis = ((xyxy[0, large] < view[0, small]) | (xyxy[2, large] > view[2, small])).astype(np.intp)
    lies_in = (pairs.ios[pair] > ios) & (size[axis, small] > _AS_LONG * size[axis, large])
    cut: Flags = at_border.copy()
    cut[small[lies_in | (pairs.iou_shown[pair] > iou)]] = True
    return cut


def _doubted(boxes: _Boxes, first: Ints, second: Ints, pairs: _Pairs, iou: float, ios: float) -> tuple[Ints, Ints]:
    """Boxes of a closer look, each with a smaller and much less sure one of another view that it holds.

    The closer look has no box of its own for it. (It shows all of its place: a box that goes on beyond the border makes
    the larger one a cut one.) What is less than half as high and as wide is no half, but something small beside it.
    """
    confidence, view, size, pixel_px = boxes.found.confidence, boxes.view, boxes.size, boxes.pixel[1]
    # The surer box of a pair is its first one, so only that may hold the other.
    holds = (pairs.ios > ios) & (confidence[second] < _UNSURE * confidence[first])
    holds &= boxes.area[first] >= boxes.area[second]
    chosen = (holds & (pixel_px[first] < _CLOSER * pixel_px[second])).nonzero()[0]
    large, small = first[chosen], second[chosen]
    if len(large):
        same = ~(pairs.one_view | holds) & (pairs.iou_near > iou)
        one, other = first[same], second[same]
        confirmed = np.zeros((len(view), view.max() + 1), bool)
        confirmed[one, view[other]] = confirmed[other, view[one]] = True
        half = (size.take(small, axis=1) > _AS_LONG * size.take(large, axis=1)).any(axis=0)
        half &= ~confirmed[small, view[large]]
        large, small = large[half], small[half]
    return large, small


def _drop(stands: list[int], winner: Ints, loser: Ints, slot: Ints | None = None) -> None:
    """Let losers of winners that are still there go. A slot is taken by one loser; slot -1 holds any number."""
    taken = set()
    slots = [-1] * len(winner) if slot is None else slot.tolist()
    for better, worse, place in zip(winner.tolist(), loser.tolist(), slots, strict=True):
        if stands[better] == better and stands[worse] == worse and place not in taken:
            stands[worse] = better
            if place >= 0:
                taken.add(place)
