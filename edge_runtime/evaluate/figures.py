"""Tables of what was found and missed, from matches."""

from __future__ import annotations

from typing import Any

import numpy as np

from .labels import Objects, same_name
from .matching import Flags, Found, Matches, Values
from .rules import Bands

STATES = ("red", "yellow", "green")


def figures(matches: Matches, objects: Objects, bands: Bands, iou: float, kind: int | None = None) -> dict[str, Any]:
    """Figures over all kinds, or of one: what the documents call the same everywhere. None is what cannot be said."""
    place = matches.at(iou)
    sought, row = matches.counted, matches.sought.row
    judged = ~matches.void[place]
    if kind is not None:
        sought = sought & (matches.sought.kind == kind)
        judged &= matches.kind == kind
    found = matches.found[place]
    hits = int((matches.hit[place] & judged).sum())
    reported = int(judged.sum())
    chosen = slice(None) if kind is None else slice(kind, kind + 1)
    return {
        "ap50": known(matches.ap(0.5)[chosen]),
        "ap": known(matches.ap()[chosen]),
        "recall": share(int((found & sought).sum()), int(sought.sum())),
        "precision": share(hits, reported),
        "count": int(sought.sum()),
        "false_positives_per_frame": share(reported - hits, matches.frames),
        "recall_by_distance": recall_table(objects.distance_m[row], found, sought, bands.distance_m, "m"),
        "recall_by_height_px": recall_table(objects.height_px[row], found, sought, bands.height_px, "px"),
    }


def class_recall(matches: Matches, objects: Objects, bands: Bands, iou: float, mine: Flags) -> dict[str, Any]:
    """The same figures for some of `sought`, of which a detection does not say whether it meant them: recall alone."""
    found, sought, row = matches.found[matches.at(iou)], matches.counted & mine, matches.sought.row
    return {
        "ap50": None,
        "ap": None,
        "recall": share(int((found & sought).sum()), int(sought.sum())),
        "precision": None,
        "count": int(sought.sum()),
        "false_positives_per_frame": None,
        "recall_by_distance": recall_table(objects.distance_m[row], found, sought, bands.distance_m, "m"),
        "recall_by_height_px": recall_table(objects.height_px[row], found, sought, bands.height_px, "px"),
    }


def recall_table(
    values: Values, found: Flags, sought: Flags, edges: tuple[float, ...], unit: str
) -> list[dict[str, Any]]:
    """Recall of the objects whose value is in [from, to); the last band has no end (None). Empty without values."""
    if np.isnan(values[sought]).all():
        return []
    rows = []
    for low, high in zip(edges, (*edges[1:], np.inf), strict=True):
        inside = sought & (values >= low) & (values < high)
        rows.append(
            {
                f"from_{unit}": low,
                f"to_{unit}": None if np.isinf(high) else high,
                "recall": share(int((found & inside).sum()), int(inside.sum())),
                "count": int(inside.sum()),
            }
        )
    return rows


def light_states(
    matches: Matches, objects: Objects, found: Found, classes: tuple[str, ...], iou: float
) -> dict[str, Any] | None:
    """How often a light that was found was given its labelled state; None when there is nothing to compare.

    A detection's state is the name of its second class: `red` is right for red, and so is any name with that word in
    it (`light red`). A found light without a second class counts as wrong.
    """
    hits = np.flatnonzero(matches.hit[matches.at(iou)])
    rows = matches.sought.row[matches.partner[matches.at(iou), hits]]
    judged = [(objects.state[row], found.label[one]) for row, one in zip(rows, matches.detection[hits], strict=True)]
    judged = [(state, label) for state, label in judged if state in STATES]
    if not judged or all(label < 0 for _, label in judged):
        return None
    counts = {state: [0, 0] for state in STATES}
    for state, label in judged:
        counts[str(state)][0] += label >= 0 and state in same_name(classes[label]).split()
        counts[str(state)][1] += 1
    return {
        "accuracy": share(sum(right for right, _ in counts.values()), len(judged)),
        "count": len(judged),
        "by_state": {state: {"accuracy": share(*told), "count": told[1]} for state, told in counts.items()},
    }


def curve(matches: Matches, iou: float, kind: int) -> list[float] | None:
    """Precision at each of COCO's 101 recalls, for one kind; None without objects."""
    precision = matches.precision[matches.at(iou), :, kind]
    return None if np.isnan(precision).any() else [round(float(value), 4) for value in precision]


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def known(values: Values) -> float | None:
    """The mean of what is known."""
    values = values[~np.isnan(values)]
    return round(float(values.mean()), 6) if len(values) else None
