"""The frame rate that the budgets demand at a speed of the vehicle."""

from __future__ import annotations

from .schema import Budgets, FpsFloor

# Where a floor grows with the speed and the speed is not known, it is that of a motorway.
UNKNOWN_SPEED_MPS = 130 / 3.6


def demanded_fps(budgets: Budgets, ego_speed_mps: float | None) -> float | None:
    """Least frames a second, the stricter of `fps_floor` and `max_metres_per_frame`; None where nothing is demanded.

    An unknown speed counts as highway.
    """
    demands = []
    floor = budgets.fps_floor
    if isinstance(floor, FpsFloor):
        slow = ego_speed_mps is not None and ego_speed_mps * 3.6 <= floor.highway_above_kmh
        demands.append(floor.city if slow else floor.highway)
    elif floor is not None:
        demands.append(floor)
    if budgets.max_metres_per_frame is not None:
        speed_mps = UNKNOWN_SPEED_MPS if ego_speed_mps is None else ego_speed_mps
        demands.append(speed_mps / budgets.max_metres_per_frame)
    return max(demands, default=None)
