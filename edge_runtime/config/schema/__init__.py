"""The pipeline file as frozen values: every key, its unit, its default and its bounds.

Pydantic checks each value on its own; what needs two values at once (names that must exist, stages that fit their
model) is checked by `config.checks`, and what needs the ONNX file by `pipeline.assemble`. Descriptions and examples
are for people: editors show them, and `config.explain` quotes them when a value is missing or wrong.

Values are strict: `true` is no number, `"30"` no number either, and a number no name. A list may stand for a tuple.
"""

from edge_runtime.config.schema.models import (
    BoxesScoresDecode,
    ClassesBlock,
    ClassificationDecode,
    Decode,
    DetectDecodeBlock,
    End2EndDecode,
    InputBlock,
    ModelBlock,
    NmsDecodeBlock,
    OnnxRuntimeBlock,
    ParityBlock,
    RtdetrDecode,
    SegmentationDecode,
    Yolov5Decode,
    Yolov8Decode,
    YoloxDecode,
)
from edge_runtime.config.schema.pipeline import PipelineConfig
from edge_runtime.config.schema.running import (
    Budgets,
    Constraint,
    EnginesBlock,
    FpsFloor,
    GovernorBlock,
    TelemetryBlock,
)
from edge_runtime.config.schema.sinks import DisplaySink, JsonlSink, Sink, VideoSink
from edge_runtime.config.schema.sources import (
    CalibrationBlock,
    CameraSource,
    ImagesSource,
    SimulationSource,
    Source,
    VideoSource,
)
from edge_runtime.config.schema.stages import (
    ClassifyStage,
    DetectStage,
    ExploreRegions,
    FixedRegions,
    HorizonRegions,
    MergeStage,
    NetworkStage,
    PriorRegions,
    RegionsBlock,
    Stage,
    TrackRegions,
    TrackStage,
)
from edge_runtime.config.schema.values import Block, Float, Fps, Int, Name, Positive, Probability, Text

__all__ = [
    "Block",
    "BoxesScoresDecode",
    "Budgets",
    "CalibrationBlock",
    "CameraSource",
    "ClassesBlock",
    "ClassificationDecode",
    "ClassifyStage",
    "Constraint",
    "Decode",
    "DetectDecodeBlock",
    "DetectStage",
    "DisplaySink",
    "End2EndDecode",
    "EnginesBlock",
    "ExploreRegions",
    "FixedRegions",
    "Float",
    "Fps",
    "FpsFloor",
    "GovernorBlock",
    "HorizonRegions",
    "ImagesSource",
    "InputBlock",
    "Int",
    "JsonlSink",
    "MergeStage",
    "ModelBlock",
    "Name",
    "NetworkStage",
    "NmsDecodeBlock",
    "OnnxRuntimeBlock",
    "ParityBlock",
    "PipelineConfig",
    "Positive",
    "PriorRegions",
    "Probability",
    "RegionsBlock",
    "RtdetrDecode",
    "SegmentationDecode",
    "SimulationSource",
    "Sink",
    "Source",
    "Stage",
    "TelemetryBlock",
    "Text",
    "TrackRegions",
    "TrackStage",
    "VideoSink",
    "VideoSource",
    "Yolov5Decode",
    "Yolov8Decode",
    "YoloxDecode",
]
