"""What sources of regions have in common: the picture they work in, the boxes they propose, how these are valued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge_runtime.core import ClassGroups, ClassTable, Detections
from edge_runtime.vision.resize import Resize, plan_view

from .scene import Looked, Scene

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# A higher tier is chosen before any sum of values below it.
OPEN, HELD, NEVER_SHED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Picture:
    """Sizes of a frame and of a region in it, (width, height) in frame pixels.

    `scale` and `region_scale` are network pixels a frame pixel, vertically, in the whole frame and in a region.
    """

    frame: tuple[int, int]
    region: tuple[int, int]
    scale: float
    region_scale: float

    @classmethod
    def of(
        cls, frame: tuple[int, int], input_size: tuple[int, int], resize: Resize, size: tuple[int, int] | None
    ) -> Picture:
        """A region is never smaller than the network's input, whose pixels would then be blown-up ones of the frame;
        and never larger than the frame.
        """
        width, height = (
            min(max(wanted, least), most)
            for wanted, least, most in zip(size or input_size, input_size, frame, strict=True)
        )
        scales = []
        for view in (frame, (width, height)):
            fitted = plan_view((0, 0, *view), input_size, resize).picture
            scales.append((fitted[3] - fitted[1]) / view[1])
        return cls(frame, (width, height), scales[0], min(scales[1], 1.0))

    @property
    def gains(self) -> bool:
        """A region shows the network more than the whole frame does."""
        return self.region != self.frame

    def seen_better(self, height_px: Floats, enough_px: float | Floats) -> Floats:
        """How much nearer to `enough_px` of network height an object comes in a region, 0..1."""
        region = np.minimum(height_px * (self.region_scale / enough_px), 1.0)
        whole = np.minimum(height_px * (self.scale / enough_px), 1.0)
        return np.asarray(np.maximum(region - whole, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """n boxes (n, 4) of the frame that a region should contain, their value of 0 or more and their tier."""

    xyxy: Floats
    value: Floats
    tier: Ints

    @classmethod
    def open(cls, xyxy: Floats, value: Floats) -> Proposals:
        return cls(xyxy, value, np.zeros(len(xyxy), np.int64))

    @classmethod
    def none(cls) -> Proposals:
        return cls.open(np.empty((0, 4)), np.empty(0))

    @classmethod
    def joined(cls, parts: Sequence[Proposals]) -> Proposals:
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.xyxy for part in parts]),
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.tier for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.value)


class RegionSource(Protocol):
    """Proposes boxes for one frame at a time; rows are those of its newest proposal."""

    def reset(self) -> None:
        """Forget what was seen and looked at."""
        ...

    def propose(self, scene: Scene, picture: Picture) -> Proposals: ...

    def reason(self, row: int) -> str: ...

    def chosen(self, rows: Flags, t_ns: int) -> None:
        """Which of the rows will be looked at in that frame."""
        ...

    def observe(self, scene: Scene, picture: Picture, tracks: Detections, looked: Sequence[Looked]) -> None: ...


class LastLooks:
    """When each of a fixed number of places was looked at last; never looked at is just before the first question."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._looked_ns: Ints | None = None

    def staleness(self, t_ns: int) -> Floats:
        """1 just after a look, and 1 more every second."""
        if self._looked_ns is None:
            self._looked_ns = np.full(self._count, t_ns - 1000, np.int64)
        return staleness(self._looked_ns, t_ns)

    def look(self, places: Any, t_ns: int) -> None:
        if self._looked_ns is not None:
            self._looked_ns[places] = t_ns


def staleness(looked_ns: Ints, t_ns: int) -> Floats:
    return np.asarray(1.0 + np.maximum(t_ns - looked_ns, 0) * 1e-9)


class ClassValues:
    """What the file says about classes, by class id; the class table is complete."""

    def __init__(
        self,
        classes: ClassTable,
        groups: ClassGroups,
        weights: Mapping[str, float] | None = None,
        never_shed: Sequence[str] = (),
    ) -> None:
        names = classes.names
        self.ids = {name: class_id for class_id, name in enumerate(names)}
        self.groups = groups
        # One more row for what the table does not know, which the id -1 finds as well.
        self.weight = np.array([*((weights or {}).get(name, 1.0) for name in names), 1.0])
        self.never_shed = np.array([*(name in never_shed for name in names), False])
