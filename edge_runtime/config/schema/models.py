"""Networks: their file, input, decoding, precision and variants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from edge_runtime.config.schema.values import (
    Block,
    ClassIndex,
    Flag,
    Int,
    Name,
    PerChannel,
    PixelSize,
    PositivePerChannel,
    Probability,
    Scale,
    Text,
)


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
    optional: Flag = Field(
        False,
        description="yes: when it cannot be loaded, goes on failing or hangs, the run goes on without it, and says so",
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
