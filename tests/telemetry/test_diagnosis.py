import pytest

from edge_runtime.core import SystemClock
from edge_runtime.telemetry import diagnosis
from edge_runtime.telemetry.diagnosis import diagnose


@pytest.fixture
def no_jtop(monkeypatch):
    monkeypatch.setattr(diagnosis, "has_jtop", lambda: False)


def checks_of(root):
    return {check.name: check for check in diagnose(SystemClock(), root)}


def test_a_jetson_shows_its_sources_and_what_each_rail_means(board, no_jtop):
    checks = checks_of(board.root)
    assert checks["sysfs"].state == "ok"
    assert checks["power"].found == "7.0 W (sum of all rails; the carrier is not measured)"
    assert checks["rail VDD_GPU_SOC"].found == "2.4 W (GPU and SoC core)"
    assert checks["over-current"].found.endswith("oc3 instantaneous 0")
    assert checks["temperature"].found.startswith("cpu 46.0 °C, tj 46.0 °C, soc0 43.9 °C")


def test_jetson_stats_that_is_not_installed_is_a_warning_with_what_to_type(board, no_jtop):
    check = checks_of(board.root)["jtop"]
    assert (check.state, check.fix) == ("warning", "pip install 'jetson-stats>=4.2,<8'")


def test_a_board_that_throttles_now_is_warned_of(board, no_jtop):
    board.alert("cpu-throttle-alert", 1)
    check = checks_of(board.root)["throttling"]
    assert (check.state, check.found) == ("warning", "acting now: cpu")
    assert "power mode" in check.fix


def test_a_rail_that_reads_negative_is_an_error(board, no_jtop):
    board.power_w("VDD_GPU_SOC", -8.0)
    checks = checks_of(board.root)
    assert checks["rail VDD_GPU_SOC"].state == checks["power"].state == "error"
    assert checks["rail VDD_GPU_SOC"].found == "-8.0 W (GPU and SoC core): cannot be negative"


def test_a_machine_without_any_power_meter_is_told_that_no_budget_can_be_held(tmp_path):
    checks = checks_of(tmp_path)
    assert checks["power"].state == "warning"
    assert "cannot be held here" in checks["power"].found
    assert checks["nvml"].found == "no NVIDIA driver on this machine"
    assert "temperature" in checks


def test_energy_counters_that_only_root_may_read_are_said(tmp_path):
    zone = tmp_path / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0\n")
    check = checks_of(tmp_path)["host"]
    assert check.state == "warning"
    assert check.fix.startswith("sudo chmod o+r /sys/class/powercap")
