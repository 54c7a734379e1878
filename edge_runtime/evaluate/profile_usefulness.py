"""How useful is a point? Streaming accuracy of what it finds, against labels or against the point that does the most.

Every set of knobs runs over the pictures once, every frame, one after another; what it finds is then held against the
truth as `eval` does, each frame with the newest result that would have been out (`streaming.py`). How long that takes
is known better from the rounds of measurements than from this one run, so its times are stretched to theirs. A power
mode, a cap on clocks or on the frame rate changes when results come, not what is found: for those the same run is
judged again, with their times, or without the frames that the cap leaves out.

Where nobody has labelled the pictures the truth is what the point that works hardest finds, as systems that tune video
analytics do (Chameleon, Jiang et al., SIGCOMM 2018): it tells how much of the pipeline's best a cheaper point keeps,
and cannot tell where that best is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_runtime.config.load import LoadedPipeline
from edge_runtime.core import Detections
from edge_runtime.errors import LabelError

from .accuracy import Case, found_in, stream_times
from .figures import figures
from .kinds import reported_classes
from .labels import LabelledPicture, Labels, Objects
from .observe import Observation, judged_stage, labelled_source
from .placing import covered, label_numbers, picture_numbers
from .rules import Rules
from .streaming import NOTHING_YET, FrameCost, Times, virtual_schedule

Metric = Literal["streaming-ap", "recall-by-distance"]
# As the pipeline's own feed: so much of its interval earlier a frame still counts as on time.
_EARLY = 0.1


class Judge:
    """Judges observations of one pipeline against one truth.

    `placed` says which picture of the truth each picture of the source is.
    """

    def __init__(
        self, loaded: LoadedPipeline, truth: Labels, placed: Mapping[int, int], rules: Rules, stage: str | None
    ) -> None:
        self._config, self._source = loaded.config, labelled_source(loaded)
        self._reported = reported_classes(loaded.config, judged_stage(loaded, stage))
        self._truth, self._placed, self._rules = truth.hide_below(rules.visibility), placed, rules

    @classmethod
    def by_labels(cls, loaded: LoadedPipeline, labels: Labels, rules: Rules, stage: str | None) -> Judge:
        """Raises `LabelError` where they cannot be laid beside the source's pictures."""
        placed, _ = label_numbers(labels, labelled_source(loaded), rules.first_frame)
        return cls(loaded, labels, placed, rules, stage)

    @classmethod
    def by_best(cls, loaded: LoadedPipeline, best: Observation, name: str, rules: Rules, stage: str | None) -> Judge:
        numbers = picture_numbers(best.seen, labelled_source(loaded))
        placed = {numbers[seen.frame_id]: place for place, seen in enumerate(best.seen)}
        return cls(loaded, as_truth(best, name), placed, rules, stage)

    @property
    def origin(self) -> str:
        return self._truth.origin

    def usefulness(
        self, run: Observation, metric: Metric, *, busy_ms: float | None = None, cap: float | None = None
    ) -> float:
        """0..1, if frames took `busy_ms` on average (None: what they took) and came at no more than `cap` a second.

        Raises `LabelError` where the truth does not fit the pictures or the metric.
        """
        numbers = picture_numbers(run.seen, self._source)
        judged = [place for place, seen in enumerate(run.seen) if numbers[seen.frame_id] in self._placed]
        if not judged:
            covered(numbers, self._placed, self._truth, cut_short=True)
        pictures = np.array([self._placed[numbers[run.seen[place].frame_id]] for place in judged], np.intp)
        arrived_ns = stream_times(run)
        taken = frames_within(arrived_ns, cap)
        slower = 1.0 if busy_ms is None else busy_ms / mean_busy_ms(run)
        costs = [_stretched(run.seen[place].cost, slower) for place in taken]
        schedule = virtual_schedule(arrived_ns[taken], costs, self._config.executor.in_flight)
        newest = schedule.newest_at(arrived_ns[judged])
        shown = [Detections.empty() if one == NOTHING_YET else run.seen[taken[one]].found for one in newest]
        case = Case(self._truth, pictures, run.classes, self._reported, self._config.groups, self._rules)
        matches = case.match(found_in(shown), case.kinds)
        found = figures(matches, self._truth.objects, self._rules.bands, self._rules.iou)
        if metric == "streaming-ap":
            return float(found["ap"] or 0.0)
        recalls = [row["recall"] for row in found["recall_by_distance"] if row["count"]]
        if not recalls:
            raise LabelError(f"{self.origin}: knows no distance_m, which recall by distance is about")
        return float(np.mean(recalls))


def as_truth(best: Observation, name: str) -> Labels:
    """What a run found, as labels: its frame n is picture n."""
    every = Detections.concatenate([seen.found for seen in best.seen])
    count, unknown = len(every), np.full(len(every), np.nan)
    objects = Objects(
        picture=np.repeat(np.arange(len(best.seen)), [len(seen.found) for seen in best.seen]),
        category=every.class_id.astype(np.intp),
        xyxy=every.xyxy.astype(np.float64),
        ignored=np.zeros(count, np.bool_),
        distance_m=unknown,
        visibility=unknown,
        state=(None,) * count,
        object_id=(None,) * count,
    )
    pictures = tuple(LabelledPicture(place, "") for place in range(len(best.seen)))
    return Labels(f"what {name} finds", pictures, best.classes, objects)


def frames_within(arrived_ns: Times, cap: float | None) -> npt.NDArray[np.intp]:
    """The frames that a cap on the rate lets through."""
    if cap is None:
        return np.arange(len(arrived_ns))
    interval_ns, next_ns = 1e9 / cap, float(arrived_ns[0]) if len(arrived_ns) else 0.0
    taken = []
    for place, time_ns in enumerate(arrived_ns.tolist()):
        if time_ns >= next_ns - _EARLY * interval_ns:
            taken.append(place)
            next_ns = max(next_ns + interval_ns, time_ns)
    return np.array(taken, np.intp)


def mean_busy_ms(run: Observation) -> float:
    """Of a frame: its networks, and the longer of what stands before and behind them."""
    return fmean(seen.cost.network_ms + max(seen.cost.prepare_ms, seen.cost.finish_ms) for seen in run.seen)


def _stretched(cost: FrameCost, slower: float) -> FrameCost:
    return FrameCost(cost.prepare_ms * slower, cost.network_ms * slower, cost.finish_ms * slower)
