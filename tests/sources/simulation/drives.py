"""Small drives for the tests."""

from edge_runtime.config.schema import SimulationSource
from edge_runtime.sources.simulation import Drive
from edge_runtime.sources.simulation.camera import Camera

SMALL = {"size": (640, 360), "seconds": 4.0, "fps": 10.0}


def block(**keys):
    return SimulationSource(kind="simulation", **{**SMALL, **keys})


def drive(**keys):
    return Drive(block(**keys))


def camera(size=(1920, 1080), focal_px=1663.0, pitch_rad=0.0, xyz_m=(0.0, -5.35, 1.4), yaw_rad=0.0):
    """On a straight road, unless it is told where it is."""
    return Camera(size, focal_px, (size[0] / 2, size[1] / 2), pitch_rad, xyz_m, yaw_rad, xyz_m[0])
