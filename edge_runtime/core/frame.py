"""What a camera delivers (`Frame`) and the part of it a network looks at (`Region`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Frame ids count the frames of one camera: its name and the id are what a frame is known by.
FrameKey = tuple[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of one camera.

    `image` is (H, W, 3) uint8 BGR and is read-only from here on: everyone down the pipeline shares it without a
    copy. `t_capture_ns` is monotonic; `t_stream_ns` is the presentation time inside a file or stream, None where
    the source has none. `ego_speed_mps` is None when nobody measured it. `outages` is how often the camera was away
    before: where it has changed since the frame before, what was tracked then is no longer there.
    """

    frame_id: int
    camera: str
    t_capture_ns: int
    image: npt.NDArray[np.uint8]
    ego_speed_mps: float | None = None
    t_stream_ns: int | None = None
    outages: int = 0

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"image must be (H, W, 3) uint8, got {self.image.shape} {self.image.dtype}")
        if self.ego_speed_mps is not None and not self.ego_speed_mps >= 0:
            raise ValueError(f"ego_speed_mps must be 0 or more, got {self.ego_speed_mps}")
        self.image.setflags(write=False)

    @property
    def key(self) -> FrameKey:
        return self.camera, self.frame_id

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        return int(self.image.shape[0])


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the frame, in whole full-frame pixels, and why it is worth looking at.

    One that is `never_shed` is given up last when there is not time for all.
    """

    xyxy: tuple[int, int, int, int]
    reason: str = "frame"
    value: float = 1.0
    never_shed: bool = False

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.xyxy
        if not (0 <= x0 < x1 and 0 <= y0 < y1):
            raise ValueError(f"region {self.xyxy} is empty or starts before the frame")

    @classmethod
    def whole(cls, frame: Frame) -> Region:
        return cls((0, 0, frame.width, frame.height))
