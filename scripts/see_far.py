"""How far does the demo see, and at what cost? Regions against other ways of looking, on a simulated drive.

    .venv/bin/python scripts/see_far.py --seed 7 > docs/see-far.md

Every row is one `edge-run eval pipelines/demo.yaml` with other regions; the seed is one that the networks were not
trained on (those start at 1000). Fixed regions are windows of 320 x 192, as the planned ones are, so that as many cost
as much; four of them, or one tile of 640 x 384, cost what the whole frame costs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

SIZE, WINDOW, TILE, OVERLAP = (1920, 1080), (320, 192), (640, 384), 0.2
COUNTS = (2, 4, 8)
LIGHT, SIGN, VEHICLE = "traffic light", "traffic sign", "vehicle"


@dataclass(frozen=True)
class Way:
    """The demo with other regions, each of this size."""

    regions: str
    size: tuple[int, int] = WINDOW

    def options(self) -> list[str]:
        changes = {"stages.far.regions": self.regions, "models.road_far.input.size": list(self.size)}
        return [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]


def starts(whole: int, part: int) -> Iterator[int]:
    """Where tiles begin along one side: they overlap by at least `OVERLAP` and end at the edge."""
    count = 1 + -(-(whole - part) // round(part * (1 - OVERLAP)))
    for n in range(count):
        yield round(n * (whole - part) / max(1, count - 1))


def fixed(size: tuple[int, int], corners: list[tuple[int, int]]) -> str:
    rects = [[x, y, x + size[0], y + size[1]] for x, y in corners]
    return f"{{max: {len(rects)}, from: [{{fixed: {{rects: {rects}}}}}]}}"


def in_the_middle(count: int, size: tuple[int, int]) -> str:
    """Beside each other around the middle of the picture, at most four in a row."""
    rows = -(-count // 4)
    across = -(-count // rows)
    left, top = (SIZE[0] - across * size[0]) // 2, (SIZE[1] - rows * size[1]) // 2
    places = [(left + column * size[0], top + row * size[1]) for row in range(rows) for column in range(across)]
    return fixed(size, places[:count])


def ways() -> dict[str, Way]:
    tiles = [(x, y) for y, x in product(starts(SIZE[1], TILE[1]), starts(SIZE[0], TILE[0]))]
    found = {"whole frame only": Way("{max: 0, from: [tracks]}")}
    for count in COUNTS:
        found[f"planned, at most {count}"] = Way(f"{{max: {count}, from: [tracks, horizon, explore]}}")
    for count in COUNTS:
        found[f"{count} fixed, in the middle"] = Way(in_the_middle(count, WINDOW))
    found["1 fixed, four times as large"] = Way(in_the_middle(1, TILE), TILE)
    found[f"all {len(tiles)} tiles of 640 x 384"] = Way(fixed(TILE, tiles), TILE)
    return found


def evaluate(way: Way, options: argparse.Namespace, distances: str) -> dict[str, Any]:
    source = {"seed": options.seed, "seconds": options.seconds, "fps": options.fps}
    command = [sys.executable, "-m", "edge_runtime", "eval", "pipelines/demo.yaml", "--stage", "lights", "--json"]
    command += ["--distances", distances, "--resamples", "10", *way.options()]
    for key, value in source.items():
        command += ["--set", f"source.{key}={value}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def recall(document: dict[str, Any], group: str, low: float, high: float) -> float | None:
    """Over several bands, weighted by their objects."""
    bands = document["by_group"].get(group, document["by_class"].get(group))["recall_by_distance"]
    chosen = [band for band in bands if band["from_m"] >= low and (band["to_m"] or 1e9) <= high and band["count"]]
    count = sum(band["count"] for band in chosen)
    return sum(band["recall"] * band["count"] for band in chosen) / count if count else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fps", type=float, default=15.0)
    options = parser.parse_args()
    print(
        f"# How far does the demo see?\n\nSimulated drive, seed {options.seed}, {options.seconds:g} s of 1920 x 1080 at"
    )
    print(
        f"{options.fps:g} pictures a second, {date.today()}. Recall at IoU 0.5,"
        " of objects of which a fifth or more is seen.\n"
    )
    print(
        "| looks at | lights 100–150 m | lights over 80 m | signs 80–100 m | vehicles 100–150 m | light state"
        " | precision | regions a frame | ms a frame | streaming AP |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, way in ways().items():
        found = evaluate(way, options, "0,80,100,150,250")
        cells = [
            recall(found, LIGHT, 100, 150),
            recall(found, LIGHT, 80, 1e9),
            recall(found, SIGN, 80, 100),
            recall(found, VEHICLE, 100, 150),
            found["light_state_accuracy"],
            found["precision"],
        ]
        figures = " | ".join("-" if cell is None else f"{cell:.3f}" for cell in cells)
        streaming = found["streaming_ap"]
        cost = f"{found['regions_per_frame'] or 0:.2f} | {found['ms_per_frame']:.0f}"
        print(f"| {name} | {figures} | {cost} | {'-' if streaming is None else f'{streaming:.3f}'} |", flush=True)


if __name__ == "__main__":
    main()
