"""What the keys of one model say to each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.errors import Problem

from .classes import class_names
from .document import Document, Where
from .draft import ModelDraft
from .schema import (
    ClassesBlock,
    DetectDecodeBlock,
    End2EndDecode,
    InputBlock,
    RtdetrDecode,
    SegmentationDecode,
    YoloxDecode,
)
from .words import did_you_mean, either, show


def check_model(document: Document, name: str, model: ModelDraft) -> Iterator[Problem]:
    where: Where = ("models", name)
    decode = (*where, "decode")
    if model.input is not None:
        yield from _input(document, (*where, "input"), model.input)
    match model.decode:
        case SegmentationDecode(heads=heads):
            for index, head in enumerate(heads):
                yield from _classes(document, (*decode, "heads", index), head)
        case ClassesBlock() as block:
            yield from _classes(document, decode, block)
    match model.decode:
        case YoloxDecode(strides=strides) if model.input is not None:
            yield from _strides(document, where, model.input.size, strides)
        case End2EndDecode(output=str(), outputs=tuple()):
            fix = "`output:` is for one n x 6 output, `outputs:` for four"
            yield document.problem((*decode, "outputs"), "`output` and `outputs` are both given", fix, key=True)
        case RtdetrDecode(boxes=boxes, scores=scores) if (boxes is None) != (scores is None):
            given, lacking = ("scores", "boxes") if boxes is None else ("boxes", "scores")
            what = f"`{given}` without `{lacking}`"
            yield document.problem((*decode, given), what, "give both, or neither for a single output", key=True)


def _input(document: Document, where: Where, block: InputBlock) -> Iterator[Problem]:
    if block.dtype == "uint8":
        for key, neutral in (("scale", 1.0), ("mean", 0.0), ("std", 1.0)):
            value = getattr(block, key)
            if any(part != neutral for part in (value if isinstance(value, tuple) else (value,))):
                written = show(document.get((*where, key)))
                fix = f"write `{key}: {neutral:g}`: the picture's bytes go in as they are; or `dtype: float32`"
                yield document.problem((*where, key), f"{written} is not for an input of `dtype: uint8`", fix)
    if block.resize == "stretch" and block.pad != InputBlock.model_fields["pad"].default:
        fix = "take it away, or write `resize: letterbox`"
        yield document.problem((*where, "pad"), "nothing is padded with `resize: stretch`", fix, key=True)


def _strides(document: Document, model: Where, size: tuple[int, int], strides: tuple[int, ...]) -> Iterator[Problem]:
    step = max(strides)
    for axis, side in enumerate(size):
        if side % step:
            near = max(step, round(side / step) * step)
            what = f"{side} is not a multiple of {step}, the largest stride of this YOLOX"
            yield document.problem((*model, "input", "size", axis), what, f"the next size that is one: {near}")


def _classes(document: Document, where: Where, block: ClassesBlock) -> Iterator[Problem]:
    """Names are distinct and readable, and `keep` is among them."""
    if isinstance(block.classes, Path) and not os.path.isfile(block.classes):
        return  # told already by config.paths
    try:
        names = list(class_names(block).values())
    except ValueError as error:
        yield document.problem(
            (*where, "classes"), str(error), "give each index its own name, or leave some out with `{index: name}`"
        )
        return
    for index, name in enumerate((block.keep or ()) if isinstance(block, DetectDecodeBlock) else ()):
        if name not in names:
            there = (
                either(names[:12], "and") if len(names) <= 12 else f"{', '.join(names[:12])} and {len(names) - 12} more"
            )
            fix = did_you_mean(name, names) or f"the network has {there}"
            yield document.problem((*where, "keep", index), f"no class is named '{name}'", fix)
