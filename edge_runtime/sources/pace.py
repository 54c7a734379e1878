"""When a picture of a file is due, so that the file behaves like a camera."""

from __future__ import annotations

import threading

ASSUMED_FPS = 25.0


class DriveClock:
    """When the drive began that several files tell of; the first of them to be played sets it. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._origin_ns: int | None = None

    def origin_ns(self, now_ns: int) -> int:
        with self._lock:
            if self._origin_ns is None:
                self._origin_ns = now_ns
            return self._origin_ns


class StreamPace:
    """Turns the stream time of each picture into the monotonic time at which a camera would have delivered it.

    The first picture is due at once and sets the schedule, unless a `drive` does. A reader that comes more than
    1 / `fps` too late moves the schedule to its own time, because a camera does not queue up what nobody fetched; each
    such picture counts in `late_pictures`. Due times never run backwards as long as `now_ns` and the stream times do
    not.
    """

    def __init__(self, fps: float | None, drive: DriveClock | None = None) -> None:
        if fps is not None and not fps > 0:
            raise ValueError(f"fps must be above 0, got {fps}")
        self._period_ns = round(1e9 / (fps or ASSUMED_FPS))
        self._origin_ns: int | None = None
        self._drive = drive
        self.late_pictures = 0

    def due_ns(self, t_stream_ns: int | None, now_ns: int) -> int:
        """The time to hand this picture on; in the past or `now_ns` means at once. No stream time: at once."""
        if t_stream_ns is None:
            return now_ns
        if self._origin_ns is None:
            own_ns = now_ns - t_stream_ns
            self._origin_ns = own_ns if self._drive is None else self._drive.origin_ns(now_ns)
            if own_ns - self._origin_ns > self._period_ns:  # opened long after the others
                self._origin_ns = own_ns
        due_ns = self._origin_ns + t_stream_ns
        if now_ns - due_ns > self._period_ns:
            self.late_pictures += 1
            self._origin_ns = now_ns - t_stream_ns
            return now_ns
        return due_ns
