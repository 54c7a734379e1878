"""What the region planner is told: a frame before anything is seen in it, and what was seen in an earlier one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.core import Detections, Region

WHOLE_FRAME = "frame"


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the vehicle is and how it stands in the world: x ahead, y to the left, z up, in metres.

    The position is that of the road below the camera; height and pitch of the camera on the vehicle are its
    calibration's. `yaw_deg` turns to the left, `pitch_deg` nods down, `roll_deg` leans to the right.
    """

    xyz_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    @classmethod
    def along_x(cls, ego_position_m: float) -> Pose:
        """On a straight road, so far along it."""
        return cls((ego_position_m, 0.0, 0.0))

    @classmethod
    def from_matrix(cls, vehicle_to_world: Any) -> Pose:
        """Of the 4 x 4 matrix that takes points of the vehicle (x ahead, y left, z up) to the world."""
        matrix = np.asarray(vehicle_to_world, np.float64)
        turn = matrix[:3, :3] if matrix.shape == (4, 4) else np.zeros((3, 3))
        if not (np.isfinite(matrix).all() and np.allclose(turn @ turn.T, np.eye(3), atol=1e-3)):
            raise ValueError("a pose is a 4 x 4 matrix of a rotation and a translation")
        (x, y, z), ahead = matrix[:3, 3].tolist(), turn[:, 0]
        yaw, pitch = math.atan2(ahead[1], ahead[0]), -math.asin(min(max(ahead[2], -1.0), 1.0))
        return cls((x, y, z), *map(math.degrees, (yaw, pitch, math.atan2(turn[2, 1], turn[2, 2]))))

    def rotation(self) -> npt.NDArray[np.float64]:
        """(3, 3), from the vehicle's axes to the world's."""
        yaw, pitch, roll = map(math.radians, (self.yaw_deg, self.pitch_deg, self.roll_deg))
        cy, sy, cp, sp, cr, sr = (f(angle) for angle in (yaw, pitch, roll) for f in (math.cos, math.sin))
        return np.array(
            [
                [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
                [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
                [-sp, cp * sr, cp * cr],
            ]
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of a frame before anything is seen in it."""

    frame_id: int
    t_ns: int
    width: int
    height: int
    ego_speed_mps: float | None = None
    pose: Pose | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """One view of a frame and what was found there; the whole frame is a view too, by the reason `frame`."""

    region: Region
    detections: Detections


@dataclass(frozen=True, slots=True)
class Expected:
    """An object that a map expects in a frame, in full-frame pixels."""

    class_name: str
    xyxy: tuple[float, float, float, float]


PriorCallback = Callable[[Scene], Sequence[Expected]]
