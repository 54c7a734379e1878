"""`edge-run model edit`."""

from __future__ import annotations

from typing import Any

import click

from .command import Verb, option
from .model_options import Names, Numbers, input_options, output_options
from .options import FILE, FOLDER, SHARE
from .values import OneOf, Whole

FAMILIES = ("yolox", "yolov8", "boxes_scores", "auto")


class BatchSize(click.ParamType):  # type: ignore[type-arg]
    """`dynamic`, or a number of rows."""

    name = "batch"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        if value == "dynamic" or isinstance(value, int):
            return value
        return Whole(1, 1024).convert(value, param, context)


@click.command("edit", cls=Verb)
@click.argument("model", type=FILE, metavar="MODEL.onnx")
@option("--cut", metavar="FROM:TO", help="1. Keep what lies between two tensors.")
@option("--add-outputs", type=Names(), metavar="T,U", help="2. Give inner tensors out as well.")
@option("--keep-outputs", type=Names(), metavar="A,B", help="3. Keep only these outputs.")
@option("--batch", type=BatchSize(), metavar="dynamic|N", help="4. Free or fix the batch axis.")
@option("--fold", is_flag=True, help="5. Fold constants.")
@option("--fp16", is_flag=True, help="6. Compute in FP16, with inputs and outputs in FP32.")
@option(
    "--append-nms",
    "family",
    type=OneOf(FAMILIES),
    metavar="FAMILY",
    help=f"7. Suppression: {', '.join(FAMILIES)}.",
)
@option("--uint8-input", is_flag=True, help="8. Take uint8 BGR pixels: normalisation goes inside.")
@input_options
@option("--layout", rare=True, type=OneOf(["nhwc", "nchw"]), default="nhwc", help="Of the pixels.")
@option("--input-name", rare=True, metavar="NAME", help="Which input takes pixels, where there are several.")
@option("--read", rare=True, type=Names(), metavar="OUT|BOXES,SCORES", help="Raw outputs that --append-nms reads.")
@option("--confidence", rare=True, type=SHARE, metavar="C", help="Boxes below it are dropped; default: 0.35.")
@option("--iou", rare=True, type=SHARE, metavar="I", help="Overlap that drops the weaker box; default: 0.5.")
@option("--max-detections", rare=True, type=Whole(1, 3840), metavar="N", help="Boxes that are given; default: 300.")
@option("--classes", rare=True, type=Numbers(None, whole=True), metavar="1,2", help="Competing columns; default: all.")
@option("--strides", rare=True, type=Numbers(None, whole=True), metavar="8,16,32", help="Of YOLOX's levels.")
@option("--box-format", rare=True, type=OneOf(["xyxy", "cxcywh"]), help="Of boxes_scores; default: xyxy.")
@option("--boxes-in-pixels", rare=True, is_flag=True, help="boxes_scores gives pixels instead of 0..1.")
@option("--pictures", rare=True, type=FOLDER, metavar="DIR", help="Check on these, not on noise.")
@option("--min-cosine", rare=True, type=SHARE, default=0.99, metavar="C", help="For --fp16.")
@option(
    "--keep-float32", rare=True, type=Names(), default=(), metavar="A,B", help="Nodes or operators that --fp16 leaves."
)
@output_options
def command(**options: Any) -> None:
    """Change a model; each step is checked by running it against the one before in ONNX Runtime.

    Steps are made in the order of their numbers, whatever the order they are given in. Nothing is written unless all
    agree.

    \b
    edge-run model edit yolox.onnx --batch dynamic --fold -o yolox_b.onnx
    edge-run model edit yolox.onnx --append-nms auto --uint8-input \\
        --pipeline mine.yaml -o yolox_full.onnx
    """
    from .model_edit_work import change

    change(**options)
