import pytest

from edge_runtime.telemetry.host import HostReader

S = 1_000_000_000


@pytest.fixture
def rapl(tmp_path):
    """Energy counters of one package with memory; returns (root, set)."""
    folder = tmp_path / "sys/class/powercap"

    def put(zone, name, value):
        (folder / zone).mkdir(parents=True, exist_ok=True)
        (folder / zone / name).write_text(f"{value}\n")

    for zone, label in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core"), ("intel-rapl:0:1", "dram")):
        put(zone, "name", label)
        put(zone, "energy_uj", 1_000_000)
        put(zone, "max_energy_range_uj", 262_000_000)
    return tmp_path, put


def test_the_first_sample_knows_no_power(rapl):
    assert HostReader(rapl[0]).read(0).power_w is None


def test_power_is_the_energy_between_two_samples(rapl):
    root, put = rapl
    reader = HostReader(root)
    reader.read(0)
    put("intel-rapl:0", "energy_uj", 61_000_000)
    put("intel-rapl:0:0", "energy_uj", 41_000_000)
    put("intel-rapl:0:1", "energy_uj", 7_000_000)
    sample = reader.read(2 * S)
    assert sample.rails_w == {"package-0": 30.0, "core-0": 20.0, "dram-0": 3.0}
    assert sample.power_w == 33.0, "the cores are part of their package"


def test_a_counter_that_came_round_is_not_negative(rapl):
    root, put = rapl
    put("intel-rapl:0", "energy_uj", 260_000_000)
    reader = HostReader(root)
    reader.read(0)
    put("intel-rapl:0", "energy_uj", 8_000_000)
    assert reader.read(S).rails_w["package-0"] == 10.0


def test_a_machine_without_rapl_still_has_a_load(tmp_path):
    sample = HostReader(tmp_path).read(0)
    assert sample.power_w is None
    assert 0 <= sample.cpu_load <= 1
