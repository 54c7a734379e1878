"""The pinhole camera of a simulated drive: where a point of the world falls in the picture.

World frame in metres: x along the road, y to the left, z up from the road. Picture frame in pixels: x to the right,
y down, (0, 0) the outer corner of the first pixel.
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
    """Looks along x from `xyz_m`, nodded down by `pitch_rad`."""

    size: tuple[int, int]
    focal_px: float
    centre_px: tuple[float, float]
    pitch_rad: float
    xyz_m: tuple[float, float, float]

    def project(self, points: Array) -> tuple[Array, Array]:
        """Points (n, 3) of the world as pixels (n, 2), and their depth (n,) along the optical axis in metres."""
        ahead = points[:, 0] - self.xyz_m[0]
        above = points[:, 2] - self.xyz_m[2]
        sin, cos = math.sin(self.pitch_rad), math.cos(self.pitch_rad)
        depth = ahead * cos - above * sin
        scale = self.focal_px / np.maximum(depth, NEAREST_M)
        pixels = np.empty((len(points), 2))
        pixels[:, 0] = self.centre_px[0] + (self.xyz_m[1] - points[:, 1]) * scale
        pixels[:, 1] = self.centre_px[1] - (ahead * sin + above * cos) * scale
        return pixels, depth

    @property
    def horizon_px(self) -> float:
        return self.centre_px[1] - self.focal_px * math.tan(self.pitch_rad)

    def row_of(self, ahead_m: float) -> float:
        """The height in the picture of the road that far ahead."""
        return float(self.project(np.array([[self.xyz_m[0] + ahead_m, 0.0, 0.0]]))[0][0, 1])

    @property
    def ground(self) -> Array:
        """The homography (3, 3) from a pixel below the horizon to (x, y) of the road there."""
        sin, cos = math.sin(self.pitch_rad), math.cos(self.pitch_rad)
        x, y, height = self.xyz_m
        ray = np.array([[0.0, -sin, cos], [-1.0, 0.0, 0.0], [0.0, cos, sin]])  # columns: right, down, ahead
        pixel = np.array(
            [
                [1 / self.focal_px, 0.0, -self.centre_px[0] / self.focal_px],
                [0.0, 1 / self.focal_px, -self.centre_px[1] / self.focal_px],
                [0.0, 0.0, 1.0],
            ]
        )
        across = ray @ pixel
        return np.stack([height * across[0] + x * across[2], height * across[1] + y * across[2], across[2]])

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
