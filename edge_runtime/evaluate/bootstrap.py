"""How sure the figures are: a bootstrap over the frames (Efron and Tibshirani 1993), paired between pipelines.

Frames that follow each other show the same objects, so blocks of consecutive frames are drawn, not single ones
(Künsch 1989). A comparison draws the same blocks for every pipeline: what made a scene hard made it hard for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.config.schema import ImagesSource
from edge_runtime.errors import LabelError

from .evaluation import Evaluation
from .matching import COCO_IOU, Matches, weighted_ap
from .placing import same_pictures

LEVEL = 0.95
LEAST_BLOCKS = 10
BLOCK_S = 1.0
METRICS = ("ap50", "ap", "recall", "precision", "false_positives_per_frame", "streaming_ap", "ms_per_frame")
# Of these less is better.
COSTS = ("false_positives_per_frame", "ms_per_frame")

Weights = npt.NDArray[np.intp]
Samples = dict[str, npt.NDArray[np.float64]]


def block_frames(evaluation: Evaluation) -> int:
    """Pictures of a folder are drawn one by one, a drive in blocks of a second; shorter ones where these are few."""
    if isinstance(evaluation.config.one_source, ImagesSource):
        return 1
    spacing = max(1.0, float(np.median(np.diff(evaluation.numbers)))) if evaluation.frames > 1 else 1.0
    return max(1, min(round(BLOCK_S * evaluation.fps / spacing), evaluation.frames // LEAST_BLOCKS))


def draw(frames: int, block: int, resamples: int, seed: int) -> Weights:
    """(resamples, frames): how often each frame occurs in each resample."""
    blocks = -(-frames // block)
    chosen = np.random.default_rng(seed).integers(blocks, size=(resamples, blocks))
    counts = np.array([np.bincount(row, minlength=blocks) for row in chosen], np.intp).reshape(resamples, blocks)
    return np.repeat(counts, block, axis=1)[:, :frames]


def resampled(evaluation: Evaluation, weights: Weights) -> Samples:
    """Every metric of every resample; NaN where a resample has nothing to measure."""
    offline, late, place = evaluation.matches, evaluation.streaming.matches, evaluation.matches.at(evaluation.rules.iou)
    ten = [offline.at(iou) for iou in COCO_IOU]
    half = [offline.at(0.5)]
    times = weights.astype(np.float64)
    sought = times @ _per_frame(offline, offline.sought.frame, offline.counted)
    found = times @ _per_frame(offline, offline.sought.frame, offline.found[place])
    hits = times @ _per_frame(offline, offline.frame, offline.hit[place])
    judged = times @ _per_frame(offline, offline.frame, ~offline.void[place])
    drawn = times.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "ap50": np.array([weighted_ap(offline, weight, half) for weight in weights]),
            "ap": np.array([weighted_ap(offline, weight, ten) for weight in weights]),
            "recall": found / sought,
            "precision": hits / judged,
            "false_positives_per_frame": (judged - hits) / drawn,
            "streaming_ap": np.array([weighted_ap(late, weight, ten) for weight in weights]),
            "ms_per_frame": times @ evaluation.cost_ms / drawn,
        }


def _per_frame(matches: Matches, frame: npt.NDArray[np.intp], flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    return np.bincount(frame[flags], minlength=matches.frames)


def interval(samples: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """The middle 95 %; None when fewer than half of the resamples could be measured."""
    known = samples[~np.isnan(samples)]
    if not len(known) or len(known) < len(samples) / 2:
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return round(float(low), 6), round(float(high), 6)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Pipelines side by side on the same frames; the first is what the others are compared with."""

    evaluations: tuple[Evaluation, ...]
    names: tuple[str, ...]
    samples: tuple[Samples, ...]

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document of `eval --compare --json`."""
        documents = [evaluation.document for evaluation in self.evaluations]
        return {
            "baseline": self.names[0],
            "pipelines": {
                name: {**document, "intervals": {metric: interval(samples[metric]) for metric in METRICS}}
                for name, document, samples in zip(self.names, documents, self.samples, strict=True)
            },
            "differences": {
                name: {metric: self._difference(number, metric) for metric in METRICS}
                for number, name in enumerate(self.names)
                if number
            },
        }

    def _difference(self, number: int, metric: str) -> dict[str, Any]:
        """Other minus baseline; `certain` when its interval does not hold 0, `better` by how the metric is meant."""
        mine, base = (self.evaluations[one].document[metric] for one in (number, 0))
        spread = interval(self.samples[number][metric] - self.samples[0][metric])
        value = None if mine is None or base is None else round(mine - base, 6)
        certain = spread is not None and (spread[0] > 0 or spread[1] < 0)
        better = None if value is None or not certain else (value < 0) == (metric in COSTS)
        return {"difference": value, "interval": spread, "certain": certain, "better": better}


def compare(evaluations: Sequence[Evaluation], resamples: int, seed: int) -> Comparison:
    """Draw the same blocks of frames for all. Raises `LabelError` when they were not judged on the same frames."""
    first = evaluations[0]
    for other in evaluations[1:]:
        if not np.array_equal(first.numbers, other.numbers) or not same_pictures(
            first.config.one_source, other.config.one_source
        ):
            raise LabelError(
                f"{first.name} and {other.name} were judged on different pictures ({first.frames} and {other.frames}): "
                "a comparison needs one source and one set of labels"
            )
    weights = draw(first.frames, block_frames(first), resamples, seed)
    names = told_apart([evaluation.name for evaluation in evaluations])
    return Comparison(tuple(evaluations), names, tuple(resampled(one, weights) for one in evaluations))


def told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Names of pipelines, numbered where two are the same."""
    return tuple(
        name if names.count(name) == 1 else f"{name} {names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    )


def uncertainty(evaluation: Evaluation, resamples: int, seed: int) -> dict[str, tuple[float, float] | None]:
    """The interval of each metric of one pipeline."""
    samples = resampled(evaluation, draw(evaluation.frames, block_frames(evaluation), resamples, seed))
    return {metric: interval(samples[metric]) for metric in METRICS}
