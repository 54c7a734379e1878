import math

import numpy as np
import pytest

from edge_runtime.sources.simulation.camera import calibration_of

from .drives import block, camera, drive


def test_a_point_straight_ahead_at_the_height_of_the_camera_is_in_the_middle():
    pixels, depth = camera().project(np.array([[50.0, -5.35, 1.4]]))
    assert pixels.tolist() == [[960.0, 540.0]]
    assert depth.tolist() == [50.0]


def test_left_is_left_and_up_is_up_by_focal_length_over_distance():
    pixels, _ = camera(focal_px=1000).project(np.array([[100.0, -5.35 + 10, 1.4 + 5]]))
    assert pixels[0] == pytest.approx([960 - 100, 540 - 50])


def test_looking_down_lifts_the_horizon():
    nodded = camera(pitch_rad=math.radians(1))
    far, _ = nodded.project(np.array([[1e7, -5.35, 0.0]]))
    assert far[0, 1] == pytest.approx(nodded.horizon_px, abs=0.01)
    assert nodded.horizon_px < 540


def test_turning_to_the_left_moves_what_is_ahead_to_the_right():
    turned = camera(yaw_rad=math.radians(10), focal_px=1000)
    pixels, depth = turned.project(np.array([[1000.0, -5.35, 1.4]]))
    assert pixels[0] == pytest.approx([960 + 1000 * math.tan(math.radians(10)), 540])
    assert depth[0] == pytest.approx(1000 * math.cos(math.radians(10)))


def test_what_is_behind_the_camera_falls_far_outside_of_the_picture():
    pixels, depth = camera().project(np.array([[-3.0, 0.0, 0.0]]))
    assert depth[0] < 0
    assert pixels[0, 0] < -1000


def test_a_cropped_camera_sees_the_same_point_from_another_corner():
    point = np.array([[60.0, 0.0, 2.0]])
    moved = camera().project(point)[0] - camera().cropped((100, 50, 400, 300)).project(point)[0]
    assert moved.tolist() == [[100.0, 50.0]]


def test_the_calibration_says_what_the_camera_does():
    known = calibration_of(block(size=(1000, 500), fov_deg=90, camera_pitch_deg=1.5, camera_height_m=1.2))
    assert known.focal_px == pytest.approx((500, 500))
    assert (known.centre_px, known.pitch_deg, known.height_m) == ((500, 250), 1.5, 1.2)
    still = drive(bounce_deg=0, camera_pitch_deg=1.5, hills=0)
    assert math.degrees(still.camera(7).pitch_rad) == pytest.approx(still.calibration.pitch_deg)
    assert still.camera(7).focal_px == still.calibration.focal_px[0]
