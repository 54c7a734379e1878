"""The source that looks far ahead: around the vanishing point first, then along the horizon."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edge_runtime.config.schema import CalibrationBlock, HorizonRegions
from edge_runtime.core import Detections

from .proposals import Flags, LastLooks, Picture, Proposals
from .scene import Looked, Scene

# Of the region's size: what must be inside it so that a place counts as looked at, and the way to the next place.
_CORE = (0.5, 0.5)
_STEP = 0.75
_SMALL_PX = 32.0
_LEARN = 0.02  # share that one frame with small objects moves the learned point
_PLACES = 64  # to each side
_STEPS_AWAY = 1.0 + np.abs(np.arange(-_PLACES, _PLACES + 1))  # of a place, and 1 more


class Horizon:
    """Without a calibration, or with one whose vanishing point lies outside the picture, the point is learned: it
    starts in the middle of the frame and drifts to where small objects are found, the smallest counting most.
    """

    def __init__(self, block: HorizonRegions, calibration: CalibrationBlock | None) -> None:
        self._block, self._calibration = block, calibration
        self.reset()

    def reset(self) -> None:
        self._learned = [0.5, 0.5]  # of the frame's size
        self._looks = LastLooks(2 * _PLACES + 1)

    def propose(self, scene: Scene, picture: Picture) -> Proposals:
        x, y = self.point(picture)
        width, height = picture.region
        frame_width, frame_height = picture.frame
        step = width * _STEP
        first = max(-math.floor(x / step), -_PLACES)
        last = min(math.floor((frame_width - x) / step), _PLACES)
        half_width, half_height = width * _CORE[0] / 2, height * _CORE[1] / 2
        middle = min(max(y, half_height), frame_height - half_height)
        top, bottom = middle - half_height, middle + half_height
        lefts = [x + step * place - half_width for place in range(first, last + 1)]
        xyxy = np.array([(left, top, left + 2 * half_width, bottom) for left in lefts])
        self._first = first + _PLACES
        places = slice(self._first, last + _PLACES + 1)
        value = self._looks.staleness(scene.t_ns)[places] / _STEPS_AWAY[places]
        return Proposals.open(xyxy, self._block.weight * value)

    def point(self, picture: Picture) -> tuple[float, float]:
        """The vanishing point in frame pixels."""
        width, height = picture.frame
        if self._calibration is not None:
            x, y = vanishing_point(self._calibration)
            if 0 <= x < width and 0 <= y < height:
                return x, y
        return self._learned[0] * width, self._learned[1] * height

    def reason(self, row: int) -> str:
        return "horizon"

    def chosen(self, rows: Flags, t_ns: int) -> None:
        self._looks.look(rows.nonzero()[0] + self._first, t_ns)

    def observe(self, scene: Scene, picture: Picture, tracks: Detections, looked: Sequence[Looked]) -> None:
        small_px = _SMALL_PX / picture.scale
        x = y = total = 0.0
        for look in looked:
            for x0, y0, x1, y1 in look.detections.xyxy.tolist():
                height = y1 - y0
                if 0 < height < small_px:
                    weight = 0.5 / height
                    x += (x0 + x1) * weight
                    y += (y0 + y1) * weight
                    total += 2 * weight
        if total:
            seen = (x / total / picture.frame[0], y / total / picture.frame[1])
            self._learned = [
                old + _LEARN * (min(max(new, 0.0), 1.0) - old) for old, new in zip(self._learned, seen, strict=True)
            ]


def vanishing_point(calibration: CalibrationBlock) -> tuple[float, float]:
    """Where the road straight ahead ends, in frame pixels."""
    x, y = calibration.centre_px
    return x, y - calibration.focal_px[1] * math.tan(math.radians(calibration.pitch_deg))
