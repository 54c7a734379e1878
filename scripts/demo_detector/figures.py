"""How well the exported files do on held-out drives, measured through the runtime's own decoders, and in words."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from edge_runtime.config.schema import InputBlock, YoloxDecode
from edge_runtime.core import ClassTable
from edge_runtime.sources.simulation.things import CATEGORIES
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.nms import iou_matrix
from edge_runtime.vision.resize import plan_view

from .network import STRIDES
from .views import IGNORED, LEAST_PX, LIGHT, REGION, STATES, VIEW, Array

CONFIDENCE = 0.35
_BANDS_M = ((0, 25), (25, 50), (50, 75), (75, 100), (100, 150), (150, 250))
_ROWS = 4  # views a call


def detector_figures(path: Path, views: Array, threads: int) -> dict[str, Any]:
    """Recall and precision at `CONFIDENCE` and IoU 0.5, for whole pictures and for native views."""
    session = _session(path, threads)
    table = ClassTable(CATEGORIES)
    decode = YoloxDecode(family="yolox", classes=CATEGORIES, confidence=CONFIDENCE, strides=STRIDES)
    block = InputBlock(size=VIEW, resize="stretch", color="bgr", scale=1 / 255)
    decoder = make_decoder(decode, block, table)
    unchanged = plan_view((0, 0, *VIEW), VIEW, "stretch")
    totals = {name: _Totals() for name in ("whole", "native")}
    for first in range(0, len(views), _ROWS):
        part = views[first : first + _ROWS]
        outputs = {"boxes": session.run(None, {"images": _batch(part["picture"])})[0]}
        for row, record in enumerate(part):
            found = decoder.decode(outputs, row, unchanged)
            totals["whole" if record["is_whole"] else "native"].add(found, record)
    return {name: total.figures() for name, total in totals.items()}


class _Totals:
    def __init__(self) -> None:
        self.views = 0
        self.recalled = np.zeros((len(CATEGORIES), len(_BANDS_M), 2), int)  # found, asked for
        self.right = np.zeros((len(CATEGORIES), 2), int)  # of the boxes reported: right, all

    def add(self, found: Any, record: Array) -> None:
        self.views += 1
        kinds, boxes = record["kinds"], record["boxes"]
        band = np.digitize(record["distance_m"], [far for _, far in _BANDS_M[:-1]])
        overlap = iou_matrix(found.xyxy, boxes) if len(found) else np.zeros((0, len(boxes)))
        taken = np.zeros(len(boxes), bool)
        for row in np.argsort(-found.confidence):
            kind = int(found.class_id[row])
            fits = np.where((kinds == kind) & ~taken, overlap[row], 0.0)
            best = int(fits.argmax())
            if fits[best] >= 0.5:
                taken[best] = True
                self.right[kind] += 1
            elif not _is_excused(found.xyxy[row], boxes[kinds == IGNORED]):
                self.right[kind, 1] += 1
        for row in np.flatnonzero(kinds >= 0):
            self.recalled[kinds[row], band[row]] += (int(taken[row]), 1)

    def figures(self) -> dict[str, Any]:
        by_class = {}
        for kind, name in enumerate(CATEGORIES):
            by_class[name] = {
                "recall": _share(*self.recalled[kind].sum(axis=0)),
                "precision": _share(*self.right[kind]),
                "count": int(self.recalled[kind, :, 1].sum()),
                "recall_by_distance": _banded(self.recalled[kind]),
            }
        return {
            "views": self.views,
            "recall": _share(*self.recalled.sum(axis=(0, 1))),
            "precision": _share(*self.right.sum(axis=0)),
            "recall_by_distance": _banded(self.recalled.sum(axis=0)),
            "by_class": by_class,
        }


def _is_excused(box: Array, ignored: Array) -> bool:
    """Its middle lies on something that counts neither way."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    low, high = ignored[:, :2] - 2, ignored[:, 2:] + 2
    return bool(((x > low[:, 0]) & (x < high[:, 0]) & (y > low[:, 1]) & (y < high[:, 1])).any())


def light_figures(path: Path, lights: Array, threads: int) -> dict[str, Any]:
    """Share of held-out lights whose state is told rightly, by distance, and which state is taken for which."""
    session = _session(path, threads)
    confusion = np.zeros((len(STATES), len(STATES)), int)
    bands = np.zeros((len(_BANDS_M), 2), int)
    if len(lights):
        said = session.run(None, {"images": _batch(lights["picture"])})[0].argmax(axis=1)
        np.add.at(confusion, (lights["state"], said), 1)
        band = np.digitize(lights["distance_m"], [far for _, far in _BANDS_M[:-1]])
        np.add.at(bands, (band, 0), said == lights["state"])
        np.add.at(bands, (band, 1), 1)
    return {
        "accuracy": _share(int(np.trace(confusion)), int(confusion.sum())),
        "accuracy_by_distance": _banded(bands),
        "confusion": {true: dict(zip(STATES, confusion[row].tolist(), strict=True)) for row, true in enumerate(STATES)},
    }


def cost_ms(path: Path, shape: tuple[int, ...], runs: int = 20) -> float:
    """Median milliseconds of one call of ONNX Runtime on one core."""
    session, taken = _session(path, 1), []
    picture = np.zeros(shape, np.float32)
    for _ in range(runs):
        began = time.perf_counter()
        session.run(None, {"images": picture})
        taken.append(time.perf_counter() - began)
    return round(float(np.median(taken)) * 1e3, 2)


def model_card(log: dict[str, Any]) -> str:
    """The figures of `training.json` in words."""
    native, whole, lights = log["detector"]["native"], log["detector"]["whole"], log["light_state"]
    by_class = [(name, native["by_class"][name], whole["by_class"][name]) for name in CATEGORIES]
    rows = [
        f"| {name} | {_percent(one['recall'])} | {_percent(one['precision'])} "
        f"| {_percent(other['recall'])} | {_percent(other['precision'])} | {one['count']} |"
        for name, one, other in by_class
    ]
    far = [
        f"| {one['from_m']} to {one['to_m']} m | {_percent(one['share'])} | {_percent(other['share'])} "
        f"| {_percent(light['share'])} |"
        for one, other, light in zip(
            native["recall_by_distance"], whole["recall_by_distance"], lights["accuracy_by_distance"], strict=True
        )
    ]
    return f"""# Model card: the demo's networks

`demo_detector.onnx` finds {", ".join(CATEGORIES)}; `demo_light_state.onnx` says whether a traffic light is
{", ".join(STATES)}. They make the demo run without a download, and **they know drawn roads only**: trained on pictures
that `edge_runtime/sources/simulation/` paints, never on a photograph. They must not be used in a vehicle, nor be
compared with networks for real pictures.

| | detector | light state |
|---|---|---|
| parameters | {log["parameters"]["detector"]:,} | {log["parameters"]["light_state"]:,} |
| input | (batch, 3, height, width) BGR / 255, sides divisible by 32; trained at {VIEW[0]} x {VIEW[1]}, on whole pictures and on parts of {VIEW[0]} x {VIEW[1]} and {REGION[0]} x {REGION[1]} | (batch, 3, {LIGHT[1]}, {LIGHT[0]}) BGR / 255 |
| output | family `yolox`, strides {list(STRIDES)}, (batch, boxes, 5 + {len(CATEGORIES)}) | (batch, {len(STATES)}) probabilities |
| file | {log["bytes"]["detector"] / 1e6:.1f} MB | {log["bytes"]["light_state"] / 1e6:.1f} MB |
| one call on one core of the training host | {log["cost_ms"]["detector"]} ms | {log["cost_ms"]["light_state"]} ms |

Layers: 3 x 3 and 1 x 1 convolutions, ReLU, max pooling and nearest upsampling; ONNX opset 17, FP32.

## Training

{log["date"]}, commit {log["commit"]}, {log["device"]}: {log["minutes"]:.1f} minutes from empty weights, drawing included.
{log["pictures"]:,} drawn pictures gave {log["views"]:,} views (the whole picture squeezed, and parts in their own resolution)
and {log["lights"]:,} views of lights; {log["steps"]:,} steps of {log["batch"]} views. Seeds of the drives from 1000 on; noon to
night, dry and rain, different traffic, camera heights, tilts and fields of view. Loss: SimOTA assignment, complete IoU
and binary cross-entropy; AdamW, cosine schedule, moving average of the weights.

    python scripts/train_demo_detector.py --minutes {log["arguments"]["minutes"]:g} --workers {log["arguments"]["workers"]} --out edge_runtime/assets

## Figures

On {log["held_pictures"]} pictures of 1920 x 1080 of the held-out seeds 900 to 907, at confidence {CONFIDENCE} and IoU 0.5; objects that
are under {LEAST_PX[1]} pixels high in the view or less than a fifth visible count neither way. Native: a row of views of {VIEW[0]} x {VIEW[1]}
along the horizon. Whole: the picture squeezed into one view.

| class | recall, native | precision, native | recall, whole | precision, whole | objects, native |
|---|---|---|---|---|---|
{chr(10).join(rows)}
| all | {_percent(native["recall"])} | {_percent(native["precision"])} | {_percent(whole["recall"])} | {_percent(whole["precision"])} | |

| distance | recall, native | recall, whole | light state right |
|---|---|---|---|
{chr(10).join(far)}
| all | {_percent(native["recall"])} | {_percent(whole["recall"])} | {_percent(lights["accuracy"])} |

Lights in true boxes shaken as a detector's are. All figures: `training.json`.

Licence: Apache-2.0, as the project; no data of others went in.
"""  # noqa: E501


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _batch(pictures: Array) -> Array:
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def _banded(counts: Array) -> list[dict[str, Any]]:
    return [
        {"from_m": near, "to_m": far, "share": _share(*counts[row]), "count": int(counts[row, 1])}
        for row, (near, far) in enumerate(_BANDS_M)
    ]


def _share(part: int, whole: int) -> float | None:
    return round(float(part) / float(whole), 4) if whole else None


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
