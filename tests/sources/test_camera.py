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
from edge_runtime.sources.base import CameraAway

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

    def grab(self):
        self.grabbed = self.pictures.pop(0) if self.pictures else None
        return self.grabbed is not None

    def retrieve(self):
        return True, self.grabbed

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
        monkeypatch.setattr(camera, "_why_not_reached", lambda address, patience_s: None)
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
    assert options.startswith("rtsp_transport;tcp|")
    assert "nobuffer" not in options  # it would throw the first key frame away


@pytest.mark.parametrize(
    ("version", "device", "read_ms"),
    [
        ("4.8.0", "nvarguscamerasrc ! appsink", 3_000),
        ("4.8.0", "rtspsrc location=rtsp://cam/ ! appsink", 10_000),  # its first picture is the next key frame
        ("5.0.0", "nvarguscamerasrc ! appsink", 3_000),
        ("4.5.4", "nvarguscamerasrc ! appsink", None),
    ],
)
def test_a_csi_camera_that_hangs_is_noticed_where_opencv_can(opened_with, monkeypatch, version, device, read_ms):
    monkeypatch.setattr(cv2, "__version__", version)
    calls = opened_with(FakeCapture(PICTURE, properties=KNOWN))
    source(device)
    parameters = calls[0][2]
    given = dict(zip(parameters[::2], parameters[1::2], strict=True))
    assert given.get(cv2.CAP_PROP_READ_TIMEOUT_MSEC) == read_ms


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


class Timed(FakeCapture):
    """Pictures with the time stamp and the arrival of each, in milliseconds; what is in a picture is its number."""

    def __init__(self, *pairs):
        super().__init__(*pairs, properties=dict(KNOWN))

    def grab(self):
        if more := super().grab():
            self.properties[cv2.CAP_PROP_POS_MSEC], self.now_ms = self.grabbed
        return more

    def retrieve(self):
        return True, np.full((4, 6, 3), self.grabbed[0] // 40, np.uint8)

    def now_ns(self):
        return round(self.now_ms * 1e6)


def test_pictures_that_piled_up_in_the_decoder_are_given_up_for_the_newest(opened_with):
    on_time = [(n * 40, n * 40) for n in range(10)]
    piled_up = [(n * 40, 1360 + n) for n in range(10, 34)]  # nobody read for a second, then a millisecond each
    after = [(n * 40, n * 40 + 40) for n in range(34, 40)]
    pictures = (*on_time, *piled_up, *after)
    fake = Timed(*pictures)
    opened_with(fake)
    fake.now_ms = 0
    opened = camera.Camera(CameraSource(kind="camera", device=0), fake)
    found = [int(opened.read().image[0, 0, 0]) for _ in range(12)]
    assert found[:10] == list(range(10))
    assert found[10] >= 30, "at most 150 ms of them are left"


def test_a_way_that_became_longer_costs_one_picture_and_not_every_second(opened_with):
    fake = Timed(*[(n * 40, n * 40 + (300 if n >= 10 else 0)) for n in range(40)])
    opened_with(fake)
    fake.now_ms = 0
    opened = camera.Camera(CameraSource(kind="camera", device=0), fake)
    found = [int(opened.read().image[0, 0, 0]) for _ in range(39)]
    assert found == [n for n in range(40) if n != 10]


@pytest.mark.parametrize(
    ("stamp_ms", "says"),
    [
        (lambda n: min(n, 20) * 40, "/dev/video0: its time stamps stand still for 2 s"),
        (lambda n: n % 200 * 40, "/dev/video0: its time stamps went back by 8.0 s"),
    ],
)
def test_time_stamps_that_stop_or_go_back_are_a_lost_camera(opened_with, stamp_ms, says):
    fake = Timed(*[(stamp_ms(n), n * 40) for n in range(300)])
    opened_with(fake)
    fake.now_ms = 0
    opened = camera.Camera(CameraSource(kind="camera", device=0, frozen_s=2), fake)
    with pytest.raises(CameraAway, match=says):
        list(iter(opened.read, None))


@pytest.mark.parametrize("address", ["rtsp:///front", "rtsp://cam:99999/front", "rtsp://[::1/front"])
def test_an_address_that_can_be_none_is_refused_also_where_a_camera_is_waited_for(address):
    with pytest.raises(SourceError, match="is no address\n    write rtsp://HOST:PORT/PATH") as refused:
        open_source(CameraSource(kind="camera", device=address), waits=True)
    assert not isinstance(refused.value, CameraAway)


def test_a_camera_that_is_absent_is_waited_for_where_the_file_or_who_asks_says_so():
    absent = CameraSource(kind="camera", device=97)
    with pytest.raises(CameraAway, match="/dev/video97: no such device"):
        open_source(absent)
    for opened in (
        open_source(absent, waits=True),
        open_source(CameraSource(kind="camera", device=97, reconnect={"at_start": "wait"})),
    ):
        with pytest.raises(CameraAway, match="/dev/video97: no such device"):
            opened.read()
    with pytest.raises(CameraAway, match="/dev/video97: no such device"):
        open_source(CameraSource(kind="camera", device=97, reconnect={"at_start": "refuse"}), waits=True)


def test_a_few_damaged_packets_do_not_end_a_stream(opened_with):
    opened_with(FakeCapture(PICTURE, *[None] * 20, PICTURE))
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


def test_options_for_ffmpeg_are_set_once_and_those_of_the_user_stay(monkeypatch):
    seen = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: seen.append(os.environ.get("OPENCV_FFMPEG_CAPTURE_OPTIONS")))
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "the user's")
    capture.open_capture("rtsp://x", cv2.CAP_FFMPEG, (), "ours")
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS")
    capture.open_capture("drive.mp4", cv2.CAP_FFMPEG)
    capture.open_capture("rtsp://x", cv2.CAP_FFMPEG, (), "ours")
    capture.open_capture("rtsp://y", cv2.CAP_FFMPEG, (), "ours")
    assert seen == ["the user's", None, "ours", "ours"]


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
