"""A pipeline under its governor on an emulated AGX Orin, with the real jetson-stats service and client."""

from __future__ import annotations

import signal
from itertools import groupby

import pytest

from tests.jetson_emulator.machine import until
from tests.jetson_emulator.tree import RAILS

from .governed import GPU, GovernedRun


@pytest.fixture
def governed(orin, tiny):
    """Starts the tiny pipeline on the board with a source of telemetry, and ends it with the test."""
    runs = []

    def start(telemetry):
        runs.append(GovernedRun(orin, tiny, telemetry))
        return runs[-1]

    yield start
    for run in runs:
        run.close()


def test_it_steps_down_and_up_with_the_current_and_outlives_the_service(orin, governed):
    run = governed("jtop")

    run.settles_at("high", "MAXN")
    run.extra_w = 20.0
    run.settles_at("mid", "MODE_50W")
    assert (run.newest["binding"], run.newest["alarm"]) == ("power", None)
    assert "mid: high is more useful, but would draw 4" in run.newest["reason"]
    run.extra_w = 0.0
    run.settles_at("high", "MAXN")

    orin.kill_service()
    run.until(lambda: 'alarm="telemetry is stale' in run.said and orin.tree.mode() == "MODE_50W")
    assert (run.newest["point"], run.newest["binding"]) == ("low", "telemetry")
    assert run.newest["reason"].startswith("low, the safe point: telemetry is stale: the last reading is")
    orin.start_service()
    run.settles_at("high", "MAXN")

    assert run.end() == 0
    assert orin.tree.mode() == "MODE_50W", "as it was before the run"
    assert [high for high, _ in groupby(name == "high" for name in run.points)] == [False, True] * 3
    the_log_of_seconds_tells_it(run.rows)
    the_summary_tells_it(run.summary)


def the_log_of_seconds_tells_it(rows):
    heavy = [row for row in rows if row["point"] == "high" and row["power_mode"] == "MAXN"]
    assert heavy
    assert {row["power_budget_w"] for row in rows} == {"40.0"}
    assert max(float(row[f"{GPU}_w"] or 0) for row in rows) > 30.0, "the current that the test set"
    assert any(row["binding"] == "power" and row["reason"].startswith("mid: high is more useful") for row in rows)
    blind = [row for row in rows if row["alarm"].startswith("telemetry is stale")]
    assert {row["point"] for row in blind[1:-1]} == {"low"}
    longest = max(blind, key=lambda row: float(row["sensor_age_s"]))
    assert float(longest["sensor_age_s"]) > 3.0
    assert (longest["power_w"], longest[f"{GPU}_w"]) == ("", ""), "nobody measured it"


def the_summary_tells_it(summary):
    assert summary["error"] is None
    assert summary["frames"]["failed"] == 0
    (alarm,) = summary["governor"]["alarms"]
    assert alarm["text"].startswith("telemetry is stale")
    assert (alarm["times"], alarm["seconds"] > 1.0) == (1, True)
    assert set(summary["governor"]["seconds_at"]) == {"low", "mid", "high"}
    assert any("the jtop service" in warning for warning in summary["warnings"])
    power = summary["budgets"]["power_w"]
    assert power["longest_violation_s"] <= 2.0
    assert power["windows"] - power["held"] <= 2


def test_the_power_mode_is_set_back_when_the_pipeline_is_killed(orin, governed):
    run = governed("sysfs")
    run.until(lambda: orin.tree.mode() == "MAXN")
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    assert until(lambda: orin.tree.mode() == "MODE_50W")


def test_every_fault_of_a_sensor_leads_to_the_safe_point_and_is_over_when_it_is(orin, governed):
    run = governed("sysfs")
    tree = orin.tree
    chip, channel, _, _ = RAILS[GPU]
    current = f"sys/class/hwmon/{chip}/curr{channel}_input"
    faults = {
        "telemetry is frozen": lambda: None,
        "telemetry has no power reading": lambda: tree.put(current, ""),
        "impossible power reading": lambda: tree.put(current, -3000),
        "impossible power reading: 4": lambda: tree.put(current, 20000),
        "impossible temperature of tj": lambda: tree.temperature_c("tj", 200.0),
        "over-current": lambda: tree.over_current(3, int(tree.get("sys/class/hwmon/hwmon4/oc3_event_cnt")) + 9),
    }
    run.until(lambda: run.newest["point"] == "high")
    for words, fault in faults.items():
        run.broken = fault
        run.until(lambda: (run.newest["alarm"] or "").startswith(words))  # noqa: B023
        assert run.newest["point"] == "low"
        assert run.newest["reason"].startswith(f"low, the safe point: {words}")
        if words == "telemetry is frozen":
            run.until(lambda: 'alarm="telemetry is frozen' in run.said)
        run.broken = None
        tree.temperature_c("tj", 46.0)
        run.until(lambda: run.newest["alarm"] is None)
    assert run.end() == 0
    told = [alarm["text"] for alarm in run.summary["governor"]["alarms"]]
    for words in faults:
        assert any(text.startswith(words.partition(":")[0]) for text in told), told
    assert "telemetry has no power reading" in run.said, "also on the terminal"
