"""A drive that is painted, not filmed: `Drive` is its world, `SimulatedDrive` the source of its pictures."""

from .documents import coco_document, map_document
from .labels import Label
from .scene import Drive
from .source import SimulatedDrive

__all__ = ["Drive", "Label", "SimulatedDrive", "coco_document", "map_document"]
