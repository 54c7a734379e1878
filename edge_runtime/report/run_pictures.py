"""Frames of a run that are worth looking at: the slowest, those of the first violation and alarm, and a usual one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_runtime.core import ClassTable, Detections
from edge_runtime.core.opencv import quiet_opencv
from edge_runtime.sinks.draw import Image, Style
from edge_runtime.sinks.overlay import draw_detections
from edge_runtime.sinks.video import Slots

from .run_files import json_lines, results_file
from .run_words import budget_name
from .story import FrameLine, RunStory, Still
from .time_chart import time_text

WIDTH, QUALITY = 720, 82


def with_stills(story: RunStory, folder: Path) -> RunStory:
    """The story with its pictures, from the annotated video or else from the video that was looked at."""
    chosen = worth_seeing(story)
    if not chosen:
        return story
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # a video that was cut off is told below, in words
    for reader in (_annotated, _from_source):
        stills = [
            Still(title, _told(line), _jpeg(image))
            for (title, line), image in zip(chosen, reader(story, folder, [line for _, line in chosen]), strict=False)
            if image is not None
        ]
        if stills:
            return replace(story, stills=stills)
    why = "No frame is shown: there is no annotated video in the folder that opens, nor the video that was looked at."
    return replace(story, gaps=[*story.gaps, why])


def worth_seeing(story: RunStory) -> list[tuple[str, FrameLine]]:
    """Each frame once, with why it was chosen."""
    done = [line for line in story.lines if line.error is None]
    if not done:
        return []
    chosen: dict[int, tuple[str, FrameLine]] = {}

    def choose(title: str, line: FrameLine) -> None:
        chosen.setdefault(line.frame_id, (title, line))

    # The first frames of a run find cold caches; the slowest of all is one of them more often than not.
    warm = [line for line in done if line.t_s > 2.0] or done
    choose("Slowest frame", max(warm, key=lambda line: line.latency_ms))
    for stretch in story.violations()[:1]:
        names = " and ".join(budget_name(name) for name in stretch.name.split(", "))
        choose(f"First violation: {names}", _at(done, stretch.begin_s))
    for stretch in story.alarms[:1]:
        choose("First alarm", _at(done, stretch.begin_s))
    ordered = sorted(warm, key=lambda line: line.latency_ms)
    choose("A usual frame", ordered[len(ordered) // 2])
    return sorted(chosen.values(), key=lambda one: one[1].t_s)


def _at(lines: Sequence[FrameLine], t_s: float) -> FrameLine:
    return next((line for line in lines if line.t_s >= t_s), lines[-1])


def _told(line: FrameLine) -> str:
    return f"{time_text(line.t_s)}, frame {line.frame_id}: {line.latency_ms:.0f} ms at {line.point}"


def _jpeg(image: Image) -> bytes:
    height, width = image.shape[:2]
    if width > WIDTH:
        image = np.asarray(
            cv2.resize(image, (WIDTH, round(height * WIDTH / width)), interpolation=cv2.INTER_AREA), np.uint8
        )
    _, jpeg = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    return jpeg.tobytes()


def _annotated(story: RunStory, folder: Path, lines: Sequence[FrameLine]) -> Iterator[Image | None]:
    """Pictures of the video sink, found as it placed them."""
    named = [sink["path"] for sink in story.config.get("sinks") or () if sink.get("kind") == "video"]
    path = next((folder / path for path in [*named, "annotated.mp4"] if (folder / path).is_file()), None)
    if path is None:
        return
    with quiet_opencv():
        video = cv2.VideoCapture(str(path))
        try:
            rate = video.get(cv2.CAP_PROP_FPS)
            if not video.isOpened() or not rate > 0:
                return
            places = _places(story.lines, rate)
            for line in lines:
                yield _read(video, places[line.frame_id])
        finally:
            video.release()


def _places(lines: Sequence[FrameLine], rate: float) -> dict[int, int]:
    """Which picture of the video shows each frame; one that was left out is shown by the picture before it."""
    slots, place, places = Slots(rate), -1, {}
    for line in lines:
        place += slots.missing_before(round(line.stream_s * 1e9)) + 1
        places[line.frame_id] = max(0, place)
    return places


def _from_source(story: RunStory, folder: Path, lines: Sequence[FrameLine]) -> Iterator[Image | None]:
    """Pictures of the video that was looked at, with the boxes of the results drawn on them."""
    source = story.config.get("source") or {}
    if source.get("kind") != "video" or not Path(source.get("path", "")).is_file():
        return
    results = _results(story, folder, {line.frame_id for line in lines})
    with quiet_opencv():
        video = cv2.VideoCapture(str(source["path"]))
        try:
            rate, count = video.get(cv2.CAP_PROP_FPS), int(video.get(cv2.CAP_PROP_FRAME_COUNT))
            if not video.isOpened() or not rate > 0 or count < 1:
                return
            for line in lines:
                image = _read(video, round(line.stream_s * rate) % count)
                if image is not None:
                    _draw(image, results.get(line.frame_id) or {})
                yield image
        finally:
            video.release()


def _read(video: cv2.VideoCapture, place: int) -> Image | None:
    video.set(cv2.CAP_PROP_POS_FRAMES, place)
    read, image = video.read()
    return np.asarray(image, np.uint8) if read else None


def _results(story: RunStory, folder: Path, frame_ids: set[int]) -> dict[int, Mapping[str, Any]]:
    """The boxes of a few frames: those of the last stage, which has the final word."""
    path = results_file(folder, story.config)
    lines = () if path is None else json_lines(path)
    return {
        line["frame_id"]: list(line["stages"].values())[-1]
        for line in lines
        if line.get("frame_id") in frame_ids and line.get("stages")
    }


def _draw(image: Image, boxes: Mapping[str, Any]) -> None:
    if not boxes.get("xyxy"):
        return
    classes = ClassTable()
    class_id = [classes.add(name) for name in boxes["class_name"]]
    track_id = [-1 if track is None else track for track in boxes["track_id"]]
    found = Detections.of(boxes["xyxy"], boxes["confidence"], class_id, track_id)
    draw_detections(image, found, classes, Style(image.shape[0]))
