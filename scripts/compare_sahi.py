"""Planned regions against SAHI's slices: the same network, the same pictures, one thread each, in one run.

    python3 -m venv /tmp/sahi-venv && /tmp/sahi-venv/bin/pip install sahi -e '.[eval]'
    nice -n 5 /tmp/sahi-venv/bin/python scripts/compare_sahi.py --seed 7

SAHI (github.com/obss/sahi, MIT) cuts the picture into overlapping slices, detects in each and in the whole picture, and
merges; here with slices of the size that the whole frame is squeezed to. It is needed for this comparison alone. It is
judged twice: with its defaults, which join boxes that share half of the smaller one, as two cars in a row do, and
matching by IoU instead.

Judged are SAHI's result, what the demo's stage `found` merges of the same frame, and what its tracks report. SAHI's
time is that of its call; the pipeline's is that of planning, preprocessing, networks, decoding, merging and tracking
(regions follow tracks), without the light states, one frame at a time. The two take turns in blocks of frames, so that
what else the machine does falls on both. The seed is one that the network was not trained on (those start at 1000).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from itertools import product
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import cv2
import numpy as np
from sahi.models.base import DetectionModel
from sahi.predict import get_sliced_prediction
from sahi.prediction import ObjectPrediction
from sahi.utils.compatibility import fix_full_shape_list, fix_shift_amount_list

import edge_runtime
from edge_runtime.config.schema import ModelBlock, OnnxRuntimeBlock
from edge_runtime.core import ClassTable, Detections, FrameResult, Region, SystemClock
from edge_runtime.engines.ort import open_session
from edge_runtime.evaluate.accuracy import Case, found_in, simulated
from edge_runtime.evaluate.bench import machine
from edge_runtime.evaluate.figures import figures, share
from edge_runtime.evaluate.labels import parse_labels
from edge_runtime.evaluate.rules import Rules
from edge_runtime.sources.base import Closing, Picture, SourceInfo
from edge_runtime.sources.simulation import SimulatedDrive
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.preprocess import Preprocessor

SLICE, OVERLAP = (640, 384), 0.2
METRICS = {"IOS": "SAHI's defaults", "IOU": "SAHI, matching by IoU"}
SOUGHT = {
    "lights 100–150 m": ("traffic light", 100, 150),
    "lights over 80 m": ("traffic light", 80, np.inf),
    "signs 80–100 m": ("traffic sign", 80, 100),
    "vehicles 100–150 m": ("vehicle", 100, 150),
}
NOT_DETECTING = ("source", "queue", "lights")


class SahiNetwork(DetectionModel):
    """The demo's network as SAHI asks for it: the runtime's preprocessing, session and decoder. Pictures stay BGR."""

    def load_model(self) -> None:
        block: ModelBlock = self.config_path
        self.classes, self.calls = ClassTable(), 0
        self.model = open_session(block.onnx, OnnxRuntimeBlock())
        self._preprocessor = Preprocessor(block.input)
        self._decoder = make_decoder(block.decode, block.input, self.classes)
        self._batch = np.empty((1, *self._preprocessor.row_shape), block.input.dtype)
        self._input = self.model.get_inputs()[0].name
        self._names = [output.name for output in self.model.get_outputs()]

    def perform_inference(self, image: np.ndarray) -> None:
        view = self._preprocessor.write(image, Region((0, 0, image.shape[1], image.shape[0])), self._batch[0])
        outputs = dict(zip(self._names, self.model.run(self._names, {self._input: self._batch}), strict=True))
        self._original_predictions = self._decoder.decode(outputs, 0, view)
        self.calls += 1

    def _create_object_prediction_list_from_original_predictions(self, shift_amount_list: Any, full_shape_list: Any):
        # a slice comes with lists of one, the whole picture with the bare values
        shift, full = fix_shift_amount_list(shift_amount_list)[0], fix_full_shape_list(full_shape_list)[0]
        found: Detections = self._original_predictions
        columns = zip(found.xyxy.tolist(), found.class_id.tolist(), found.confidence.tolist(), strict=True)
        self._object_prediction_list_per_image = [
            [ObjectPrediction(box, kind, self.classes[kind], None, score, shift, full) for box, kind, score in columns]
        ]

    def detect(self, image: np.ndarray, metric: str) -> Detections:
        slices = (SLICE[1], SLICE[0], OVERLAP, OVERLAP)
        result = get_sliced_prediction(image, self, *slices, postprocess_match_metric=metric, verbose=0)
        rows = [(one.bbox.to_xyxy(), one.score.value, one.category.id) for one in result.object_prediction_list]
        return Detections.of(*zip(*rows, strict=True)) if rows else Detections.empty()


class HandedOver(Closing):
    """A source of pictures that come when the comparison hands them over; None ends it."""

    paced = False
    warnings: tuple[str, ...] = ()

    def __init__(self, info: SourceInfo) -> None:
        self.info = info
        self.pictures: SimpleQueue[Picture | None] = SimpleQueue()

    def read(self) -> Picture | None:
        return self.pictures.get()

    def close(self) -> None:
        self.pictures.put(None)


def judge(case: Case, found: Sequence[Detections]) -> tuple[list[tuple[float | None, int]], float]:
    """Recall and count of each of `SOUGHT`, and false positives a frame."""
    matches = case.match(found_in(found), case.kinds)
    sought, hit = matches.sought, matches.found[matches.at(case.rules.iou)]
    distance_m = case.labels.objects.distance_m[sought.row]
    recalls = []
    for name, low, high in SOUGHT.values():
        mine = matches.counted & (sought.kind == matches.kinds.index(name)) & (distance_m >= low) & (distance_m < high)
        recalls.append((share(int((hit & mine).sum()), int(mine.sum())), int(mine.sum())))
    whole = figures(matches, case.labels.objects, case.rules.bands, case.rules.iou)
    return recalls, whole["false_positives_per_frame"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=40.0, help="from the beginning of the drive on")
    parser.add_argument("--block", type=int, default=10, help="frames before the other's turn")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    changes = {"source.seed": options.seed, "source.fps": options.fps, "source.pace": "fast", "sinks": []}
    pipeline = edge_runtime.load("pipelines/demo.yaml", {**changes, "executor.in_flight": 1})
    config, clock = pipeline.loaded.config, SystemClock()
    drive = SimulatedDrive(config.one_source)
    frames, source = min(round(options.seconds * options.fps), drive.info.pictures), HandedOver(drive.info)
    sahi = SahiNetwork(config_path=config.models["road"], confidence_threshold=config.models["road"].decode.confidence)
    results: SimpleQueue[FrameResult] = SimpleQueue()
    planned: list[FrameResult] = []
    sliced: dict[str, list[Detections]] = {metric: [] for metric in METRICS}
    sliced_ms: dict[str, list[float]] = {metric: [] for metric in METRICS}
    with (
        tempfile.TemporaryDirectory() as folder,
        pipeline.start(
            out=Path(folder),
            sources={config.one_source.camera: source},
            on_result=lambda _, result: results.put(result),
        ) as run,
    ):
        for begin in range(0, frames, options.block):
            pictures = [drive.read() for _ in range(min(options.block, frames - begin))]
            for picture in pictures:
                source.pictures.put(picture)
            planned += [results.get(timeout=60) for _ in pictures]
            for picture, metric in product(pictures, METRICS):
                began_ns = clock.now_ns()
                sliced[metric].append(sahi.detect(picture.image, metric))
                sliced_ms[metric].append((clock.now_ns() - began_ns) / 1e6)
        source.close()
        classes = run.classes.names
    if failures := {result.error for result in planned if result.error}:
        sys.exit(f"frames of the pipeline failed: {failures}")
    rules = Rules()
    labels = parse_labels(simulated(config.one_source, frames), "the simulation").hide_below(rules.visibility)
    reported = sahi.classes.names
    planned_ms = [sum(ms for stage, ms in one.stage_ms.items() if stage not in NOT_DETECTING) for one in planned]
    looks = sum(1 + len(one.regions["far"]) for one in planned) / frames
    calls = sahi.calls / len(METRICS) / frames
    rows = [(title, reported, sliced[metric], calls, sliced_ms[metric]) for metric, title in METRICS.items()]
    most = next(stage.regions.max for stage in config.stages if stage.name == "far")
    for stage, title in (
        ("found", f"planned, at most {most} windows"),
        ("tracked", "the same, as its tracks report it"),
    ):
        rows.append((title, classes, [one.detections[stage] for one in planned], looks, planned_ms))
    computer = machine()
    print(
        f"Simulated drive, seed {options.seed}, its first {frames} frames of 1920 x 1080 at {options.fps:g}"
        f" a second. SAHI {version('sahi')}.\n{computer['cpu']}, {computer['cores']} cores, one thread,"
        f" {date.today()}. Recall at IoU {rules.iou:g} of objects of which {rules.visibility:.0%} or more is seen.\n"
    )
    for number, (title, names, boxes, views, took_ms) in enumerate(rows):
        case = Case(labels, np.arange(frames), names, reported, config.groups, rules)
        recalls, wrong = judge(case, boxes)
        if not number:
            heads = [f"{name} ({count} objects)" for name, (_, count) in zip(SOUGHT, recalls, strict=True)]
            heads += ["false positives a frame", "views a frame", "ms a frame, median (p25–p75)", "time"]
            print(f"| | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
        p25, median, p75 = np.percentile(took_ms, (25, 50, 75))
        cells = ["–" if recall is None else f"{recall:.3f}" for recall, _ in recalls]
        cells += [f"{wrong:.2f}", f"{views:.1f}", f"{median:.0f} ({p25:.0f}–{p75:.0f})"]
        print(f"| {title} | {' | '.join(cells)} | {median / np.median(planned_ms):.1f} x |")


if __name__ == "__main__":
    main()
