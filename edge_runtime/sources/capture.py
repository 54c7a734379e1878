"""The one border to OpenCV's VideoCapture: opening without noise, options, and pictures as (H, W, 3) BGR."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.core.opencv import quiet_opencv
from edge_runtime.errors import SourceError


def open_capture(
    device: str | int, backend: int, parameters: Sequence[int] = (), ffmpeg_options: str = ""
) -> cv2.VideoCapture:
    """A capture that may have failed to open (`isOpened()`).

    OpenCV takes two things from the environment only: FFmpeg's log level, once a process at the first opening (left
    alone, each damaged picture prints lines to stderr), and FFmpeg's options, at every opening. Both are set once and
    stay: cameras are opened on threads of their own, and to change the environment while another thread reads it can
    crash the process (setenv(3)). Options for RTSP change nothing about files (MP4, AVI, MKV, WebM and MPEG-TS tried).
    What the user has set there stays.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if ffmpeg_options:
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", ffmpeg_options)
    with quiet_opencv():
        return cv2.VideoCapture(device, backend, list(parameters))


def positive(capture: cv2.VideoCapture, prop: int, most: float) -> float | None:
    """A property that must be above 0 and at most `most`, None where the backend gives nonsense or nothing."""
    value = float(capture.get(prop))
    return value if 0 < value <= most else None


def as_bgr(image: npt.NDArray[Any], where: str) -> npt.NDArray[np.uint8]:
    """The picture as (H, W, 3) uint8 BGR; grey and BGRA pictures are converted. Raises `SourceError` for others."""
    if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        return image
    if image.dtype == np.uint8 and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 4))):
        code = cv2.COLOR_BGRA2BGR if image.ndim == 3 and image.shape[2] == 4 else cv2.COLOR_GRAY2BGR
        return np.asarray(cv2.cvtColor(image, code), np.uint8)
    raise SourceError(
        f"{where}: delivers pictures of shape {image.shape} {image.dtype}, wanted (H, W, 3) uint8\n"
        "    end a GStreamer pipeline with: videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1"
    )
