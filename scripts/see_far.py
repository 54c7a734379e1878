"""How far does the demo see, and at what cost? Regions against other ways of looking, on a simulated drive.

    .venv/bin/python scripts/see_far.py --seed 7 > docs/see-far.md

Every row is one `edge-run eval pipelines/demo.yaml` with other stages; the seed is one that the networks were not
trained on (those start at 1000). Tiles and fixed regions are rectangles of 640 x 384, as the planned regions are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from itertools import product
from typing import Any

SIZE, TILE, OVERLAP = (1920, 1080), (640, 384), 0.2
LIGHT, SIGN, VEHICLE = "traffic light", "traffic sign", "vehicle"


def stages(regions: str | None) -> str:
    """The demo's stages, with other regions or none."""
    far = "" if regions is None else f"{{name: far, kind: detect, model: road, regions: {regions}}}, "
    merged = "objects, far" if regions is not None else ""
    found = f"{{name: found, kind: merge, of: [{merged}]}}, " if merged else ""
    of = "found" if merged else "objects"
    return (
        f"stages=[{{name: objects, kind: detect, model: road}}, {far}{found}"
        f"{{name: tracked, kind: track, of: {of}}}, "
        "{name: lights, kind: classify, model: light_state, of: tracked, only: [traffic light], max: 24}]"
    )


def starts(whole: int, part: int) -> Iterator[int]:
    """Where tiles begin along one side: they overlap by at least `OVERLAP` and end at the edge."""
    count = 1 + -(-(whole - part) // round(part * (1 - OVERLAP)))
    for n in range(count):
        yield round(n * (whole - part) / max(1, count - 1))


def fixed(corners: list[tuple[int, int]]) -> str:
    rects = [[x, y, x + TILE[0], y + TILE[1]] for x, y in corners]
    return f"{{max: {len(rects)}, from: [{{fixed: {{rects: {rects}}}}}]}}"


def ways() -> dict[str, str | None]:
    tiles = [(x, y) for y, x in product(starts(SIZE[1], TILE[1]), starts(SIZE[0], TILE[0]))]
    pair = [(x, (SIZE[1] - TILE[1]) // 2) for x in (320, 960)]
    row = [(x, (SIZE[1] - TILE[1]) // 2) for x in (0, 320, 960, 1280)]
    return {
        "whole frame only": None,
        "planned, at most 2": "{max: 2, from: [tracks, horizon, explore]}",
        "planned, at most 4": "{max: 4, from: [tracks, horizon, explore]}",
        "2 fixed, side by side in the middle": fixed(pair),
        "4 fixed, a row along the horizon": fixed(row),
        f"all {len(tiles)} tiles": fixed(tiles[:16]),
    }


def evaluate(way: str | None, options: argparse.Namespace, distances: str) -> dict[str, Any]:
    source = {"seed": options.seed, "seconds": options.seconds, "fps": options.fps}
    command = [sys.executable, "-m", "edge_runtime", "eval", "pipelines/demo.yaml", "--stage", "lights", "--json"]
    command += ["--distances", distances, "--resamples", "10", "--set", stages(way)]
    for key, value in source.items():
        command += ["--set", f"source.{key}={value}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def recall(document: dict[str, Any], group: str, low: float, high: float) -> float:
    """Over several bands, weighted by their objects."""
    bands = document["by_group"].get(group, document["by_class"].get(group))["recall_by_distance"]
    chosen = [band for band in bands if band["from_m"] >= low and (band["to_m"] or 1e9) <= high and band["count"]]
    count = sum(band["count"] for band in chosen)
    return sum(band["recall"] * band["count"] for band in chosen) / count if count else float("nan")


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
