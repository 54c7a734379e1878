import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.config.schema import VideoSink
from edge_runtime.core import Frame
from edge_runtime.errors import SinkError
from edge_runtime.sinks import make_sink
from edge_runtime.sinks.video import Slots
from tests.material import HIGHWAY, material

from .results import context, frame, result

MS = 1_000_000


def sink(path="annotated.mp4", **keys):
    return make_sink(VideoSink(kind="video", path=path, **keys))


def write(path, folder, frames, **keys):
    video = sink(path, **keys)
    video.open(context(folder))
    for shot in frames:
        video.write(shot, result(shot.frame_id))
    video.close()
    video.close()


def read(path):
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    assert capture.isOpened()
    pictures = []
    while True:
        ok, picture = capture.read()
        if not ok:
            return pictures, capture.get(cv2.CAP_PROP_FPS)
        pictures.append(picture)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "sub/a.avi"])
def test_what_was_written_can_be_read_back(tmp_path, name):
    write(name, tmp_path, [frame(index, level=10 * index) for index in range(20)])
    pictures, fps = read(tmp_path / name)
    assert fps == 25
    assert len(pictures) == 20
    assert [picture.shape for picture in pictures] == [(240, 320, 3)] * 20
    for index, picture in enumerate(pictures):
        assert picture[150:190, 200:300].mean() == pytest.approx(10 * index, abs=6)


def test_one_frame_is_a_video_and_none_is_no_file(tmp_path):
    write("one.mp4", tmp_path, [frame()])
    assert len(read(tmp_path / "one.mp4")[0]) == 1
    write("none.mp4", tmp_path, [])
    assert not (tmp_path / "none.mp4").exists()


def test_odd_sizes_are_cut_and_other_sizes_fitted_to_the_first(tmp_path):
    write("a.mp4", tmp_path, [frame(0, (321, 241)), frame(1, (640, 480)), frame(2, (321, 241))])
    assert [picture.shape for picture in read(tmp_path / "a.mp4")[0]] == [(240, 320, 3)] * 3


def test_overwritten_frames_leave_the_video_at_true_speed(tmp_path):
    write("a.mp4", tmp_path, [frame(index, level=10 * index) for index in (0, 1, 4, 5)])
    levels = [round(float(picture[150:190, 200:300].mean()) / 10) for picture in read(tmp_path / "a.mp4")[0]]
    assert levels == [0, 1, 1, 1, 4, 5]


def test_a_lower_rate_leaves_pictures_out(tmp_path):
    write("a.mp4", tmp_path, [frame(index) for index in range(23)], fps=5)
    pictures, fps = read(tmp_path / "a.mp4")
    assert fps == 5
    assert len(pictures) == 5


def test_a_long_pause_is_cut_to_a_second():
    slots = Slots(fps=10)
    assert [slots.missing_before(t * MS) for t in (0, 100, 60_000, 60_100, 60_120)] == [0, 0, 10, 0, -1]


@given(st.integers(1, 120), st.integers(1, 500))
def test_a_steady_stream_fills_each_slot_once(fps, count):
    slots = Slots(fps)
    assert {slots.missing_before(round(index * 1e9 / fps)) for index in range(count)} == {0}


@pytest.mark.parametrize(("name", "what"), [("a.gif", "cannot write .gif"), ("taken/a.mp4", "cannot be created")])
def test_a_video_that_cannot_be_made_fails_at_the_opening(tmp_path, name, what):
    (tmp_path / "taken").write_text("")
    with pytest.raises(SinkError, match=what):
        sink(name).open(context(tmp_path))


def test_opening_leaves_no_file_behind_and_prints_nothing(tmp_path, capfd):
    video = sink("a.mkv")
    video.open(context(tmp_path))
    video.close()
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_filling_disk_ends_the_video_while_it_can_still_be_finished(tmp_path, monkeypatch):
    free = [30 << 20] * 6 + [10 << 20] * 99
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(f_bavail=free.pop(0), f_frsize=1))
    video = sink()
    video.open(context(tmp_path))
    for index in range(5):
        video.write(frame(index), result(index))
    with pytest.raises(SinkError, match=r"annotated\.mp4: the disk is full, .*; the video ends after 5 pictures"):
        video.write(frame(5), result(5))
    video.close()
    assert len(read(tmp_path / "annotated.mp4")[0]) == 5


def test_a_video_that_did_not_reach_the_disk_is_told_at_the_end(tmp_path):
    code = (
        "import resource, sys, pathlib\n"
        "from tests.sinks.results import context, frame, result\n"
        "from tests.sinks.test_video import sink\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))\n"
        "video = sink()\n"
        "video.open(context(pathlib.Path(sys.argv[1])))\n"
        "for index in range(200): video.write(frame(index, level=index), result(index))\n"
        "try: video.close()\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("SinkError")
    assert "of 200 pictures; is the disk full?" in done.stdout


def test_a_real_drive_is_written_and_read_back(tmp_path):
    capture = cv2.VideoCapture(str(material(HIGHWAY)), cv2.CAP_FFMPEG)
    shots = [Frame(index, "front", index * 40 * MS, capture.read()[1]) for index in range(10)]
    write("a.mp4", tmp_path, shots)
    pictures, _ = read(tmp_path / "a.mp4")
    assert len(pictures) == 10
    assert np.abs(pictures[9].astype(int) - shots[9].image)[250:].mean() < 6
