"""Where a point of the world falls in the picture."""

from __future__ import annotations

import math

import numpy as np

from edge_runtime.config.schema import CalibrationBlock

from .proposals import Floats
from .scene import Pose

_NEAREST_M = 1.0


def project(points: Floats, pose: Pose, calibration: CalibrationBlock) -> tuple[Floats, Floats]:
    """Points (n, 3) of the world as pixels (n, 2) of the frame, and pixels a metre there, across and down (n, 2).

    The scale of a point behind the camera, or nearer than a metre, is 0.
    """
    vehicle = (points - np.array(pose.xyz_m)) @ pose.rotation()
    ahead, left, above = vehicle[:, 0], vehicle[:, 1], vehicle[:, 2] - calibration.height_m
    pitch = math.radians(calibration.pitch_deg)
    depth = ahead * math.cos(pitch) - above * math.sin(pitch)
    down = -(ahead * math.sin(pitch) + above * math.cos(pitch))
    seen = depth > _NEAREST_M
    scale = np.array(calibration.focal_px) * (seen / np.maximum(depth, _NEAREST_M))[:, None]
    pixels = np.array(calibration.centre_px) + np.stack([-left, down], axis=1) * scale
    return pixels, scale
