import csv

import pytest

from edge_runtime.core import Decision, OperatingPoint, TelemetrySample
from edge_runtime.errors import RunError
from edge_runtime.recording.power_log import PowerLog, Second

NS = 1_000_000_000
RAILS = {"VDD_GPU_SOC": 12.3456, "VDD_CPU_CV": 2.0}


def sample(n, **values):
    return TelemetrySample(n * NS, "sysfs", **{"rails_w": RAILS, "temp_c": {"tj": 55.5}, **values})


def second(n, **values):
    nothing = dict.fromkeys(("fps_floor", "ego_speed_mps", "latency_p99_ms", "power_w", "power_budget_w", "sample"))
    return Second(**{**nothing, "t_ns": n * NS, "fps": 25.0, "fresh": True, "decision": None, "alarm": None, **values})


def rows(log, path):
    log.close()
    return list(csv.DictReader(path.open(newline="")))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "power_fps.csv"


def test_a_row_tells_what_was_demanded_what_was_done_and_why(path):
    log = PowerLog(path)
    decision = Decision(0, OperatingPoint("low"), "power", "low: high would heat it past 80 °C")
    log.write(second(7, ego_speed_mps=30.0, fps_floor=30, sample=sample(7, power_mode="MAXN"), decision=decision))
    (row,) = rows(log, path)
    assert (row["t_s"], row["fps"], row["fps_floor"], row["speed_kmh"]) == ("1.0", "25.0", "30", "108.0")
    assert (row["point"], row["power_mode"], row["binding"]) == ("low", "MAXN", "power")
    assert row["reason"] == "low: high would heat it past 80 C"
    assert (row["VDD_GPU_SOC_w"], row["tj_c"]) == ("12.346", "55.5")
    assert list(row)[-4:] == ["VDD_CPU_CV_w", "VDD_GPU_SOC_w", "tj_c", "reason"]
    assert row["power_w"] == row["alarm"] == "", "what is not known is an empty cell"


def test_a_source_that_starts_late_has_its_columns_too(path):
    log = PowerLog(path)
    log.write(second(1, alarm="no telemetry"))
    log.write(second(2, sample=sample(2)))
    log.write(second(3, sample=sample(3, rails_w={**RAILS, "VIN": 30.0})))
    log.write(second(4))
    found = rows(log, path)
    assert [row["VDD_CPU_CV_w"] for row in found] == ["", "2.0", "2.0", ""]
    assert [row["VIN_w"] for row in found] == ["", "", "30.0", ""]
    assert [row["alarm"] for row in found] == ["no telemetry", "", "", ""]
    assert [path.name for path in path.parent.iterdir()] == ["power_fps.csv"]


def test_events_are_those_of_the_second_however_many_there_were_since_boot(path):
    log = PowerLog(path)
    for n, count in enumerate((40, 40, 47, 48), start=1):
        log.write(second(n, sample=sample(n, throttle_events={"oc3_instantaneous": count}, throttled=("gpu",))))
    found = rows(log, path)
    assert [row["oc3_instantaneous_events"] for row in found] == ["0", "0", "7", "1"]
    assert found[0]["throttled"] == "gpu"


def test_a_sensor_that_stands_still_shows_its_age_and_no_values(path):
    log = PowerLog(path)
    log.write(second(1, sample=sample(1)))
    log.write(second(2, sample=sample(1), fresh=False))
    found = rows(log, path)
    assert [(row["sensor_age_s"], row["tj_c"]) for row in found] == [("0.0", "55.5"), ("1.0", "")]


def test_every_row_is_on_the_disk_when_it_was_written(path):
    log = PowerLog(path)
    log.write(second(1, sample=sample(1)))
    assert path.read_text().count("\n") == 2
    log.close()
    log.close()
    with pytest.raises(RunError, match=r"power_fps\.csv: is closed"):
        log.write(second(2))


def test_a_folder_that_takes_no_file_is_said(tmp_path):
    with pytest.raises(RunError, match=r"gone/power_fps\.csv: cannot be written: No such file"):
        PowerLog(tmp_path / "gone" / "power_fps.csv")
