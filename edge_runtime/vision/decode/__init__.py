"""What the numbers a network puts out mean, one file a family.

`make_decoder` builds one from the model's `decode` and `input` blocks; `check` compares it with the real output shapes
before the first frame; `decode` turns one batch row into detections or masks in full-frame pixels.
"""

from __future__ import annotations

from edge_runtime.config.schema import (
    BoxesScoresDecode,
    ClassificationDecode,
    Decode,
    End2EndDecode,
    InputBlock,
    RtdetrDecode,
    SegmentationDecode,
    Yolov5Decode,
    Yolov8Decode,
    YoloxDecode,
)
from edge_runtime.core import ClassTable

from .boxes import DetectionDecoder
from .boxes_scores import BoxesScores
from .classification import ClassificationDecoder
from .contract import Decoder, Mismatch, SelectiveDecoder
from .end2end import End2End
from .rtdetr import Rtdetr
from .segmentation import SegmentationDecoder
from .yolov5 import Yolov5
from .yolov8 import Yolov8
from .yolox import Yolox

__all__ = [
    "ClassificationDecoder",
    "Decoder",
    "DetectionDecoder",
    "Mismatch",
    "SegmentationDecoder",
    "SelectiveDecoder",
    "make_decoder",
]


def make_decoder(
    block: Decode, input_block: InputBlock, classes: ClassTable
) -> DetectionDecoder | SegmentationDecoder | ClassificationDecoder:
    """The decoder of a model; enters the model's class names into the shared table.

    Raises ValueError, in words for the user, when the names cannot be read or contradict each other.
    """
    match block:
        case YoloxDecode():
            return Yolox(block, input_block, classes)
        case Yolov5Decode():
            return Yolov5(block, classes)
        case Yolov8Decode():
            return Yolov8(block, classes)
        case End2EndDecode():
            return End2End(block, input_block, classes)
        case RtdetrDecode():
            return Rtdetr(block, input_block, classes)
        case BoxesScoresDecode():
            return BoxesScores(block, input_block, classes)
        case SegmentationDecode():
            return SegmentationDecoder(block, input_block, classes)
        case ClassificationDecode():
            return ClassificationDecoder(block, classes)
