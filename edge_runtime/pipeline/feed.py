"""The source thread's work: read, wait for the picture's time, stamp, hand over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge_runtime.core import Clock, Frame
from edge_runtime.core.trace import SOURCE, TraceLog
from edge_runtime.errors import SourceError
from edge_runtime.sources.base import CameraAway, Picture, Source
from edge_runtime.sources.ego_speed import SpeedPort
from edge_runtime.sources.pace import DriveClock, StreamPace

from .accounts import NS, Accounts
from .outages import Outages
from .recorder import Recorder
from .slot import NewestSlot

# Of the interval that a cap demands: so much earlier a frame still counts as on time.
_EARLY = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run ends by itself; None where it does not."""

    frames: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A frame and what it cost to read it."""

    frame: Frame
    source_ms: float


class Feed:
    """Moves pictures of one source into the slot until the stream, a limit or `stop` ends it; then closes the slot.

    A camera's pictures, and a file's at `live` pace, are offered newest-wins; with `waits` every picture is taken. A
    camera that is away is waited for, and every frame says how often it was. `out_of_time` says that the limit of
    seconds ended it, which count from the first picture of any camera. With `closes` set it closes its source too.
    """

    def __init__(
        self,
        source: Source,
        slot: NewestSlot[Captured],
        accounts: Accounts,
        clock: Clock,
        *,
        camera: str,
        ego_speed_mps: float | None,
        speed_port: SpeedPort | None = None,
        waits: bool,
        limits: Limits,
        on_capture: Callable[[int, str], None] | None = None,
        fps_cap: Callable[[], float | None] | None = None,
        trace: TraceLog | None = None,
        lane: str = SOURCE,
        recorder: Recorder | None = None,
        drive: DriveClock | None = None,
    ) -> None:
        self.error: str | None = None
        self.ended = self.out_of_time = self.closes = False
        self._source, self._slot, self._accounts, self._clock = source, slot, accounts, clock
        self._camera, self._ego_speed_mps, self._waits, self._limits = camera, ego_speed_mps, waits, limits
        self._on_capture, self._fps_cap, self._trace, self._recorder = on_capture, fps_cap, trace, recorder
        self._speed_port = speed_port
        self._lane = lane
        self._next_ns = 0
        self.outages = Outages(camera, clock.now_ns())
        info = source.info
        self.pace = None if source.paced or waits else StreamPace(info.fps, drive if info.one_clock else None)

    def run(self, stop: threading.Event) -> None:
        try:
            self._run(stop)
        except SourceError as error:
            self.error = str(error)
        except Exception as error:  # whatever ended the camera, the run ends in order and says so
            self.error = f"reading the source failed: {type(error).__name__}: {error}"
        finally:
            if self._recorder is not None and self.error is not None:
                self._recorder.event("camera_lost", self.error)
            self.ended = True
            self._slot.close()
            if self.closes:
                self._source.close()

    def _run(self, stop: threading.Event) -> None:
        frames = self._limits.frames
        while not stop.is_set() and (frames is None or self._accounts.captured < frames):
            began_ns = self._clock.now_ns()
            try:
                picture = self._source.read()
            except CameraAway as away:
                self._lost(str(away))
                if self._is_over(self._clock.now_ns()):
                    return
                continue
            if picture is None:
                return
            now_ns = self._clock.now_ns()
            source_ms = (now_ns - began_ns) / 1e6
            if self.pace is not None:
                if not self._clock.wait_until_ns(self.pace.due_ns(picture.t_stream_ns, now_ns), stop):
                    return
                now_ns = self._clock.now_ns()
            if stop.is_set():
                return
            self._back(now_ns)
            if self._is_over(now_ns):
                return
            frame = Frame(
                frame_id=self._accounts.capture(now_ns),
                camera=self._camera,
                t_capture_ns=now_ns,
                image=picture.image,
                ego_speed_mps=self._speed_mps(picture, now_ns),
                t_stream_ns=picture.t_stream_ns,
                outages=self.outages.count,
            )
            if self._trace is not None:
                ended_ns = began_ns + round(source_ms * 1e6)
                self._trace.span(self._lane, "read", began_ns, ended_ns, frame.frame_id, camera=self._camera)
            if self._on_capture is not None:
                self._on_capture(now_ns, self._camera)
            if self._recorder is not None:
                self._recorder.captured(frame)
            if self._beyond_cap(now_ns) or not self._slot.put(Captured(frame, source_ms), wait=self._waits):
                self._accounts.drop()
                if self._recorder is not None:
                    self._recorder.shed(frame)
            if self._trace is not None:
                of = self._lane.removeprefix(SOURCE)
                self._trace.changed(f"overwritten{of}", now_ns, self._slot.overwritten)
                self._trace.changed(f"shed{of}", now_ns, self._accounts.shed)

    def _is_over(self, now_ns: int) -> bool:
        seconds, first_ns = self._limits.seconds, self._accounts.began_ns
        self.out_of_time = seconds is not None and first_ns is not None and now_ns - first_ns >= seconds * NS
        return self.out_of_time

    def _lost(self, why: str) -> None:
        if self.outages.lost(why) and self._recorder is not None:
            self._recorder.event("camera_loss", why)

    def _back(self, now_ns: int) -> None:
        back = self.outages.picture(now_ns)
        if back is not None and self._recorder is not None:
            self._recorder.log("camera_back", back)

    def _speed_mps(self, picture: Picture, now_ns: int) -> float | None:
        """The vehicle's: as it is sent, else as the source knows it, else the constant."""
        if self._speed_port is not None:
            return self._speed_port.of_frame(now_ns)
        return self._ego_speed_mps if picture.ego_speed_mps is None else picture.ego_speed_mps

    def _beyond_cap(self, now_ns: int) -> bool:
        """Whether the cap on the frame rate leaves this frame out; frames come a little early or late."""
        cap = None if self._fps_cap is None else self._fps_cap()
        if cap is None:
            return False
        interval_ns = round(NS / cap)
        if now_ns < self._next_ns - round(_EARLY * interval_ns):
            return True
        self._next_ns = max(self._next_ns + interval_ns, now_ns)
        return False
