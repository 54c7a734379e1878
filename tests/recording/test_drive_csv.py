from pathlib import Path

import pytest

from edge_runtime.core import TelemetrySample
from edge_runtime.errors import TelemetryError
from edge_runtime.recording.drive_csv import is_drive_csv, read_drive_csv
from edge_runtime.recording.power_log import PowerLog, Second

S = 1_000_000_000


def write(path, text):
    path.write_text(text)
    return path


def test_power_heat_counters_and_speed_are_read_and_empty_cells_are_unknown(tmp_path):
    path = write(
        tmp_path / "drive.csv",
        "t_s,power_w,power_budget_w,VDD_IN_w,tj_c,oc1_events,throttled,speed_kmh,driver\n"
        "1,21.5,50,20.1,60,3,thermal oc1,72,Ada\n"
        "2,,,,61,,,90,Ada\n"
        "3,22,,,,,,,Ada\n",
    )
    log = read_drive_csv(path)
    first, second, third = log.samples
    assert first == TelemetrySample(
        S,
        "recorded",
        21.5,
        {"VDD_IN": 20.1},
        {"tj": 60.0},
        throttle_events={"oc1": 3},
        throttled=("thermal", "oc1"),
    )
    assert (second.power_w, second.temp_c) == (None, {"tj": 61.0})
    assert third.power_w == 22.0
    assert log.speeds == ((S, 20.0), (2 * S, 25.0))


def test_the_power_log_of_a_run_is_taken_as_it_is(tmp_path):
    log = PowerLog(tmp_path / "power_fps.csv")
    for second, watts, events in ((1, 21.25, 7), (2, 22.5, 9)):
        sample = TelemetrySample(
            second * S, "sysfs", None, {"VDD_IN": 20.0}, {"tj": 60.0}, throttle_events={"oc1": events}
        )
        values = {"t_ns": second * S, "power_w": watts, "ego_speed_mps": 25.0, "sample": sample, "fresh": True}
        log.write(Second(**{name: values.get(name) for name in Second.__slots__}))
    log.close()
    read = read_drive_csv(tmp_path / "power_fps.csv")
    assert [(row.t_ns, row.power_w) for row in read.samples] == [(S, 21.25), (2 * S, 22.5)]
    assert [(row.rails_w, row.temp_c) for row in read.samples] == 2 * [({"VDD_IN": 20.0}, {"tj": 60.0})]
    assert [row.throttle_events for row in read.samples] == [{"oc1": 0}, {"oc1": 2}]
    assert read.speeds == ((S, 25.0), (2 * S, 25.0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t_s,power_w\n1,warm\n", r":2: not a number: .*warm"),
        ("t_s,power_w\n", "holds no row"),
        ("power_w\n5\n", r":2: not a number"),
    ],
)
def test_a_mistake_is_answered_with_its_line(tmp_path, text, said):
    with pytest.raises(TelemetryError, match=said):
        read_drive_csv(write(tmp_path / "drive.csv", text))


def test_a_log_of_tegrastats_is_told_apart(tmp_path):
    assert is_drive_csv(write(tmp_path / "ours.csv", "t_s,power_w\n"))
    assert not is_drive_csv(write(tmp_path / "theirs.csv", "t_ms,power_in_mw\n"))
    assert not is_drive_csv(Path(tmp_path / "missing.csv"))
