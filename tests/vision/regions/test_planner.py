"""What holds for every plan, and the sources that know places."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.config.schema import CalibrationBlock
from edge_runtime.core import Detections

from .drive import CAMERA, CAR, HEIGHT, LIGHT, SIDE, WIDTH, boxes, close, holds, middle, planner, scene, whole

ALL = ("horizon", "tracks", "explore", {"fixed": {"rects": [[900, 100, 1000, 200], [5000, 0, 6000, 10]]}})


@st.composite
def drives(draw):
    """Some frames of any size, with tracks anywhere, also outside."""
    size = draw(st.tuples(st.integers(8, 2000), st.integers(8, 1200)))
    frames = []
    for frame in range(draw(st.integers(1, 4))):
        count = draw(st.integers(0, 5))
        place, height = st.integers(-500, 2500), st.integers(0, 900)
        rows = [(draw(place), draw(place), draw(height), draw(st.sampled_from([CAR, LIGHT])), k) for k in range(count)]
        frames.append((scene(frame, *size), boxes(*rows)))
    return size, frames


@settings(deadline=None)
@given(
    drives(),
    st.integers(0, 6),
    st.sampled_from([(416, 416), (640, 384), (8, 1200)]),
    st.sampled_from([None, (500, 300), (2000, 2000), (8, 8)]),
)
def test_regions_lie_in_the_frame_are_few_and_no_smaller_than_the_network_s_input(drive, limit, input_size, size):
    (width, height), frames = drive
    keys = {} if size is None else {"size": size}
    planning, again = (planner(*ALL, network=input_size, never_shed=["traffic light"], **keys) for _ in range(2))
    for at, tracks in frames:
        regions = planning.plan(at, limit)
        assert len(regions) <= min(limit, 8)
        for region in regions:
            x0, y0, x1, y1 = region.xyxy
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            assert x1 - x0 >= min(input_size[0], width)
            assert y1 - y0 >= min(input_size[1], height)
            assert region.value > 0
        assert again.plan(at, limit) == regions
        for one in (planning, again):
            one.observe(at, tracks, [close(tracks)])


def test_no_region_is_asked_for_none_is_planned():
    assert planner(*ALL).plan(scene(), 0) == ()
    assert planner(*ALL, max=0).plan(scene(), 4) == ()


def test_at_most_max_regions_are_planned():
    assert len(planner("explore", max=2).plan(scene(), 16)) == 2


def test_a_frame_that_the_network_sees_in_full_needs_no_region():
    assert planner(*ALL, network=(1280, 720)).plan(scene(), 4) == ()
    assert planner(*ALL, network=(1920, 1080)).plan(scene(), 4) == ()


def test_a_region_as_wide_as_the_network_is_limited_by_a_flat_frame():
    (region,) = planner("horizon").plan(scene(width=1280, height=300), 1)
    assert region.xyxy[1::2] == (0, 300)
    assert region.xyxy[2] - region.xyxy[0] == SIDE


@pytest.mark.parametrize(
    ("size", "expected"), [([100, 100], (416, 416)), ([800, 200], (800, 416)), ([600, 600], (600, 600))]
)
def test_a_region_has_the_size_of_the_file_but_no_pixel_of_it_is_blown_up(size, expected):
    (region,) = planner("horizon", size=size).plan(scene(), 1)
    x0, y0, x1, y1 = region.xyxy
    assert (x1 - x0, y1 - y0) == expected


# ---- fixed ----


def test_a_fixed_rectangle_is_in_the_middle_of_its_region():
    (region,) = planner({"fixed": {"rects": [[800, 300, 900, 400]]}}).plan(scene(), 4)
    assert region.reason == "fixed"
    assert middle(region) == (850, 350)


def test_a_fixed_rectangle_larger_than_a_region_gets_one_of_its_size_in_the_network_s_shape():
    (region,) = planner({"fixed": {"rects": [[300, 100, 900, 300]]}}).plan(scene(), 4)
    assert region.xyxy == (300, 0, 900, 600)


def test_fixed_rectangles_outside_the_frame_are_not_looked_at_and_others_are_cut():
    fixed = planner({"fixed": {"rects": [[5000, 10, 5100, 90], [1200, 600, 4000, 4000]]}})
    (region,) = fixed.plan(scene(), 4)
    assert region.xyxy == (WIDTH - SIDE, HEIGHT - SIDE, WIDTH, HEIGHT)


def test_near_rectangles_share_a_region_and_far_ones_do_not():
    near = [[600, 300, 650, 350], [700, 400, 750, 450]]
    (region,) = planner({"fixed": {"rects": near}}).plan(scene(), 4)
    assert middle(region) == (675, 375)
    assert len(planner({"fixed": {"rects": [near[0], [0, 0, 50, 50]]}}).plan(scene(), 4)) == 2


def test_of_two_places_for_one_region_the_weightier_comes_first_and_the_other_is_not_forgotten():
    two = planner({"fixed": {"rects": [[0, 0, 50, 50]], "weight": 1.5}}, {"fixed": {"rects": [[1200, 600, 1280, 720]]}})
    looks = [two.plan(scene(frame), 1)[0].xyxy[:2] for frame in range(50)]
    assert looks[0] == (0, 0)
    assert 2 <= looks.count((WIDTH - SIDE, HEIGHT - SIDE)) < 10


# ---- horizon ----


def test_the_vanishing_point_of_the_calibration_is_looked_at_first():
    (region,) = planner("horizon", calibration=CAMERA).plan(scene(), 1)
    assert region.reason == "horizon"
    assert middle(region) == (640, 360)


def test_a_camera_that_looks_down_has_its_horizon_further_up():
    down = CAMERA.model_copy(update={"pitch_deg": 5.0})
    (region,) = planner("horizon", calibration=down).plan(scene(), 1)
    assert middle(region)[1] == pytest.approx(360 - 1000 * np.tan(np.radians(5)), abs=2)


def test_more_regions_go_along_the_horizon_on_both_sides():
    regions = planner("horizon", calibration=CAMERA).plan(scene(), 3)
    assert {middle(region)[1] for region in regions} == {360}
    assert sorted(middle(region)[0] for region in regions)[1] == 640


@pytest.mark.parametrize(
    "absurd",
    [
        {"centre_px": (20000.0, 360.0)},
        {"centre_px": (640.0, -20000.0)},
        {"pitch_deg": 45.0},
        {"pitch_deg": -9.0, "focal_px": (1e5, 1e5)},
    ],
    ids=["right", "above", "down", "tele"],
)
def test_a_calibration_whose_horizon_is_outside_the_frame_is_as_none(absurd):
    camera = CalibrationBlock.model_validate(CAMERA.model_dump() | absurd)
    assert planner("horizon", calibration=camera).plan(scene(), 3) == planner("horizon").plan(scene(), 3)


def test_without_calibration_the_horizon_is_learned_slowly_from_small_objects():
    learning = planner("horizon")
    assert middle(learning.plan(scene(), 1)[0]) == (640, 360)
    far = boxes((700, 250, 12, CAR, -1), (750, 250, 20, CAR, -1), (300, 600, 300, CAR, -1))
    for frame in range(1, 10):
        learning.observe(scene(frame), Detections.empty(), [whole(far)])
    after_10 = middle(learning.plan(scene(10), 1)[0])
    assert 330 < after_10[1] < 360
    for frame in range(11, 400):
        learning.observe(scene(frame), Detections.empty(), [whole(far)])
    x, y = middle(learning.plan(scene(400), 1)[0])
    assert abs(y - 250) < 5
    assert 700 < x < 725


def test_reset_forgets_the_learned_horizon():
    learning = planner("horizon")
    for frame in range(100):
        learning.observe(scene(frame), Detections.empty(), [whole(boxes((700, 250, 12, CAR, -1)))])
    learning.reset()
    assert middle(learning.plan(scene(), 1)[0]) == (640, 360)


# ---- explore ----


@pytest.mark.parametrize("size", [(1280, 720), (3840, 2160), (1000, 417), (417, 1000)])
def test_every_pixel_is_looked_at_in_turn(size):
    exploring = planner({"explore": {"overlap": 0.0}})
    seen = np.zeros(size[::-1], bool)
    tiles = -(-size[0] // SIDE) * -(-size[1] // SIDE)
    for frame in range(tiles):
        assert not seen.all()
        (region,) = exploring.plan(scene(frame, *size), 1)
        assert region.reason == "explore"
        x0, y0, x1, y1 = region.xyxy
        seen[y0:y1, x0:x1] = True
    assert seen.all()


def test_neighbouring_tiles_overlap_as_much_as_asked():
    exploring = planner({"explore": {"overlap": 0.5}}, max=16)
    lefts = sorted({region.xyxy[0] for region in exploring.plan(scene(height=416), 16)})
    assert max(np.diff(lefts)) <= SIDE / 2 + 1


def test_beside_other_sources_every_tile_has_its_turn_within_seconds():
    watching = planner("horizon", "explore", calibration=CAMERA)
    reasons, corners = [], set()
    for frame in range(250):
        (region,) = watching.plan(scene(frame), 1)
        reasons.append(region.reason)
        corners |= {corner for corner in [(5, 5), (1275, 5), (5, 715), (1275, 715)] if holds(region, *corner)}
    assert len(corners) == 4
    assert reasons[:20].count("horizon") == 20
    assert reasons.count("horizon") > 125


def test_time_that_runs_backwards_is_a_new_drive():
    exploring = planner("explore")
    first = [exploring.plan(scene(frame), 1) for frame in range(3)]
    assert [exploring.plan(scene(frame), 1) for frame in range(3)] == first


def test_a_weight_of_zero_turns_a_source_off():
    assert planner({"explore": {"weight": 0.0}}).plan(scene(), 4) == ()


def test_reset_forgets_everything_else_too_and_reads_no_file_again(tmp_path):
    (tmp_path / "map.json").write_text('{"points": []}')
    planning = planner(*ALL, {"prior": {"file": tmp_path / "map.json"}}, calibration=CAMERA)
    first = [planning.plan(scene(frame), 3) for frame in range(5)]
    planning.observe(scene(4), boxes((900, 300, 20, CAR, 1)), [])
    assert planning.plan(scene(5), 3) != first[0]
    (tmp_path / "map.json").unlink()
    planning.reset()
    assert [planning.plan(scene(frame), 3) for frame in range(5)] == first
