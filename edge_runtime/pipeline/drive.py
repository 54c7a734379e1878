"""A drive that is over: frames, and whatever else is known of them, from a recording, a video or a folder."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from edge_runtime.config.schema import ImagesSource, RecordingSource, VideoSource
from edge_runtime.config.words import did_you_mean, either
from edge_runtime.core import TelemetrySample
from edge_runtime.errors import SourceError
from edge_runtime.recording.documents import GovernorInputs
from edge_runtime.recording.drive_csv import DriveLog, is_drive_csv, read_drive_csv
from edge_runtime.recording.images import Image
from edge_runtime.recording.kitti import find_kitti
from edge_runtime.recording.reader import Entry, RecordedFrame, RecordedResult, Recording
from edge_runtime.sources import open_source
from edge_runtime.sources.base import SourceInfo
from edge_runtime.telemetry.recorded import load_samples

from .meter import FrameMeter

NS = 1_000_000_000
CAMERA = "front"
# Without a recorded governor it is asked so often; a row of a log is believed for so long.
PERIOD_NS, ROW_NS = 200_000_000, 2 * NS
# Frames stand in a recording in the order in which they came out: none is behind another that is so much older.
_APART_NS = 2 * NS
FileBlock = RecordingSource | VideoSource | ImagesSource


class Drive(Protocol):
    """What can be replayed. `entries` may be called again and starts from the beginning."""

    @property
    def path(self) -> Path: ...

    @property
    def blocks(self) -> Sequence[FileBlock]:
        """The source of each camera, as a pipeline file would name it."""
        ...

    @property
    def recording(self) -> Recording | None:
        """The recording that it is, if it is one."""
        ...

    @property
    def infos(self) -> Mapping[str, SourceInfo]:
        """What is known of each camera's pictures, by its name."""
        ...

    @property
    def first_ns(self) -> int | None:
        """When its first picture was captured, whichever camera's it is; None when there is none."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def samples(self) -> Iterator[TelemetrySample]: ...

    def entries(self) -> Iterator[Entry]:
        """Frames, what a governor was told before each, and its decisions if there were any."""
        ...


def open_drive(path: Path, log: Path | None = None, camera: str | None = None) -> Drive:
    """A recording, a video, or a folder of pictures; `log` holds telemetry and speed for the latter two.

    With a `camera` only that one of a recording with several. Raises `SourceError` or `TelemetryError`.
    """
    if path.suffix.lower() == ".mcap" or not path.exists() or (path.is_dir() and any(path.glob("*.mcap"))):
        if log is not None:
            raise SourceError(f"{path}: a recording has telemetry and speed of its own\n    leave --telemetry out")
        recording = Recording(path)
        return RecordedDrive(recording, camera and camera_of(recording, camera))
    if camera is not None:
        raise SourceError(f"{path}: is of one camera, and no recording of several\n    leave --camera {camera} out")
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


def camera_of(recording: Recording, wanted: str) -> str:
    """Which of its cameras is meant: the only one by any name, of several the one called so. Raises `SourceError`."""
    known = list(recording.cameras)
    if len(known) == 1:
        return known[0]
    if wanted not in known:
        fix = did_you_mean(wanted, known) or f"say which: camera: {known[0]}"
        raise SourceError(
            f"{recording.path}: has the cameras {either(known, 'and')}, none is called '{wanted}'\n    {fix}"
        )
    return wanted


def pictures_of(drive: Drive) -> int | None:
    """Those of all cameras; None where one cannot tell."""
    counts = [info.pictures for info in drive.infos.values()]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


class RecordedDrive:
    """A recording; with `only` one of its cameras, beside everything that is not a camera's."""

    def __init__(self, recording: Recording, only: str | None = None) -> None:
        self.recording, self._only = recording, only
        self.path = recording.path.absolute()
        pictures = recording.pictures or {}
        cameras = {name: camera for name, camera in recording.cameras.items() if only in (None, name)}
        self.infos = {
            name: SourceInfo(camera.fps, pictures.get(name), camera.width, camera.height)
            for name, camera in cameras.items()
        }
        self.blocks = tuple(
            RecordingSource(kind="recording", path=self.path, camera=name, calibration=camera.calibration)
            for name, camera in cameras.items()
        )

    @cached_property
    def first_ns(self) -> int | None:
        first_ns: int | None = None
        for frame in self.recording.of(RecordedFrame):
            if frame.picture is None:
                continue
            if first_ns is not None and frame.t_capture_ns > first_ns + _APART_NS:
                break
            first_ns = frame.t_capture_ns if first_ns is None else min(first_ns, frame.t_capture_ns)
        return first_ns

    @property
    def warnings(self) -> tuple[str, ...]:
        if self.recording.whole:
            return ()
        return (f"{self.recording.path.name} was cut off; it is read up to its last whole chunk",)

    def samples(self) -> Iterator[TelemetrySample]:
        return self.recording.of(TelemetrySample)

    def entries(self) -> Iterator[Entry]:
        return (entry for entry in self.recording.entries() if self._only is None or self._own(entry))

    def _own(self, entry: Entry) -> bool:
        if isinstance(entry, RecordedFrame):
            return entry.camera == self._only
        return not isinstance(entry, RecordedResult) or entry.document["camera"] == self._only


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
        self.path = block.path.absolute()
        self._block = block.model_copy(update={"path": self.path, "pace": "fast", "loop": False})
        self.blocks = (self._block,)
        with closing(open_source(self._block)) as source:  # what cannot be read is said before anything starts
            self.infos = {block.camera: source.info}
        self.warnings: tuple[str, ...] = ()
        self._log = log
        self._times_ns = [sample.t_ns for sample in log.samples]

    @cached_property
    def first_ns(self) -> int | None:
        frames = (entry for entry in self.entries() if isinstance(entry, RecordedFrame))
        return next((frame.t_capture_ns for frame in frames), None)

    def samples(self) -> Iterator[TelemetrySample]:
        return iter(self._log.samples)

    def entries(self) -> Iterator[Entry]:
        meter, asked, due_ns, told = FrameMeter((), None), 0, 0, 0
        with closing(open_source(self._block)) as source:
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
                    camera=self._block.camera,
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
