"""Where in a frame a network should look closely, chosen before anything of the frame has been seen."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate, pairwise

from edge_runtime.config.schema import (
    CalibrationBlock,
    ExploreRegions,
    FixedRegions,
    HorizonRegions,
    PriorRegions,
    RegionsBlock,
    TrackRegions,
)
from edge_runtime.core import ClassGroups, ClassTable, Detections, Region
from edge_runtime.vision.resize import Resize

from .choose import choose
from .horizon import Horizon
from .places import Explore, Fixed
from .prior import Prior
from .proposals import ClassValues, Picture, Proposals, RegionSource
from .scene import Looked, PriorCallback, Scene
from .tracks import TrackSource


class RegionPlanner:
    """Regions of one camera for one network, frame after frame. Not for two threads at a time.

    Deterministic: the same calls give the same regions. `plan` and `observe` are each called in frame order, and
    `observe` may be frames behind. `classes` is complete. Which frames get regions at all (`period`) is the caller's.
    Raises `ConfigError` when a map cannot be read or used.
    """

    def __init__(
        self,
        block: RegionsBlock,
        *,
        input_size: tuple[int, int],
        resize: Resize,
        classes: ClassTable,
        calibration: CalibrationBlock | None,
        never_shed: Sequence[str],
        groups: ClassGroups,
        prior: PriorCallback | None = None,
    ) -> None:
        self._block, self._input_size, self._resize = block, input_size, resize
        values = ClassValues(classes, groups, block.class_weights, never_shed)
        self._sources = tuple(_source(source.chosen, block.max, values, calibration, prior) for source in block.sources)
        self._picture: Picture | None = None
        self._planned_ns: int | None = None

    def reset(self) -> None:
        """Forget what was seen and looked at."""
        for source in self._sources:
            source.reset()
        self._planned_ns = None

    def plan(self, scene: Scene, limit: int) -> tuple[Region, ...]:
        """At most `limit` (and at most `max`) regions, best first, those of never-shed classes before all others.

        None in a frame no larger than the network's input, and none where nothing is worth it. Time that runs
        backwards is a new drive: everything is forgotten.
        """
        limit = min(limit, self._block.max)
        picture = self._picture_of(scene)
        if self._planned_ns is not None and scene.t_ns < self._planned_ns:
            self.reset()
        self._planned_ns = scene.t_ns
        if limit <= 0 or not picture.gains:
            return ()
        proposed = [source.propose(scene, picture) for source in self._sources]
        choices, held = choose(Proposals.joined(proposed), picture, limit)
        starts = list(accumulate(map(len, proposed), initial=0))
        regions = []
        for choice in choices:
            of = bisect(starts, choice.best) - 1
            reason = self._sources[of].reason(choice.best - starts[of])
            regions.append(Region(choice.xyxy, reason, choice.value, choice.never_shed))
        for source, (start, end) in zip(self._sources, pairwise(starts), strict=True):
            source.chosen(held[start:end], scene.t_ns)
        return tuple(regions)

    def observe(self, scene: Scene, tracks: Detections, looked: Sequence[Looked]) -> None:
        """What was found in an earlier frame, and the tracks as they are after it."""
        picture = self._picture_of(scene)
        for source in self._sources:
            source.observe(scene, picture, tracks, looked)

    def _picture_of(self, scene: Scene) -> Picture:
        frame = (scene.width, scene.height)
        if self._picture is None or self._picture.frame != frame:
            self._picture = Picture.of(frame, self._input_size, self._resize, self._block.size)
        return self._picture


def _source(
    block: FixedRegions | HorizonRegions | TrackRegions | PriorRegions | ExploreRegions,
    most: int,
    classes: ClassValues,
    calibration: CalibrationBlock | None,
    prior: PriorCallback | None,
) -> RegionSource:
    match block:
        case FixedRegions():
            return Fixed(block)
        case HorizonRegions():
            return Horizon(block, calibration)
        case TrackRegions():
            return TrackSource(block, classes)
        case PriorRegions():
            return Prior(block, calibration, classes, prior)
        case ExploreRegions():
            return Explore(block, most)
