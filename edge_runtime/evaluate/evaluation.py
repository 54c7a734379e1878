"""What an evaluation counted, and the document that says it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from edge_runtime.config.export import to_document
from edge_runtime.config.schema import PipelineConfig

from .figures import class_recall, figures, light_states
from .kinds import Groups
from .labels import Labels
from .matching import Found, Indices, Matches, Values
from .rules import Rules


@dataclass(frozen=True, eq=False)
class Streaming:
    """The second look: each labelled frame with the newest result that was out when it was captured.

    `mode` is virtual or live; `behind` (n,) how many frames old that result is, NaN before the first one.
    """

    mode: str
    matches: Matches
    captured: int
    published: int
    behind: Values
    latency_ms: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that was counted, ready for documents, tables and pictures.

    Evaluated frames are numbered from 0; `numbers` says which picture of the source each is, `cost_ms` what it took.
    `matches` are by group where the pipeline has groups, `class_matches` always by class.
    """

    config: PipelineConfig
    stage: str
    rules: Rules
    labels: Labels
    classes: tuple[str, ...]
    fps: float
    numbers: Indices
    cost_ms: Values
    regions_per_frame: float | None
    found: Found
    groups: Groups
    matches: Matches
    class_matches: Matches
    streaming: Streaming
    warnings: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def frames(self) -> int:
        return len(self.numbers)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The JSON document of `eval --json`."""
        rules, objects, late = self.rules, self.labels.objects, self.streaming
        whole = figures(self.matches, objects, rules.bands, rules.iou)
        lights = light_states(self.matches, objects, self.found, self.classes, rules.iou)
        streamed = figures(late.matches, objects, rules.bands, rules.iou)
        behind = late.behind[~np.isnan(late.behind)]
        return {
            **{key: whole[key] for key in ("ap50", "ap", "recall", "precision", "count")},
            "recall_by_distance": whole["recall_by_distance"],
            "recall_by_height_px": whole["recall_by_height_px"],
            "by_class": self._by_class(),
            "by_group": self._by_kind(self.matches) if self.groups else {},
            "false_positives_per_frame": whole["false_positives_per_frame"],
            "streaming_ap": streamed["ap"],
            "streaming": {
                "mode": late.mode,
                "ap": streamed["ap"],
                "ap50": streamed["ap50"],
                "recall": streamed["recall"],
                "captured": late.captured,
                "published": late.published,
                "frames_behind": round(float(behind.mean()), 3) if len(behind) else None,
                "latency_ms": round(late.latency_ms, 3),
            },
            "light_state_accuracy": lights["accuracy"] if lights else None,
            "light_states": lights,
            "regions_per_frame": self.regions_per_frame,
            "ms_per_frame": round(float(self.cost_ms.mean()), 3),
            "iou": rules.iou,
            "judged": list(self.matches.kinds),
            "stage": self.stage,
            "frames": self.frames,
            "labels": {
                "origin": self.labels.origin,
                "objects": len(self.matches.sought.row),
                "ignored": int(self.matches.sought.ignored.sum()),
            },
            "warnings": list(self.warnings),
            "config": to_document(self.config),
        }

    def _by_kind(self, matches: Matches) -> dict[str, dict[str, Any]]:
        rules, objects = self.rules, self.labels.objects
        return {
            name: figures(matches, objects, rules.bands, rules.iou, kind) for kind, name in enumerate(matches.kinds)
        }

    def _by_class(self) -> dict[str, dict[str, Any]]:
        """By class where the pipeline has the class; a label that it knows only by its group has recall as that."""
        table = self._by_kind(self.class_matches)
        objects, sought = self.labels.objects, self.matches.sought
        for category, name in enumerate(self.labels.names):
            mine = objects.category[sought.row] == category
            if name not in table and mine.any():
                group = self.matches.kinds[sought.kind[mine][0]]
                rows = class_recall(self.matches, objects, self.rules.bands, self.rules.iou, mine)
                table[name] = {**rows, "judged_as": group}
        return table
