"""A simulated board under a real load."""

import pytest

from edge_runtime.config.plant import Plant
from edge_runtime.config.schema import TelemetryBlock
from edge_runtime.core import SystemClock
from edge_runtime.errors import ConfigError, TelemetryError
from edge_runtime.telemetry import open_telemetry
from edge_runtime.telemetry.plant import AMBIENT_C, PlantReader

S = 1_000_000_000
THERMAL = {"r_c_per_w": 2.0, "c_j_per_c": 10.0}
PLANT = Plant(idle_w=8.0, gpu_w_per_busy=20.0, cpu_w_per_busy=4.0, power_noise_w=0.0, thermal=THERMAL)


def readings(busy, seconds, plant=PLANT):
    """What the board says every second while networks and host are busy for these shares."""
    now = [0]
    reader = PlantReader(plant, lambda: (busy[0] * now[0] / 1e6, busy[1] * now[0] / 1e6))
    samples = []
    for second in range(seconds + 1):
        now[0] = second * S
        samples.append(reader.read(now[0]))
    return samples[1:]


def test_a_board_that_rests_draws_what_it_draws_idle_and_keeps_its_temperature():
    samples = readings((0.0, 0.0), 5)
    assert [sample.power_w for sample in samples] == [8.0] * 5
    assert samples[-1].temp_c["tj"] == AMBIENT_C + 2.0 * 8.0


def test_work_draws_power_and_warms_it():
    samples = readings((0.5, 0.25), 200)
    assert samples[0].power_w == 8.0 + 10.0 + 1.0
    assert samples[0].gpu_load == 0.5
    warmth = [sample.temp_c["tj"] for sample in samples]
    assert warmth == sorted(warmth)
    assert warmth[-1] == pytest.approx(AMBIENT_C + 2.0 * 19.0, abs=0.1)


def test_more_work_than_there_is_time_is_all_of_the_time():
    assert readings((3.0, 2.0), 1)[0].power_w == 8.0 + 20.0 + 4.0


def test_its_samples_say_that_nothing_was_measured():
    assert readings((0.1, 0.1), 1)[0].source == "plant"


def test_a_board_goes_by_name_and_a_wrong_name_is_refused():
    with open_telemetry(TelemetryBlock(source="plant", plant="orin_nx"), SystemClock()) as telemetry:
        assert telemetry.name == "plant"
    with pytest.raises(ConfigError):
        open_telemetry(TelemetryBlock(source="plant", plant="orin_ny"), SystemClock())
    with pytest.raises(TelemetryError, match=r"telemetry\.plant=NAME"):
        open_telemetry(TelemetryBlock(source="plant"), SystemClock())
