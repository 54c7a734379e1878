"""Crossings and their traffic lights: which state each shows at any time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .figures import light_size
from .things import Thing


@dataclass(frozen=True, slots=True)
class Head:
    """One traffic light: its place, the arrow it shows, and by how much its program is behind the crossing's.

    `form` is that of its housing; `glow` is less than 1 where lamp and lens have aged.
    """

    identity: int
    xyz_m: tuple[float, float, float]
    arrow: str | None
    behind_s: float
    form: int
    scale: float
    glow: float


@dataclass(frozen=True, slots=True)
class Crossing:
    """Lights at a street across; `green_s` is a time at which the road gets green, again every `cycle_s`."""

    index: int
    x_m: float
    green_s: float
    green_for_s: float
    red_for_s: float
    heads: tuple[Head, ...]

    YELLOW_FOR_S = 3.0

    @property
    def cycle_s(self) -> float:
        return self.green_for_s + self.YELLOW_FOR_S + self.red_for_s

    def phase_s(self, t_s: float, behind_s: float = 0.0) -> float:
        """Seconds since the road got green."""
        return (t_s - self.green_s - behind_s) % self.cycle_s

    def state(self, head: Head, t_s: float) -> str:
        phase_s = self.phase_s(t_s, head.behind_s)
        if phase_s < self.green_for_s:
            return "green"
        return "yellow" if phase_s < self.green_for_s + self.YELLOW_FOR_S else "red"


def lights_at(crossing: Crossing, t_s: float) -> Iterator[Thing]:
    for head in crossing.heads:
        width, height = (head.scale * side for side in light_size(head.form))
        yield Thing(
            head.identity, "traffic light", head.xyz_m, (0.18, width, height), head.xyz_m[0],
            shape=head.form, category="traffic light", state=crossing.state(head, t_s), arrow=head.arrow,
            scale=head.scale, glow=head.glow,
        )  # fmt: skip
