"""The values that cross borders."""

from .classes import COCO, ClassGroups, ClassTable
from .clock import Clock, SystemClock
from .decision import Decision
from .detections import UNLABELLED, UNTRACKED, Detections
from .frame import Frame, FrameKey, Region
from .masks import Masks
from .point import OperatingPoint
from .result import FrameResult
from .stats import FrameStats
from .telemetry import TelemetrySample

__all__ = [
    "COCO",
    "UNLABELLED",
    "UNTRACKED",
    "ClassGroups",
    "ClassTable",
    "Clock",
    "Decision",
    "Detections",
    "Frame",
    "FrameKey",
    "FrameResult",
    "FrameStats",
    "Masks",
    "OperatingPoint",
    "Region",
    "SystemClock",
    "TelemetrySample",
]
