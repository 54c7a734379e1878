"""How a network's outputs are to be read: which family, and its block.

Names and shapes say most of it; where they leave two readings, the values of one call decide (boxes on a grid that are
still offsets, coordinates in pixels or 0..1, scores that add up to one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from edge_runtime.core import COCO

from ..decode.end2end import USUAL_NAMES
from .facts import Array, Facts, classes, mostly, shape_text
from .grid import levels, on_the_grid

Stage = Literal["detect", "segment", "classify"]

_QUERIES = 1000  # a network without suppression gives more boxes than this, one with it or with queries fewer
_LEAST = 0.3  # confidence
UNNAMED = "the names of the classes are not in the file: write yours, in the order of its training"


@dataclass(frozen=True, slots=True)
class DecodeGuess:
    """The `decode` block, why (by key of it), the kind of stage that uses it, and what a person must know."""

    block: dict[str, Any]
    why: dict[str, str]
    stage: Stage = "detect"
    remarks: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        return str(self.block["family"])


class NoReading(ValueError):
    """None of the families reads such outputs; says what was found and what to do."""


def guess_decode(facts: Facts) -> DecodeGuess:
    """The first reading that fits; raises `NoReading` where none does."""
    for reading in _READINGS:
        if (guess := reading(facts)) is not None:
            return guess
    outputs = ", ".join(f"'{name}' {shape_text(values)}" for name, values in facts.outputs.items())
    raise NoReading(f"no decode family reads such outputs: {outputs}. {_advice(facts)}")


def _advice(facts: Facts) -> str:
    shapes = [values.shape for values in facts.outputs.values()]
    if sum(len(shape) in (4, 5) for shape in shapes) > 1:
        return "They look like raw heads: export the model with its own decoding, so that it gives boxes and scores"
    if any(shape[-1] == 7 for shape in shapes):
        return "Rows of 7 are OpenVINO's DetectionOutput: cut it off with edge-run model edit --cut"
    return "What can be read: docs/pipelines.md; edge-run model edit can cut and rename outputs"


def _end2end_of_four(facts: Facts) -> DecodeGuess | None:
    found = [next((name for name in names if name in facts.outputs), None) for names in USUAL_NAMES]
    if None in found:
        return None
    count, boxes, scores, _ = (str(name) for name in found)
    block: dict[str, Any] = {"family": "end2end", "outputs": [str(name) for name in found]}
    why = {"family": f"'{count}' counts what '{boxes}' and '{scores}' hold: suppression is in the graph"}
    valid = facts.outputs[boxes][0]
    if np.abs(valid).max(initial=0.0) <= 2.0 and np.any(valid):
        block["normalized"], why["normalized"] = True, f"'{boxes}' holds nothing above 2"
    remarks = ("TensorFlow puts y before x in detection_boxes, which is not read here",) * (boxes == "detection_boxes")
    return _boxes(facts, block, why, _highest(facts.outputs[str(found[3])]), remarks=remarks)


def _boxes_beside_scores(facts: Facts) -> DecodeGuess | None:
    """(n, 4) beside (n, classes): with as many boxes as queries and no order of corners, RT-DETR."""
    pairs = [
        (boxes, scores)
        for boxes, scores in combinations_of(facts)
        if facts.outputs[boxes].shape[2] == 4 and facts.outputs[boxes].shape[1] == facts.outputs[scores].shape[1]
    ]
    if not pairs:
        return None
    name, beside = max(pairs, key=lambda pair: ("box" in pair[0]) + ("score" in pair[1] or "logit" in pair[1]))
    boxes, scores = facts.outputs[name][0], facts.outputs[beside][0]
    corners = mostly((boxes[:, 2:] >= boxes[:, :2]).all(axis=1))
    unit = mostly(np.abs(boxes) <= 2.0)
    likely = mostly((scores >= 0) & (scores <= 1), 1.0)
    why = {"boxes": f"{shape_text(facts.outputs[name])}", "scores": f"{shape_text(facts.outputs[beside])}"}
    if len(boxes) <= _QUERIES and unit and not corners:
        block: dict[str, Any] = {"family": "rtdetr", "boxes": name, "scores": beside}
        why["family"] = f"{len(boxes)} boxes as centre and size, 0..1: one a query, nothing to suppress"
        if not likely:
            block["activation"], why["activation"] = "sigmoid", "the scores are not within 0..1, so logits"
        return _boxes(facts, block, why, scores.shape[1])
    block = {"family": "boxes_scores", "boxes": name, "scores": beside}
    why["family"] = f"{len(boxes)} boxes beside {scores.shape[1]} scores each, not yet suppressed"
    if not corners:
        block["box_format"], why["box_format"] = "cxcywh", "the second pair is not right of and below the first"
    if not unit:
        block["normalized"], why["normalized"] = False, "the boxes go beyond 2, so they are pixels"
    remarks: tuple[str, ...] = ()
    if not likely:
        remarks = (f"'{beside}' is not within 0..1: boxes_scores wants probabilities, so end the model with a sigmoid",)
    return _boxes(facts, block, why, scores.shape[1], _background(scores), remarks)


def combinations_of(facts: Facts) -> Iterator[tuple[str, str]]:
    """Pairs of outputs with three axes."""
    names = [name for name, values in facts.outputs.items() if values.ndim == 3]
    for pair in combinations(names, 2):
        yield from (pair, pair[::-1])


def _background(scores: Array) -> int | None:
    """The column for nothing at all, where a row is one choice and that is the usual one."""
    columns = scores.shape[1]
    if columns < 2 or not mostly(np.abs(scores.sum(axis=1) - 1) < 0.02):
        return None
    means = scores.mean(axis=0)
    usual = int(means.argmax())
    return usual if usual in (0, columns - 1) and means[usual] > 0.5 else None


def _end2end_in_one(facts: Facts) -> DecodeGuess | None:
    named = _single(facts, lambda values: values.shape[2] == 6 and values.shape[1] <= _QUERIES)
    if named is None:
        return None
    name, rows = named
    counted = rows[:, 5]
    if not (mostly(counted == np.rint(counted), 1.0) and mostly((rows[:, 4] >= 0) & (rows[:, 4] <= 1), 1.0)):
        return None
    block, why = _named(facts, "end2end", name, "rows of two corners, a score and a whole number: suppressed already")
    if np.abs(rows[:, :4]).max() <= 2.0 and np.any(rows[:, :4]):
        block["normalized"], why["normalized"] = True, "the corners do not go beyond 2"
    return _boxes(facts, block, why, max(_highest(counted[None]), max(facts.names, default=-1) + 1))


def _rows_of_boxes(facts: Facts) -> DecodeGuess | None:
    """One output (n, 5 + classes) or (n, 4 + classes)."""
    named = _single(facts, lambda values: values.shape[1] > values.shape[2] >= 5)
    if named is None:
        return None
    name, rows = named
    count, columns = rows.shape
    strides = levels(facts.size, count)
    unit = mostly(np.abs(rows[:, :4]) <= 2.0)
    if strides is None and count <= _QUERIES and unit:
        block, why = _named(facts, "rtdetr", name, f"{count} boxes of 4 + {columns - 4}, 0..1: one a query")
        block.pop("output", None)  # rtdetr takes the only output
        return _boxes(facts, block, why, columns - 4)
    if columns < 6:
        return None
    room = columns - 5
    columns = _class_columns(facts, room)
    if strides is not None and not on_the_grid(rows, facts.size, strides):
        text = f"{count} rows, the cells of {_listed(strides)} pixels, of 4 + 1 + {columns} values, still offsets"
        block, why = _named(facts, "yolox", name, text)
        if strides != (8, 16, 32):
            block["strides"], why["strides"] = list(strides), f"the grids that have {count} cells"
        return _boxes(facts, block, why, columns, room=room)
    block, why = _named(facts, "yolov5", name, f"{count} rows of 4 + 1 + {columns}, boxes in pixels of the input")
    return _boxes(facts, block, why, columns, remarks=_in_pixels("yolov5", unit), room=room)


def _columns_of_boxes(facts: Facts) -> DecodeGuess | None:
    """One output (4 + classes, n)."""
    named = _single(facts, lambda values: 5 <= values.shape[1] < values.shape[2])
    if named is None:
        return None
    name, values = named
    rows, count = values.shape
    columns = _class_columns(facts, rows - 4)
    text = f"{rows} values for each of {count} places: 4 + {columns}, no objectness"
    block, why = _named(facts, "yolov8", name, text)
    unit = mostly(np.abs(values[:4]) <= 2.0)
    return _boxes(facts, block, why, columns, remarks=_in_pixels("yolov8", unit), room=rows - 4)


def _in_pixels(family: str, unit: bool) -> tuple[str, ...]:
    """What must be known of a family that reads pixels when boxes are 0..1."""
    remark = (
        f"the boxes do not go beyond 2, as 0..1 of the input would, and {family} reads pixels: no box will be right"
    )
    return (remark,) if unit else ()


def _class_columns(facts: Facts, room: int) -> int:
    """How many of the columns behind a box are classes; there may be coefficients of masks, points or angles too."""
    known = max(facts.names, default=-1) + 1
    if 0 < known <= room:
        return known
    prototypes = next((values.shape[1] for values in facts.outputs.values() if values.ndim == 4), 0)
    return room - prototypes if prototypes < room else room


def _masks(facts: Facts) -> DecodeGuess | None:
    heads = {name: values for name, values in facts.outputs.items() if values.ndim == 4 and min(values.shape[2:]) > 1}
    if not heads or len({values.shape[2:] for values in heads.values()}) > 1 or len(heads) < len(facts.outputs):
        return None
    if any(values.shape[1] < 2 for values in heads.values()):
        return None
    blocks, known = [], True
    for name, values in heads.items():
        if values.shape[1] == 2:
            named: Any = {1: name}
        else:
            found = classes(facts, values.shape[1])
            named, known = found.block, found.known
        blocks.append({"output": name, "classes": named})
    sizes = " and ".join(f"'{name}' {shape_text(values)}" for name, values in heads.items())
    why = {"family": f"{sizes}: a plane for every class, the highest wins"}
    remarks = () if known else (UNNAMED,)
    return DecodeGuess({"family": "segmentation", "heads": blocks}, why, "segment", remarks)


def _one_class(facts: Facts) -> DecodeGuess | None:
    flat = {name: v.reshape(v.shape[0], -1) for name, v in facts.outputs.items() if v.size == v.shape[0] * v.shape[1]}
    if len(flat) != 1 or len(facts.outputs) != 1:
        return None
    ((name, values),) = flat.items()
    if values.shape[1] < 2:
        return None
    done = mostly(values >= 0, 1.0) and abs(float(values[0].sum()) - 1) < 1e-3
    found = classes(facts, values.shape[1])
    block = {"family": "classification", "classes": found.block, "activation": "none" if done else "softmax"}
    activation = "it adds up to one already" if done else "it does not add up to one"
    why = {"family": f"'{name}' has {values.shape[1]} values for the picture", "classes": found.why}
    remarks = () if found.known else (UNNAMED,)
    return DecodeGuess(block, {**why, "activation": activation}, "classify", remarks)


_READINGS: tuple[Callable[[Facts], DecodeGuess | None], ...] = (
    _end2end_of_four,
    _boxes_beside_scores,
    _end2end_in_one,
    _columns_of_boxes,
    _rows_of_boxes,
    _masks,
    _one_class,
)


def _single(facts: Facts, fits: Callable[[Array], bool]) -> tuple[str, Array] | None:
    """The only output with three axes, if it fits, without its batch axis."""
    flat = [(name, values) for name, values in facts.outputs.items() if values.ndim == 3]
    if len(flat) != 1 or not fits(flat[0][1]):
        return None
    return flat[0][0], flat[0][1][0]


def _named(facts: Facts, family: str, output: str, why: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A block that names its output where there are several."""
    block: dict[str, Any] = {"family": family}
    if len(facts.outputs) > 1:
        block["output"] = output
    return block, {"family": f"'{output}' has {why}"}


def _boxes(
    facts: Facts,
    block: dict[str, Any],
    why: dict[str, str],
    columns: int,
    background: int | None = None,
    remarks: tuple[str, ...] = (),
    room: int | None = None,
) -> DecodeGuess:
    """The block with its classes, of which the output has `columns`, in a `room` that may be larger."""
    found = classes(facts, columns, background)
    names = found.block
    if room is not None and room > columns:
        # A list must name every column, a mapping names those that are classes.
        names = _numbered(names)
        rest = {"segment": "masks", "pose": "points", "obb": "angles"}.get(facts.said("task"), "masks or points")
        remarks = (*remarks, f"{room - columns} values a box are left aside ({rest}): its boxes are read, no more")
    block |= {"classes": names, "confidence": _LEAST}
    if block["family"] not in ("end2end", "rtdetr"):
        block["iou"] = 0.5
    if not found.known:
        remarks = (*remarks, UNNAMED)
    return DecodeGuess(block, {**why, "classes": found.why}, remarks=remarks)


def _numbered(block: Any) -> dict[int, str]:
    return block if isinstance(block, dict) else dict(enumerate(COCO if block == "coco" else block))


def _highest(indices: Array) -> int:
    """How many classes there are at least, from the indices that were given."""
    return max(1, int(indices.max(initial=0)) + 1)


def _listed(strides: tuple[int, ...]) -> str:
    *head, last = [str(stride) for stride in strides]
    return f"{', '.join(head)} and {last}" if head else last
