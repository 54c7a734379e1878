from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge_runtime.report.folder_pictures import with_folder_stills
from edge_runtime.report.run_files import read_run
from edge_runtime.report.run_pictures import worth_seeing

from .run_folder import write_run


@pytest.fixture
def story(tmp_path):
    return read_run(write_run(tmp_path))


def write_video(path, pictures, rate):
    """Each picture as bright as its number."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (64, 48))
    for number in range(pictures):
        video.write(np.full((48, 64, 3), number, np.uint8))
    video.release()


def brightness(still):
    return cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE).mean()


def test_the_slowest_frame_and_those_of_the_first_violation_and_alarm_are_chosen(story):
    chosen = {title: line.frame_id for title, line in worth_seeing(story)}
    assert chosen["Slowest frame"] == 82
    assert chosen["First violation: power"] == 50
    assert chosen["First alarm"] == 62  # the first frame that came out after 6 s; two ids are missing before it


def test_pictures_are_found_where_the_video_sink_placed_them(story, tmp_path):
    config = {**story.config, "sinks": [{"kind": "video", "path": "seen.avi"}]}
    write_video(tmp_path / "seen.avi", 120, 10)
    stills = with_folder_stills(replace(story, config=config), tmp_path).stills
    slowest = next(still for still in stills if still.title == "Slowest frame")
    assert brightness(slowest) == pytest.approx(80, abs=2)  # the 80th of the frames that came out


def test_without_a_video_one_sentence_says_so(story, tmp_path):
    told = with_folder_stills(story, tmp_path)
    assert told.stills == ()
    assert told.gaps[-1].startswith("No frame is shown")


def test_a_video_that_was_cut_off_falls_back_to_the_one_that_was_looked_at(story, tmp_path):
    (tmp_path / "annotated.mp4").write_bytes(b"half a video")
    write_video(tmp_path / "drive.avi", 200, 10)
    config = {**story.config, "source": {"kind": "video", "path": str(tmp_path / "drive.avi")}}
    lines = [replace(line, stream_s=line.position / 10) for line in story.lines]
    stills = with_folder_stills(replace(story, config=config, lines=lines), tmp_path).stills
    assert brightness(next(still for still in stills if still.title == "Slowest frame")) == pytest.approx(80, abs=2)
