"""What scripts/hold_power.py decides by itself: which points to measure, and how useful each is."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from edge_runtime.config.ladder import Busy, Knobs, Ladder, MeasuredLatency, Rung

SCRIPT = Path(__file__).parents[1] / "scripts" / "hold_power.py"


@pytest.fixture(scope="module")
def hold_power():
    spec = spec_from_file_location("hold_power", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rung(name, fps, watts, **knobs):
    latency, busy = MeasuredLatency(p50=5.0, p99=8.0), Busy(gpu=1.0, host=2.0)
    return Rung(name=name, knobs=Knobs(**knobs), fps=fps, latency_ms=latency, busy_ms=busy, watts=watts, usefulness=1.0)


FULL, LEAST = rung("full", 300.0, 100.0), rung("45fps-whole", 45.0, 30.0, fps_cap=45.0, regions=0)


def test_a_point_is_sought_at_the_rate_that_should_draw_what_is_aimed_at(hold_power):
    assert hold_power.cap_for(65.0, [FULL, LEAST]) == 172
    assert hold_power.cap_for(65.0, [FULL, LEAST, rung("100fps", 100.0, 65.0 - 1e-9, fps_cap=100.0)]) is None


def test_nothing_is_sought_below_the_cheapest_point_or_above_the_fastest(hold_power):
    assert hold_power.cap_for(20.0, [FULL, LEAST]) is None
    assert hold_power.cap_for(110.0, [FULL, LEAST]) is None


def test_a_point_without_regions_is_less_useful_at_the_same_rate(hold_power):
    whole = rung("whole", 300.0, 60.0, regions=0)
    rated = hold_power.with_usefulness(Ladder(board="b", idle_w=80.0, points=(FULL, whole)), regions=2)
    assert [one.usefulness for one in rated.points] == [1.0, pytest.approx(0.333)]


def test_the_overlapping_threads_of_the_host_do_not_add_up(hold_power):
    bench = hold_power.Bench.__new__(hold_power.Bench)
    bench._networks = {"objects"}
    stage_ms = {"source": 9.0, "queue": 5.0, "objects.preprocess": 1.5, "objects": 2.0, "objects.decode": 0.5}
    assert bench._busy_ms({name: {"p50": ms} for name, ms in stage_ms.items()}) == (2.0, 1.5)
