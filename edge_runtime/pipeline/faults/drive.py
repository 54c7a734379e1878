"""Faults of camera and sensors in a drive that is replayed in virtual time: its times are theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_runtime.config.schema import CameraFault, SensorFault
from edge_runtime.core import TelemetrySample
from edge_runtime.pipeline.drive import Drive, FileBlock
from edge_runtime.recording.documents import GovernorInputs
from edge_runtime.recording.images import Image
from edge_runtime.recording.reader import Entry, RecordedFrame, Recording, Stored
from edge_runtime.sources.base import CameraAway, SourceInfo

from .camera import CameraFaults, Shot
from .sensors import SensorFaults
from .tally import Tally


@dataclass(frozen=True, slots=True, eq=False)
class _Damaged:
    """A picture to which is done what is to be done when it is decoded."""

    stored: Stored
    shot: Shot

    def decode(self) -> Image:
        return self.shot.damaged(self.stored.decode())


class FaultyDrive:
    """A drive with faults in its frames, in its telemetry, and in what a governor is told."""

    def __init__(
        self,
        drive: Drive,
        camera: Sequence[tuple[CameraFault, Tally]],
        sensors: Sequence[tuple[SensorFault, Tally]],
    ) -> None:
        self._drive, self._camera, self._sensors = drive, camera, sensors

    @property
    def path(self) -> Path:
        return self._drive.path

    @property
    def blocks(self) -> Sequence[FileBlock]:
        return self._drive.blocks

    @property
    def recording(self) -> Recording | None:
        return self._drive.recording

    @property
    def infos(self) -> Mapping[str, SourceInfo]:
        return self._drive.infos

    @property
    def first_ns(self) -> int | None:
        return self._drive.first_ns

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._drive.warnings

    def samples(self) -> Iterator[TelemetrySample]:
        return self._drive.samples()

    def entries(self) -> Iterator[Entry]:
        cameras, told = {name: _Camera(self._camera_faults(name)) for name in self.infos}, SensorFaults(self._sensors)
        measured = SensorFaults([(fault, Tally()) for fault, _ in self._sensors])  # the same readings, counted once
        first_ns: int | None = None
        for entry in self._drive.entries():
            if isinstance(entry, RecordedFrame) and entry.picture is not None:
                if (frame := cameras[entry.camera].see(entry)) is not None:
                    yield frame
            elif isinstance(entry, GovernorInputs | TelemetrySample):
                first_ns = entry.t_ns if first_ns is None else first_ns
                since_ns = entry.t_ns - first_ns
                if isinstance(entry, GovernorInputs):
                    yield replace(entry, sample=told.see(since_ns, entry.sample))
                elif (sample := measured.see(since_ns, entry)) is not None:
                    yield sample
            else:
                yield entry

    def _camera_faults(self, camera: str) -> CameraFaults:
        return CameraFaults([(fault, tally) for fault, tally in self._camera if fault.camera in (None, camera)])


class _Camera:
    """What the faults make of one camera's frames."""

    def __init__(self, faults: CameraFaults) -> None:
        self._faults = faults
        self._outages, self._away = 0, False

    def see(self, frame: RecordedFrame) -> RecordedFrame | None:
        """None while the camera is away."""
        try:
            shot = self._faults.see(frame.t_capture_ns)
        except CameraAway:
            self._outages, self._away = self._outages + (not self._away), True
            return None
        self._away = False
        return _moved(replace(frame, outages=frame.outages + self._outages), shot)


def _moved(frame: RecordedFrame, shot: Shot) -> RecordedFrame:
    by_ns = shot.t_ns - frame.t_capture_ns
    return replace(
        frame,
        t_capture_ns=shot.t_ns,
        t_stream_ns=None if frame.t_stream_ns is None else frame.t_stream_ns + by_ns,
        picture=None if frame.picture is None else _Damaged(frame.picture, shot),
    )
