"""The picture of the live page: small, seldom, and drawn where things are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge_runtime.core import ClassTable, Detections, Frame, FrameResult, OperatingPoint, Region
from edge_runtime.core.masks import Masks
from edge_runtime.sinks import overlay
from edge_runtime.sinks.base import SinkContext
from edge_runtime.web import picture
from edge_runtime.web.picture import WIDTH, LivePicture, smaller

MS = 1_000_000


def seen(t_ns, width=1920, height=1080):
    frame = Frame(0, "front", t_ns, np.full((height, width, 3), 128, np.uint8))
    found = Detections.of([[200, 200, 400, 300]], [0.9], [0])
    plane = np.ones((1, 4, 4), np.uint8)
    return frame, FrameResult(
        0, "front", t_ns, 20.0, OperatingPoint(), {"objects": found},
        {"lanes": Masks(plane, np.zeros(1, np.int32), (0.0, 540.0, 1920.0, 1080.0))},
        {"far": (Region((960, 540, 961, 541)),)},
    )  # fmt: skip


def test_what_was_found_is_made_small_with_its_picture():
    frame, result = smaller(*seen(0), WIDTH)
    assert frame.image.shape == (540, 960, 3)
    assert result.detections["objects"].xyxy.tolist() == [[100, 100, 200, 150]]
    assert result.masks["lanes"].xyxy == (0.0, 270.0, 960.0, 540.0)
    assert result.regions["far"][0].xyxy == (480, 270, 481, 271)  # never empty


def test_a_picture_that_is_small_already_stays_as_it_is():
    frame, result = seen(0, 640, 360)
    assert smaller(frame, result, WIDTH) == (frame, result)


def test_at_most_five_pictures_a_second_are_drawn_whatever_the_camera_gives():
    for fps in (4, 30, 60, 1000):
        drawn = []
        sink = LivePicture(drawn.append)
        sink.open(SinkContext(Path(), ClassTable(["car"]), ("objects",), fps))
        for n in range(2 * fps):
            sink.write(*seen(n * 1_000_000_000 // fps, 96, 54))
        assert len(drawn) == min(10, 2 * fps), fps


def test_after_a_pause_pictures_do_not_come_in_a_burst():
    drawn = []
    sink = LivePicture(drawn.append)
    sink.open(SinkContext(Path(), ClassTable(["car"]), ("objects",), 30.0))
    for t_ms in (0, 5000, 5010, 5020, 5100, 5190):
        sink.write(*seen(t_ms * MS, 96, 54))
    assert len(drawn) == 2


def test_where_a_picture_is_dear_there_are_fewer(monkeypatch):
    clock = iter(range(0, 10**12, 30 * MS))  # every second reading ends a picture, so each costs 30 ms
    monkeypatch.setattr(picture.time, "thread_time_ns", lambda: next(clock))
    monkeypatch.setattr(picture.os, "cpu_count", lambda: 4)
    drawn = []
    sink = LivePicture(drawn.append)
    sink.open(SinkContext(Path(), ClassTable(["car"]), ("objects",), 30.0))
    for n in range(30 * 60):
        sink.write(*seen(n * 1_000_000_000 // 30, 96, 54))
    # 1.5 % of four processors are 60 ms a second: two pictures, once it is known what one costs.
    assert 2 * 60 <= len(drawn) < 2 * 60 + 10


def test_it_is_a_jpeg_with_the_box_in_it():
    drawn = []
    sink = LivePicture(drawn.append)
    sink.open(SinkContext(Path(), ClassTable(["car"]), ("objects",), 30.0))
    sink.write(*seen(0))
    picture = cv2.imdecode(np.frombuffer(drawn[0], np.uint8), cv2.IMREAD_COLOR)
    assert np.ptp(picture[95:155, 95:205].astype(int), axis=2).max() > 60
    assert np.ptp(picture[300:, :].astype(int), axis=2).max() < 30


def test_the_rate_written_on_it_is_that_of_the_camera_and_not_of_the_pictures(monkeypatch):
    stated = []
    monkeypatch.setattr(overlay, "head_line", lambda result, fps: stated.append(fps) or "")
    sink = LivePicture(lambda picture: None)
    sink.open(SinkContext(Path(), ClassTable(["car"]), ("objects",), 25.0))
    for n in range(50):
        sink.write(*seen(n * 40 * MS, 96, 54))
    assert stated[-1] == 25.0
