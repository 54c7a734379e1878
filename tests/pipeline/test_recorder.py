"""What a run hands over is in the recording, and nothing that the recorder or its disk does holds the run up."""

import base64
import json
import threading

import cv2
import numpy as np
import pytest
from mcap.reader import make_reader

from edge_runtime.config.schema import RecordBlock
from edge_runtime.core import (
    ClassTable,
    Decision,
    Detections,
    Frame,
    FrameResult,
    FrameStats,
    Masks,
    OperatingPoint,
    SystemClock,
    TelemetrySample,
)
from edge_runtime.pipeline.recorder import ROOM, Recorder
from edge_runtime.pipeline.summary import SinkAccount
from edge_runtime.recording import schemas
from edge_runtime.recording.cameras import RecordedCamera
from edge_runtime.recording.documents import GovernorInputs
from edge_runtime.recording.images import jpeg_message
from edge_runtime.recording.reader import LogLine, RecordedFrame, RecordedResult, Recording
from edge_runtime.recording.ring import open_target
from tests.recording.making import MS, opening

CLASSES = ClassTable(["car", "lane"])


def recording_to(path, images="raw", *, waits=False, target=None, cameras=("front",)):
    begin = opening(images, cameras=dict.fromkeys(cameras, RecordedCamera(25.0, 64, 48)))
    target = target or open_target(path, begin, 0, keep_seconds=None, max_gb=None)
    block = RecordBlock(path=path, images=images)
    return Recorder(target, begin, block, SystemClock(), classes=CLASSES, shown=("objects",), waits=waits, instead={})


def frame(n, camera="front"):
    return Frame(n, camera, n * 40 * MS, np.full((48, 64, 3), n, np.uint8), 20.0, None)


def result(n, error=None, camera="front"):
    found = Detections.of([[1.0, 2.0, 30.25, 40.0]], [0.9], [0], [7])
    return FrameResult(
        n, camera, n * 40 * MS, 33.25, OperatingPoint("full"), {"objects": found}, stage_ms={"queue": 2.5}, error=error
    )


def test_a_frame_is_recorded_with_its_picture_its_result_and_what_became_of_it(tmp_path):
    recorder = recording_to(tmp_path / "drive.mcap")
    for n in range(5):
        recorder.captured(frame(n))
        if n == 1:
            recorder.shed(frame(1))
    recorder.published(frame(0), result(0))
    recorder.published(frame(3), result(3))
    recorder.published(frame(4), result(4, error="objects: NaN"))
    recorder.captured(frame(5))
    recorder.drain(10)
    recorder.finish({"fps": 25.0})
    recording = Recording(tmp_path / "drive.mcap")
    frames = {each.frame_id: each for each in recording.of(RecordedFrame)}
    fates = ["published", "shed", "overwritten", "published", "failed", "unfinished"]
    assert [frames[n].fate for n in range(6)] == fates
    assert [frames[n].picture is not None for n in range(6)] == [True, False, False, True, True, False]
    assert np.array_equal(frames[3].picture.decode(), frame(3).image)
    assert (frames[3].latency_ms, frames[3].point, frames[3].taken_ns) == (33.25, "full", round(122.5 * MS))
    (first, *_) = recording.of(RecordedResult)
    assert first.document["stages"]["objects"]["xyxy"] == [[1.0, 2.0, 30.25, 40.0]]
    assert [line.name for line in recording.of(LogLine)] == ["frame_failed"]
    assert recorder.account == SinkAccount(written=3, dropped=0, error=None)
    assert recording.summary() == {"fps": 25.0}


def test_masks_are_inside_the_result(tmp_path):
    recorder = recording_to(tmp_path / "drive.mcap", "none")
    planes = np.zeros((1, 4, 6), np.uint8)
    planes[0, 1:3] = 1
    masks = Masks(planes, np.array([1], np.int32), (0.0, 0.0, 64.0, 48.0))
    seen = FrameResult(0, "front", 0, 10.0, OperatingPoint(), masks={"road": masks})
    recorder.published(frame(0), seen)
    recorder.drain(10)
    recorder.finish({})
    (read,) = Recording(tmp_path / "drive.mcap").of(RecordedResult)
    assert read.document["masks"]["road"]["xyxy"] == [0.0, 0.0, 64.0, 48.0]
    assert png_of(read.document["masks"]["road"]["png"]["lane"]).tolist() == (planes[0] * 255).tolist()


def png_of(text):
    return cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_GRAYSCALE)


def test_decisions_come_with_exactly_what_the_governor_was_told_and_changes_of_point_are_logged(tmp_path):
    recorder = recording_to(tmp_path / "drive.mcap", "none")
    sample = TelemetrySample(1 * MS, "sysfs", 20.0)
    recorder.telemetry(sample)
    for n, point in enumerate(["full", "full", "small"]):
        recorder.told(sample, FrameStats(n * 200 * MS, 0.2), 20.0)
        alarm = "too warm" if n else None
        recorder.decided(Decision(n * 200 * MS, OperatingPoint(point), None, f"{point}: because", alarm=alarm))
    recorder.drain(10)
    recorder.finish({})
    recording = Recording(tmp_path / "drive.mcap")
    assert list(recording.of(TelemetrySample)) == [sample]
    assert [(told.n, told.t_ns) for told in recording.of(GovernorInputs)] == [(n, n * 200 * MS) for n in range(3)]
    assert [decision.point.name for decision in recording.of(Decision)] == ["full", "full", "small"]
    said = [(line.level, line.message) for line in recording.of(LogLine)]
    assert said == [
        (schemas.INFO, "full: because"),
        (schemas.WARNING, "too warm"),
        (schemas.INFO, "small: because"),
    ]


class Blocked:
    """A disk that takes nothing until it is let go."""

    def __init__(self):
        self.notices, self.free, self.topics, self.saved = [], threading.Event(), [], []

    def write(self, topic, t_ns, data):
        self.free.wait(30)
        self.topics.append(topic)

    def tick(self, now_ns):
        pass

    def save(self, event, t_ns):
        self.saved.append(event)

    def close(self, attachments):
        pass


def test_a_disk_that_stands_still_costs_pictures_which_are_counted_and_nothing_else(tmp_path):
    disk = Blocked()
    recorder = recording_to(tmp_path / "drive.mcap", target=disk)
    for n in range(50):
        recorder.published(frame(n), result(n))  # returns at once, whatever the disk does
    assert recorder.account.dropped >= 50 - ROOM - 1
    disk.free.set()
    recorder.drain(10)
    assert disk.topics.count(schemas.FRAME) == disk.topics.count(schemas.RESULT) == 50
    assert disk.topics.count(schemas.image_topic("front")) == 50 - recorder.account.dropped
    assert recorder.account.written == 50


def test_a_file_replayed_fast_waits_for_the_disk_and_loses_no_picture(tmp_path):
    recorder = recording_to(tmp_path / "drive.mcap", waits=True)
    for n in range(60):
        recorder.published(frame(n), result(n))
    recorder.drain(10)
    recorder.finish({})
    assert (recorder.account.written, recorder.account.dropped) == (60, 0)
    assert Recording(tmp_path / "drive.mcap").pictures == {"front": 60}


class Full(Blocked):
    def write(self, topic, t_ns, data):
        raise OSError(28, "No space left on device")


def test_pictures_of_several_cameras_are_encoded_beside_each_other_and_written_in_their_order(tmp_path, monkeypatch):
    both = threading.Barrier(2)

    def encode(image, camera, t_unix_ns):
        both.wait(30)  # broken unless two are at it at once
        return jpeg_message(image, camera, t_unix_ns)

    monkeypatch.setattr("edge_runtime.pipeline.recorder.jpeg_message", encode)
    recorder = recording_to(tmp_path / "drive.mcap", "jpeg", cameras=("front", "left"), waits=True)
    keys = [(camera, n) for n in range(10) for camera in ("front", "left")]
    for camera, n in keys:
        recorder.captured(frame(n, camera))
        recorder.published(frame(n, camera), result(n, camera=camera))
    recorder.drain(30)
    recorder.finish({})
    assert recorder.account == SinkAccount(written=20, dropped=0, error=None)
    recording = Recording(tmp_path / "drive.mcap")
    assert recording.pictures == {"front": 10, "left": 10}
    frames = list(recording.of(RecordedFrame))
    assert [each.key for each in frames] == keys
    assert [int(each.picture.decode().mean()) for each in frames] == [n for _, n in keys]


def test_frames_of_one_camera_say_nothing_of_those_of_another(tmp_path):
    recorder = recording_to(tmp_path / "drive.mcap", "none", cameras=("front", "left"))
    for camera, n in (("left", 0), ("left", 1), ("front", 0), ("front", 1), ("front", 2)):
        recorder.captured(frame(n, camera))
    recorder.published(frame(2), result(2))
    recorder.shed(frame(0, "left"))
    recorder.drain(30)
    recorder.finish({})
    fates = {each.key: each.fate for each in Recording(tmp_path / "drive.mcap").of(RecordedFrame)}
    assert fates == {
        ("front", 0): "overwritten",
        ("front", 1): "overwritten",
        ("front", 2): "published",
        ("left", 0): "shed",
        ("left", 1): "unfinished",
    }


def test_a_full_disk_ends_the_recording_by_name_and_not_the_run(tmp_path):
    recorder = recording_to(tmp_path / "drive.mcap", target=Full())
    recorder.published(frame(0), result(0))
    recorder.drain(10)
    for n in range(1, 4):
        recorder.published(frame(n), result(n))
    recorder.finish({})
    assert recorder.account.error == "recording drive.mcap: No space left on device"
    assert recorder.account.dropped == 4


def test_a_disk_that_never_comes_back_is_left_behind_and_named(tmp_path):
    disk = Blocked()
    recorder = recording_to(tmp_path / "drive.mcap", target=disk)
    recorder.published(frame(0), result(0))
    recorder.drain(0.05)
    recorder.finish({})
    assert recorder.account.error == "did not finish within 0 s"
    disk.free.set()


def test_frames_that_fail_one_after_another_are_one_event(tmp_path):
    disk = Blocked()
    disk.free.set()
    recorder = recording_to(tmp_path / "drive.mcap", target=disk)
    for n, error in enumerate([None, "bad", "bad", None, "bad"]):
        recorder.published(frame(n), result(n, error))
    recorder.drain(10)
    assert disk.saved == ["frame_failed", "frame_failed"]


@pytest.mark.parametrize("images", ["jpeg", "raw", "none"])
def test_what_foxglove_draws_stands_beside_every_picture(tmp_path, images):
    recorder = recording_to(tmp_path / "drive.mcap", images)
    recorder.published(frame(0), result(0))
    recorder.drain(10)
    recorder.finish({})
    with (tmp_path / "drive.mcap").open("rb") as stream:
        found = {channel.topic: message for _, channel, message in make_reader(stream).iter_messages()}
    assert (schemas.image_topic("front") in found) == (images != "none")
    drawn = json.loads(found[schemas.annotations_topic("front")].data)
    assert [text["text"] for text in drawn["texts"]] == ["car 0.90 #7"]
    corners = [(point["x"], point["y"]) for point in drawn["points"][0]["points"]]
    assert corners == [(1.0, 2.0), (30.2, 2.0), (30.2, 40.0), (1.0, 40.0)]
