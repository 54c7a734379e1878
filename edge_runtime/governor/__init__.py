"""Chooses the operating point: pure decisions from telemetry, frame statistics and speed."""

from .deadline import DeadlineCounts, DeadlineLimit
from .governor import Governor
from .safe import safe_rung

__all__ = ["DeadlineCounts", "DeadlineLimit", "Governor", "safe_rung"]
