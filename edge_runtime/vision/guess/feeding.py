"""How a picture is probably made into a network's input: what the family is usually trained with, most usual first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .facts import Facts

# Ways to feed pixels, as keys of the `input` block.
PLAIN: Mapping[str, Any] = {"scale": 1.0}
UNIT: Mapping[str, Any] = {"scale": "1/255"}
IMAGENET: Mapping[str, Any] = {"scale": "1/255", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}

_MEGVII = "as YOLOX is trained"
_ULTRALYTICS = "as Ultralytics trains"


@dataclass(frozen=True, slots=True)
class InputGuess:
    """The likeliest value of each key, why, and in `norms` and `colors` all that may be tried, likeliest first."""

    resize: str
    colors: tuple[str, ...]
    norms: tuple[Mapping[str, Any], ...]
    why: str
    remarks: tuple[str, ...] = field(default=())

    def block(self, norm: Mapping[str, Any] | None = None, color: str | None = None) -> dict[str, Any]:
        """The keys of an `input` block beside its size."""
        return {"resize": self.resize, "color": color or self.colors[0], **(norm or self.norms[0])}


def guess_input(family: str, facts: Facts) -> InputGuess:
    """What goes with a family of decoding, and with who exported the file."""
    if "ltralytics" in facts.said("description") + facts.said("author"):
        resize = "stretch" if family in ("classification", "rtdetr") else "letterbox"
        return InputGuess(resize, ("rgb",), (UNIT,), "exported by Ultralytics")
    if family == "yolox":
        return InputGuess("letterbox_top_left", ("bgr", "rgb"), (PLAIN, UNIT, IMAGENET), _MEGVII)
    if family in ("yolov5", "yolov8", "end2end"):
        return InputGuess("letterbox", ("rgb", "bgr"), (UNIT, PLAIN, IMAGENET), _ULTRALYTICS)
    if family == "boxes_scores" and (facts.input_name == "data" or facts.producer == "ir2onnx"):
        why = "as in Caffe and the Open Model Zoo"
        return InputGuess("stretch", ("bgr", "rgb"), (PLAIN, UNIT, IMAGENET), why)
    if family == "classification":
        return InputGuess("stretch", ("rgb", "bgr"), (IMAGENET, UNIT, PLAIN), "as torchvision trains classifiers")
    return InputGuess("stretch", ("rgb", "bgr"), (UNIT, IMAGENET, PLAIN), "the usual way in PyTorch")


def norm_text(norm: Mapping[str, Any]) -> str:
    """`1/255`, and what is subtracted and divided by as well."""
    return "1/255 with ImageNet's mean and std" if "mean" in norm else str(norm["scale"])
