"""How a pipeline is judged, where nobody says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bands:
    """Edges of the bands of the recall tables; the last band has no end."""

    distance_m: tuple[float, ...] = (0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 150.0, 200.0)
    height_px: tuple[float, ...] = (0.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 128.0, 256.0)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a pipeline is judged.

    `visibility` is the share below which an object is ignored, not missed; `first_frame` the labels' number of a
    video's first frame; `only` the classes or groups that are judged, empty for all.
    """

    iou: float = 0.5
    only: tuple[str, ...] = ()
    visibility: float = 0.2
    first_frame: int = 0
    bands: Bands = field(default_factory=Bands)
