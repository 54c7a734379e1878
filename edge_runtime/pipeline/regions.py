"""Regions of frame N are planned before frame N-1 has been decoded: how a planner is fed across the pipeline's threads.

The front thread plans, the back thread reports what was seen. A file replayed fast must give the same regions every
time, so there a plan uses exactly what frames up to `lag` before it have shown, which the in-flight ring guarantees to
be finished; with a camera it uses whatever is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import NamedTuple

from edge_runtime.core import Clock, Detections, Region
from edge_runtime.governor.deadline import DeadlineCounts, DeadlineLimit
from edge_runtime.vision.regions import Looked, RegionPlanner, Scene

from .camera_pose import PoseOf
from .entry import Entry


class _Seen(NamedTuple):
    ordinal: int
    outages: int
    scene: Scene
    tracks: Detections
    looked: tuple[Looked, ...]


class PlannedRegions:
    """A detecting stage that looks where its planner says (see `steps.Look`); `observe` reports a finished frame."""

    def __init__(
        self,
        name: str,
        planner: RegionPlanner,
        *,
        most: int,
        period: int,
        lag: int | None,
        pose: PoseOf | None,
        deadline: DeadlineLimit | None,
        clock: Clock,
    ) -> None:
        self.name = name
        self._planner, self._most, self._period, self._lag, self._pose = planner, most, period, lag, pose
        self._deadline, self._clock = deadline, clock
        self._seen: deque[_Seen] = deque()
        self._outages = 0

    def regions(self, entry: Entry) -> tuple[Region, ...]:
        if entry.frame.outages != self._outages:
            self._outages = entry.frame.outages
            self._planner.reset()
        while self._seen and (self._lag is None or self._seen[0].ordinal <= entry.ordinal - self._lag):
            seen = self._seen.popleft()
            if seen.outages == self._outages:
                self._planner.observe(seen.scene, seen.tracks, seen.looked)
        point = entry.point
        if entry.ordinal % (self._period * point.region_period):
            return ()
        most = self._most if point.regions is None else min(self._most, point.regions)
        planned = self._planner.plan(self._scene(entry), most)
        if self._deadline is None:
            return planned
        never_shed = sum(region.never_shed for region in planned)
        return planned[: self._deadline.limit(entry.stage_ms["queue"], len(planned), never_shed)]

    @property
    def shed(self) -> DeadlineCounts | None:
        """What the deadline cost so far; None without one."""
        return None if self._deadline is None else self._deadline.counts

    def observe(self, entry: Entry, tracks: Detections, stages: Sequence[str]) -> None:
        """What `stages` (those of this stage's network) saw of a frame, and the tracks as they are after it."""
        looked = tuple(Looked(view.region, view.detections) for stage in stages for view in entry.views.get(stage, ()))
        if self._deadline is not None and self.name in entry.regions:
            took_ms = (self._clock.now_ns() - entry.taken_ns) / 1e6
            self._deadline.finished(took_ms, len(entry.regions[self.name]), entry.stage_ms[self.name])
        self._seen.append(_Seen(entry.ordinal, entry.frame.outages, self._scene(entry), tracks, looked))

    def _scene(self, entry: Entry) -> Scene:
        """What the planner knows of a frame before anything is seen in it."""
        frame = entry.frame
        pose = None if self._pose is None else self._pose(frame)
        return Scene(frame.frame_id, entry.t_ns, frame.width, frame.height, frame.ego_speed_mps, pose)


class RegionsOfCameras:
    """The `PlannedRegions` of a stage for each camera: every camera has a planner of its own (see `steps.Look`)."""

    def __init__(self, name: str, of_camera: Mapping[str, PlannedRegions]) -> None:
        self.name, self._of_camera = name, of_camera

    def regions(self, entry: Entry) -> tuple[Region, ...]:
        return self._of_camera[entry.frame.camera].regions(entry)

    def observe(self, entry: Entry, tracks: Detections, stages: Sequence[str]) -> None:
        self._of_camera[entry.frame.camera].observe(entry, tracks, stages)

    @property
    def shed(self) -> DeadlineCounts | None:
        """What the deadline cost so far, over all cameras; None without one."""
        counts = [shed for each in self._of_camera.values() if (shed := each.shed) is not None]
        return DeadlineCounts(*map(sum, zip(*map(astuple, counts), strict=True))) if counts else None


class ReportViews:
    """The last step of a frame: tells the planners what was seen."""

    name = "regions"

    def __init__(self, planned: Sequence[tuple[RegionsOfCameras, Sequence[str]]], tracks: str) -> None:
        self._planned, self._tracks = planned, tracks

    @property
    def shed(self) -> dict[str, DeadlineCounts]:
        """What the deadline cost each stage; empty without one."""
        return {regions.name: counts for regions, _ in self._planned if (counts := regions.shed) is not None}

    def launch(self, entries: Sequence[Entry]) -> None:
        """Nothing to start."""

    def finish(self, entry: Entry) -> None:
        if entry.error is not None or self._tracks in entry.skipped - entry.out:
            return
        nothing = Detections.empty()  # where what tracks is out for good
        tracks = entry.sighted.get(self._tracks, entry.detections.get(self._tracks, nothing))
        for regions, stages in self._planned:
            regions.observe(entry, tracks, stages)
