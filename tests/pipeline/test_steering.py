"""The governor's loop in a pipeline: what it is told, what it logs, and that a broken board or disk does not end it."""

import csv
import json
import threading

import numpy as np
import pytest

from edge_runtime.config.schema import Budgets
from edge_runtime.core import Decision, Frame, FrameResult, OperatingPoint, SystemClock, TelemetrySample
from edge_runtime.errors import TelemetryError
from edge_runtime.pipeline.budgets import BudgetWindows
from edge_runtime.pipeline.meter import FrameMeter
from edge_runtime.pipeline.steering import Steering

MS = 1_000_000


class Sensor:
    """Readings that a test sets."""

    name, problem = "plant", None

    def __init__(self, *watts):
        self.watts, self.closed = list(watts), 0

    def read(self, now_ns):
        if not self.watts:
            return None
        watts = self.watts.pop(0) if len(self.watts) > 1 else self.watts[0]
        return TelemetrySample(now_ns, "plant", watts, {"VDD": 1.5}, {"tj": 55.0}, throttle_events={"oc1": 3})

    def close(self):
        self.closed += 1


class Governor:
    """Notes what it is asked, and takes turns between two points."""

    def __init__(self):
        self.asked = []

    def decide(self, sample, stats, ego_speed_mps):
        self.asked.append((sample, stats, ego_speed_mps))
        name = "low" if len(self.asked) % 2 else "high"
        return Decision(stats.t_ns, OperatingPoint(name, power_mode="MODE_30W"), "power", f"because of {name}")


class Board:
    def __init__(self, fails=False):
        self.fails, self.settings, self.closed = fails, [], 0

    def apply(self, setting):
        if self.fails:
            raise TelemetryError("the process that sets power modes is gone")
        self.settings.append(setting.power_mode)

    def status(self):
        class Status:
            problem = None

        return Status()

    def close(self):
        self.closed += 1


def steering(tmp_path, sensor, governor=None, board=None, **budgets):
    meter, limits = FrameMeter(["objects"], 50.0), Budgets(**budgets)
    windows = BudgetWindows(limits)
    made = Steering(
        sensor,
        meter,
        windows,
        limits,
        SystemClock(),
        tmp_path,
        governor=governor,
        board=board,
        period_ms=200,
        reading_ms=50,
    )
    return made, meter, windows


def publish(meter, t_ns, point="low", latency_ms=20.0, speed=10.0):
    meter.capture(t_ns - 20 * MS)
    frame = Frame(0, "front", t_ns - 20 * MS, np.zeros((2, 2, 3), np.uint8), speed)
    stages = {"objects": 12.0, "objects.preprocess": 2.0, "tracked": 1.0, "queue": 5.0}
    meter.publish(t_ns, frame, FrameResult(0, "front", 0, latency_ms, OperatingPoint(point), stage_ms=stages))


def test_a_decision_sees_the_mean_of_all_readings_since_the_one_before(tmp_path):
    governor = Governor()
    made, _, _ = steering(tmp_path, Sensor(10.0, 20.0, 30.0, 40.0, 50.0, 60.0), governor)
    for n in range(6):
        made.step(n * 50 * MS)
    made.close()
    assert [sample.power_w for sample, _, _ in governor.asked] == [10.0, 35.0]


@pytest.mark.parametrize(("fault", "told"), [(-5.0, -5.0), (300.0, 300.0), (0.4, 0.4), (None, 10.0)])
def test_an_impossible_reading_does_not_vanish_in_the_mean_and_is_no_watts_of_the_run(tmp_path, fault, told):
    governor = Governor()
    made, _, _ = steering(tmp_path, Sensor(10.0, 10.0, 10.0, 10.0, fault, 10.0, 10.0), governor)
    for n in range(21):
        made.step(n * 50 * MS)
    made.close()
    assert [sample.power_w for sample, _, _ in governor.asked][:3] == [10.0, told, 10.0]
    assert made.power_w == {"mean": 10.0, "max": 10.0}


def test_the_alarms_of_a_run_and_its_seconds_at_each_point_are_counted(tmp_path):
    class Alarmed(Governor):
        def decide(self, sample, stats, ego_speed_mps):
            super().decide(sample, stats, ego_speed_mps)
            bad = 3 <= len(self.asked) <= 5
            alarm = f"telemetry is frozen: {len(self.asked)} readings" if bad else None
            return Decision(stats.t_ns, OperatingPoint("low" if bad else "high"), None, "", alarm=alarm)

    made, _, _ = steering(tmp_path, Sensor(10.0), Alarmed())
    for n in range(11):
        made.step(n * 200 * MS)
    assert (made.state.point, made.state.alarm) == ("high", None)
    made.close()
    account = made.account
    assert (account.changes, account.seconds_at) == (2, {"high": 1.4, "low": 0.6})
    (alarm,) = account.alarms
    assert (alarm.text, alarm.times, alarm.seconds) == ("telemetry is frozen: 3 readings", 1, 0.6)
    assert made.notices == {}
    rows = list(csv.DictReader((tmp_path / "power_fps.csv").open()))
    assert rows[0]["alarm"].startswith("telemetry is frozen"), "also where it was over by the end of the second"


def test_a_sensor_that_stands_still_is_not_judged_again(tmp_path):
    class Dead(Sensor):
        def read(self, now_ns):
            return TelemetrySample(0, "plant", 10.0, {}, {"tj": 55.0})

    made, _, windows = steering(tmp_path, Dead(), thermal_c=90, power_w=30)
    for n in range(0, 3001, 50):
        made.step(n * MS)
    made.close()
    assert [account.windows for account in windows.accounts().values()] == [1, 1]


def test_what_the_frames_did_is_summed_up_between_decisions(tmp_path):
    governor = Governor()
    made, meter, _ = steering(tmp_path, Sensor(10.0), governor)
    start = 10_000 * MS
    made.step(start)
    for n in range(1, 7):
        publish(meter, start + n * 30 * MS, latency_ms=80.0 if n == 3 else 20.0)
    made.step(start + 200 * MS)
    made.close()
    _, stats, speed = governor.asked[1]
    assert (stats.captured, stats.published, stats.missed) == (6, 6, 1)
    assert stats.fps == pytest.approx(1000 / 30)
    assert stats.camera_fps == pytest.approx(1000 / 30)
    assert (stats.gpu_ms, stats.host_ms, stats.point) == (12.0, 2.0, "low")
    assert stats.latency_p99_ms == 80.0
    assert speed == 10.0


def test_frames_of_two_points_belong_to_none(tmp_path):
    governor = Governor()
    made, meter, _ = steering(tmp_path, Sensor(10.0), governor)
    publish(meter, 990 * MS, "low")
    publish(meter, 995 * MS, "high")
    made.step(1000 * MS)
    made.close()
    assert governor.asked[0][1].point is None


def test_the_logs_tell_the_run_and_the_budgets_are_judged(tmp_path):
    made, meter, windows = steering(tmp_path, Sensor(40.0, 40.0), Governor(), power_w=30, fps_floor=15, thermal_c=90)
    for n in range(0, 3001, 50):
        publish(meter, n * MS + 1)
        made.step(n * MS + 2)
    made.close()
    rows = list(csv.DictReader((tmp_path / "power_fps.csv").open()))
    assert len(rows) == 3
    assert (rows[1]["power_w"], rows[1]["power_budget_w"], rows[1]["fps_floor"]) == ("40.0", "30.0", "15.0")
    assert (rows[1]["VDD_w"], rows[1]["tj_c"], rows[1]["oc1_events"]) == ("1.5", "55.0", "0")
    assert float(rows[1]["fps"]) == pytest.approx(20.0)
    decisions = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert decisions[0]["reason"] == "because of low"
    assert made.power_w == {"mean": 40.0, "max": 40.0}
    held = {name: (account.windows, account.held) for name, account in windows.accounts().items()}
    assert held["power_w"] == (3, 0)
    assert held["thermal_c"] == (3, 3)


def test_a_board_that_does_not_obey_is_said_and_the_run_goes_on(tmp_path):
    governor = Governor()
    made, _, _ = steering(tmp_path, Sensor(10.0), governor, Board(fails=True))
    made.step(0)
    made.step(200 * MS)
    made.close()
    assert len(governor.asked) == 2
    assert list(made.notices) == ["the process that sets power modes is gone"]


def test_the_board_gets_the_points_mode_and_is_given_back(tmp_path):
    board, sensor = Board(), Sensor(10.0)
    made, _, _ = steering(tmp_path, sensor, Governor(), board)
    made.step(0)
    made.close()
    made.close()
    assert board.settings == ["MODE_30W"]
    assert board.closed >= 1
    assert sensor.closed >= 1


def test_without_a_governor_it_still_measures(tmp_path):
    made, _, _ = steering(tmp_path, Sensor(12.5))
    for n in range(0, 2100, 50):
        made.step(n * MS)
    made.close()
    assert made.power_w == {"mean": 12.5, "max": 12.5}
    assert not (tmp_path / "decisions.jsonl").exists()
    assert made.point == OperatingPoint()


def test_a_defect_in_the_governor_is_said_and_the_next_decision_is_taken(tmp_path):
    asked = threading.Event()

    class Broken(Governor):
        def decide(self, sample, stats, ego_speed_mps):
            decision = super().decide(sample, stats, ego_speed_mps)
            if len(self.asked) == 1:
                raise ZeroDivisionError("a defect")
            asked.set()
            return decision

    made, _, _ = steering(tmp_path, Sensor(10.0), Broken())
    made.start()
    assert asked.wait(10)
    made.close()
    assert list(made.notices) == ["a decision failed: ZeroDivisionError: a defect"]
    assert made.point.name in ("low", "high")
