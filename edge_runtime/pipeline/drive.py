"""A drive that is over: frames, and whatever else is known of them, from a recording, a video or a folder."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from edge_runtime.config.schema import ImagesSource, RecordingSource, VideoSource
from edge_runtime.core import TelemetrySample
from edge_runtime.errors import SourceError
from edge_runtime.recording.documents import GovernorInputs
from edge_runtime.recording.drive_csv import DriveLog, is_drive_csv, read_drive_csv
from edge_runtime.recording.images import Image
from edge_runtime.recording.kitti import find_kitti
from edge_runtime.recording.reader import Entry, RecordedFrame, Recording
from edge_runtime.sources import open_source
from edge_runtime.sources.base import SourceInfo
from edge_runtime.telemetry.recorded import load_samples

from .meter import FrameMeter

NS = 1_000_000_000
CAMERA = "front"
# Without a recorded governor it is asked so often; a row of a log is believed for so long.
PERIOD_NS, ROW_NS = 200_000_000, 2 * NS
FileBlock = RecordingSource | VideoSource | ImagesSource


class Drive(Protocol):
    """What can be replayed. `entries` may be called again and starts from the beginning."""

    @property
    def block(self) -> FileBlock:
        """The source, as a pipeline file would name it."""
        ...

    @property
    def recording(self) -> Recording | None:
        """The recording that it is, if it is one."""
        ...

    @property
    def info(self) -> SourceInfo: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def samples(self) -> Iterator[TelemetrySample]: ...

    def entries(self) -> Iterator[Entry]:
        """Frames, what a governor was told before each, and its decisions if there were any."""
        ...


def open_drive(path: Path, log: Path | None = None) -> Drive:
    """A recording, a video, or a folder of pictures; `log` holds telemetry and speed for the latter two.

    Raises `SourceError` or `TelemetryError`.
    """
    if path.suffix.lower() == ".mcap" or not path.exists() or (path.is_dir() and any(path.glob("*.mcap"))):
        if log is not None:
            raise SourceError(f"{path}: a recording has telemetry and speed of its own\n    leave --telemetry out")
        return RecordedDrive(Recording(path))
    known = DriveLog()
    if log is not None:
        known = read_drive_csv(log) if is_drive_csv(log) else DriveLog(tuple(load_samples(log)))
    if not path.is_dir():
        return LoggedDrive(VideoSource(kind="video", path=path, camera=CAMERA), known)
    kitti = find_kitti(path)
    if kitti is None:
        return LoggedDrive(ImagesSource(kind="images", path=path, camera=CAMERA), known)
    block = ImagesSource(kind="images", path=kitti.images, camera=CAMERA, fps=kitti.fps, calibration=kitti.calibration)
    return LoggedDrive(block, replace(known, speeds=known.speeds or kitti.speeds))


class RecordedDrive:
    def __init__(self, recording: Recording) -> None:
        width, height = recording.size or (None, None)
        self.recording = recording
        self.info = SourceInfo(recording.fps, recording.pictures, width, height)
        self.block = RecordingSource(
            kind="recording",
            path=recording.path.absolute(),
            camera=recording.camera,
            calibration=recording.calibration,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        if self.recording.whole:
            return ()
        return (f"{self.recording.path.name} was cut off; it is read up to its last whole chunk",)

    def samples(self) -> Iterator[TelemetrySample]:
        return self.recording.of(TelemetrySample)

    def entries(self) -> Iterator[Entry]:
        return self.recording.entries()


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    image: Image

    def decode(self) -> Image:
        return self.image


class LoggedDrive:
    """Pictures of a file, with telemetry and speed by their time in it.

    A governor is told what it would be if the work took no time: every picture comes out at once.
    """

    recording = None

    def __init__(self, block: VideoSource | ImagesSource, log: DriveLog) -> None:
        self.block = block.model_copy(update={"path": block.path.absolute(), "pace": "fast", "loop": False})
        with closing(open_source(self.block)) as source:  # what cannot be read is said before anything starts
            self.info = source.info
        self.warnings: tuple[str, ...] = ()
        self._log = log
        self._times_ns = [sample.t_ns for sample in log.samples]

    def samples(self) -> Iterator[TelemetrySample]:
        return iter(self._log.samples)

    def entries(self) -> Iterator[Entry]:
        meter, asked, due_ns, told = FrameMeter((), None), 0, 0, 0
        with closing(open_source(self.block)) as source:
            frame_id = 0
            while (picture := source.read()) is not None:
                t_ns = picture.t_stream_ns or 0
                behind = bisect_right(self._times_ns, t_ns)
                yield from self._log.samples[told:behind]
                told = behind
                while due_ns <= t_ns:
                    stats = meter.take(due_ns)
                    stats = replace(stats, published=stats.captured, fps=stats.camera_fps)
                    yield GovernorInputs(asked, self._sample(due_ns), stats, self._speed_mps(due_ns))
                    asked, due_ns = asked + 1, due_ns + PERIOD_NS
                meter.capture(t_ns)
                speed_mps = self._speed_mps(t_ns)
                yield RecordedFrame(
                    frame_id=frame_id,
                    camera=self.block.camera,
                    t_capture_ns=t_ns,
                    t_stream_ns=t_ns,
                    ego_speed_mps=picture.ego_speed_mps if speed_mps is None else speed_mps,
                    fate="published",
                    picture=_Decoded(picture.image),
                )
                frame_id += 1
            self.warnings = source.warnings

    def _sample(self, t_ns: int) -> TelemetrySample | None:
        """The row that stands for this moment, as read when its time began; in a hole the one before grows old."""
        samples, place = self._log.samples, bisect_left(self._times_ns, t_ns)
        if place < len(samples) and samples[place].t_ns - t_ns <= ROW_NS:
            began_ns = max(samples[place].t_ns - ROW_NS, samples[place - 1].t_ns if place else 0)
            return replace(samples[place], t_ns=began_ns)
        return samples[place - 1] if place else None

    def _speed_mps(self, t_ns: int) -> float | None:
        """Between two known speeds on the straight line; before the first and after the last unknown beyond a row."""
        speeds = self._log.speeds
        place = bisect_right(speeds, (t_ns, float("inf")))
        if 0 < place < len(speeds):
            (before_ns, before), (after_ns, after) = speeds[place - 1], speeds[place]
            return before + (after - before) * (t_ns - before_ns) / (after_ns - before_ns)
        nearest = speeds[:1] if not place else speeds[-1:]
        return next((speed for at_ns, speed in nearest if abs(at_ns - t_ns) <= ROW_NS), None)
