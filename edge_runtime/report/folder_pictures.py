"""Pictures of a run folder: of its annotated video, else of the video that was looked at, else of its recording."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_runtime.core import FrameKey
from edge_runtime.core.opencv import quiet_opencv
from edge_runtime.errors import SourceError
from edge_runtime.recording.reader import Recording
from edge_runtime.sinks.draw import Image
from edge_runtime.sinks.video import Slots, per_camera

from .drawn_result import draw_result
from .recorded_pictures import recorded_pictures
from .run_files import json_lines, results_file, sources_of
from .run_pictures import with_stills
from .story import FrameLine, RunStory, by_camera


def with_folder_stills(story: RunStory, folder: Path) -> RunStory:
    """The story with the pictures that its folder, or what it names, still has."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # a video that was cut off is told below, in words
    readers = [partial(read, folder) for read in (_annotated, _from_source, _from_recording)]
    absent = "there is no annotated video or recording in the folder that opens, nor the video that was looked at."
    return with_stills(story, readers, absent)


def _annotated(folder: Path, story: RunStory, lines: Sequence[FrameLine]) -> Iterator[Image | None]:
    """Pictures of the video sink, found as it placed them; of several cameras each has a video of its own."""
    named = [sink["path"] for sink in story.config.get("sinks") or () if sink.get("kind") == "video"]
    with ExitStack() as owner:
        videos = {
            camera: (video, _places(mine, video.get(cv2.CAP_PROP_FPS)))
            for camera, mine in by_camera(story.lines).items()
            if (video := _opened(owner, _video_of(folder, named, camera if story.several else None))) is not None
        }
        for line in lines if videos else ():
            video, places = videos.get(line.camera, (None, {}))
            yield None if video is None else _read(video, places[line.frame_id])


def _video_of(folder: Path, named: Sequence[str], camera: str | None) -> Path | None:
    paths = [folder / path for path in [*named, "annotated.mp4"]]
    return next((path for path in (per_camera(path, camera) for path in paths) if path.is_file()), None)


def _places(lines: Sequence[FrameLine], rate: float) -> dict[int, int]:
    """Which picture of the video shows each frame of its camera; one that was left out is shown by the one before."""
    slots, place, places = Slots(rate), -1, {}
    for line in lines:
        place += slots.missing_before(round(line.stream_s * 1e9)) + 1
        places[line.frame_id] = max(0, place)
    return places


def _from_source(folder: Path, story: RunStory, lines: Sequence[FrameLine]) -> Iterator[Image | None]:
    """Pictures of the videos that were looked at, with the results drawn on them."""
    blocks = {block.get("camera", ""): block for block in sources_of(story.config) if block.get("kind") == "video"}
    if not story.several:  # whatever it is called
        blocks = {line.camera: block for line in story.lines[:1] for block in blocks.values()}
    with ExitStack() as owner:
        videos = {
            camera: video
            for camera, block in blocks.items()
            if (video := _opened(owner, Path(block.get("path", "")))) is not None
        }
        results = _results(folder, story, {line.key for line in lines}) if videos else {}
        for line in lines if videos else ():
            video = videos.get(line.camera)
            image = None if video is None else _at(video, line.stream_s)
            if image is not None:
                draw_result(image, results.get(line.key) or {}, masks_at=folder)
            yield image


def _opened(owner: ExitStack, path: Path | None) -> cv2.VideoCapture | None:
    """A video that opens and knows its rate; `owner` closes it."""
    if path is None or not path.is_file():
        return None
    with quiet_opencv():
        video = cv2.VideoCapture(str(path))
        owner.callback(video.release)
        return video if video.isOpened() and video.get(cv2.CAP_PROP_FPS) > 0 else None


def _at(video: cv2.VideoCapture, stream_s: float) -> Image | None:
    """The picture of a moment; a video that was looped begins again."""
    rate, count = video.get(cv2.CAP_PROP_FPS), int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    return None if count < 1 else _read(video, round(stream_s * rate) % count)


def _read(video: cv2.VideoCapture, place: int) -> Image | None:
    with quiet_opencv():
        video.set(cv2.CAP_PROP_POS_FRAMES, place)
        read, image = video.read()
    return np.asarray(image, np.uint8) if read else None


def _results(folder: Path, story: RunStory, wanted: Set[FrameKey]) -> dict[FrameKey, Mapping[str, Any]]:
    """What was found in a few frames."""
    path = results_file(folder, story.config)
    lines = () if path is None else json_lines(path)
    keyed = (((line.get("camera", ""), line.get("frame_id", -1)), line) for line in lines)
    return {key: line for key, line in keyed if key in wanted}


def _from_recording(folder: Path, story: RunStory, lines: Sequence[FrameLine]) -> Iterator[Image | None]:
    """Pictures of the run's own recording, where it is one file."""
    path = folder / str((story.config.get("record") or {}).get("path", ""))
    if path.is_file():
        with suppress(SourceError):
            yield from recorded_pictures(Recording(path))(story, lines)
