"""The values that cross borders."""

from .classes import COCO, ClassTable
from .clock import Clock, SystemClock
from .detections import UNTRACKED, Detections
from .frame import Frame, Region
from .masks import Masks
from .point import OperatingPoint
from .result import FrameResult

__all__ = [
    "COCO",
    "UNTRACKED",
    "ClassTable",
    "Clock",
    "Detections",
    "Frame",
    "FrameResult",
    "Masks",
    "OperatingPoint",
    "Region",
    "SystemClock",
]
