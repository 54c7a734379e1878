import math

import numpy as np
import pytest

from edge_runtime.sources.simulation.ground import spots_of
from edge_runtime.sources.simulation.labels import labels_of
from edge_runtime.sources.simulation.road import STRAIGHT, Road, lay_road
from edge_runtime.sources.simulation.traffic import vehicle

from .drives import camera, drive

MOTORWAY_MPS = 80 / 3.6


def road(seed=0, bends=1.0, hills=1.0, speed_kmh=50.0, last_m=3000.0):
    rng = np.random.default_rng(seed)
    return lay_road(rng, -96.0, last_m, bends, hills, lambda x: speed_kmh / 3.6, MOTORWAY_MPS)


def arc(radius_m, length_m=300.0):
    """To the left, on the level."""
    turn = np.arange(0, length_m + 1) / radius_m
    places = [radius_m * np.sin(turn), radius_m * (1 - np.cos(turn)), 0 * turn, np.cos(turn), np.sin(turn)]
    return Road(0.0, np.stack([*places, 0 * turn + 1 / radius_m], axis=1))


def crest(radius_m, length_m=300.0):
    """Straight ahead, falling away more and more."""
    along = np.arange(0, length_m + 1)
    fall = -(along**2) / (2 * radius_m)
    return Road(0.0, np.stack([along, 0 * along, fall, 0 * along + 1, 0 * along, 0 * along], axis=1))


def test_the_drive_begins_where_the_world_does_and_looks_along_it():
    winding = road()
    assert winding.world(np.array([[0.0, 3.0, 1.0]]))[0] == pytest.approx([0.0, 3.0, 1.0], abs=1e-6)
    assert winding.yaw_rad(0.0) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("speed_kmh", "sharpest_m"), [(50.0, 80.0), (110.0, 600.0)])
def test_bends_are_no_sharper_than_the_speed_allows_and_slopes_no_steeper_than_a_road(speed_kmh, sharpest_m):
    for seed in range(5):
        winding = road(seed, speed_kmh=speed_kmh)
        assert 0.25 / sharpest_m < np.abs(winding.places[:, 5]).max() <= 1 / sharpest_m
        assert 0.01 < max(abs(winding.grade(float(x))) for x in range(0, 2900, 20)) <= 0.06


def test_no_bends_and_no_hills_are_a_straight_and_level_road():
    points = np.array([[-50.0, 3.0, 0.0], [700.0, -5.0, 4.0], [2900.0, 0.0, 1.0]])
    assert road(bends=0.0, hills=0.0).world(points) == pytest.approx(points)


def test_it_goes_on_straight_and_level_behind_its_end():
    end = arc(200.0)
    last, later = end.world(np.array([[300.0, 0.0, 0.0], [400.0, 0.0, 0.0]]))
    assert later - last == pytest.approx([100 * math.cos(1.5), 100 * math.sin(1.5), 0.0])


def test_the_nearest_place_leads_back_to_the_point():
    winding = road(2)
    points = np.array([[120.0, -9.0, 0.0], [260.0, 12.0, 0.0], [330.0, -30.0, 0.0]])
    x, y, _ = winding.world(points).T
    along, aside, up = winding.nearest(x, y, points[:, 0] + (-8.0, 5.0, 12.0))
    assert np.stack([along, aside], axis=1) == pytest.approx(points[:, :2], abs=0.01)
    assert up == pytest.approx(winding.world(points)[:, 2], abs=0.01)


def test_on_a_bend_a_far_car_stands_beside_the_middle_of_the_picture():
    eye, car = camera(), vehicle(1, False, 100.0, -5.35, 0.1, 0.1, (1.0, 0.0))
    (label,) = labels_of([car], eye, arc(150.0))
    expected_px = 960 - 1663 * math.tan(100 / 150 / 2)
    assert (label.xyxy[0] + label.xyxy[2]) / 2 == pytest.approx(expected_px, abs=25)
    assert label.distance_m == pytest.approx(150 * math.sin(100 / 150), rel=0.05)


def test_the_crest_of_a_hill_hides_the_foot_of_a_far_car_and_all_of_a_farther_one():
    eye = camera(xyz_m=(0.0, -5.35, 1.4))

    def seen(ahead_m):
        labels = labels_of([vehicle(1, False, ahead_m, -5.35, 0.1, 0.1, (1.0, 0.0))], eye, crest(1000.0))
        return labels[0].visibility if labels else 0.0

    assert seen(50.0) == 1.0  # the line of sight touches the road at 53 m
    assert 0.2 < seen(100.0) < 0.8  # half of its height
    assert seen(150.0) == 0.0


def test_the_ground_of_a_row_is_what_falls_there():
    winding, eye = arc(180.0), camera()
    spots = spots_of(eye, winding)
    for row, column in ((560, 10), (600, 20), (700, 30)):
        at = row - spots.first, column
        point = np.array([[spots.along[at], spots.aside[at], 0.0]])
        x, y = eye.project(winding.world(point))[0][0]
        assert x == pytest.approx((column - 0.5) * 48, abs=1.0)
        assert y == pytest.approx(row + 0.5, abs=0.5)


def test_a_straight_road_ends_at_the_horizon():
    spots = spots_of(camera(), STRAIGHT)
    assert spots.top == pytest.approx(540, abs=1.0)


def test_the_vehicle_turns_and_climbs_with_its_road():
    world = drive(seconds=60.0, bounce_deg=0.0)
    eye = world.camera(400)
    ahead = world.road.world(np.array([[eye.along_m + 4.0, 0.0, 0.0]]))[0]
    here = world.road.world(np.array([[eye.along_m, 0.0, 0.0]]))[0]
    assert eye.yaw_rad == pytest.approx(math.atan2(*(ahead - here)[1::-1]), abs=0.03)
    assert eye.pitch_rad == pytest.approx(-(ahead - here)[2] / 4.0, abs=0.01)


def test_far_lights_wander_over_the_picture_of_a_winding_road_and_not_over_that_of_a_straight_one():
    def spread(**keys):
        world = drive(seconds=60.0, fps=2.0, size=(1920, 1080), speed_kmh=50.0, **keys)
        lights = [label.xyxy for index in range(120) for label in world.labels(index)
                  if label.state and 80 < label.distance_m < 150]  # fmt: skip
        return np.std([(x0 + x1) / 2 for x0, _, x1, _ in lights])

    assert spread(bends=0.0) < 80 < 130 < spread()
