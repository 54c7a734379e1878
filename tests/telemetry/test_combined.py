import pytest

from edge_runtime.core import TelemetrySample
from edge_runtime.telemetry.combined import STALE_NS, Combined, merge

S = 1_000_000_000
FAST = TelemetrySample(10 * S, "sysfs", power_w=20.0, rails_w={"VDD_GPU_SOC": 20.0}, temp_c={"tj": 60.0}, gpu_load=0.9)
SLOW = TelemetrySample(9 * S, "jtop", power_w=18.0, rails_w={"VDD_GPU_SOC": 18.0}, cpu_load=0.4, power_mode="MAXN")


class Fixed:
    problem = None

    def __init__(self, sample):
        self.sample, self.closed, self.name = sample, 0, "fixed"

    def read(self, now_ns):
        return self.sample

    def close(self):
        self.closed += 1


def test_the_fast_source_wins_and_the_slow_one_fills_the_gaps():
    sample = merge(FAST, SLOW)
    assert (sample.t_ns, sample.source) == (10 * S, "sysfs+jtop")
    assert (sample.power_w, sample.rails_w, sample.gpu_load) == (20.0, {"VDD_GPU_SOC": 20.0}, 0.9)
    assert (sample.cpu_load, sample.power_mode) == (0.4, "MAXN")


def test_power_from_the_slow_source_brings_its_age_along():
    sample = merge(TelemetrySample(10 * S, "sysfs", temp_c={"tj": 60.0}), SLOW)
    assert (sample.power_w, sample.t_ns) == (18.0, 9 * S)


def test_a_slow_source_that_went_stale_is_left_out():
    both = Combined(Fixed(FAST), Fixed(SLOW))
    assert both.read(SLOW.t_ns + STALE_NS).power_mode == "MAXN"
    assert both.read(SLOW.t_ns + STALE_NS + 1).power_mode is None


@pytest.mark.parametrize(("fast", "slow", "seen"), [(None, SLOW, SLOW), (FAST, None, FAST), (None, None, None)])
def test_either_stands_alone_while_the_other_is_silent(fast, slow, seen):
    assert Combined(Fixed(fast), Fixed(slow)).read(10 * S) is seen


def test_closing_closes_both():
    fast, slow = Fixed(FAST), Fixed(SLOW)
    Combined(fast, slow).close()
    assert fast.closed == slow.closed == 1
