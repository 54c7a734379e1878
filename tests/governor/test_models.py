"""The three models behind a decision: power, heat, pace."""

import numpy as np
import pytest

from edge_runtime.core import FrameStats
from edge_runtime.governor.heat import HeatModel
from edge_runtime.governor.pace import PaceModel
from edge_runtime.governor.power import PowerModel

from .board import LADDER

NS = 1_000_000_000


def watch(model, power_w, work_w, seconds, start_s=0.0, noise=None):
    for tick in range(int(seconds * 5)):
        t_ns = int((start_s + tick / 5) * NS)
        model.run(work_w, t_ns)
        model.see(power_w + (noise.normal() if noise else 0.0), t_ns, work_w)


def test_offset_and_gain_are_told_apart_once_two_points_were_seen():
    model = PowerModel(idle_w=10.0)
    for start in range(0, 60, 20):  # the board idles at 14 W and draws 1.3 times what the ladder says
        watch(model, 14.0 + 1.3 * 5.0, 5.0, 10, start)
        watch(model, 14.0 + 1.3 * 20.0, 20.0, 10, start + 10)
    assert model.predict(5.0) == pytest.approx(20.5, abs=0.5)
    assert model.predict(35.0) == pytest.approx(59.5, abs=2.5)


def test_a_rise_of_power_is_taken_over_with_the_next_reading():
    model = PowerModel(idle_w=10.0)
    watch(model, 20.0, 10.0, 20)
    watch(model, 28.0, 10.0, 0.2, 20)
    assert model.predict(10.0) > 27.0


def test_the_margin_grows_with_the_noise():
    calm, noisy = PowerModel(idle_w=10.0), PowerModel(idle_w=10.0)
    random = np.random.default_rng(0)
    watch(calm, 20.0, 10.0, 60)
    watch(noisy, 20.0, 10.0, 60, noise=random)
    assert noisy.deviation_w(10.0) > 2 * calm.deviation_w(10.0)


def test_readings_are_believed_again_soon_after_the_ladder_was_wrong_about_the_work():
    model, random = PowerModel(idle_w=80.0), np.random.default_rng(0)
    for step in range(10):  # the board draws more and more while the ladder says less and less
        watch(model, 110.0 + 4 * step, 60.0 - 4 * step, 0.4, 0.4 * step, random)
    watch(model, 128.0, 12.0, 4, 4, random)
    watch(model, 156.0, 19.0, 5, 8, random)
    assert model.predict(19.0) == pytest.approx(156.0, abs=4.0)


def warm(model, slope, power_w, seconds, temp_c=60.0):
    for tick in range(int(seconds * 5)):
        model.see(temp_c + slope * tick / 5, power_w, int(tick / 5 * NS))


def test_the_slope_of_the_temperature_is_seen():
    model = HeatModel(limit_c=90.0, heat_j_per_c=60.0)
    warm(model, 0.2, 30.0, 60)
    assert model.slope_c_per_s == pytest.approx(0.2, abs=0.03)


def test_the_same_power_is_too_much_near_the_limit_and_fine_far_below_it():
    far, near = HeatModel(90.0, 60.0), HeatModel(90.0, 60.0)
    warm(far, 0.1, 30.0, 30, temp_c=50.0)
    warm(near, 0.1, 30.0, 30, temp_c=86.0)
    assert far.excess_w(30.0, 1.0) < 0 < near.excess_w(30.0, 1.0)
    assert near.excess_w(10.0, 1.0) < near.excess_w(30.0, 1.0)


def test_unknown_temperature_rules_nothing_out():
    assert HeatModel(90.0, 60.0).excess_w(500.0, 1.0) == 0.0


def frames(gpu_ms, *, point="medium", longest=None, camera=30.0, count=6):
    return FrameStats(0, 0.2, count, count, camera_fps=camera, gpu_ms=gpu_ms, gpu_max_ms=longest or gpu_ms,
                      host_ms=2.0, latency_p50_ms=gpu_ms + 2, point=point)  # fmt: skip


def test_a_slowdown_seen_at_one_point_holds_for_all():
    pace = PaceModel()
    medium, large = LADDER.by_name["medium"], LADDER.by_name["large"]
    for _ in range(20):
        pace.see(frames(30.0), medium)
    assert pace.predict(large).fps == pytest.approx(1000 / 45, rel=0.05)
    assert pace.predict(medium).fps == pytest.approx(30.0)


def test_one_long_frame_is_no_slowdown():
    pace = PaceModel()
    medium = LADDER.by_name["medium"]
    for _ in range(20):
        pace.see(frames(20.0), medium)
    pace.see(frames((5 * 20.0 + 80.0) / 6, longest=80.0), medium)
    assert pace.slowdown == pytest.approx(1.0, abs=0.03)


def test_frequent_long_frames_lower_the_rate_that_is_sure():
    pace = PaceModel()
    medium = LADDER.by_name["medium"]
    for tick in range(600):
        long = tick % 25 == 0
        pace.see(frames(20.0 + 15.0 * long, longest=110.0 if long else 20.0), medium)
    seen = pace.predict(medium)
    assert seen.fps == pytest.approx(30.0)
    assert seen.sure_fps < 29.0


def test_a_camera_that_doubles_its_rate_is_noticed_at_once():
    pace = PaceModel()
    small = LADDER.by_name["small"]
    pace.see(frames(10.0), small)
    pace.see(frames(10.0, camera=60.0, count=12), small)
    assert pace.predict(small).fps == pytest.approx(60.0)


def test_without_busy_times_the_latency_tells_the_slowdown():
    pace = PaceModel()
    medium = LADDER.by_name["medium"]
    for _ in range(20):
        pace.see(FrameStats(0, 0.2, 6, 6, camera_fps=30.0, latency_p50_ms=44.0, point="medium"), medium)
    assert pace.slowdown == pytest.approx(2.0, rel=0.05)
