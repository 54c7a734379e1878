"""Choosing the few parts of a frame that a network looks at in their own resolution.

At 100 km/h a traffic light 150 m ahead is 4 to 20 pixels tall and vanishes when the frame is squeezed to a network's
input. `RegionPlanner` weighs what several sources propose and returns the rectangles that hold the most value.
"""

from .planner import RegionPlanner
from .scene import Expected, Looked, Pose, PriorCallback, Scene

__all__ = ["Expected", "Looked", "Pose", "PriorCallback", "RegionPlanner", "Scene"]
