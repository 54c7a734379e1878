"""What a pipeline knows of its camera: how it is mounted, and where the vehicle stands when a frame is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import degrees

from edge_runtime.config.schema import CalibrationBlock, SimulationSource, Source
from edge_runtime.core import Frame
from edge_runtime.vision.regions import Pose

PoseOf = Callable[[Frame], Pose | None]


def calibration(source: Source) -> CalibrationBlock | None:
    """The file's, or that of a simulated drive, which knows its own."""
    if source.calibration is None and isinstance(source, SimulationSource):
        from edge_runtime.sources.simulation.camera import calibration_of

        return calibration_of(source)
    return source.calibration


def simulated_poses(sources: Sequence[Source]) -> PoseOf | None:
    """Where the vehicle stands, for the cameras among these whose drive is simulated; None where none is."""
    poses = {source.camera: simulated_pose(source) for source in sources if isinstance(source, SimulationSource)}

    def pose(frame: Frame) -> Pose | None:
        known = poses.get(frame.camera)
        return None if known is None else known(frame)

    return pose if poses else None


def simulated_pose(source: SimulationSource) -> PoseOf:
    """Where a simulated drive has its vehicle in each picture."""
    from edge_runtime.sources.simulation import Drive

    drive = Drive(source)

    def pose(frame: Frame) -> Pose | None:
        if frame.t_stream_ns is None:
            return None
        camera = drive.camera(round(frame.t_stream_ns * source.fps / 1e9) % drive.pictures)
        x, y, z = camera.xyz_m
        pitch_deg = degrees(camera.pitch_rad) - source.camera_pitch_deg
        return Pose((x, y, z - source.camera_height_m), degrees(camera.yaw_rad), pitch_deg)

    return pose
