import functools
import http.server
import os
import threading

import cv2
import numpy as np
import pytest

from edge_runtime.config.schema import CameraSource
from edge_runtime.errors import SourceError
from edge_runtime.sources import camera, capture, open_source

from .makers import write_video

GSTREAMER = cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER)


def source(device, **keys):
    return open_source(CameraSource(kind="camera", device=device, **keys))


class FakeCapture:
    """A V4L2 camera that knows one size and rate, and delivers `pictures` before it falls silent."""

    def __init__(self, *pictures, properties=None):
        self.pictures = list(pictures)
        self.properties = properties or {}
        self.released = 0

    def isOpened(self):
        return True

    def get(self, prop):
        return self.properties.get(prop, 0.0)

    def set(self, prop, value):
        return False

    def read(self):
        return (True, self.pictures.pop(0)) if self.pictures else (False, None)

    def grab(self):
        return self.read()[0]

    def release(self):
        self.released += 1


class Ticks:
    """A clock that tells the given times, in milliseconds, one a call."""

    def __init__(self, *times_ms):
        self.times_ms = list(times_ms)

    def now_ns(self):
        return self.times_ms.pop(0) * 1_000_000


@pytest.fixture
def opened_with(monkeypatch):
    """Make the next camera be the given fake; returns the arguments it was opened with."""

    def install(fake):
        calls = []
        monkeypatch.setattr(camera, "open_capture", lambda *arguments: calls.append(arguments) or fake)
        monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda backend: True)
        return calls

    return install


PICTURE = np.zeros((480, 640, 3), np.uint8)
KNOWN = {cv2.CAP_PROP_FRAME_WIDTH: 640.0, cv2.CAP_PROP_FRAME_HEIGHT: 480.0, cv2.CAP_PROP_FPS: 30.0}


@pytest.mark.parametrize(
    ("device", "backend", "target"),
    [
        (0, cv2.CAP_V4L2, "/dev/video0"),
        ("2", cv2.CAP_V4L2, "/dev/video2"),
        ("/dev/v4l/by-id/front", cv2.CAP_V4L2, "/dev/v4l/by-id/front"),
        ("rtsp://10.0.0.5/stream", cv2.CAP_FFMPEG, "rtsp://10.0.0.5/stream"),
        ("rtsp://me:pass!word@10.0.0.5/stream", cv2.CAP_FFMPEG, "rtsp://me:pass!word@10.0.0.5/stream"),
        ("nvarguscamerasrc ! appsink", cv2.CAP_GSTREAMER, "nvarguscamerasrc ! appsink"),
        ("rtspsrc location=rtsp://cam/ ! appsink", cv2.CAP_GSTREAMER, "rtspsrc location=rtsp://cam/ ! appsink"),
    ],
)
def test_each_way_to_name_a_camera_has_its_backend(opened_with, device, backend, target):
    calls = opened_with(FakeCapture(PICTURE, properties=KNOWN))
    opened = source(device)
    assert calls[0][:2] == (target, backend)
    assert opened.paced is True
    assert (opened.info.fps, opened.info.pictures, opened.info.width, opened.info.height) == (30.0, None, 640, 480)


def test_rtsp_goes_over_tcp_with_timeouts_and_without_pictures_held_back_in_decoder_threads(opened_with):
    calls = opened_with(FakeCapture(PICTURE))
    source("rtsp://10.0.0.5/stream")
    _, _, parameters, options = calls[0]
    given = dict(zip(parameters[::2], parameters[1::2], strict=True))
    assert given[cv2.CAP_PROP_OPEN_TIMEOUT_MSEC] == 10_000
    assert given[cv2.CAP_PROP_READ_TIMEOUT_MSEC] == 3_000
    assert given[cv2.CAP_PROP_N_THREADS] == 1
    assert options == "rtsp_transport;tcp"  # nobuffer would throw the first key frame away


def rtsp_at(clock):
    return camera.Camera(CameraSource(kind="camera", device="rtsp://10.0.0.5/stream"), clock)


def test_pictures_that_piled_up_while_a_stream_was_opened_are_given_up(opened_with):
    fake = FakeCapture(*(np.full((4, 6, 3), n, np.uint8) for n in range(10)), properties=KNOWN)
    opened_with(fake)
    # at 30 a second the fourth had to be waited for
    opened = rtsp_at(Ticks(0, 10, 12, 20, 22, 30, 32, 40, 70, 70, 100))
    assert opened.read().image[0, 0, 0] == 4


def test_a_stream_that_went_silent_ends_with_the_time_it_was_waited_for(opened_with):
    fake = FakeCapture(*[PICTURE] * 4)
    opened_with(fake)
    opened = rtsp_at(Ticks(0, 0, 40, 40, 80, 80, 3090, 3090))
    opened.read()
    with pytest.raises(SourceError, match="sent nothing for 3 s after 1 pictures"):
        opened.read()  # a timeout hands out what the decoder still held


def test_the_first_picture_may_be_as_long_in_coming_as_the_opening(opened_with):
    fake = FakeCapture()
    opened_with(fake)
    with pytest.raises(SourceError, match="sent nothing for 10 s after 0 pictures"):
        rtsp_at(Ticks(0, 0, 3000, 6000, 9000, 13000)).read()


def test_a_few_damaged_packets_do_not_end_a_stream(opened_with):
    class Damaged(FakeCapture):
        def read(self):
            return self.pictures.pop(0)

    opened_with(Damaged((True, PICTURE), *[(False, None)] * 20, (True, PICTURE)))
    assert rtsp_at(Ticks(*range(0, 4000, 40))).read() is not None


@pytest.mark.parametrize(
    ("device", "shown"),
    [
        ("rtsp://me:secret@cam/1", "rtsp://me:***@cam/1"),
        ("rtsp://me:s@cr:et@cam/1", "rtsp://me:***@cam/1"),
        ("rtsp://:secret@cam/1", "rtsp://:***@cam/1"),
        ("rtsp://cam/user=me_password=secret&channel=1", "rtsp://cam/user=me_password=***&channel=1"),
        ("rtspsrc location=rtsp://cam user-pw=secret ! appsink", "rtspsrc location=rtsp://cam user-pw=*** ! appsink"),
        ("rtsp://cam:554/1", "rtsp://cam:554/1"),
    ],
)
def test_no_form_of_a_password_is_shown(monkeypatch, device, shown):
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda backend: False)
    with pytest.raises(SourceError) as refused:
        source(device)
    assert str(refused.value).startswith(f"{shown}: ")


def test_options_for_ffmpeg_stand_in_the_environment_only_while_opening(monkeypatch):
    seen = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: seen.append(os.environ.get("OPENCV_FFMPEG_CAPTURE_OPTIONS")))
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", raising=False)
    capture.open_capture("rtsp://x", cv2.CAP_FFMPEG, (), "ours")
    assert "OPENCV_FFMPEG_CAPTURE_OPTIONS" not in os.environ
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "the user's")
    capture.open_capture("rtsp://x", cv2.CAP_FFMPEG, (), "ours")
    assert seen == ["ours", "the user's"]
    assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "the user's"


def test_what_the_camera_gives_instead_is_a_warning(opened_with):
    opened_with(FakeCapture(PICTURE, properties=KNOWN))
    opened = source(0, size=(1280, 720), fps=60)
    assert opened.warnings[0] == "/dev/video0: asked for 1280 x 720, gives 640 x 480"
    assert opened.warnings[1].startswith("/dev/video0: asked for 60 pictures a second, gives 30")
    assert source(0, size=(640, 480), fps=30).warnings == ()


def test_a_camera_that_falls_silent_is_an_error_that_counts_its_pictures(opened_with):
    fake = FakeCapture(PICTURE, PICTURE, properties=KNOWN)
    opened_with(fake)
    with source(0) as opened:
        assert opened.read().t_stream_ns is None
        opened.read()
        with pytest.raises(SourceError, match="/dev/video0: stopped delivering after 2 pictures"):
            opened.read()
        opened.close()
    assert fake.released == 1


def test_grey_pictures_become_three_channels_and_others_are_refused(opened_with):
    opened_with(FakeCapture(np.full((4, 6), 9, np.uint8), np.zeros((4, 6, 4), np.uint8), np.zeros((4, 6, 2), np.uint8)))
    opened = source("videotestsrc ! appsink")
    assert opened.read().image.shape == (4, 6, 3)
    assert opened.read().image.shape == (4, 6, 3)
    with pytest.raises(SourceError, match="format=BGR"):
        opened.read()


def test_a_missing_device_lists_those_that_exist():
    with pytest.raises(SourceError, match=r"/dev/video97: no such device\n    this machine has "):
        source(97)


@pytest.mark.skipif(GSTREAMER, reason="this OpenCV has GStreamer")
def test_without_gstreamer_the_error_says_what_to_install():
    with pytest.raises(SourceError, match=r"built without GStreamer\n.*--system-site-packages"):
        source("videotestsrc ! videoconvert ! video/x-raw,format=BGR ! appsink")


def test_a_stream_that_is_not_there_is_named_without_its_password():
    with pytest.raises(SourceError, match=r"rtsp://me:\*\*\*@127\.0\.0\.1:9/stream: no stream there"):
        source("rtsp://me:secret@127.0.0.1:9/stream")


def test_a_network_stream_is_read_until_it_breaks(tmp_path):
    write_video(tmp_path / "stream.avi", 12)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with source(f"http://127.0.0.1:{server.server_port}/stream.avi") as opened:
            assert opened.info.width == 160
            for _ in range(12):
                assert opened.read().image.shape == (120, 160, 3)
            with pytest.raises(SourceError, match="stopped delivering after 12 pictures"):
                opened.read()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
