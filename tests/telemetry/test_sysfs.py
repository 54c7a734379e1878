import pytest

from edge_runtime.errors import TelemetryError
from edge_runtime.telemetry.sysfs import SysfsReader, is_jetson

S = 1_000_000_000


def test_an_agx_orin_at_rest_reads_as_what_its_files_hold(board):
    sample = SysfsReader(board.root).read(7 * S)
    assert (sample.t_ns, sample.source) == (7 * S, "sysfs")
    assert sample.rails_w == pytest.approx(
        {"VDD_GPU_SOC": 2.390, "VDD_CPU_CV": 0.797, "VIN_SYS_5V0": 3.522, "VDDQ_VDD2_1V8AO": 0.302}, abs=1e-3
    )
    assert sample.power_w == pytest.approx(7.011, abs=1e-3)
    assert sample.temp_c == {"cpu": 46.0, "gpu": 42.5, "soc0": 43.9, "tj": 46.0}
    assert sample.clocks_mhz == {"gpu": 306.0, "cpu": 729.6}
    assert sample.throttle_events == {"oc1_under_voltage": 0, "oc2_average": 0, "oc3_instantaneous": 0}
    assert sample.throttled == ()
    assert sample.power_mode is None


def test_what_changes_on_the_board_changes_in_the_next_sample(board):
    reader = SysfsReader(board.root)
    reader.read(0)
    watts = board.power_w("VDD_GPU_SOC", 31.5)
    board.temperature_c("tj", 91.5)
    board.gpu(0.97, 816000000)
    board.over_current(3, 12)
    board.alert("gpu-throttle-alert", 1)
    sample = reader.read(S)
    assert sample.rails_w["VDD_GPU_SOC"] == pytest.approx(watts)
    assert sample.temp_c["tj"] == 91.5
    assert sample.gpu_load == 0.97
    assert sample.clocks_mhz["gpu"] == 816.0
    assert sample.throttle_events["oc3_instantaneous"] == 12
    assert sample.throttled == ("gpu",)


@pytest.mark.parametrize("offline", ["", "-256000"])
def test_a_zone_that_is_switched_off_has_no_temperature(board, offline):
    board.put("sys/devices/virtual/thermal/thermal_zone4/temp", offline)
    assert "tj" not in SysfsReader(board.root).read(0).temp_c


def test_a_rail_a_step_below_nothing_counts_as_nothing(board):
    board.put("sys/class/hwmon/hwmon1/curr2_input", -20)
    assert SysfsReader(board.root).read(0).rails_w["VDD_CPU_CV"] == 0.0


def test_a_rail_far_below_nothing_is_shown_as_it_is(board):
    board.put("sys/class/hwmon/hwmon1/curr2_input", -2000)
    assert SysfsReader(board.root).read(0).rails_w["VDD_CPU_CV"] == pytest.approx(-39.84)


def test_a_total_without_one_of_its_rails_is_no_total(board):
    reader = SysfsReader(board.root)
    board.put("sys/class/hwmon/hwmon1/curr1_input", "")
    sample = reader.read(0)
    assert sample.power_w is None
    assert "VDD_GPU_SOC" not in sample.rails_w


def test_an_ina238_at_the_carriers_input_is_the_total(board):
    board.put("sys/class/hwmon/hwmon6/name", "ina238")
    board.put("sys/class/hwmon/hwmon6/power1_input", 26_330_000)
    sample = SysfsReader(board.root).read(0)
    assert sample.rails_w["VIN"] == sample.power_w == 26.33


def test_monitors_are_found_by_name_when_their_numbers_moved(board):
    (board.root / "sys/class/hwmon/hwmon1").rename(board.root / "sys/class/hwmon/hwmon9")
    assert "VDD_GPU_SOC" in SysfsReader(board.root).read(0).rails_w


def test_the_load_of_the_cpu_is_that_since_the_last_sample(board):
    reader = SysfsReader(board.root)
    assert reader.read(0).cpu_load is None
    board.put("proc/stat", "cpu 12300 0 0 108100 0 0 0 0 0 0")
    assert reader.read(S).cpu_load == pytest.approx(0.75)


def test_a_core_that_is_offline_has_no_say_in_the_clock(board):
    board.put("sys/devices/system/cpu/cpu11/cpufreq/scaling_cur_freq", 2201600)
    board.put("sys/devices/system/cpu/cpu11/online", 0)
    assert SysfsReader(board.root).read(0).clocks_mhz["cpu"] == 729.6


def test_a_machine_that_is_no_jetson_is_told_so(tmp_path):
    with pytest.raises(TelemetryError, match=r"no Jetson; use `telemetry\.source=nvml` or `host`"):
        SysfsReader(tmp_path)
    assert not is_jetson(tmp_path)


def test_a_jetson_is_known_by_its_device_tree(board):
    assert is_jetson(board.root)
