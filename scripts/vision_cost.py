"""What looking closely costs the host, and how fast the simulated drive is painted, on one core; prints a table.

    .venv/bin/python scripts/vision_cost.py

Planner and merge work on boxes alone, so they get a made-up traffic: objects that drift over a 1920 x 1080 frame, some
small and some large, seen by the whole frame and by each region that the planner asks for, a pixel of that view off at
every edge. There are as many of them that all views together report about `--boxes` boxes. The planner is that of
pipelines/demo.yaml with up to `--regions` regions, the merge that of its stage `found`. Times are the thread's own on
its core, so that what else the machine does counts less; a figure is the median over frames, the quartiles beside it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from datetime import date
from time import thread_time_ns

import cv2
import numpy as np

from edge_runtime.config.load import load_pipeline
from edge_runtime.config.schema import RegionsBlock, SimulationSource
from edge_runtime.core import ClassGroups, ClassTable, Detections, Region
from edge_runtime.evaluate.bench import machine
from edge_runtime.sources.simulation import Drive
from edge_runtime.sources.simulation.render import Renderer
from edge_runtime.vision.merge import ViewBoxes, merge_views
from edge_runtime.vision.regions import Looked, RegionPlanner, Scene
from edge_runtime.vision.resize import ViewTransform, plan_view

FRAME, FPS = (1920, 1080), 30.0
LEAST_PX, WARM = 4.0, 100  # network pixels below which a view shows nothing; frames that are not counted
SCENES = {
    "1080p, noon": {"size": FRAME},
    "1080p, night and rain": {"size": FRAME, "lighting": "night", "rain": 0.6},
    "4K, noon": {"size": (3840, 2160)},
}


class Traffic:
    """Objects (n) as columns: where they are, how large, how they drift, and of which class."""

    def __init__(self, count: int, classes: int) -> None:
        self._random = random = np.random.default_rng(1)
        width = np.exp(random.uniform(np.log(8), np.log(260), count))
        self._size = np.stack([width, width * random.uniform(0.6, 1.8, count)], axis=1)
        self._middle = np.stack([random.uniform(0, FRAME[0], count), random.normal(540, 120, count)], axis=1)
        self._speed = random.normal(0, 1, (count, 2)) * self._size / 40
        self._class_id = random.integers(classes, size=count)

    def at(self, number: int) -> np.ndarray:
        middle = (self._middle + self._speed * number) % FRAME
        return np.concatenate([middle - self._size / 2, middle + self._size / 2], axis=1)

    def tracks(self, number: int) -> Detections:
        xyxy = np.clip(self.at(number), 0, (*FRAME, *FRAME))
        return Detections.of(xyxy, np.full(len(xyxy), 0.8), self._class_id, np.arange(len(xyxy)))

    def seen(self, number: int, view: ViewTransform) -> Detections:
        """What a network would report of the objects that lie in the view by half at least."""
        (x0, y0, x1, y1), picture = view.view, view.picture
        pixel, whole = (y1 - y0) / (picture[3] - picture[1]), self.at(number)
        shown = np.clip(whole, (x0, y0, x0, y0), (x1, y1, x1, y1))
        size = shown[:, 2:] - shown[:, :2]
        rows = np.flatnonzero((size > self._size / 2).all(axis=1) & (size > LEAST_PX * pixel).all(axis=1))
        off = self._random.normal(0, pixel / 2, (len(rows), 4))
        xyxy = np.clip(shown[rows] + off, (x0, y0, x0, y0), (x1, y1, x1, y1))
        xyxy[:, 2:] = np.maximum(xyxy[:, 2:], xyxy[:, :2])
        return Detections.of(xyxy, self._random.uniform(0.35, 0.95, len(rows)), self._class_id[rows])


def spread(values: list[float], digits: int) -> str:
    p25, middle, p75 = np.percentile(values, (25, 50, 75))
    return f"{middle:.{digits}f} ({p25:.{digits}f} to {p75:.{digits}f})"


def look_closely(count: int, regions: int, frames: int) -> tuple[dict[str, list[float]], float]:
    """Microseconds of each part in every frame, and boxes a frame before merging."""
    config = load_pipeline("pipelines/demo.yaml").config
    model = config.models["road"]
    classes = ClassTable(model.decode.classes)
    groups = ClassGroups(config.groups, classes)
    planner = RegionPlanner(
        RegionsBlock.model_validate({"max": regions, "from": ["tracks", "horizon", "explore"]}),
        input_size=model.input.size,
        resize=model.input.resize,
        classes=classes,
        calibration=None,
        never_shed=config.never_shed,
        groups=groups,
    )
    traffic, whole = Traffic(count, len(classes)), Region((0, 0, *FRAME))
    took_us: dict[str, list[float]] = {"planner": [], "merge": [], "both": []}
    boxes = []
    for number in range(frames + WARM):
        scene = Scene(number, round(number * 1e9 / FPS), *FRAME)
        began_ns = thread_time_ns()
        planned = planner.plan(scene, regions)
        planned_ns = thread_time_ns()
        looks = [(region, plan_view(region.xyxy, model.input.size, model.input.resize)) for region in (whole, *planned)]
        views = [ViewBoxes(traffic.seen(number, view), view, FRAME) for _, view in looks]
        looked = [Looked(region, view.detections) for (region, _), view in zip(looks, views, strict=True)]
        tracks = traffic.tracks(number)
        merging_ns = thread_time_ns()
        merge_views(views, groups, 0.5)
        merged_ns = thread_time_ns()
        planner.observe(scene, tracks, looked)
        observed_ns = thread_time_ns()
        if number >= WARM:
            planner_us = (planned_ns - began_ns + observed_ns - merged_ns) / 1e3
            merge_us = (merged_ns - merging_ns) / 1e3
            for part, value in zip(took_us, (planner_us, merge_us, planner_us + merge_us), strict=True):
                took_us[part].append(value)
            boxes.append(sum(len(view.detections) for view in views))
    return took_us, float(np.mean(boxes))


def objects_for(boxes: int, regions: int) -> int:
    """How many objects make all views together report that many boxes."""
    count = boxes
    for _ in range(6):
        _, reported = look_closely(count, regions, 100)
        count = max(1, round(count * boxes / reported))
    return count


def paint(changes: dict[str, object], frames: int) -> list[float]:
    """Milliseconds of each picture, in four stretches of a drive that goes from a street to a motorway."""
    took_ms = []
    block = SimulationSource.model_validate({"kind": "simulation", "seed": 7, "fps": 15, **changes})
    drive = Drive(block)
    renderer = Renderer(drive)
    renderer.picture(0)
    for begin in np.linspace(0, drive.pictures - frames // 4, 4).astype(int).tolist():
        for number in range(begin, begin + frames // 4):
            began_ns = thread_time_ns()
            renderer.picture(number)
            took_ms.append((thread_time_ns() - began_ns) / 1e6)
    return took_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--regions", type=int, default=4)
    parser.add_argument("--boxes", type=int, default=100, help="of all views of a frame together")
    parser.add_argument("--frames", type=int, default=2000, help="for planner and merge")
    parser.add_argument("--pictures", type=int, default=120, help="to paint of each scene")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    computer = machine()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    print(f"One core of {computer['cores']}, {computer['cpu']}, {computer['platform']}.")
    print(f"{date.today()}, commit {commit}.\n")

    count = objects_for(options.boxes, options.regions)
    took_us, boxes = look_closely(count, options.regions, options.frames)
    what = f"{options.regions} regions, {boxes:.0f} boxes a frame in all views, {count} tracks"
    print(f"| {what} | µs a frame, median (quartiles) |")
    print("|---|---|")
    for part, values in took_us.items():
        print(f"| {part} | {spread(values, 0)} |")
    print("\n| painted | ms a picture, median (quartiles) | pictures a second |\n|---|---|---|", flush=True)
    for name, changes in SCENES.items():
        took_ms = paint(changes, options.pictures)
        print(f"| {name} | {spread(took_ms, 1)} | {1e3 / np.median(took_ms):.0f} |", flush=True)


if __name__ == "__main__":
    main()
