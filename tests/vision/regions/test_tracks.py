"""Regions that follow objects."""

import pytest

from edge_runtime.core import Detections

from .drive import CAR, LIGHT, SIDE, WIDTH, boxes, close, holds, middle, planner, scene, whole


def follow(planning, frames, start=0):
    """Show it frames of (tracks, what the whole frame shows)."""
    for frame, (tracks, found) in enumerate(frames, start):
        planning.observe(scene(frame), tracks, [whole(found), close(tracks)])


def test_a_small_track_gets_a_region_around_it():
    planning = planner("tracks")
    follow(planning, [(boxes((300, 400, 20, CAR, 7)),) * 2])
    (region,) = planning.plan(scene(1), 4)
    assert region.reason == "track 7"
    assert middle(region) == (300, 400)
    assert region.xyxy[2] - region.xyxy[0] == SIDE


@pytest.mark.parametrize(("height", "regions"), [(90, 1), (110, 0)])
def test_small_is_measured_in_pixels_of_the_network(height, regions):
    """A frame 1280 wide in a network 416 wide: 32 pixels there are 98 here."""
    planning = planner("tracks")
    track = boxes((600, 400, height, CAR, 1))
    follow(planning, [(track, track)] * 5)
    assert len(planning.plan(scene(5), 4)) == regions


def test_an_uncertain_track_may_be_twice_as_large():
    for confidence, regions in ((0.8, 0), (0.3, 1)):
        planning = planner("tracks")
        sure = boxes((600, 400, 150, CAR, 1))
        track = Detections.of(sure.xyxy, [confidence], sure.class_id, sure.track_id)
        follow(planning, [(track, track)] * 5)
        assert len(planning.plan(scene(5), 4)) == regions


def test_without_tracks_nothing_is_looked_at():
    planning = planner("tracks")
    assert planning.plan(scene(), 4) == ()
    planning.observe(scene(), boxes((300, 300, 20, CAR, -1)), [])
    assert planning.plan(scene(1), 4) == ()


def test_a_moving_track_is_looked_for_where_it_will_be():
    """Planned four frames after the newest that was seen: 25 pixels a frame to the right, growing."""
    planning = planner("tracks")
    steps = [boxes((300 + 25 * k, 400, 20 * 1.01**k, CAR, 1)) for k in range(15)]
    follow(planning, [(step, Detections.empty()) for step in steps])
    (region,) = planning.plan(scene(18), 1)
    assert middle(region)[0] == pytest.approx(300 + 25 * 18, abs=8)


def test_an_unseen_track_keeps_its_region_for_a_second_and_then_is_lost():
    planning = planner("tracks")
    follow(planning, [(boxes((300, 400, 20, CAR, 1)), Detections.empty())] * 3)
    for frame in range(3, 40):
        regions = planning.plan(scene(frame), 1)
        planning.observe(scene(frame), Detections.empty(), [whole()])
        if frame != 2 + 25:
            assert len(regions) == (frame < 2 + 25), frame


def test_a_track_that_left_the_frame_is_not_looked_for():
    planning = planner("tracks")
    follow(planning, [(boxes((1100 + 40 * k, 400, 20, CAR, 1)), Detections.empty()) for k in range(5)])
    assert planning.plan(scene(20), 1) == ()


def test_the_margin_around_a_track_grows_with_its_age():
    """Two tracks just fit into one region when fresh; when unseen for long, each needs one."""
    planning = planner("tracks")
    follow(planning, [(boxes((300, 400, 20, CAR, 1), (670, 400, 20, CAR, 2)), Detections.empty())])
    assert len(planning.plan(scene(1), 4)) == 1
    assert len(planning.plan(scene(20), 4)) == 2


def test_a_track_that_only_regions_show_keeps_its_region_from_all_others():
    planning = planner("horizon", "explore", "tracks", {"fixed": {"rects": [[0, 0, 50, 50]], "weight": 50.0}})
    hidden = boxes((1000, 600, 14, CAR, 1))
    for frame in range(200):
        planning.observe(scene(frame), hidden, [whole(), close(hidden)])
        (region,) = planning.plan(scene(frame + 1), 1)
        assert holds(region, 1000, 600), frame


def test_a_track_that_the_whole_frame_shows_as_well_gives_its_region_back():
    planning = planner("tracks", {"fixed": {"rects": [[0, 0, 50, 50]], "weight": 5.0}})
    track = boxes((1000, 600, 40, CAR, 1))
    follow(planning, [(track, Detections.empty())] * 5)
    assert planning.plan(scene(5), 1)[0].reason == "track 1"
    follow(planning, [(track, track)] * 5, start=5)
    assert planning.plan(scene(10), 1)[0].reason == "fixed"


def test_a_track_that_grew_large_enough_for_the_whole_frame_needs_no_region():
    planning = planner("tracks")
    for frame in range(60):
        track = boxes((640, 400, 20 * 1.04**frame, CAR, 1))
        planning.observe(scene(frame), track, [whole(), close(track)])
        small = 20 * 1.04 ** (frame + 1) * SIDE / WIDTH < 32
        assert len(planning.plan(scene(frame + 1), 1)) == small, frame


def test_the_class_that_the_whole_frame_gives_may_be_another_of_its_group():
    planning = planner("tracks", {"fixed": {"rects": [[0, 0, 50, 50]], "weight": 5.0}})
    car = boxes((1000, 600, 40, CAR, 1))
    truck = boxes((1000, 600, 40, 7, -1))
    follow(planning, [(car, truck)] * 5)
    assert planning.plan(scene(5), 1)[0].reason == "fixed"


def test_never_shed_classes_come_first_even_before_heavier_ones():
    tracks = boxes((200, 200, 40, CAR, 1), (1000, 600, 30, LIGHT, 2))
    for never_shed, first in (((), "track 1"), (("traffic light",), "track 2")):
        planning = planner("tracks", class_weights={"car": 10.0}, never_shed=never_shed)
        follow(planning, [(tracks, Detections.empty())] * 3)
        assert planning.plan(scene(3), 1)[0].reason == first
        assert planning.plan(scene(4), 2)[0].reason == first


def test_class_weights_decide_who_is_looked_at_more_often():
    planning = planner("tracks", class_weights={"traffic light": 3.0})
    tracks = boxes((200, 200, 40, CAR, 1), (1000, 600, 40, LIGHT, 2))
    follow(planning, [(tracks, tracks)] * 5)
    looks = [planning.plan(scene(frame), 1)[0].reason for frame in range(5, 25)]
    assert looks.count("track 2") > 15


def test_two_tracks_take_turns_where_only_one_region_is_left():
    planning = planner("tracks")
    tracks = boxes((200, 200, 40, CAR, 1), (1000, 600, 40, CAR, 2))
    looks = []
    for frame in range(20):
        planning.observe(scene(frame), tracks, [whole(tracks)])
        looks.append(planning.plan(scene(frame + 1), 1)[0].reason)
    assert looks.count("track 1") == looks.count("track 2") == 10


def test_a_track_that_shrinks_to_nothing_and_grows_again_keeps_its_region():
    planning = planner("tracks")
    follow(planning, [(boxes((300, 400, height, CAR, 1)), Detections.empty()) for height in (2, 0, 0, 20)])
    (region,) = planning.plan(scene(4), 4)
    assert middle(region) == (300, 400)


def test_a_long_drive_collects_no_tracks():
    planning = planner("tracks")
    for frame in range(300):
        planning.observe(scene(frame), boxes(*((100 + 50 * k, 300, 20, CAR, 5 * frame + k) for k in range(5))), [])
    assert len(planning._sources[0]._tracks) <= 5 * 27
