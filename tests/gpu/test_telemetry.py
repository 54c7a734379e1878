"""NVML asked about a real card."""

import pytest

from edge_runtime.core import SystemClock
from edge_runtime.errors import TelemetryError
from edge_runtime.telemetry.nvml import NvmlReader


@pytest.fixture
def card():
    try:
        reader = NvmlReader()
    except TelemetryError as error:
        pytest.skip(str(error))
    yield reader
    reader.close()


def test_a_card_tells_its_power_temperature_load_and_clocks(card):
    sample = card.read(SystemClock().now_ns())
    assert 5 < sample.power_w < 2000
    assert sample.rails_w == {"gpu": sample.power_w}
    assert 10 < sample.temp_c["gpu"] < 110
    assert 0 <= sample.gpu_load <= 1
    assert sample.clocks_mhz["gpu"] > 0
