"""The pipeline file as frozen values: every key, its unit, its default and its bounds.

Pydantic checks each value on its own; what needs two values at once (names that must exist, stages that fit their
model) is checked by `config.checks`, and what needs the ONNX file by `pipeline.assemble`. Descriptions and examples
are for people: editors show them, and `config.explain` quotes them when a value is missing or wrong.

Values are strict: `true` is no number, `"30"` no number either, and a number no name. A list may stand for a tuple.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError


def _fraction(value: Any) -> Any:
    """Let a scale be written as people say it: 1/255."""
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*", value)):
        numerator, denominator = map(float, match.groups())
        return numerator / denominator if denominator else value
    return value


def _switch(value: Any) -> Any:
    """The words for true and false that YAML 1.1 knew."""
    words = {"yes": True, "on": True, "no": False, "off": False}
    return words.get(value.lower(), value) if isinstance(value, str) else value


def _index(value: Any) -> Any:
    """The key of a JSON object is always text; the key of a YAML mapping may be a number."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else value


Int = Annotated[int, Strict()]
Float = Annotated[float, Strict()]
Flag = Annotated[bool, Strict(), BeforeValidator(_switch)]
Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")]
Text = Annotated[str, Field(min_length=1)]
ClassIndex = Annotated[int, Strict(), BeforeValidator(_index), Field(ge=0)]
Probability = Annotated[Float, Field(ge=0.0, le=1.0)]
Positive = Annotated[Float, Field(gt=0.0)]
Fps = Annotated[Float, Field(gt=0.0, le=1000.0)]
Side = Annotated[Int, Field(ge=8, le=16384)]
PixelSize = Annotated[tuple[Side, Side], Field(description="[width, height] in pixels", examples=[[640, 384]])]
Scale = Annotated[
    Float,
    BeforeValidator(_fraction),
    Field(gt=0.0, le=1.0),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*/\s*\d+(\.\d+)?\s*$"},
            ]
        }
    ),
]
PerChannel = Float | tuple[Float, Float, Float]
PositivePerChannel = Positive | tuple[Positive, Positive, Positive]


class Block(BaseModel):
    """A mapping of the pipeline file: frozen, and no key beyond those it names."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# ---- sources ---------------------------------------------------------------------------------------------------


FocalPx = Annotated[Float, Field(ge=10.0, le=100_000.0)]
CentrePx = Annotated[Float, Field(ge=-20_000.0, le=20_000.0)]


class CalibrationBlock(Block):
    """A pinhole camera above a flat road, looking ahead; in pixels of the picture that the source delivers."""

    focal_px: tuple[FocalPx, FocalPx] = Field(
        description="[horizontal, vertical] focal length in pixels", examples=[[1660, 1660]]
    )
    centre_px: tuple[CentrePx, CentrePx] = Field(
        description="[x, y] of the optical axis in pixels, about the middle of the picture", examples=[[960, 540]]
    )
    pitch_deg: Float = Field(0.0, ge=-45, le=45, description="degrees that the camera looks down; negative: up")
    height_m: Float = Field(description="metres of the camera above the road", gt=0.1, le=20, examples=[1.4])


class SourceBlock(Block):
    kind: str = Field(description="what the source is")
    camera: Name = Field("front", description="name of the camera in results and logs")
    ego_speed_kmh: Float | None = Field(
        None, ge=0, le=500, description="constant speed of the vehicle in km/h, if known", examples=[110]
    )
    calibration: CalibrationBlock | None = Field(
        None,
        description="how the camera looks at the road, if known",
        examples=[{"focal_px": [1660, 1660], "centre_px": [960, 540], "pitch_deg": 0.0, "height_m": 1.4}],
    )


class FileSourceBlock(SourceBlock):
    pace: Literal["live", "fast"] = Field(
        "live", description="live: at the stream's own rate, the newest frame wins; fast: as fast as it goes, no drops"
    )
    loop: Flag = Field(False, description="start again at the end, for ever")


class VideoSource(FileSourceBlock):
    """A video file."""

    kind: Literal["video"] = Field(description="a video file")
    path: Path = Field(description="any video file that OpenCV reads", examples=["drive.mp4"])


class ImagesSource(FileSourceBlock):
    """A folder of pictures."""

    kind: Literal["images"] = Field(description="a folder of pictures")
    path: Path = Field(description="a folder of pictures, taken in name order", examples=["pictures"])
    fps: Fps = Field(10.0, description="pictures a second")


class CameraSource(SourceBlock):
    """A camera on this machine or on the network."""

    kind: Literal["camera"] = Field(description="a camera on this machine or on the network")
    device: Annotated[Int, Field(ge=0)] | Text = Field(
        description="0 or /dev/video0 (V4L2), rtsp://…, or a GStreamer pipeline with an appsink",
        examples=[0, "/dev/video0", "rtsp://192.168.1.10/stream"],
    )
    size: PixelSize | None = Field(
        None, description="[width, height], V4L2 only: ask the camera for this size", examples=[[1280, 720]]
    )
    fps: Fps | None = Field(None, description="frames a second, V4L2 only: ask the camera for this rate", examples=[30])


SimulatedWidth = Annotated[Int, Field(ge=64, le=3840)]
SimulatedHeight = Annotated[Int, Field(ge=64, le=2160)]
SpeedKmh = Annotated[Float, Field(ge=0, le=250)]
SpeedAt = tuple[Annotated[Float, Field(ge=0, le=3600)], SpeedKmh]


class SimulationSource(FileSourceBlock):
    """A drive that is painted, not filmed: the same block gives the same pictures, and every object is known."""

    kind: Literal["simulation"] = Field(description="a painted drive in which every object is known")
    seed: Int = Field(0, ge=0, le=2**31 - 1, description="another seed is another drive")
    seconds: Float = Field(60.0, gt=0, le=3600, description="length of the drive")
    size: tuple[SimulatedWidth, SimulatedHeight] = Field(
        (1920, 1080), description="[width, height] in pixels, at most 3840 x 2160", examples=[[1920, 1080]]
    )
    fps: Fps = Field(30.0, description="pictures a second")
    speed_kmh: SpeedKmh | Annotated[tuple[SpeedAt, ...], Field(min_length=1)] = Field(
        ((0.0, 50.0), (24.0, 50.0), (30.0, 110.0), (44.0, 110.0), (50.0, 50.0)),
        description="of the vehicle: one speed, or [second, km/h] points with straight lines between them; where it "
        "drives faster than 80 the road is a motorway, elsewhere a street",
        examples=[50, [[0, 50], [30, 50], [36, 110]]],
    )
    lighting: Literal["noon", "dusk", "night", "drive"] = Field(
        "noon", description="drive: from noon at its start to night at its end"
    )
    rain: Probability = Field(0.0, description="0 is dry, 1 a cloudburst")
    traffic: Probability = Field(0.5, description="0 is an empty road, 1 a full one")
    fov_deg: Float = Field(60.0, ge=20, le=120, description="horizontal field of view in degrees")
    camera_height_m: Float = Field(1.4, ge=0.5, le=4, description="metres of the camera above the road")
    camera_pitch_deg: Float = Field(0.0, ge=-10, le=10, description="degrees that the camera looks down; negative: up")
    exposure_ms: Float | None = Field(
        None,
        ge=0,
        le=50,
        description="how long the shutter is open; default: 0.7 ms at noon to 17 ms at night",
        examples=[5],
    )
    bounce_deg: Float = Field(0.15, ge=0, le=2, description="how far the vehicle nods on its springs, in degrees")


Source = Annotated[VideoSource | ImagesSource | CameraSource | SimulationSource, Field(discriminator="kind")]

# ---- models ----------------------------------------------------------------------------------------------------


class InputBlock(Block):
    """How a picture becomes the network's input: value = (pixel * scale - mean) / std."""

    name: Text | None = Field(
        None, description="the input's name; needed only when the network has several", examples=["images"]
    )
    size: PixelSize
    resize: Literal["stretch", "letterbox", "letterbox_top_left"] = Field(
        description="stretch ignores the shape of the picture; a letterbox keeps it and pads, around or right and below"
    )
    color: Literal["bgr", "rgb"] = Field(description="order of the channels the network was trained with")
    scale: Scale = Field(
        description="1.0 for a network that takes 0..255, 1/255 for one that takes 0..1", examples=[1.0, "1/255"]
    )
    mean: PerChannel = Field(
        0.0,
        description="subtracted after scale; one value or one a channel, in `color` order",
        examples=[0.0, [0.485, 0.456, 0.406]],
    )
    std: PositivePerChannel = Field(
        1.0,
        description="divided by after mean; one value or one a channel, in `color` order",
        examples=[1.0, [0.229, 0.224, 0.225]],
    )
    pad: Annotated[Int, Field(ge=0, le=255)] = Field(114, description="pixel value around a letterboxed picture")
    layout: Literal["nchw", "nhwc"] = Field("nchw", description="order of the input's axes")
    dtype: Literal["float32", "float16", "uint8"] = Field("float32", description="type of the input's values")


class ClassesBlock(Block):
    classes: (
        Literal["coco"]
        | Annotated[tuple[Text, ...], Field(min_length=1)]
        | Annotated[dict[ClassIndex, Text], Field(min_length=1)]
        | Path
    ) = Field(
        description="coco, a list of names, {index: name} to use only some, or a text file with one name a line",
        union_mode="left_to_right",
        examples=["coco", ["car", "truck"], {2: "car", 7: "truck"}, "classes.txt"],
    )


_OUTPUT = "name of the network's output; needed only when it has several"


class DetectDecodeBlock(ClassesBlock):
    confidence: Probability = Field(0.35, description="boxes below it are dropped")
    keep: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        None, description="report only these classes", examples=[["car", "truck"]]
    )
    max_detections: Int = Field(300, ge=1, le=10000, description="at most this many boxes a frame, best first")


class NmsDecodeBlock(DetectDecodeBlock):
    iou: Probability = Field(0.5, description="of two boxes of one class that overlap more, the weaker goes")


class YoloxDecode(NmsDecodeBlock):
    """Raw YOLOX head: offsets on a grid for each stride."""

    family: Literal["yolox"] = Field(description="YOLOX, raw head")
    output: Text | None = Field(None, description=_OUTPUT)
    strides: Annotated[tuple[Annotated[Int, Field(ge=1, le=1024)], ...], Field(min_length=1)] = Field(
        (8, 16, 32), description="pixels a grid cell, one for each level of the head"
    )


class Yolov5Decode(NmsDecodeBlock):
    """YOLOv5: centre, size, objectness and class scores, in pixels of the input."""

    family: Literal["yolov5"] = Field(description="YOLOv5 with objectness")
    output: Text | None = Field(None, description=_OUTPUT)


class Yolov8Decode(NmsDecodeBlock):
    """YOLOv8 and YOLO11: centre, size and class scores, without objectness."""

    family: Literal["yolov8"] = Field(description="YOLOv8 and YOLO11")
    output: Text | None = Field(None, description=_OUTPUT)


class End2EndDecode(DetectDecodeBlock):
    """NMS already in the graph: one `n x 6` output, or the quartet count/boxes/scores/classes."""

    family: Literal["end2end"] = Field(description="NMS already in the graph")
    output: Text | None = Field(None, description="the n x 6 output (x0, y0, x1, y1, confidence, class)")
    outputs: tuple[Text, Text, Text, Text] | None = Field(
        None,
        description="names of the four outputs [count, boxes, scores, classes]",
        examples=[["num_dets", "boxes", "scores", "labels"]],
    )
    normalized: Flag = Field(False, description="boxes are 0..1 of the input instead of its pixels")


class RtdetrDecode(DetectDecodeBlock):
    """RT-DETR: one box a query, no NMS."""

    family: Literal["rtdetr"] = Field(description="RT-DETR")
    boxes: Text | None = Field(None, description="(n, 4) output: centre, size, 0..1")
    scores: Text | None = Field(None, description="(n, classes) output; without both, one (n, 4 + classes) output")
    activation: Literal["sigmoid", "none"] = Field("none", description="sigmoid when the scores are logits")


class BoxesScoresDecode(NmsDecodeBlock):
    """Decoded boxes beside class scores; NMS is ours."""

    family: Literal["boxes_scores"] = Field(description="decoded boxes beside class scores")
    boxes: Text = Field("boxes", description="(n, 4) output")
    scores: Text = Field("scores", description="(n, classes) output")
    box_format: Literal["xyxy", "cxcywh"] = Field("xyxy", description="two corners, or centre and size")
    normalized: Flag = Field(True, description="boxes are 0..1 of the input instead of its pixels")


class SegmentationHead(ClassesBlock):
    """One output (classes, h, w) of logits or scores, argmax over the classes; `{1: lane}` skips the background."""

    output: Text = Field(description="name of the network's output", examples=["lane"])


class SegmentationDecode(Block):
    """One mask a class."""

    family: Literal["segmentation"] = Field(description="one mask a class")
    heads: Annotated[tuple[SegmentationHead, ...], Field(min_length=1)] = Field(
        description="the outputs that hold masks", examples=[[{"output": "lane", "classes": {1: "lane"}}]]
    )


class ClassificationDecode(ClassesBlock):
    """One class for the whole picture."""

    family: Literal["classification"] = Field(description="one class for the whole picture")
    output: Text | None = Field(None, description=_OUTPUT)
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

    intra_op_threads: Int = Field(1, ge=1, le=256, description="threads that share one network call")
    allow_spinning: Flag = Field(False, description="idle threads burn a core; two sessions then slow each other")
    providers: Annotated[tuple[Text, ...], Field(min_length=1)] = Field(
        ("CPUExecutionProvider",), description="ONNX Runtime's execution providers, most wanted first"
    )


class ParityBlock(Block):
    """How close a built engine must be to ONNX Runtime in FP32, on pictures of the pipeline's source."""

    pictures: Int = Field(8, ge=1, le=1000, description="pictures to compare on")
    cosine: Probability = Field(0.99, description="least cosine similarity of every output")
    lost: Probability = Field(0.05, description="largest share of detections (IoU 0.5, same class) that may be missing")


class TensorRTBlock(Block):
    """How a network becomes a TensorRT engine."""

    provider: Literal["tensorrt", "tensorrt_rtx"] = Field(
        "tensorrt", description="tensorrt_rtx is the one for RTX workstations"
    )
    optimization_level: Int = Field(3, ge=0, le=5, description="higher searches longer for faster kernels")
    workspace_mib: Int | None = Field(None, ge=1, description="GPU memory that kernels may use, MiB; default: all")
    dla_core: Int | None = Field(
        None, ge=0, le=7, description="run on this DLA core (Orin); layers it refuses run on the GPU"
    )
    keep_float32: tuple[Text, ...] = Field((), description="ONNX nodes or operators that stay in FP32")
    plugin_libraries: tuple[Path, ...] = Field((), description="shared libraries with TensorRT plugins to load")
    parity: ParityBlock = Field(ParityBlock(), description="when a built engine is refused")


Precision = Literal["fp32", "fp16", "bf16", "int8", "fp8", "as_is"]


class VariantBlock(Block):
    """The same network in another form, loaded beside it; what is not named is as in the model."""

    onnx: Path | None = Field(None, description="another ONNX file", examples=["yolox_tiny.onnx"])
    size: PixelSize | None = Field(None, description="[width, height] of its input", examples=[[320, 192]])
    precision: Precision | None = Field(None, description="of its TensorRT engine", examples=["int8"])


class ModelBlock(Block):
    """A network: its file, what goes in and how what comes out is read."""

    onnx: Path = Field(description="the network's ONNX file", examples=["yolox_nano.onnx"])
    input: InputBlock = Field(
        description="how a picture becomes the network's input",
        examples=[{"size": [640, 384], "resize": "letterbox", "color": "rgb", "scale": "1/255"}],
    )
    decode: Decode = Field(
        description="how the network's output is read", examples=[{"family": "yolov8", "classes": "coco"}]
    )
    backend: Literal["auto", "tensorrt", "onnxruntime"] = Field(
        "auto", description="auto: TensorRT where it and a GPU are there, else ONNX Runtime, and says which"
    )
    precision: Precision = Field(
        "fp16",
        description="of the TensorRT engine; int8 and fp8 take an ONNX with Q/DQ nodes; as_is keeps the ONNX's types",
    )
    onnxruntime: OnnxRuntimeBlock = Field(OnnxRuntimeBlock(), description="threads and provider on ONNX Runtime")
    tensorrt: TensorRTBlock = Field(TensorRTBlock(), description="how the TensorRT engine is built")
    variants: dict[Name, VariantBlock] = Field(
        {},
        description="other forms of it that operating points may run instead, by name",
        examples=[{"small": {"size": [320, 192]}}],
    )

    def variant(self, name: str) -> ModelBlock:
        """One of the variants as a model of its own."""
        block = self.variants[name]
        changed: dict[str, Any] = {key: getattr(block, key) for key in ("onnx", "precision")}
        if block.size is not None:
            changed["input"] = self.input.model_copy(update={"size": block.size})
        changed = {key: value for key, value in changed.items() if value is not None}
        return self.model_copy(update={**changed, "variants": {}})


# ---- stages ----------------------------------------------------------------------------------------------------


StageName = Annotated[Name, Field(description="the stage's name in results and in `of:`", examples=["objects"])]


class RegionSourceBlock(Block):
    weight: Float = Field(1.0, ge=0, le=100, description="how much its proposals count beside those of other sources")


def _rect(value: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = value
    if not (x0 < x1 and y0 < y1):
        raise PydanticCustomError("rect", "is empty: x0 must be less than x1 and y0 less than y1")
    return value


Pixel = Annotated[Int, Field(ge=0, le=65535)]
RegionRect = Annotated[tuple[Pixel, Pixel, Pixel, Pixel], AfterValidator(_rect)]


class FixedRegions(RegionSourceBlock):
    """Rectangles that never move."""

    rects: Annotated[tuple[RegionRect, ...], Field(min_length=1)] = Field(
        description="[x0, y0, x1, y1] in pixels of the frame; what lies outside a frame is cut off",
        examples=[[[520, 260, 936, 676]]],
    )


class HorizonRegions(RegionSourceBlock):
    """Around the vanishing point of the camera; without a calibration it is learned from where small objects appear."""


class TrackRegions(RegionSourceBlock):
    """Where tracks that are small in the whole frame, or uncertain, are expected."""

    smaller_than_px: Positive = Field(
        32.0, description="a track is small when the whole frame shows the network less than this many pixels of height"
    )


class PriorRegions(RegionSourceBlock):
    """Where a map expects lights and signs."""

    file: Path | None = Field(
        None, description="JSON or YAML with `points: [{class, xyz_m, size_m}]`", examples=["map.json"]
    )
    margin_px: Float = Field(24.0, ge=0, le=1000, description="added on each side, for vibration and errors of the map")


class ExploreRegions(RegionSourceBlock):
    """Tiles of the frame, the one that was not looked at for longest first."""

    weight: Float = Field(0.2, ge=0, le=100, description="how much a tile counts beside proposals of other sources")
    overlap: Float = Field(0.1, ge=0, le=0.9, description="least share of a tile that its neighbour covers too")


class RegionSource(Block):
    """One source: its name alone, or a mapping of its name to options."""

    fixed: FixedRegions | None = Field(None, description="rectangles that never move")
    horizon: HorizonRegions | None = Field(None, description="around the vanishing point")
    tracks: TrackRegions | None = Field(None, description="small or uncertain tracks")
    prior: PriorRegions | None = Field(None, description="where a map expects lights and signs")
    explore: ExploreRegions | None = Field(None, description="tiles of the frame in turn")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {value: {}}
        if isinstance(value, dict):
            return {key: {} if options is None and len(value) == 1 else options for key, options in value.items()}
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> RegionSource:
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("region_source", "an item of the list names one source")
        return self

    @property
    def chosen(self) -> FixedRegions | HorizonRegions | TrackRegions | PriorRegions | ExploreRegions:
        chosen = self.fixed or self.horizon or self.tracks or self.prior or self.explore
        assert chosen is not None
        return chosen

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        options = handler(core) | {"minProperties": 1, "maxProperties": 1}
        return {"anyOf": [{"enum": [name for name in cls.model_fields if name != "fixed"]}, options]}


class RegionsBlock(Block):
    """Parts of the frame that the network looks at in their own resolution."""

    max: Int = Field(description="most regions a frame; 0 is none", ge=0, le=16, examples=[2])
    size: PixelSize | None = Field(
        None,
        description="[width, height] of a region in pixels of the frame; default, and least: the network's input size",
        examples=[[416, 416]],
    )
    sources: Annotated[tuple[RegionSource, ...], Field(min_length=1)] = Field(
        (
            RegionSource(horizon=HorizonRegions()),
            RegionSource(tracks=TrackRegions()),
            RegionSource(explore=ExploreRegions()),
        ),
        alias="from",
        description="what proposes regions: fixed, horizon, tracks, prior and explore, each alone or with options",
        examples=[["horizon", "tracks", {"explore": {"weight": 0.2}}]],
    )
    period: Int = Field(1, ge=1, le=1000, description="look at regions in every n-th frame")
    class_weights: dict[Text, Annotated[Float, Field(ge=0, le=100)]] = Field(
        {}, description="how much a class counts; 1 where it is not named", examples=[{"traffic light": 3}]
    )


class NetworkStage(Block):
    name: StageName
    kind: str = Field(description="what the stage does")
    model: Text = Field(description="name of a model of this file", examples=["road"])


class DetectStage(NetworkStage):
    """Boxes of a network."""

    kind: Literal["detect"] = Field(description="boxes of a network")
    regions: RegionsBlock | None = Field(
        None,
        description="look at parts of the frame instead of the whole",
        examples=[{"max": 2, "from": ["horizon", "tracks"]}],
    )


class SegmentStage(NetworkStage):
    """Masks of a network."""

    kind: Literal["segment"] = Field(description="masks of a network")


class ClassifyStage(NetworkStage):
    """One class for the whole frame, or with `of` one for each box of a stage above."""

    kind: Literal["classify"] = Field(description="one class for the whole frame, or for each box of a stage")
    of: Text | None = Field(
        None, description="the stage whose boxes are looked at, each by itself, above this one", examples=["tracked"]
    )
    only: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        None, description="with `of`: look at boxes of these classes only", examples=[["traffic light"]]
    )
    max: Int = Field(8, ge=1, le=64, description="with `of`: most boxes a frame, best first")
    margin: Float = Field(0.1, ge=0, le=2, description="with `of`: added on each side, as a share of the box")
    confidence: Probability = Field(0.5, description="with `of`: a box whose class is less certain gets none")


class MergeStage(Block):
    """Make one set of boxes of several stages': overlapping boxes of one class are one object."""

    name: StageName
    kind: Literal["merge"] = Field(description="one set of boxes of several stages'")
    of: Annotated[tuple[Text, ...], Field(min_length=2)] = Field(
        description="the stages whose boxes are merged, all above this one", examples=[["objects", "far"]]
    )
    iou: Probability = Field(0.5, description="boxes of one class that overlap more are one object")


class TrackStage(Block):
    """Give objects an identity over time (ByteTrack, Zhang et al. 2022)."""

    name: StageName
    kind: Literal["track"] = Field(description="objects get an identity over time")
    of: Text = Field(description="the stage whose boxes are tracked, above this one", examples=["objects"])
    confidence: Probability = Field(0.4, description="boxes above it are matched first, weaker ones only extend tracks")
    new_track: Probability = Field(0.5, description="a box above it that matches nothing starts a track")
    iou: Probability = Field(0.2, description="least overlap of a box with its track's predicted place")
    keep_frames: Int = Field(30, ge=1, le=10000, description="frames for which an unseen track is remembered")


Stage = Annotated[DetectStage | SegmentStage | ClassifyStage | MergeStage | TrackStage, Field(discriminator="kind")]

# ---- sinks -----------------------------------------------------------------------------------------------------


class JsonlSink(Block):
    """One JSON line a frame."""

    kind: Literal["jsonl"] = Field(description="one JSON line a frame")
    path: Path = Field(Path("detections.jsonl"), description="relative to the run folder")


class VideoSink(Block):
    """The video with everything found drawn into it."""

    kind: Literal["video"] = Field(description="the video with everything found drawn into it")
    path: Path = Field(Path("annotated.mp4"), description="relative to the run folder")
    fps: Fps | None = Field(None, description="frames a second; default: the source's rate", examples=[25])


class DisplaySink(Block):
    """A window on this machine's screen."""

    kind: Literal["display"] = Field(description="a window on this machine's screen")


Sink = Annotated[JsonlSink | VideoSink | DisplaySink, Field(discriminator="kind")]

# ---- the whole file --------------------------------------------------------------------------------------------


class FpsFloor(Block):
    """A frame-rate floor that follows the vehicle's speed; an unknown speed counts as highway."""

    city: Fps = Field(description="frames a second at city speed", examples=[15])
    highway: Fps = Field(description="frames a second at highway speed", examples=[30])
    highway_above_kmh: Float = Field(80.0, gt=0, le=500, description="where highway speed begins, in km/h")


class Budgets(Block):
    """What a run must hold, counted in one-second windows."""

    fps_floor: Fps | FpsFloor | None = Field(
        None, description="least frames a second", examples=[25, {"city": 15, "highway": 30}]
    )
    latency_ms: Positive | None = Field(
        None, description="bound in ms on the p99 of capture to publication", examples=[100]
    )
    power_w: Positive | None = Field(None, description="most watts, as the mean of each second", examples=[50])
    thermal_c: Float | None = Field(None, gt=0, le=150, description="hottest any zone may get, in °C", examples=[85])
    max_metres_per_frame: Positive | None = Field(
        None,
        description="farthest the vehicle may drive from one frame to the next: a floor that grows with its speed",
        examples=[1.0],
    )


Constraint = Literal["thermal", "power", "fps", "latency", "usefulness"]


class GovernorBlock(Block):
    """Which operating points there are, and how one is chosen."""

    ladder: Path = Field(
        description="the measured points, as `edge-run profile` writes them", examples=["configs/ladders/orin_agx.yaml"]
    )
    period_ms: Int = Field(200, ge=100, le=500, description="time between decisions, in ms")
    order: Annotated[tuple[Constraint, ...], Field(min_length=1)] = Field(
        ("thermal", "power", "fps", "latency", "usefulness"),
        description="what counts most when not everything can be held, first to last; what is not named comes after",
        examples=[["thermal", "fps", "power", "latency"]],
    )
    safe_point: Text | None = Field(
        None,
        description="point to run when sensors cannot be trusted; default: the cheapest that holds the floor",
        examples=["nano"],
    )
    economy: Probability = Field(
        0.05, description="share of the usefulness that may be given away where another point needs less power"
    )
    stale_ms: Int = Field(1000, ge=100, le=60000, description="age in ms from which a reading counts as stale")
    over_current_per_s: Annotated[Float, Field(ge=0)] = Field(
        0.0, description="over-current events a second that this board shows in normal use"
    )
    heat_j_per_c: Positive = Field(
        60.0, description="heat that warms chip and heatsink by 1 °C, in J; too low is on the careful side"
    )


class TelemetryBlock(Block):
    """What measures power, temperatures, load and clocks."""

    source: Literal["auto", "jtop", "sysfs", "nvml", "host", "recorded"] = Field(
        "auto", description="auto: on a Jetson sysfs beside jtop, else NVIDIA's NVML, else the machine's counters"
    )
    period_ms: Int = Field(200, ge=50, le=10000, description="time between two readings, in ms; jtop takes 100 or more")
    log: Path | None = Field(None, description="what `source: recorded` plays", examples=["telemetry.jsonl"])


class BoardBlock(Block):
    """What may be changed on the board; it is set back when the run ends, however it ends."""

    control: Flag = Field(False, description="let operating points set the power mode and cap clocks")


class ExecutorBlock(Block):
    """How frames overlap."""

    in_flight: Int = Field(2, ge=1, le=3, description="frames inside the pipeline at once; 1 is one after another")


class EnginesBlock(Block):
    """Where built engines are kept, and whether a run may build."""

    folder: Path | None = Field(
        None, description="engines, their notes and timing caches; default: ~/.cache/edge_runtime/engines"
    )
    build: Flag = Field(True, description="build what is missing or out of date; no: refuse to start instead")


class PipelineConfig(Block):
    """A pipeline file, checked and with all paths absolute."""

    name: Name = Field(description="names the run's folder; letters, digits, _ . -", examples=["highway"])
    source: Source = Field(description="where frames come from", examples=[{"kind": "video", "path": "drive.mp4"}])
    models: Annotated[dict[Name, ModelBlock], Field(min_length=1)] = Field(
        description="the networks, by a name of your choice",
        examples=[
            {
                "road": {
                    "onnx": "yolox_nano.onnx",
                    "input": {"size": [416, 416], "resize": "letterbox_top_left", "color": "bgr", "scale": 1.0},
                    "decode": {"family": "yolox", "classes": "coco"},
                }
            }
        ],
    )
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = Field(
        description="what is done with a frame, in this order",
        examples=[[{"name": "objects", "kind": "detect", "model": "road"}]],
    )
    groups: dict[Name, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        {},
        description="classes that networks confuse, by a name of your choice: within a group one object is found once",
        examples=[{"vehicle": ["car", "truck", "bus"]}],
    )
    never_shed: tuple[Text, ...] = Field(
        (), description="classes whose regions come before all others", examples=[["traffic light", "person"]]
    )
    sinks: tuple[Sink, ...] = Field((), description="where results go", examples=[[{"kind": "jsonl"}]])
    budgets: Budgets = Field(Budgets(), description="what the run must hold")
    governor: GovernorBlock | None = Field(
        None, description="how the operating point is chosen; without it nothing is turned"
    )
    telemetry: TelemetryBlock = Field(TelemetryBlock(), description="what measures power and temperatures")
    board: BoardBlock = Field(BoardBlock(), description="what may be changed on the board")
    executor: ExecutorBlock = Field(ExecutorBlock(), description="how frames overlap")
    engines: EnginesBlock = Field(EnginesBlock(), description="where TensorRT engines are kept")
