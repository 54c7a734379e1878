"""What the networks are taught with: views of drawn roads, cut and scaled as the runtime cuts and scales them.

Processes draw all the while that the networks learn, and hand records over in shared memory. Seeds from `TRAIN_SEEDS`
on are for training; those below are for whoever measures.
"""

from __future__ import annotations

import math
import mmap
import multiprocessing
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.config.schema import InputBlock, SimulationSource
from edge_runtime.core import Region
from edge_runtime.sources.simulation import Drive, Label
from edge_runtime.sources.simulation.documents import HARDLY_VISIBLE
from edge_runtime.sources.simulation.render import Renderer
from edge_runtime.sources.simulation.things import CATEGORIES
from edge_runtime.vision.preprocess import Preprocessor
from edge_runtime.vision.resize import ViewTransform

Array = npt.NDArray[Any]
Rect = tuple[int, int, int, int]
VIEW = (640, 384)
REGION = (320, 192)  # in their own resolution; four fill a view
LIGHT = (24, 48)
STATES = ("red", "yellow", "green")
MOST = 96  # objects of one view
NOTHING, IGNORED = -1, -2  # kinds of a row that is no object, and of one that is neither to be found nor to be missed
TRAIN_SEEDS = 1000
HELD_SEEDS = tuple(range(900, 908))

VIEW_RECORD = np.dtype(
    [
        ("picture", np.uint8, (VIEW[1], VIEW[0], 3)),
        ("boxes", np.float32, (MOST, 4)),
        ("kinds", np.int8, MOST),
        ("distance_m", np.float32, MOST),
        ("is_whole", np.bool_),
        ("is_held", np.bool_),
    ]
)
LIGHT_RECORD = np.dtype(
    [
        ("picture", np.uint8, (LIGHT[1], LIGHT[0], 3)),
        ("state", np.int8),
        ("distance_m", np.float32),
        ("is_held", np.bool_),
    ]
)
_AS_IT_IS: dict[str, Any] = {"resize": "letterbox", "color": "bgr", "scale": 1.0, "layout": "nhwc", "dtype": "uint8"}
_CORNERS = tuple((x, y) for y in (0, REGION[1]) for x in (0, REGION[0]))  # of the regions in a view
LEAST_PX = (1.2, 2.5)  # width and height of what can still be seen in a view
_LEAST_INSIDE = 0.4  # share of an object that a view must show for it to count
_LIGHT_LEAST_PX = 5.0
_MOST_FAILURES = 5


class Ring:
    """Records from several writing processes to one reader, which made it before it forked; a writer waits for room."""

    def __init__(self, dtype: np.dtype[Any], writers: int, slots: int) -> None:
        self._rows = np.frombuffer(mmap.mmap(-1, dtype.itemsize * writers * slots), dtype).reshape(writers, slots)
        self._written, self._read = (np.frombuffer(mmap.mmap(-1, 8 * writers), np.int64) for _ in range(2))
        self._slots = slots

    def room(self, writer: int) -> Any:
        """The next record of this writer, to be filled and then handed over with `put`."""
        while self._written[writer] - self._read[writer] >= self._slots:
            if (reader := multiprocessing.parent_process()) is not None and not reader.is_alive():
                raise SystemExit("nobody reads any more")
            time.sleep(0.01)
        return self._rows[writer, self._written[writer] % self._slots]

    def put(self, writer: int) -> None:
        self._written[writer] += 1

    def take(self) -> Array:
        """All records that are there, as copies."""
        found = [self._rows[:0, 0]]
        for writer, rows in enumerate(self._rows):
            first, last = int(self._read[writer]), int(self._written[writer])
            found.append(rows[np.arange(first, last) % self._slots])
            self._read[writer] = last
        return np.concatenate(found)


class Studio:
    """The drawing processes. `views` and `lights` are where their work arrives: the held-out pictures first."""

    def __init__(self, workers: int, seed: int, held_pictures: int, pictures: int | None) -> None:
        self.views, self.lights = Ring(VIEW_RECORD, workers, 60), Ring(LIGHT_RECORD, workers, 1000)
        fork = multiprocessing.get_context("fork")
        self._processes = [
            fork.Process(target=self._draw, args=(number, workers, seed, held_pictures, pictures), daemon=True)
            for number in range(workers)
        ]
        for process in self._processes:
            process.start()

    @property
    def is_drawing(self) -> bool:
        return any(process.is_alive() for process in self._processes)

    def close(self) -> None:
        for process in self._processes:
            process.terminate()

    def _draw(self, number: int, workers: int, seed: int, held_pictures: int, pictures: int | None) -> None:
        cv2.setNumThreads(1)
        rng = np.random.default_rng((seed, number))
        painter = _Painter(self.views, self.lights, number, rng)
        for job in held_jobs(held_pictures)[number::workers]:
            painter.held(*job)
        mine = sys.maxsize if pictures is None else len(range(number, pictures, workers))
        failures = 0
        while painter.drawn < mine:
            block = random_drive(rng)
            try:
                drive = Drive(block)
                for index in picked(drive, rng, min(10, mine - painter.drawn)):
                    painter.teach(drive, index)
            except Exception:  # one drive that cannot be drawn must not cost the whole training
                failures += 1
                print(f"cannot draw {block!r}:\n{traceback.format_exc()}", flush=True)
                if failures == _MOST_FAILURES:
                    raise


def held_jobs(pictures: int) -> list[tuple[SimulationSource, int]]:
    """Block and index of each held-out picture: every lighting, dry and wet, from a street to a motorway."""
    jobs = []
    for number in range(pictures):
        seed = HELD_SEEDS[number % len(HELD_SEEDS)]
        at = number // len(HELD_SEEDS) + (number % len(HELD_SEEDS) + 0.5) / len(HELD_SEEDS)
        block = SimulationSource(
            kind="simulation", seed=seed, lighting=("noon", "dusk", "night", "drive")[seed % 4],
            rain=0.6 if seed >= HELD_SEEDS[4] else 0.0,
        )  # fmt: skip
        rounds = math.ceil(pictures / len(HELD_SEEDS))
        jobs.append((block, int(block.seconds * block.fps * at / rounds)))
    return jobs


def random_drive(rng: np.random.Generator) -> SimulationSource:
    """Slow drives are there because only in them lights are near while they are red or yellow."""
    draw = rng.random()
    if draw < 0.25:
        speed: Any = float(rng.uniform(3, 12))
    elif draw < 0.6:
        speed = float(rng.uniform(15, 65))
    elif draw < 0.8:
        speed = float(rng.uniform(85, 140))
    else:
        speed = ((0.0, 50.0), (18.0, 50.0), (24.0, 110.0), (36.0, 110.0), (42.0, 50.0))
    return SimulationSource(
        kind="simulation",
        seed=TRAIN_SEEDS + int(rng.integers(1_000_000)),
        size=(1920, 1080) if rng.random() < 0.7 else (1280, 720),
        speed_kmh=speed,
        lighting="drive",
        rain=float(rng.uniform(0, 1)) if rng.random() < 0.4 else 0.0,
        traffic=float(rng.uniform(0.1, 1.0)),
        bends=1.0 if rng.random() < 0.7 else float(rng.uniform(0, 1)),
        hills=1.0 if rng.random() < 0.7 else float(rng.uniform(0, 1)),
        clutter=float(rng.uniform(0.3, 1)),
        fov_deg=70.0 if rng.random() < 0.5 else float(rng.uniform(45, 105)),
        camera_height_m=1.4 if rng.random() < 0.5 else float(rng.uniform(1.1, 2.6)),
        camera_pitch_deg=0.0 if rng.random() < 0.5 else float(rng.uniform(-2, 4)),
    )


def picked(drive: Drive, rng: np.random.Generator, count: int) -> list[int]:
    """Pictures of a drive, those with a yellow light ahead more often: it is yellow for three seconds only."""
    indices = rng.integers(0, drive.pictures, 8 * count)
    weights = np.array([6.0 if _sees_yellow(drive, int(index)) else 1.0 for index in indices])
    return [int(index) for index in rng.choice(indices, count, replace=False, p=weights / weights.sum())]


def _sees_yellow(drive: Drive, index: int) -> bool:
    here, t_s = drive.camera(index).along_m, drive.t_s(index)
    return any(
        10 < crossing.x_m - here < 120 and crossing.state(head, t_s) == "yellow"
        for crossing in drive.layout.crossings
        for head in crossing.heads
    )


@dataclass
class _Painter:
    """Draws pictures, and writes their views and the lights in them into the rings."""

    views: Ring
    lights: Ring
    number: int
    rng: np.random.Generator
    drawn: int = 0

    def __post_init__(self) -> None:
        self._view, self._region = (Preprocessor(InputBlock(size=size, **_AS_IT_IS)) for size in (VIEW, REGION))

    def teach(self, drive: Drive, index: int) -> None:
        picture, labels = Renderer(drive).picture(index), drive.labels(index)
        for parts in self._training_views(drive, index, labels):
            self._write_view(picture, labels, parts, False)
        self._write_lights(picture, labels, 3, False)
        self.drawn += 1

    def held(self, block: SimulationSource, index: int) -> None:
        """The whole picture, and as native views a row of tiles along the horizon."""
        drive = Drive(block)
        picture, labels = Renderer(drive).picture(index), drive.labels(index)
        width, height = block.size
        top = _fit(round(drive.camera(index).horizon_px) - 220, VIEW[1], height)
        tiles = [(x, top, x + VIEW[0], top + VIEW[1]) for x in range(0, width - VIEW[0] + 1, VIEW[0])]
        for view in [(0, 0, width, height), *tiles]:
            self._write_view(picture, labels, [view], True)
        self._write_lights(picture, labels, 2, True)

    def _training_views(self, drive: Drive, index: int, labels: Sequence[Label]) -> Iterator[list[Rect]]:
        """Each is one part of the picture that fills a view, or four regions that do so together."""
        width, height = drive.block.size
        rng = self.rng
        yield [(0, 0, width, height)]
        horizon = drive.camera(index).horizon_px
        yield [self._view_at(width / 2 + rng.normal(0, 0.1 * width), horizon + rng.normal(0, 60), VIEW, drive)]
        small = [label for label in labels if 4 < label.xyxy[3] - label.xyxy[1] < 200]
        if small:
            yield [self._view_around(small, VIEW, drive)]
            for _ in range(2):
                yield [self._view_around(small, REGION, drive) for _ in _CORNERS]
        yield [self._view_at(rng.uniform(0, width), rng.uniform(0.25, 0.9) * height, VIEW, drive)]

    def _view_around(self, labels: Sequence[Label], size: tuple[int, int], drive: Drive) -> Rect:
        """Around one of them, the small and rare ones more often."""
        tall = np.array([label.xyxy[3] - label.xyxy[1] for label in labels])
        weights = np.array([_INTEREST[label.category] for label in labels]) / np.sqrt(tall)
        x0, y0, x1, y1 = labels[self.rng.choice(len(labels), p=weights / weights.sum())].xyxy
        aside, below = self.rng.uniform(-0.4, 0.4, 2) * size
        return self._view_at((x0 + x1) / 2 + aside, (y0 + y1) / 2 + below, size, drive)

    def _view_at(self, x: float, y: float, size: tuple[int, int], drive: Drive) -> Rect:
        scale = 1.0 if self.rng.random() < 0.7 else float(self.rng.uniform(0.7, 1.4))
        wide, high = (round(side * scale) for side in size)
        left, top = (
            _fit(round(x - wide / 2), wide, drive.block.size[0]),
            _fit(round(y - high / 2), high, drive.block.size[1]),
        )
        return left, top, left + wide, top + high

    def _write_view(self, picture: Array, labels: Sequence[Label], parts: Sequence[Rect], is_held: bool) -> None:
        row = self.views.room(self.number)
        row["kinds"], row["boxes"], row["distance_m"] = NOTHING, 0, 0
        row["is_whole"], row["is_held"] = parts[0] == (0, 0, *picture.shape[1::-1]), is_held
        count = 0
        for part, (left, top) in zip(parts, _CORNERS, strict=False):
            preprocessor = self._view if len(parts) == 1 else self._region
            height, width, _ = preprocessor.row_shape
            place = row["picture"][top : top + height, left : left + width]
            fitted = preprocessor.write(picture, Region(part, "lesson"), place)
            count = self._write_labels(row, count, labels, fitted, (left, top))
        self.views.put(self.number)

    def _write_labels(
        self, row: Any, count: int, labels: Sequence[Label], fitted: ViewTransform, corner: tuple[int, int]
    ) -> int:
        """From the `count`-th place of the row on; says how many are written then."""
        nearest_first = labels[::-1]
        whole = np.array([label.xyxy for label in nearest_first], np.float32).reshape(-1, 4)
        seen = fitted.clip(whole)
        inside = _area(seen) / np.maximum(_area(whole), 1e-6)
        boxes = fitted.to_network(seen)
        for label, box, share in zip(nearest_first, boxes, inside, strict=True):
            if share <= 0 or count == MOST:
                continue
            is_clear = share >= _LEAST_INSIDE and label.visibility >= HARDLY_VISIBLE
            is_clear = is_clear and box[2] - box[0] >= LEAST_PX[0] and box[3] - box[1] >= LEAST_PX[1]
            row["kinds"][count] = CATEGORIES.index(label.category) if is_clear else IGNORED
            row["boxes"][count], row["distance_m"][count] = box + np.array(corner * 2), label.distance_m
            count += 1
        return count

    def _write_lights(self, picture: Array, labels: Sequence[Label], copies: int, is_held: bool) -> None:
        """Each light a few times, in boxes as a detector finds them: not quite where the light is."""
        height, width = picture.shape[:2]
        for label in labels:
            x0, y0, x1, y1 = label.xyxy
            if label.state not in STATES or label.visibility < 0.5 or y1 - y0 < _LIGHT_LEAST_PX:
                continue
            for _ in range(copies):
                sides = np.array([x1 - x0, y1 - y0] * 2)
                out = np.array([-1, -1, 1, 1]) * (0.1 + self.rng.normal(0, 0.1, 4)) * sides
                shaken = np.array(label.xyxy) + out + self.rng.normal(0, 0.4, 4)
                left, right = _span(shaken[0], shaken[2], width)
                top, bottom = _span(shaken[1], shaken[3], height)
                row = self.lights.room(self.number)
                crop = picture[top:bottom, left:right]
                row["picture"] = cv2.resize(crop, LIGHT, interpolation=cv2.INTER_LINEAR)
                row["state"], row["distance_m"] = STATES.index(label.state), label.distance_m
                row["is_held"] = is_held
                self.lights.put(self.number)


_INTEREST = {"person": 2.0, "car": 1.0, "truck": 2.0, "traffic light": 3.0, "traffic sign": 2.0}


def _fit(start: int, length: int, limit: int) -> int:
    return min(max(start, 0), limit - length)


def _span(low: float, high: float, limit: int) -> tuple[int, int]:
    """Whole pixels around, at least one, inside the picture."""
    start = min(max(math.floor(low), 0), limit - 1)
    return start, min(max(math.ceil(high), start + 1), limit)


def _area(boxes: Array) -> Array:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])
