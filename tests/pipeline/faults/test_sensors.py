"""What broken sensors say."""

from edge_runtime.config.schema import PowerStepFault, SensorDeadFault, SensorFrozenFault
from edge_runtime.core import TelemetrySample
from edge_runtime.pipeline.faults.sensors import FaultyTelemetry, SensorFaults
from edge_runtime.pipeline.faults.tally import Tally

NS = 1_000_000_000


class Board:
    """Reads as many watts as seconds have passed; each second's reading may be asked for twice."""

    name, problem, closed = "board", None, False

    def read(self, now_ns):
        second = now_ns // NS
        return TelemetrySample(t_ns=second * NS, source="board", power_w=float(second), temp_c={"gpu": 50.0 + second})

    def close(self):
        self.closed = True


def readings(*faults):
    """(time, watts, temperature) every half second from second 10 to 16, or None; and what the faults did."""
    tallied = [(fault, Tally()) for fault in faults]
    telemetry = FaultyTelemetry(Board(), SensorFaults(tallied))
    seen = [telemetry.read(10 * NS + n * NS // 2) for n in range(12)]
    said = [None if sample is None else (sample.t_ns // NS, sample.power_w, sample.temp_c["gpu"]) for sample in seen]
    return said[::2], [tally.counts() for _, tally in tallied]


def test_a_power_step_is_on_top_of_what_is_drawn_and_nothing_else_changes():
    seen, did = readings(PowerStepFault(kind="power_step", w="+15W", t=2, d=2))
    assert seen == [(n, n + 15.0 * (12 <= n < 14), 50.0 + n) for n in range(10, 16)]
    assert did == [{"readings_raised": 2}]


def test_a_dead_sensor_says_nothing_and_the_source_says_why():
    seen, did = readings(SensorDeadFault(kind="sensor_dead", t=2, d=2))
    assert seen == [(10, 10, 60), (11, 11, 61), None, None, (14, 14, 64), (15, 15, 65)]
    assert did == [{"readings_lost": 2}]
    telemetry = FaultyTelemetry(Board(), SensorFaults([(SensorDeadFault(kind="sensor_dead", t=2), Tally())]))
    problems = []
    for second in range(3):
        telemetry.read(second * NS)
        problems.append(telemetry.problem)
    assert problems == [None, None, "board does not answer: the fault sensor_dead is on"]


def test_a_frozen_sensor_repeats_itself_with_times_that_go_on():
    seen, did = readings(SensorFrozenFault(kind="sensor_frozen", t=2, d=3))
    assert seen == [(10, 10, 60), (11, 11, 61), (12, 12, 62), (13, 12, 62), (14, 12, 62), (15, 15, 65)]
    assert did == [{"readings_repeated": 2}]


def test_the_source_is_closed_with_its_faults():
    board = Board()
    with FaultyTelemetry(board, SensorFaults([])):
        pass
    assert board.closed
