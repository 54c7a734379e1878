"""The picture of the live page: made small, drawn on and encoded on the thread of a sink, and only while one looks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from edge_runtime.core import Detections, Frame, FrameResult, Region
from edge_runtime.errors import SinkError
from edge_runtime.sinks.base import SinkContext
from edge_runtime.sinks.overlay import Overlay

WIDTH = 960
PERIOD_NS = 200_000_000
QUALITY = 75
# At most so much of the machine's processor time goes into pictures: where one is dear there are fewer of them.
SHARE = 0.015
# How much the newest picture says about what the next will cost.
NEWEST = 0.2


class LivePicture:
    """A sink that hands a JPEG of one camera to `deliver`, at most five a second by their time of capture.

    Without a `camera` it takes every frame that comes.
    """

    name = "live page"

    def __init__(self, deliver: Callable[[bytes], None], camera: str | None = None) -> None:
        self._deliver, self._camera = deliver, camera
        self._due_ns: int | None = None
        self._cost_ns = 0.0
        self._allowed = SHARE * (os.cpu_count() or 1)

    def open(self, context: SinkContext) -> None:
        self._overlay = Overlay(context)

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._camera not in (None, frame.camera):
            return
        now_ns = result.t_capture_ns
        if self._due_ns is not None and now_ns < self._due_ns:
            self._overlay.skip(result)
            return
        began_ns = time.thread_time_ns()
        self._deliver(jpeg(self._overlay.draw(*smaller(frame, result, WIDTH))))
        self._cost_ns += NEWEST * (time.thread_time_ns() - began_ns - self._cost_ns)
        period_ns = max(PERIOD_NS, round(self._cost_ns / self._allowed))
        in_step_ns = (now_ns if self._due_ns is None else self._due_ns) + period_ns
        self._due_ns = in_step_ns if in_step_ns > now_ns else now_ns + period_ns

    def close(self) -> None:
        """Nothing to close."""


def smaller(frame: Frame, result: FrameResult, width: int) -> tuple[Frame, FrameResult]:
    """The same at most `width` pixels wide: drawing on a small picture is cheaper, and its text is sharper."""
    if frame.width <= width:
        return frame, result
    share = width / frame.width
    size = (width, max(1, round(frame.height * share)))
    image = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return replace(frame, image=image), replace(
        result,
        detections={stage: _scaled(found, share) for stage, found in result.detections.items()},
        masks={stage: replace(masks, xyxy=_times(masks.xyxy, share)) for stage, masks in result.masks.items()},
        regions={
            stage: tuple(replace(region, xyxy=_rect(region, share)) for region in regions)
            for stage, regions in result.regions.items()
        },
    )


def _scaled(found: Detections, share: float) -> Detections:
    return replace(found, xyxy=found.xyxy * np.float32(share))


def _times(xyxy: tuple[float, float, float, float], share: float) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = xyxy
    return x0 * share, y0 * share, x1 * share, y1 * share


def _rect(region: Region, share: float) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (int(edge) for edge in _times(region.xyxy, share))
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def jpeg(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise SinkError("this OpenCV cannot encode JPEG")
    return data.tobytes()
