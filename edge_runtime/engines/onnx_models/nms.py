"""Non-maximum suppression inside the graph, of standard operators, so that it runs wherever ONNX does.

The four outputs are those that `decode: {family: end2end}` reads: how many (batch, 1), boxes (batch, k, 4) in pixels
of the input, scores (batch, k), class indices (batch, k); what lies beyond the count is 0. The rules are those of the
pipeline's own decoders: the best class of each box, only the classes that compete, boxes cut at the input's edges,
those without area dropped, suppression within a class. A raw output with NaN or infinity makes the count -1, which
`end2end` refuses.

TensorRT-RTX 1.7 parses NonMaxSuppression and then has no kernel for it ("no runners that implement it"); keep
suppression outside the graph there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_runtime.config.classes import class_names
from edge_runtime.config.schema import BoxesScoresDecode, Yolov8Decode, YoloxDecode

from ..base import Array
from .agreement import Tolerance
from .change import Pair
from .files import Misuse, NotTheSame, need
from .graph import at_opset, free_name, join, outputs, parse_graph, rename, shape_of, tensor_names
from .nms_graphs import BOXES_SCORES, SUPPRESS, YOLOV8, YOLOX
from .running import Runner, Sampler

NmsDecode = YoloxDecode | Yolov8Decode | BoxesScoresDecode
# (outputs of a call, row, confidence) -> (n, 6): x0, y0, x1, y1, confidence, class; best first
Reader = Callable[[Mapping[str, Array], int, float], Array]
QUARTET = ("num_dets", "det_boxes", "det_scores", "det_classes")
_ENOUGH = 20  # boxes that a check wants to see
_WIDEST = 20.0  # as in the pipeline's YOLOX decoder


@dataclass(frozen=True)
class AppendNms:
    """`block` says how the raw outputs are read, `size` is the input's (width, height).

    `before` and `after` read the raw and the new outputs, each in its own way (the pipeline's decoders do); the check
    compares what they find.
    """

    block: NmsDecode
    size: tuple[int, int]
    before: Reader
    after: Reader
    name = "append-nms"
    tolerance = Tolerance(0.9999, 1e-3)

    def apply(self, model: Any) -> tuple[Any, str]:
        return self._appended(model, self.block.confidence), (
            f"NMS for {self.block.family}: confidence {self.block.confidence:g}, IoU {self.block.iou:g},"
            f" at most {self.block.max_detections}; outputs {', '.join(QUARTET)}"
        )

    def runs(self, before: Any, after: Any, sampler: Sampler) -> Iterator[Pair]:
        """Noise holds no objects, so the check lowers the confidence until there are boxes to compare."""
        old = Runner(before)
        calls = [(feeds, old.run(feeds)) for feeds in sampler.calls(old)]
        levels = [self.block.confidence, *(level for level in _LEVELS if level < self.block.confidence)]
        for level in levels:
            found = [self.before(values, 0, level) for _, values in calls]
            if max(map(len, found)) >= _ENOUGH:
                break
        lowered = Runner(self._with_confidence(after, level))
        for (feeds, _), boxes in zip(calls, found, strict=True):
            got = self.after(lowered.run(feeds), 0, level)
            _require_same(boxes, got, self.block.max_detections)
            yield {"boxes found": np.array([len(boxes)])}, {"boxes found": np.array([len(got)])}

    def _appended(self, model: Any, confidence: float) -> Any:
        model = at_opset(model, 11)
        read, reader, boxes = self._reader(model)
        rows = shape_of(next(entry for entry in model.graph.output if entry.name == read[0][0]))[0]
        for taken in [name for name in QUARTET if name in tensor_names(model)]:
            new = free_name(model, f"{taken}_before")
            rename(model, taken, new)
            read = [(new if name == taken else name, into) for name, into in read]
        k = min(self.block.max_detections, boxes)
        merged = join(model.graph, reader, read)
        merged = join(merged, self._suppress(k, confidence), [(name, name) for name in ("corners", "scores_of", "bad")])
        others = [entry for entry in merged.output if entry.name not in QUARTET]
        helper = need("onnx", "--append-nms").helper
        shapes = ([rows, 1], [rows, k, 4], [rows, k], [rows, k])
        quartet = [
            helper.make_tensor_value_info(name, kind, shape)
            for name, kind, shape in zip(QUARTET, (6, 1, 1, 6), shapes, strict=True)
        ]
        del merged.output[:]
        merged.output.extend([*quartet, *others])
        model.graph.CopyFrom(merged)
        return model

    def _with_confidence(self, model: Any, confidence: float) -> Any:
        onnx = need("onnx", "--append-nms")
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        tensor = next(tensor for tensor in copy.graph.initializer if tensor.name == "nms/confidence")
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.float32(confidence), tensor.name))
        return copy

    def _reader(self, model: Any) -> tuple[list[tuple[str, str]], Any, int]:
        """What turns raw outputs into corners and scores: (output, its input) pairs, the graph, how many boxes."""
        block, have = self.block, outputs(model)
        pair = isinstance(block, BoxesScoresDecode)
        if isinstance(block, BoxesScoresDecode):
            names = [block.boxes, block.scores]
        elif block.output is None and len(have) > 1:
            raise Misuse(f"--append-nms: the model has several outputs, {', '.join(have)}; say which: --read NAME")
        else:
            names = [block.output or have[0]]
        for name in names:
            if name not in have:
                raise Misuse(f"--append-nms {block.family}: there is no output '{name}'; there are {', '.join(have)}")
        shapes = [_known_shape(model, name) for name in names]
        if isinstance(block, Yolov8Decode):
            shapes = [(columns, boxes) for boxes, columns in shapes]
        boxes = shapes[0][0]
        into = ["boxes", "scores"] if pair else ["columns" if isinstance(block, Yolov8Decode) else "raw"]
        extra = dict(CONSTANTS)
        for name, (n, columns) in zip(["boxes", "scores"] if pair else ["raw"], shapes, strict=True):
            extra |= {f"columns_of_{name}": _ones(columns), f"rows_of_{name}": _ones(n)}
        if isinstance(block, BoxesScoresDecode):
            extra["scale"] = np.array(self.size * 2 if block.normalized else (1, 1, 1, 1), np.float32)
            text = BOXES_SCORES[block.box_format]
        elif isinstance(block, Yolov8Decode):
            text = YOLOV8
        else:
            text, (cell, stride) = YOLOX, _grid(self.size, block.strides)
            if len(cell) != boxes:
                makes = f"size {self.size[0]}x{self.size[1]} with strides {list(block.strides)} makes {len(cell)}"
                raise Misuse(f"--append-nms yolox: output '{names[0]}' has {boxes} boxes, {makes}; give --strides")
            extra |= {"cell": cell[None], "stride": stride[None], "widest": np.float32(_WIDEST)}
        return list(zip(names, into, strict=True)), parse_graph(text, extra, "nms/reader/"), boxes

    def _suppress(self, k: int, confidence: float) -> Any:
        names = dict(sorted(class_names(self.block).items()))
        first: dict[str, int] = {}
        groups = [first.setdefault(name, index) for index, name in enumerate(names.values())]
        wanted = [self.block.keep is None or name in self.block.keep for name in names.values()]
        width, height = self.size
        extra = {
            **CONSTANTS,
            "competing": np.array(list(names), np.int64),
            "kept": np.array(wanted, np.float32),
            "group_of": np.array(groups, np.int64),
            "groups": np.array(sorted(first.values()), np.int64)[None, None],
            "confidence": np.float32(confidence),
            "iou": np.array([self.block.iou], np.float32),
            "limit": np.array([k], np.int64),
            "far_corner": np.array([width, height, width, height], np.float32),
            "ones": _ones(k),
        }
        return parse_graph(SUPPRESS, extra, "nms/")


CONSTANTS: dict[str, Array] = {
    **{f"at_{n}": np.array([n], np.int64) for n in (0, 1, 2, 4, 5)},
    "at_end": np.array([1 << 40], np.int64),
    "batch_and_box": np.array([0, 2], np.int64),
    "rows_by_rest": np.array([0, -1], np.int64),
    "rows_by_rest_by_one": np.array([0, -1, 1], np.int64),
    "four_sides": np.array([1, 1, 4], np.int64),
    "nothing_above": np.array([0], np.float32),
    "zero": np.array(0, np.float32),
    "a_half": np.array(0.5, np.float32),
    "minus_one": np.array(-1, np.float32),
    "one": np.array(1, np.float32),
}
_LEVELS = (0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 1e-4, 1e-5)


def _ones(count: int) -> Array:
    return np.ones((count, 1), np.float32)


def _known_shape(model: Any, name: str) -> tuple[int, int]:
    """The two sides of an output beside the batch, which must be known."""
    shape = shape_of(next(entry for entry in model.graph.output if entry.name == name))
    match shape[1:]:
        case [int() as first, int() as second]:
            return first, second
    shown = ", ".join("?" if side is None else str(side) for side in shape)
    raise Misuse(f"--append-nms: output '{name}' is ({shown}); it needs (batch, n, m) with n and m known")


def _grid(size: tuple[int, int], strides: tuple[int, ...]) -> tuple[Array, Array]:
    """Cells (n, 2) as x, y, and strides (n, 1), level after level and row by row."""
    cells, steps = [], []
    for stride in strides:
        y, x = np.mgrid[: -(-size[1] // stride), : -(-size[0] // stride)]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        steps.append(np.full((x.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(steps).astype(np.float32)


def _require_same(expected: Array, got: Array, limit: int) -> None:
    """Every box of one has its twin in the other; where the limit cut, ties at the end may fall either way."""
    lost = [row for row in expected if not _twin(row, got)]
    new = [row for row in got if not _twin(row, expected)]
    allowed = max(1, limit // 50) if limit in (len(expected), len(got)) else 0
    if len(lost) > allowed or len(new) > allowed:
        example = np.array2string((lost or new)[0], precision=3)
        raise NotTheSame(
            f"append-nms: {len(lost)} of {len(expected)} boxes are lost and {len(new)} of {len(got)} are new against"
            f" the decoder, such as {example}"
        )


def _twin(row: Array, others: Array) -> bool:
    if not len(others):
        return False
    near = np.abs(others[:, :4] - row[:4]).max(axis=1) < 0.05
    return bool((near & (np.abs(others[:, 4] - row[4]) < 1e-3) & (others[:, 5] == row[5])).any())
