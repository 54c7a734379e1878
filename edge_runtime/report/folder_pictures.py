"""Pictures of a run folder: of its annotated video, else of the video that was looked at, else of its recording."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_runtime.core.opencv import quiet_opencv
from edge_runtime.errors import SourceError
from edge_runtime.recording.reader import Recording
from edge_runtime.sinks.draw import Image
from edge_runtime.sinks.video import Slots

from .drawn_result import draw_result
from .recorded_pictures import recorded_pictures
from .run_files import json_lines, results_file
from .run_pictures import with_stills
from .story import FrameLine, RunStory


def with_folder_stills(story: RunStory, folder: Path) -> RunStory:
    """The story with the pictures that its folder, or what it names, still has."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # a video that was cut off is told below, in words
    readers = [partial(read, folder) for read in (_annotated, _from_source, _from_recording)]
    absent = "there is no annotated video or recording in the folder that opens, nor the video that was looked at."
    return with_stills(story, readers, absent)


def _annotated(folder: Path, story: RunStory, lines: Sequence[FrameLine]) -> Iterator[Image | None]:
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


def _from_source(folder: Path, story: RunStory, lines: Sequence[FrameLine]) -> Iterator[Image | None]:
    """Pictures of the video that was looked at, with the results drawn on them."""
    source = story.config.get("source") or {}
    if source.get("kind") != "video" or not Path(source.get("path", "")).is_file():
        return
    results = _results(folder, story, {line.frame_id for line in lines})
    with quiet_opencv():
        video = cv2.VideoCapture(str(source["path"]))
        try:
            rate, count = video.get(cv2.CAP_PROP_FPS), int(video.get(cv2.CAP_PROP_FRAME_COUNT))
            if not video.isOpened() or not rate > 0 or count < 1:
                return
            for line in lines:
                image = _read(video, round(line.stream_s * rate) % count)
                if image is not None:
                    draw_result(image, results.get(line.frame_id) or {}, masks_at=folder)
                yield image
        finally:
            video.release()


def _read(video: cv2.VideoCapture, place: int) -> Image | None:
    video.set(cv2.CAP_PROP_POS_FRAMES, place)
    read, image = video.read()
    return np.asarray(image, np.uint8) if read else None


def _results(folder: Path, story: RunStory, frame_ids: set[int]) -> dict[int, Mapping[str, Any]]:
    """What was found in a few frames."""
    path = results_file(folder, story.config)
    lines = () if path is None else json_lines(path)
    return {line["frame_id"]: line for line in lines if line.get("frame_id") in frame_ids}


def _from_recording(folder: Path, story: RunStory, lines: Sequence[FrameLine]) -> Iterator[Image | None]:
    """Pictures of the run's own recording, where it is one file."""
    path = folder / str((story.config.get("record") or {}).get("path", ""))
    if path.is_file():
        with suppress(SourceError):
            yield from recorded_pictures(Recording(path))(story, lines)
