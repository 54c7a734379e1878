"""The simulated board itself: frames, power, heat, sensors."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.config.ladder import Busy, Knobs, Ladder, MeasuredLatency, Rung
from edge_runtime.config.plant import Plant, PowerMode, Spread, Thermal
from edge_runtime.config.schema import Budgets
from edge_runtime.core import OperatingPoint
from edge_runtime.simulate.board import Trace, drive
from edge_runtime.simulate.files import Scenario, Segment
from edge_runtime.simulate.policies import Constant, Moment
from edge_runtime.simulate.world import make_world

LADDER = Ladder(
    board="test",
    power_mode="fast",
    idle_w=10.0,
    points=tuple(
        Rung(
            name=name,
            knobs=Knobs(fps_cap=cap, power_mode=mode),
            fps=min(1000 / gpu, cap or 1e3),
            latency_ms=MeasuredLatency(p50=gpu + 2, p99=gpu + 4),
            busy_ms=Busy(gpu=gpu, host=2.0),
            watts=20.0,
            usefulness=0.5,
        )
        for name, gpu, cap, mode in (
            ("light", 10.0, None, None),
            ("heavy", 50.0, None, None),
            ("capped", 10.0, 15.0, None),
            ("frugal", 20.0, None, "slow"),
        )
    ),
)
QUIET = Plant(
    idle_w=10.0,
    gpu_w_per_busy=40.0,
    cpu_w_per_busy=0.0,
    power_noise_w=0.0,
    sensor_lag_ms=0,
    thermal=Thermal(r_c_per_w=1.0, c_j_per_c=50.0),
    latency=Spread(noise_frac=0.0),
    power_modes={"fast": PowerMode(clock=1.0, cap_w=None), "slow": PowerMode(clock=0.5, cap_w=None)},
)


class Watching(Constant):
    def __init__(self, name: str) -> None:
        super().__init__(LADDER.by_name[name])
        self.moments: list[Moment] = []

    def decide(self, moment: Moment) -> OperatingPoint:
        self.moments.append(moment)
        return super().decide(moment)


def ride(point: str, plant: Plant = QUIET, *, seconds: float = 20.0, **segment: object) -> tuple[Trace, Watching]:
    scenario = Scenario(segments=(Segment.model_validate({"seconds": seconds, **segment}),))
    policy = Watching(point)
    return drive(make_world(plant, scenario, LADDER, Budgets(), 0), policy, period_s=0.2), policy


def rate(trace: Trace) -> float:
    return (len(trace.done_s) - 1) / (trace.done_s[-1] - trace.done_s[0])


def test_a_light_point_keeps_up_with_the_camera():
    trace, _ = ride("light")
    assert rate(trace) == pytest.approx(30.0, rel=0.01)
    assert np.asarray(trace.latency_s) == pytest.approx(0.012, abs=1e-6)


def test_a_heavy_point_is_as_fast_as_the_gpu_and_takes_the_newest_frame():
    trace, _ = ride("heavy")
    assert rate(trace) == pytest.approx(20.0, rel=0.01)
    assert max(trace.latency_s) < 0.052 + 1 / 30 + 1e-3


def test_a_cap_leaves_frames_out():
    assert rate(ride("capped")[0]) == pytest.approx(15.0, rel=0.01)
    assert rate(ride("capped", camera_fps=60.0)[0]) == pytest.approx(15.0, rel=0.01)


def test_scene_load_multiplies_the_cost():
    assert rate(ride("heavy", scene_load=2.0)[0]) == pytest.approx(10.0, rel=0.01)


def test_power_is_idle_plus_busy_plus_what_others_draw():
    trace, _ = ride("light", extra_power_w=3.0)
    assert np.mean(trace.power_w[20:]) == pytest.approx(10.0 + 3.0 + 40.0 * 0.3, abs=0.2)


def test_a_slower_mode_draws_less_for_the_same_frames_and_takes_longer():
    """The ladder's times of a point with a mode are those in that mode."""
    frugal, policy = ride("frugal")
    assert np.mean(frugal.power_w[40:]) == pytest.approx(10.0 + 40.0 * 0.5**1.85 * 0.6, abs=0.2)
    assert policy.moments[-1].sample is not None
    assert policy.moments[-1].sample.power_mode == "slow"
    assert frugal.latency_s[-1] == pytest.approx(0.022, abs=1e-4)


def test_the_temperature_approaches_ambient_plus_r_times_power():
    trace, _ = ride("light", seconds=400.0, ambient_c=30.0)
    assert trace.temp_c[-1] == pytest.approx(30.0 + 22.0, abs=0.5)


def test_a_board_too_hot_slows_its_clock():
    thermal = Thermal(r_c_per_w=1.6, c_j_per_c=20.0, throttle_c=80.0, throttle_clock=0.5)
    trace, _ = ride("heavy", QUIET.model_copy(update={"thermal": thermal}), seconds=200.0)
    assert trace.throttled_steps > 0
    assert max(trace.latency_s) > 0.1
    assert max(trace.temp_c) < 81.0


def test_a_mode_with_a_cap_slows_down_above_it_and_counts_the_events():
    capped = QUIET.model_copy(update={"power_modes": {"fast": PowerMode(clock=1.0, cap_w=30.0)}})
    trace, policy = ride("heavy", capped, seconds=60.0)
    assert np.mean(trace.power_w[200:]) < 32.0
    last = policy.moments[-1].sample
    assert last is not None
    assert last.throttle_events["oc3"] > 0


def samples(sensor: str) -> list[object]:
    plant = QUIET.model_copy(update={"power_noise_w": 0.5})
    segments = (Segment(seconds=5, sensor="ok"), Segment.model_validate({"seconds": 5, "sensor": sensor}))
    policy = Watching("light")
    drive(make_world(plant, Scenario(segments=segments), LADDER, Budgets(), 0), policy, period_s=0.2)
    return [moment.sample for moment in policy.moments[-20:]]


def test_each_sensor_fault_looks_as_it_does_on_a_board():
    assert set(samples("dead")) == {None}
    stale = samples("stale")
    assert all(sample is stale[0] for sample in stale)
    frozen = samples("frozen")
    assert len({sample.t_ns for sample in frozen}) == len(frozen)  # type: ignore[attr-defined]
    assert len({sample.power_w for sample in frozen}) == 1  # type: ignore[attr-defined]
    spread = {kind: np.std([sample.power_w for sample in samples(kind)]) for kind in ("ok", "noisy")}  # type: ignore[attr-defined]
    assert spread["noisy"] > 3 * spread["ok"]


def test_readings_lag_behind_the_power():
    slow = QUIET.model_copy(update={"sensor_lag_ms": 2000})
    segments = (Segment(seconds=10), Segment(seconds=3, extra_power_w=20.0))
    policy = Watching("light")
    drive(make_world(slow, Scenario(segments=segments), LADDER, Budgets(), 0), policy, period_s=0.2)
    read_w = {moment.stats.t_ns: moment.sample.power_w or 0.0 for moment in policy.moments if moment.sample}
    assert read_w[10_400_000_000] < 30.0 < read_w[12_800_000_000] < 42.0


def test_the_statistics_a_policy_sees_add_up():
    trace, policy = ride("light")
    assert sum(moment.stats.published for moment in policy.moments) == pytest.approx(len(trace.done_s), abs=8)
    stats = policy.moments[-1].stats
    assert stats.camera_fps == pytest.approx(30.0, rel=0.01)
    assert stats.gpu_ms == pytest.approx(10.0)
    assert stats.point == "light"


def test_the_same_seed_is_the_same_world_and_another_one_is_not():
    noisy = QUIET.model_copy(update={"power_noise_w": 1.0, "latency": Spread(noise_frac=0.1)})
    scenario = Scenario(segments=(Segment(seconds=5),))
    one, same, other = (
        drive(make_world(noisy, scenario, LADDER, Budgets(), seed), Watching("light"), period_s=0.2)
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one.power_w != other.power_w
