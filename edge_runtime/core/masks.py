"""What a segmentation network says about one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """One binary plane a class, at the network's own resolution.

    `planes` (n, h, w) uint8, 1 where the class is; `class_id` (n,) int32 into the pipeline's class table; `xyxy` is
    the rectangle of the full frame, in pixels, that the planes cover (padding is already cut off).
    """

    planes: npt.NDArray[np.uint8]
    class_id: npt.NDArray[np.int32]
    xyxy: tuple[float, float, float, float]

    def __post_init__(self) -> None:
        if self.planes.ndim != 3 or self.planes.dtype != np.uint8:
            raise ValueError(f"planes must be (n, h, w) uint8, got {self.planes.shape} {self.planes.dtype}")
        if self.class_id.shape != (len(self.planes),):
            raise ValueError(f"class_id must be ({len(self.planes)},), got {self.class_id.shape}")
