"""A live camera: V4L2 device, network stream, or GStreamer pipeline."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import cv2

from edge_runtime.config.schema import CameraSource
from edge_runtime.core import Clock, SystemClock
from edge_runtime.core.opencv import quiet_opencv
from edge_runtime.errors import SourceError

from .base import CameraAway, Closing, Picture, SourceInfo, Warnings
from .capture import as_bgr, open_capture, positive
from .liveness import StreamTime
from .pace import ASSUMED_FPS
from .reconnect import Reconnecting

Kind = Literal["v4l2", "url", "gstreamer"]

# TCP, because a lost UDP packet smears a picture (ffmpeg.org/ffmpeg-protocols.html#rtsp). Not `fflags;nobuffer`: it
# throws away the key frame that was read while probing, and the first picture then waits for the next one. No frames
# are read to find the rate: open after 0.37 s instead of 1.18. Only video, because sound moves its time stamps when the
# camera first says how the two belong together.
RTSP_OPTIONS = "rtsp_transport;tcp|fpsprobesize;0|allowed_media_types;video"
# With a thread for every core FFmpeg gives each a picture of its own and hands out that of cores - 1 pictures ago:
# measured at 25 a second, 656 ms old with 16 threads and 43 ms with one.
DECODE_THREADS = 1
OPEN_TIMEOUT_MS = 10_000  # also for the first picture, which is the next key frame: some cameras send one in 10 s
READ_TIMEOUT_MS = 3_000
# Of OpenCV: before, GStreamer waits 30 s for a picture and takes no other time (opencv/opencv#22919).
GSTREAMER_TIMEOUTS = (4, 7)
# FFmpeg would wait the whole opening for a camera that is not there, and miss it coming back: whether anything answers
# at its address is asked first, patiently before the first opening, then shortly.
CONNECT_S, CONNECT_AGAIN_S = 3.0, 0.5
RTSP_PORTS = {"rtsp": 554, "rtsps": 322}
MAX_BACKLOG = 250  # pictures to give up that piled up while the stream was probed; measured: 8
# A picture that comes so much later than others of its stream did has waited in a buffer: newer ones wait behind it.
BEHIND_MS, CATCHES_UP_MS = 150.0, 5.0
BACKENDS = {"v4l2": cv2.CAP_V4L2, "url": cv2.CAP_FFMPEG, "gstreamer": cv2.CAP_GSTREAMER}
# How many reads in a row may fail: a damaged packet of a network stream is one, and at its end each costs
# microseconds; V4L2 has waited 10 s by itself.
FAILED_READS = {"v4l2": 1, "url": 100, "gstreamer": 1}


def kind_of(device: str | int) -> Kind:
    """Which of the three ways a `device:` means."""
    text = str(device)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):  # first, because a password may contain a !
        return "url"
    return "gstreamer" if "!" in text else "v4l2"


def open_camera(
    block: CameraSource, *, waits: bool = False, later: bool = False, clock: Clock | None = None
) -> Reconnecting:
    """The camera of a `source:` block, which may come and go. Raises `SourceError` when it never can come, or is not
    there and is not waited for; `waits` counts where the block does not say. With `later` it is opened by who calls
    `open`, or reads.
    """
    clock = clock or SystemClock()
    waits = waits if block.reconnect.at_start is None else block.reconnect.at_start == "wait"
    camera = Reconnecting(
        lambda again: Camera(block, clock, connect_s=CONNECT_AGAIN_S if again else CONNECT_S),
        block.reconnect,
        clock,
        frozen_s=block.frozen_s,
        waits=waits,
    )
    if not later:
        camera.open()
    return camera


class Camera(Closing):
    """One camera, opened by the constructor; `read` blocks until the next picture.

    Raises `CameraAway` when it is not there, stops delivering, or its time stamps stop or go back, and any other
    `SourceError` when it can never work. What a V4L2 camera gives instead of the size and rate asked for stands in
    `warnings`. A camera has no stream time: `t_stream_ns` is None. Pictures that piled up in a decoder or socket are
    given up for the newest.
    """

    paced = True

    def __init__(self, block: CameraSource, clock: Clock | None = None, connect_s: float = CONNECT_S) -> None:
        self._clock = clock or SystemClock()
        self._connect_s = connect_s
        self._time = StreamTime(block.frozen_s)
        self._kind = kind_of(block.device)
        self._device = _v4l2_device(block.device) if self._kind == "v4l2" else block.device
        self._label = without_password(str(self._device))
        self._warnings = Warnings()
        self._delivered = 0
        self._capture: cv2.VideoCapture | None = self._open()
        if self._kind == "v4l2":
            self._ask_for(block)
        fps = positive(self._capture, cv2.CAP_PROP_FPS, most=1000)
        width = positive(self._capture, cv2.CAP_PROP_FRAME_WIDTH, most=1e5)
        height = positive(self._capture, cv2.CAP_PROP_FRAME_HEIGHT, most=1e5)
        self._info = SourceInfo(fps, None, int(width) if width else None, int(height) if height else None)
        if self._is_rtsp:
            self._catch_up(fps or ASSUMED_FPS)

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings.texts

    def read(self) -> Picture | None:
        if self._capture is None:
            return None
        began_ns = self._clock.now_ns()
        patience_ms = READ_TIMEOUT_MS if self._delivered else OPEN_TIMEOUT_MS
        what = "stopped delivering"
        failed, behind_ms = 0, float("inf")
        while failed < FAILED_READS[self._kind]:
            with quiet_opencv():
                ok = self._capture.grab()
            now_ns = self._clock.now_ns()
            # FFmpeg answers a timeout by handing out the picture it still held back: seconds old, so not taken.
            if self._kind == "url" and now_ns - began_ns >= patience_ms * 1e6:
                what = f"sent nothing for {patience_ms / 1000:g} s"
                break
            if ok and self._is_newer_there(now_ns, behind_ms):
                behind_ms = self._time.behind_ms
                continue
            ok, image = self._capture.retrieve() if ok else (False, None)
            if ok and image is not None:
                self._delivered += 1
                return Picture(as_bgr(image, self._label), None)
            failed += 1
        raise CameraAway(
            f"{self._label}: {what} after {self._delivered} pictures\n"
            "    check the cable, the power and the network of the camera"
        )

    def _is_newer_there(self, now_ns: int, behind_ms: float) -> bool:
        """Whether the picture just decoded is late, and less so than the one before: newer ones wait behind it.

        Raises `CameraAway` for impossible times.
        """
        assert self._capture is not None
        self._time.see(float(self._capture.get(cv2.CAP_PROP_POS_MSEC)), now_ns)
        late = self._time.behind_ms > BEHIND_MS
        newer = late and self._time.behind_ms < behind_ms - CATCHES_UP_MS
        if late and not newer:
            self._time.newest()
        if self._time.problem is not None:
            raise CameraAway(f"{self._label}: {self._time.problem}")
        return newer

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _open(self) -> cv2.VideoCapture:
        backend = BACKENDS[self._kind]
        if not cv2.videoio_registry.hasBackend(backend):
            raise SourceError(f"{self._label}: {_missing_backend(self._kind)}")
        parameters: tuple[int, ...] = ()
        if self._kind == "url" or (self._kind == "gstreamer" and _version() >= GSTREAMER_TIMEOUTS):
            read_ms = OPEN_TIMEOUT_MS if "rtspsrc" in str(self._device) else READ_TIMEOUT_MS
            parameters = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, read_ms)
        if self._kind == "url":
            parameters += (cv2.CAP_PROP_N_THREADS, DECODE_THREADS)
        if self._is_rtsp and (why := _why_not_reached(str(self._device), self._connect_s)) is not None:
            raise CameraAway(f"{self._label}: {why}\n    {_CHECK_URL}")
        began_ns = self._clock.now_ns()
        capture = open_capture(self._device, backend, parameters, RTSP_OPTIONS if self._is_rtsp else "")
        if capture.isOpened():
            return capture
        capture.release()
        waited = self._waited_ms(began_ns) >= OPEN_TIMEOUT_MS
        raise CameraAway(f"{self._label}: {_why_not_open(self._kind, self._device, waited)}")

    def _waited_ms(self, since_ns: int) -> float:
        return (self._clock.now_ns() - since_ns) / 1e6

    @property
    def _is_rtsp(self) -> bool:
        return self._kind == "url" and str(self._device).lower().startswith("rtsp")

    def _catch_up(self, fps: float) -> None:
        """Give up the pictures that piled up while the stream was opened, up to the first that had to be waited for."""
        assert self._capture is not None
        for _ in range(MAX_BACKLOG):
            began_ns = self._clock.now_ns()
            if not self._capture.grab() or self._waited_ms(began_ns) > 750 / fps:
                return

    def _ask_for(self, block: CameraSource) -> None:
        """Set size and rate, and warn about what the camera made of it."""
        assert self._capture is not None
        if block.size is not None:
            width, height = block.size
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
            given = tuple(int(self._capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            if given != (width, height):
                self._warnings.add(f"{self._label}: asked for {width} x {height}, gives {given[0]} x {given[1]}")
        if block.fps is not None:
            self._capture.set(cv2.CAP_PROP_FPS, block.fps)
            rate = positive(self._capture, cv2.CAP_PROP_FPS, most=1000)
            if rate is None or abs(rate - block.fps) > 0.5:
                self._warnings.add(
                    f"{self._label}: asked for {block.fps:g} pictures a second, gives "
                    f"{'an unknown rate' if rate is None else format(rate, 'g')}; see what it can do: "
                    "v4l2-ctl --list-formats-ext"
                )


def _version() -> tuple[int, ...]:
    return tuple(int(number) for number in cv2.__version__.split(".")[:2])


def _v4l2_device(device: str | int) -> str:
    text = str(device)
    return f"/dev/video{text}" if text.isdecimal() else text


def without_password(device: str) -> str:
    """An address that may stand in a log. A password ends at the last @ before the path, as FFmpeg reads it."""
    masked = re.sub(r"(://[^:/@\s]*):[^/\s]*@", r"\1:***@", device)
    return re.sub(r"(?i)((?:password|passwd|pwd|user-pw)=)[^&\s]+", r"\1***", masked)


def _missing_backend(kind: Kind) -> str:
    if kind == "gstreamer":
        return (
            f"is a GStreamer pipeline, and this OpenCV ({cv2.__version__}, {Path(cv2.__file__).parent}) was built "
            "without GStreamer\n"
            "    the wheels of PyPI never have it; on a Jetson use the system's OpenCV: pip uninstall opencv-python "
            "opencv-python-headless, then make the environment with: python3 -m venv --system-site-packages .venv"
        )
    return f"this OpenCV ({cv2.__version__}) was built without {'V4L2' if kind == 'v4l2' else 'FFmpeg'}"


_CHECK_URL = (
    "check that the camera is on and in this network, and the port, path, user and password of the address\n"
    "    try it alone: ffprobe -rtsp_transport tcp ADDRESS"
)


def _why_not_reached(address: str, patience_s: float) -> str | None:
    """Why nobody listens at an RTSP address; None when somebody does. Raises `SourceError` when it cannot be one."""
    try:
        parts = urlsplit(re.sub(r"(://)[^/]*@", r"\1", address))  # a password may hold what ends a host
        where = parts.hostname, parts.port or RTSP_PORTS.get(parts.scheme.lower(), 554)
    except ValueError:
        where = None, 0
    if not where[0]:
        raise SourceError(f"{without_password(address)}: is no address\n    write rtsp://HOST:PORT/PATH")
    try:
        socket.create_connection((where[0], where[1]), patience_s).close()
    except socket.gaierror:
        return f"there is no {where[0]}"
    except TimeoutError:
        return f"no answer within {patience_s:g} s"
    except OSError:
        return "no stream there"
    return None


def _why_not_open(kind: Kind, device: str | int, waited: bool) -> str:
    if kind == "gstreamer":
        return "the GStreamer pipeline does not start\n    try it alone, with fakesink for appsink: gst-launch-1.0 …"
    if kind == "url":
        what = f"no answer within {OPEN_TIMEOUT_MS / 1000:g} s" if waited else "no stream there"
        return f"{what}\n    {_CHECK_URL}"
    path = Path(str(device))
    if not path.exists():
        found = ", ".join(sorted(str(other) for other in Path("/dev").glob("video*")))
        return f"no such device\n    {'this machine has ' + found if found else 'this machine has no /dev/video*'}"
    if not os.access(path, os.R_OK | os.W_OK):
        return "may not be opened by this user\n    type: sudo usermod -aG video $USER   and log in again"
    return "does not open as a camera\n    is another program using it? fuser -v " + str(path)
