"""Frames of a run that are worth looking at: the slowest, those of the first violation and alarm, and a usual one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from edge_runtime.core import FrameKey
from edge_runtime.sinks.draw import Image

from .run_words import budget_name
from .story import FrameLine, RunStory, Still, by_camera
from .time_chart import time_text

WIDTH, QUALITY, MOST = 1280, 80, 8
# Gives the picture of each of some frames of a story, in their order; None where it is not known.
Reader = Callable[[RunStory, Sequence[FrameLine]], Iterator[Image | None]]


def with_stills(story: RunStory, readers: Sequence[Reader], absent: str) -> RunStory:
    """The story with its pictures, from the first reader that has any; else `absent` says why there is none."""
    chosen = worth_seeing(story)
    if not chosen:
        return story
    for reader in readers:
        stills = [
            Still(title, _told(line, story.several), _jpeg(image))
            for (title, line), image in zip(chosen, reader(story, [line for _, line in chosen]), strict=False)
            if image is not None
        ]
        if stills:
            return replace(story, stills=stills)
    return replace(story, gaps=[*story.gaps, f"No frame is shown: {absent}"])


def worth_seeing(story: RunStory) -> list[tuple[str, FrameLine]]:
    """Each frame once, with why it was chosen."""
    done = [line for line in story.lines if line.error is None]
    if not done:
        return []
    chosen: dict[FrameKey, tuple[str, FrameLine]] = {}

    def choose(title: str, line: FrameLine) -> None:
        chosen.setdefault(line.key, (title, line))

    choose("Slowest frame", max(_warm(done), key=lambda line: line.latency_ms))
    for stretch in story.violations()[:1]:
        names = " and ".join(budget_name(name) for name in stretch.name.split(", "))
        choose(f"First violation: {names}", _at(done, stretch.begin_s))
    for stretch in story.alarms[:1]:
        choose("First alarm", _at(done, stretch.begin_s))
    for camera, lines in by_camera(done).items():
        if len(chosen) < MOST:
            ordered = sorted(_warm(lines), key=lambda line: line.latency_ms)
            ordered = [line for line in ordered if line.key not in chosen] or ordered
            choose(f"A usual frame of {camera}" if story.several else "A usual frame", ordered[len(ordered) // 2])
    return sorted(chosen.values(), key=lambda one: one[1].t_s)


def _warm(lines: Sequence[FrameLine]) -> Sequence[FrameLine]:
    """Without the first, which find cold caches, so that the slowest would be one of them; of a short run all."""
    warm = [line for line in lines if line.t_s > 2.0]
    return warm if 2 * len(warm) > len(lines) else lines


def _at(lines: Sequence[FrameLine], t_s: float) -> FrameLine:
    return next((line for line in lines if line.t_s >= t_s), lines[-1])


def _told(line: FrameLine, several: bool) -> str:
    frame = f"{line.camera}, frame {line.frame_id}" if several else f"frame {line.frame_id}"
    return f"{time_text(line.t_s)}, {frame}: {line.latency_ms:.0f} ms at {line.point}"


def _jpeg(image: Image) -> bytes:
    height, width = image.shape[:2]
    if width > WIDTH:
        image = np.asarray(
            cv2.resize(image, (WIDTH, round(height * WIDTH / width)), interpolation=cv2.INTER_AREA), np.uint8
        )
    _, jpeg = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    return jpeg.tobytes()
