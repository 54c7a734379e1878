"""What stands or moves in the world of a simulated drive."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]  # blue, green, red, as the sun shows it

# The road, from the middle outwards, in metres to the left; the vehicle drives in the outer lane on the right.
LANE_WIDTH_M = 3.5
OWN_LANE_M = -5.35
FAST_LANE_M = -1.85
EDGE_M = 7.2
KERB_M = 9.5
HOUSES_M = 13.5
TILE_M = 24.0  # the ground repeats, or changes its kind, after this far
# Of a tile with a crossing, metres from its near end: the stop line, the crosswalk, the street across.
STOP_LINE_M = (2.6, 3.2)
CROSSWALK_M = (4.6, 8.0)
STREET_M = (9.5, 20.5)

CATEGORIES = ("person", "car", "truck", "traffic light", "traffic sign")
SIGHT_M = 250.0  # labelled things are painted up to here
BACKDROP_M = 420.0  # houses and trees up to here
REACH_M = {
    "house": BACKDROP_M,
    "row house": BACKDROP_M,
    "tree": 340.0,
    "bush": 160.0,
    "board": 190.0,
    "lightbox": 190.0,
    "flag": 190.0,
    "post": 120.0,
    "planter": 120.0,
    "hedge": 160.0,
    "cone": 150.0,
    "rail 12.0": 190.0,
    "barrier 12.0": 190.0,
}


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing at one moment, in the road's frame. `xyz_m` is the middle of its foot (of a light or sign: its middle).

    `size_m` is along its heading, across and up. `heading` is cosine and sine of the turn to the left against the
    road. `category` is None for what is not labelled. `order_m`: of two things, the one with the smaller value is
    painted later, over the other. `shape` is the model's form (which car, which step of a stride). `along_mps`
    is its speed along x, `lamps` whether it has them on in the dark, `brakes` and `blinks` whether it shows that just
    now. `glow`: how bright its own light is, 1 when new.
    """

    identity: int
    model: str
    xyz_m: tuple[float, float, float]
    size_m: tuple[float, float, float]
    order_m: float
    colour: Colour = (128, 128, 128)
    shape: int = 0
    heading: tuple[float, float] = (1.0, 0.0)
    category: str | None = None
    state: str | None = None
    arrow: str | None = None
    scale: float = 1.0
    along_mps: float = 0.0
    lamps: bool = False
    brakes: bool = False
    blinks: bool = False
    glow: float = 1.0
