"""Planning on one thread, seeing on another: what a plan may know, and what a deadline leaves of it."""

import numpy as np

from edge_runtime.core import Detections, Frame, OperatingPoint, Region
from edge_runtime.governor.deadline import DeadlineLimit
from edge_runtime.pipeline.entry import Entry
from edge_runtime.pipeline.regions import PlannedRegions, RegionsOfCameras, ReportViews


class Clock:
    def __init__(self):
        self.ns = 0

    def now_ns(self):
        return self.ns


class Planner:
    """Notes what it was told, and plans as many regions as it may."""

    def __init__(self):
        self.seen = []
        self.known_at = []

    def reset(self):
        self.seen.clear()

    def observe(self, scene, tracks, looked):
        self.seen.append(scene.frame_id)

    def plan(self, scene, limit):
        self.known_at.append(list(self.seen))
        return tuple(Region((10 * n, 0, 10 * n + 8, 8), "track", 1.0, never_shed=n == 0) for n in range(limit))


def planned(planner, clock=None, **keys):
    options = {"most": 4, "period": 1, "lag": 2, "pose": None, "deadline": None, **keys}
    return PlannedRegions("far", planner, clock=clock or Clock(), **options)


def entry(n, point=None, age_ms=5.0, outages=0):
    frame = Frame(n, "front", n, np.zeros((20, 80, 3), np.uint8), outages=outages)
    each = Entry(0, frame, point or OperatingPoint(), n)
    each.stage_ms["queue"] = age_ms
    each.stage_ms["far"] = 4.0
    each.detections["tracked"] = Detections.empty()
    return each


def finish(regions, each):
    ReportViews([(RegionsOfCameras("far", {"front": regions}), ("far",))], "tracked").finish(each)


def test_a_replay_knows_exactly_the_frames_that_must_be_finished_however_fast_the_others_were():
    planner = Planner()
    regions = planned(planner, lag=2)
    for n in range(4):
        each = entry(n)
        each.regions["far"] = regions.regions(each)
        finish(regions, each)  # finished at once, and still not known to the next frame
    assert planner.known_at == [[], [], [0], [0, 1]]


def test_with_a_camera_a_plan_knows_whatever_is_known():
    planner = Planner()
    regions = planned(planner, lag=None)
    for n in range(3):
        each = entry(n)
        each.regions["far"] = regions.regions(each)
        finish(regions, each)
    assert planner.known_at == [[], [0], [0, 1]]


def test_what_was_seen_before_an_outage_of_the_camera_is_forgotten_also_if_it_is_told_later():
    planner = Planner()
    regions = planned(planner, lag=None)
    before = [entry(n) for n in range(2)]
    for each in before:
        each.regions["far"] = regions.regions(each)
    finish(regions, before[0])
    first = entry(2, outages=1)
    first.regions["far"] = regions.regions(first)
    finish(regions, before[1])  # it was in flight while the camera came back
    finish(regions, first)
    regions.regions(entry(3, outages=1))
    assert planner.known_at == [[], [], [], [2]]


def test_a_frame_that_failed_tells_the_planner_nothing():
    planner = Planner()
    regions = planned(planner, lag=None)
    bad = entry(0)
    bad.regions["far"] = regions.regions(bad)
    bad.error = "broken"
    finish(regions, bad)
    regions.regions(entry(1))
    assert planner.known_at == [[], []]


def test_the_point_limits_how_many_and_how_often():
    regions = planned(Planner(), most=4, period=2)
    few = OperatingPoint(regions=1)
    assert [len(regions.regions(entry(n, few))) for n in range(4)] == [1, 0, 1, 0]
    rare = OperatingPoint(region_period=2)
    assert [len(regions.regions(entry(n, rare))) for n in range(4)] == [4, 0, 0, 0]


def test_a_late_frame_sheds_the_last_regions_and_every_one_is_counted():
    clock = Clock()
    regions = planned(Planner(), clock=clock, deadline=DeadlineLimit(50.0))
    first = entry(0)
    first.regions["far"] = regions.regions(first)
    assert len(first.regions["far"]) == 4
    clock.ns = 30_000_000
    finish(regions, first)  # 26 ms and 1 ms a region
    kept = regions.regions(entry(1, age_ms=21.0))
    assert len(kept) < 4
    assert regions.regions(entry(2, age_ms=60.0)) == ()
    counts = regions.shed
    assert counts.planned == 12
    assert counts.shed == 12 - 4 - len(kept)
    assert counts.protected_shed >= 1


def test_planners_go_on_without_what_tracks_and_without_a_look_that_failed():
    planner, lost = Planner(), Planner()
    regions = planned(planner, deadline=DeadlineLimit(100.0))
    other = planned(lost, deadline=DeadlineLimit(100.0))
    each = entry(0)
    del each.detections["tracked"]
    each.out = frozenset({"tracked"})
    each.skipped |= {"tracked", "other"}
    each.regions["far"] = regions.regions(each)
    other.name = "other"  # looked, and was taken back
    ReportViews([(regions, ("far",)), (other, ("other",))], "tracked").finish(each)
    assert regions.regions(entry(2))
    assert planner.known_at == [[], [0]]
