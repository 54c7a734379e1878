"""Regions where a map expects lights and signs."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.errors import ConfigError
from edge_runtime.vision.regions import Expected, Pose

from .drive import CAMERA, WIDTH, middle, planner, scene

LIGHT = {"class": "traffic light", "xyz_m": [100.0, 20.0, 5.5], "size_m": [0.4, 1.2]}


@pytest.fixture
def at(tmp_path):
    """A planner over a map of these points."""

    def planned(*points, **keys):
        (tmp_path / "map.json").write_text(json.dumps({"points": points}))
        return planner({"prior": {"file": tmp_path / "map.json", "margin_px": 24}}, calibration=CAMERA, **keys)

    return planned


def test_a_light_of_the_map_is_looked_at_where_the_camera_will_see_it(at):
    """100 m ahead, 20 m to the left, 4 m above the camera, at 1000 px focal length."""
    (region,) = at(LIGHT).plan(scene(pose=Pose()), 4)
    assert region.reason == "prior traffic light"
    assert middle(region) == (640 - 200, 360 - 40)


def test_the_map_moves_with_the_vehicle(at):
    (region,) = at(LIGHT).plan(scene(pose=Pose.along_x(50.0)), 4)
    assert middle(region) == (640 - 400, 360 - 80)


def test_a_vehicle_that_turns_left_has_it_further_right(at):
    (region,) = at(LIGHT).plan(scene(pose=Pose(yaw_deg=20.0)), 4)
    assert middle(region)[0] > 640
    matrix = np.eye(4)
    matrix[:3, :3] = Pose(yaw_deg=20.0).rotation()
    assert at(LIGHT).plan(scene(pose=Pose.from_matrix(matrix)), 4) == (region,)


@pytest.mark.parametrize(
    "xyz", [[-50.0, 0.0, 5.0], [0.5, 0.0, 5.0], [0.0, 0.0, 1.5], [20.0, 500.0, 5.0], [5000.0, 0.0, 5.0]],
    ids=["behind", "at_the_camera", "on_the_camera", "beside_the_picture", "too_far"],
)  # fmt: skip
def test_what_cannot_be_seen_is_not_looked_for(at, xyz):
    assert at(LIGHT | {"xyz_m": xyz}).plan(scene(pose=Pose()), 4) == ()


def test_without_a_pose_a_map_says_nothing(at):
    assert at(LIGHT).plan(scene(), 4) == ()


def test_a_light_near_enough_for_the_whole_frame_needs_no_region(at):
    assert at(LIGHT | {"xyz_m": [10.0, 0.0, 3.0]}).plan(scene(pose=Pose()), 4) == ()


def test_never_shed_lights_of_the_map_come_first(at):
    sign = {"class": "stop sign", "xyz_m": [60.0, -20.0, 2.0], "size_m": [1.0, 1.0]}
    for never_shed, first in (((), "prior stop sign"), (("traffic light",), "prior traffic light")):
        planning = at(LIGHT | {"size_m": [0.1, 0.4]}, sign, never_shed=never_shed)
        assert planning.plan(scene(pose=Pose()), 1)[0].reason == first


def test_a_callback_takes_the_place_of_a_file():
    def expect(seen):
        return [Expected("traffic light", (seen.width - 60.0, 100.0, seen.width - 50.0, 120.0))]

    (region,) = planner("prior", prior=expect).plan(scene(), 4)
    assert region.reason == "prior traffic light"
    assert region.xyxy[2] == WIDTH


def test_a_callback_that_expects_nonsense_gets_nothing():
    nonsense = [(float("nan"), 0, 5, 5), (float("inf"), 0, float("inf"), 9), (50, 50, 40, 40), (-99, -99, -50, -50)]
    expected = [Expected("traffic light", row) for row in nonsense] + [Expected("unheard of", (0, 0, 20, 20))]
    regions = planner("prior", prior=lambda seen: expected).plan(scene(), 8)
    assert [region.reason for region in regions] == ["prior"]


def told(make):
    with pytest.raises(ConfigError) as error:
        make()
    return str(error.value)


def test_prior_without_a_map_is_refused():
    assert "write `prior: {file: map.json}`" in told(lambda: planner("prior"))


def test_a_map_without_a_calibration_is_refused(tmp_path):
    (tmp_path / "map.yaml").write_text("points: []")
    assert "add `calibration:" in told(lambda: planner({"prior": {"file": tmp_path / "map.yaml"}}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "map.json:1"),
        ("[1, 2]", "map.json:1"),
        ("", "empty"),
        ('{"points": {}}', "points: {} is not a list"),
        ('{"points": [{"class": "traffic light", "size_m": [1, 1]}]}', "points.0.xyz_m: is missing"),
        ('{"points": [{"class": "traffic light", "xyz_m": [1, 2], "size_m": [1, 1]}]}', "points.0.xyz_m: has 2 items"),
        ('{"points": [{"class": "traffic light", "xyz_m": [1, 2, .nan], "size_m": [1, 1]}]}', "not a finite number"),
        ('{"points": [{"class": "traffic light", "xyz_m": [1, 2, 3], "size_m": [0, 1]}]}', "0 is too small"),
        ('{"points": [{"class": "trafic light", "xyz_m": [1, 2, 3], "size_m": [1, 1]}]}', "did you mean `traffic li"),
    ],
    ids=["broken", "no_mapping", "empty", "no_list", "no_place", "two_numbers", "nan", "no_size", "unknown_class"],
)  # fmt: skip
def test_a_malformed_map_is_refused_with_the_place_of_the_mistake(tmp_path, text, message):
    (tmp_path / "map.json").write_text(text)
    words = told(lambda: planner({"prior": {"file": tmp_path / "map.json"}}, calibration=CAMERA))
    assert message in words
    assert "map.json" in words


def test_a_missing_map_is_refused(tmp_path):
    assert "none.json" in told(lambda: planner({"prior": {"file": tmp_path / "none.json"}}, calibration=CAMERA))


@given(st.floats(-180, 180), st.floats(-89, 89), st.floats(-180, 180))
def test_a_pose_of_a_matrix_turns_as_the_matrix_does(yaw, pitch, roll):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = Pose(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll).rotation(), (1.0, 2.0, 3.0)
    pose = Pose.from_matrix(matrix)
    assert pose.xyz_m == (1.0, 2.0, 3.0)
    np.testing.assert_allclose(pose.rotation(), matrix[:3, :3], atol=1e-6)


@pytest.mark.parametrize("matrix", [np.eye(3), 2 * np.eye(4), np.full((4, 4), np.nan)], ids=["3x3", "scaled", "nan"])
def test_what_is_no_pose_is_refused(matrix):
    with pytest.raises(ValueError, match="4 x 4"):
        Pose.from_matrix(matrix)
