"""Folders laid out as those of KITTI (cvlibs.net/datasets/kitti): pictures, calibration, and speed from its oxts files.

    raw data                                        odometry
    2011_09_26/calib_cam_to_cam.txt                 00/calib.txt
    2011_09_26/DRIVE/image_02/data/0000000000.png   00/times.txt
    2011_09_26/DRIVE/image_02/timestamps.txt        00/image_2/000000.png
    2011_09_26/DRIVE/oxts/data/0000000000.txt

A drive is named by its folder or by that of its pictures. Whatever of it is missing is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge_runtime.config.schema import CalibrationBlock
from edge_runtime.errors import SourceError

NS = 1_000_000_000
FPS = 10.0
# Of the cameras above the road (Geiger et al. 2013, "Vision meets Robotics: The KITTI Dataset", figure 3).
HEIGHT_M = 1.65
# The left colour camera first, then the others.
_FOLDERS = (
    "image_02/data",
    "image_2",
    "image_03/data",
    "image_3",
    "image_00/data",
    "image_0",
    "image_01/data",
    "image_1",
)
_VF = 8  # forward velocity in m/s, the ninth value of an oxts line


@dataclass(frozen=True, slots=True)
class KittiDrive:
    """`speeds` are pairs of time since the first picture and forward speed in m/s, one for each picture."""

    images: Path
    fps: float
    speeds: tuple[tuple[int, float], ...]
    calibration: CalibrationBlock | None


def find_kitti(folder: Path) -> KittiDrive | None:
    """The drive that a folder, or the drive's folder above it, holds; None where nothing looks like one.

    Raises `SourceError` for a calibration or an oxts file that cannot be read.
    """
    images = next((folder / name for name in _FOLDERS if (folder / name).is_dir()), folder)
    camera = re.search(r"image_0?(\d)(/data)?$", images.as_posix())
    if camera is None:
        return None
    drive = images.parent.parent if images.name == "data" else images.parent
    fps = _rate(images.parent / "timestamps.txt", drive / "times.txt")
    speeds = tuple((round(n * NS / fps), speed) for n, speed in enumerate(_speeds(drive / "oxts" / "data")))
    return KittiDrive(images, fps, speeds, _calibration(drive, camera.group(1)))


def _rate(stamps: Path, seconds: Path) -> float:
    """Pictures a second: one over the mean of their intervals."""
    try:
        if stamps.exists():
            texts = [line.strip()[:26] for line in stamps.read_text().splitlines() if line.strip()]
            times = [datetime.fromisoformat(text).timestamp() for text in (texts[0], texts[-1])]
            count = len(texts)
        elif seconds.exists():
            values = [float(line) for line in seconds.read_text().split()]
            times, count = [values[0], values[-1]], len(values)
        else:
            return FPS
        return (count - 1) / (times[1] - times[0]) if count > 1 and times[1] > times[0] else FPS
    except (ValueError, IndexError) as error:
        raise SourceError(f"{stamps if stamps.exists() else seconds}: not a list of times: {error}") from error


def _speeds(folder: Path) -> Iterable[float]:
    for path in sorted(folder.glob("*.txt")):
        try:
            yield max(0.0, float(path.read_text().split()[_VF]))
        except (ValueError, IndexError) as error:
            raise SourceError(f"{path}: not a line of oxts with its 30 values: {error}") from error


def _calibration(drive: Path, camera: str) -> CalibrationBlock | None:
    for path, key in (
        (drive / "calib.txt", f"P{camera}"),
        (drive / "calib_cam_to_cam.txt", f"P_rect_0{camera}"),
        (drive.parent / "calib_cam_to_cam.txt", f"P_rect_0{camera}"),
    ):
        if not path.exists():
            continue
        rows = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
        if key not in rows:
            raise SourceError(f"{path}: has no {key}; it has {', '.join(rows)}")
        try:
            p = [float(value) for value in rows[key].split()]
            return CalibrationBlock(focal_px=(p[0], p[5]), centre_px=(p[2], p[6]), height_m=HEIGHT_M)
        except (ValueError, IndexError) as error:
            raise SourceError(f"{path}: {key} is not a 3 x 4 matrix: {error}") from error
    return None
