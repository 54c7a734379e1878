"""The pipeline file as frozen values: every key, its unit, its default and its bounds.

Pydantic checks each value on its own; what needs two values at once (names that must exist, stages that fit their
model) is checked by `config.checks`, and what needs the ONNX file by `pipeline.assemble`.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
PixelSize = Annotated[
    tuple[Annotated[int, Field(ge=8, le=16384)], Annotated[int, Field(ge=8, le=16384)]],
    Field(description="[width, height] in pixels"),
]


def _fraction(value: Any) -> Any:
    """Let a scale be written as people say it: 1/255."""
    if isinstance(value, str):
        try:
            return float(Fraction(value.replace(" ", "")))
        except (ValueError, ZeroDivisionError):
            return value
    return value


Scale = Annotated[float, BeforeValidator(_fraction), Field(gt=0.0)]
PerChannel = float | tuple[float, float, float]


class Block(BaseModel):
    """A mapping of the pipeline file: frozen, and no key beyond those it names."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# ---- sources ---------------------------------------------------------------------------------------------------


class SourceBlock(Block):
    camera: Name = Field("front", description="name of the camera in results and logs")
    ego_speed_kmh: float | None = Field(None, ge=0, le=500, description="constant speed of the vehicle, if known")


class FileSourceBlock(SourceBlock):
    pace: Literal["live", "fast"] = Field(
        "live", description="live: at the stream's own rate, the newest frame wins; fast: as fast as it goes, no drops"
    )
    loop: bool = Field(False, description="start again at the end, for ever")


class VideoSource(FileSourceBlock):
    kind: Literal["video"]
    path: Path = Field(description="any video file that OpenCV reads")


class ImagesSource(FileSourceBlock):
    kind: Literal["images"]
    path: Path = Field(description="a folder of pictures, taken in name order")
    fps: float = Field(10.0, gt=0, le=1000, description="pictures a second")


class CameraSource(SourceBlock):
    kind: Literal["camera"]
    device: str | int = Field(description="0 or /dev/video0 (V4L2), rtsp://…, or a GStreamer pipeline with an appsink")
    size: PixelSize | None = Field(None, description="V4L2 only: ask the camera for this size")
    fps: float | None = Field(None, gt=0, le=1000, description="V4L2 only: ask the camera for this rate")


Source = Annotated[VideoSource | ImagesSource | CameraSource, Field(discriminator="kind")]

# ---- models ----------------------------------------------------------------------------------------------------


class InputBlock(Block):
    """How a picture becomes the network's input: value = (pixel * scale - mean) / std."""

    name: str | None = Field(None, description="the input's name; needed only when the network has several")
    size: PixelSize
    resize: Literal["stretch", "letterbox", "letterbox_top_left"]
    color: Literal["bgr", "rgb"]
    scale: Scale = Field(description="1.0 for a network that takes 0..255, 1/255 for one that takes 0..1")
    mean: PerChannel = Field(0.0, description="subtracted after scale; one value or one a channel, in `color` order")
    std: PerChannel = Field(1.0, description="divided by after mean; one value or one a channel, in `color` order")
    pad: Annotated[int, Field(ge=0, le=255)] = Field(114, description="pixel value around a letterboxed picture")
    layout: Literal["nchw", "nhwc"] = "nchw"
    dtype: Literal["float32", "float16", "uint8"] = "float32"


class ClassesBlock(Block):
    classes: Literal["coco"] | tuple[str, ...] | dict[int, str] | Path = Field(
        description="coco, a list of names, {index: name} to use only some, or a text file with one name a line",
        union_mode="left_to_right",
    )


class DetectDecodeBlock(ClassesBlock):
    confidence: Probability = Field(0.35, description="boxes below it are dropped")
    keep: tuple[str, ...] | None = Field(None, description="report only these classes")
    max_detections: int = Field(300, ge=1, le=10000, description="at most this many boxes a frame, best first")


class NmsDecodeBlock(DetectDecodeBlock):
    iou: Probability = Field(0.5, description="of two boxes of one class that overlap more, the weaker goes")


class YoloxDecode(NmsDecodeBlock):
    family: Literal["yolox"]
    output: str | None = None
    strides: tuple[int, ...] = (8, 16, 32)


class Yolov5Decode(NmsDecodeBlock):
    family: Literal["yolov5"]
    output: str | None = None


class Yolov8Decode(NmsDecodeBlock):
    family: Literal["yolov8"]
    output: str | None = None


class End2EndDecode(DetectDecodeBlock):
    """NMS already in the graph: one `n x 6` output, or the quartet count/boxes/scores/classes."""

    family: Literal["end2end"]
    output: str | None = Field(None, description="the n x 6 output (x0, y0, x1, y1, confidence, class)")
    outputs: tuple[str, str, str, str] | None = Field(None, description="[count, boxes, scores, classes]")
    normalized: bool = Field(False, description="boxes are 0..1 of the input instead of its pixels")


class RtdetrDecode(DetectDecodeBlock):
    family: Literal["rtdetr"]
    boxes: str | None = Field(None, description="(n, 4) output: centre, size, 0..1")
    scores: str | None = Field(None, description="(n, classes) output; without both, one (n, 4 + classes) output")
    activation: Literal["sigmoid", "none"] = Field("none", description="sigmoid when the scores are logits")


class BoxesScoresDecode(NmsDecodeBlock):
    family: Literal["boxes_scores"]
    boxes: str = Field("boxes", description="(n, 4) output")
    scores: str = Field("scores", description="(n, classes) output")
    box_format: Literal["xyxy", "cxcywh"] = "xyxy"
    normalized: bool = Field(True, description="boxes are 0..1 of the input instead of its pixels")


class SegmentationHead(ClassesBlock):
    """One output (classes, h, w) of logits or scores, argmax over the classes; `{1: lane}` skips the background."""

    output: str


class SegmentationDecode(Block):
    family: Literal["segmentation"]
    heads: Annotated[tuple[SegmentationHead, ...], Field(min_length=1)]


class ClassificationDecode(ClassesBlock):
    family: Literal["classification"]
    output: str | None = None
    activation: Literal["softmax", "sigmoid", "none"] = Field(
        "softmax", description="what turns the output into probabilities; none when the network did it"
    )


Decode = Annotated[
    YoloxDecode
    | Yolov5Decode
    | Yolov8Decode
    | End2EndDecode
    | RtdetrDecode
    | BoxesScoresDecode
    | SegmentationDecode
    | ClassificationDecode,
    Field(discriminator="family"),
]


class OnnxRuntimeBlock(Block):
    """Threads and provider of one ONNX Runtime session."""

    intra_op_threads: int = Field(1, ge=1, le=256, description="threads that share one network call")
    allow_spinning: bool = Field(False, description="idle threads burn a core; two sessions then slow each other")
    providers: tuple[str, ...] = ("CPUExecutionProvider",)


class ModelBlock(Block):
    onnx: Path
    input: InputBlock
    decode: Decode
    onnxruntime: OnnxRuntimeBlock = OnnxRuntimeBlock()


# ---- stages ----------------------------------------------------------------------------------------------------


class NetworkStage(Block):
    name: Name
    model: str


class DetectStage(NetworkStage):
    kind: Literal["detect"]


class SegmentStage(NetworkStage):
    kind: Literal["segment"]


class ClassifyStage(NetworkStage):
    """One class for the whole frame."""

    kind: Literal["classify"]


class MergeStage(Block):
    """Make one set of boxes of several stages': overlapping boxes of one class are one object."""

    name: Name
    kind: Literal["merge"]
    of: Annotated[tuple[str, ...], Field(min_length=2)]
    iou: Probability = 0.5


class TrackStage(Block):
    """Give objects an identity over time (ByteTrack, Zhang et al. 2022)."""

    name: Name
    kind: Literal["track"]
    of: str
    confidence: Probability = Field(0.4, description="boxes above it are matched first; weaker ones only extend tracks")
    new_track: Probability = Field(0.5, description="a box above it that matches nothing starts a track")
    iou: Probability = Field(0.2, description="least overlap of a box with its track's predicted place")
    keep_frames: int = Field(30, ge=1, le=10000, description="frames for which an unseen track is remembered")


Stage = Annotated[DetectStage | SegmentStage | ClassifyStage | MergeStage | TrackStage, Field(discriminator="kind")]

# ---- sinks -----------------------------------------------------------------------------------------------------


class JsonlSink(Block):
    kind: Literal["jsonl"]
    path: Path = Field(Path("detections.jsonl"), description="relative to the run folder")


class VideoSink(Block):
    kind: Literal["video"]
    path: Path = Field(Path("annotated.mp4"), description="relative to the run folder")
    fps: float | None = Field(None, gt=0, le=1000, description="default: the source's rate")


class DisplaySink(Block):
    kind: Literal["display"]


Sink = Annotated[JsonlSink | VideoSink | DisplaySink, Field(discriminator="kind")]

# ---- the whole file --------------------------------------------------------------------------------------------


class FpsFloor(Block):
    """A frame-rate floor that follows the vehicle's speed; an unknown speed counts as highway."""

    city: float = Field(gt=0, le=1000)
    highway: float = Field(gt=0, le=1000)
    highway_above_kmh: float = Field(80.0, gt=0, le=500)


class Budgets(Block):
    """What a run must hold, counted in one-second windows."""

    fps_floor: Annotated[float, Field(gt=0, le=1000)] | FpsFloor | None = None
    latency_ms: float | None = Field(None, gt=0, description="bound on the p99 of capture to publication")


class ExecutorBlock(Block):
    in_flight: int = Field(2, ge=1, le=3, description="frames inside the pipeline at once; 1 is one after another")


class PipelineConfig(Block):
    """A pipeline file, checked and with all paths absolute."""

    name: Name
    source: Source
    models: dict[Name, ModelBlock]
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    sinks: tuple[Sink, ...] = ()
    budgets: Budgets = Budgets()
    executor: ExecutorBlock = ExecutorBlock()
