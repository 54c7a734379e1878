"""The pinhole camera of a simulated drive: where a point of the world falls in the picture.

World frame in metres, see `road`. Picture frame in pixels: x to the right, y down, (0, 0) the outer corner of the first
pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_runtime.config.schema import CalibrationBlock, SimulationSource

Array = npt.NDArray[np.float64]
NEAREST_M = 0.5  # what is nearer (or behind) is taken to this depth: far outside the picture, on the right side of it


@dataclass(frozen=True, slots=True)
class Camera:
    """Looks from `xyz_m` of the world, turned to the left by `yaw_rad` and nodded down by `pitch_rad`.

    `along_m` is where on the road it is.
    """

    size: tuple[int, int]
    focal_px: float
    centre_px: tuple[float, float]
    pitch_rad: float
    xyz_m: tuple[float, float, float]
    yaw_rad: float = 0.0
    along_m: float = 0.0

    def around(self, points: Array) -> Array:
        """Points (n, 3) of the world as metres ahead of the camera, to its left and above it, level and upright."""
        sin, cos = math.sin(self.yaw_rad), math.cos(self.yaw_rad)
        x, y, z = (points - self.xyz_m).T
        return np.stack([x * cos + y * sin, y * cos - x * sin, z], axis=1)

    def project(self, points: Array) -> tuple[Array, Array]:
        """Points (n, 3) of the world as pixels (n, 2), and their depth (n,) along the optical axis in metres."""
        return self.seen(self.around(points))

    def seen(self, around: Array) -> tuple[Array, Array]:
        """`project` of what `around` gave."""
        ahead, left, above = around.T
        sin, cos = math.sin(self.pitch_rad), math.cos(self.pitch_rad)
        depth = ahead * cos - above * sin
        scale = self.focal_px / np.maximum(depth, NEAREST_M)
        pixels = np.empty((len(around), 2))
        pixels[:, 0] = self.centre_px[0] - left * scale
        pixels[:, 1] = self.centre_px[1] - (ahead * sin + above * cos) * scale
        return pixels, depth

    @property
    def horizon_px(self) -> float:
        return self.centre_px[1] - self.focal_px * math.tan(self.pitch_rad)

    def cropped(self, xyxy: tuple[int, int, int, int]) -> Camera:
        """The camera that sees only this part of the picture, at the same resolution."""
        x0, y0, x1, y1 = xyxy
        return replace(self, size=(x1 - x0, y1 - y0), centre_px=(self.centre_px[0] - x0, self.centre_px[1] - y0))


def calibration_of(block: SimulationSource) -> CalibrationBlock:
    """How the camera of this drive is mounted: exact, but for the nodding of the vehicle."""
    width, height = block.size
    focal_px = width / 2 / math.tan(math.radians(block.fov_deg) / 2)
    return CalibrationBlock(
        focal_px=(focal_px, focal_px),
        centre_px=(width / 2, height / 2),
        pitch_deg=block.camera_pitch_deg,
        height_m=block.camera_height_m,
    )
