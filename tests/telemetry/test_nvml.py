"""NVML by a module that answers as a driver does; a real one is asked by tests/gpu."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from edge_runtime.errors import TelemetryError
from edge_runtime.telemetry.nvml import POWER_INSTANT, NvmlReader


class NVMLError(Exception):
    pass


class NVMLError_NotSupported(NVMLError):
    pass


class NVMLError_GpuIsLost(NVMLError):
    pass


@pytest.fixture
def driver(monkeypatch):
    """What the driver answers, by call; an exception in its place is raised."""
    answers = {
        "nvmlInit": None,
        "nvmlShutdown": None,
        "nvmlDeviceGetHandleByIndex": "gpu 0",
        "nvmlDeviceGetName": "NVIDIA H200",
        "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=87),
        "nvmlDeviceGetTemperature": 61,
        "nvmlDeviceGetCurrentClocksThrottleReasons": 0x1 | 0x4 | 0x40,
        "nvmlDeviceGetClockInfo": 1980,
        "nvmlDeviceGetPowerUsage": 412_000,
        "nvmlDeviceGetFieldValues": [SimpleNamespace(nvmlReturn=0, value=SimpleNamespace(uiVal=431_500))],
    }
    module = ModuleType("pynvml")
    module.NVMLError = NVMLError
    module.NVML_TEMPERATURE_GPU, module.NVML_CLOCK_SM, module.NVML_CLOCK_MEM = 0, 1, 2
    calls = []

    def answer(name):
        def call(*arguments):
            calls.append((name, *arguments))
            if isinstance(answers[name], Exception):
                raise answers[name]
            return answers[name]

        return call

    for name in answers:
        setattr(module, name, answer(name))
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return SimpleNamespace(answers=answers, calls=calls)


def test_a_card_reads_as_its_driver_says(driver):
    sample = NvmlReader().read(5)
    assert (sample.t_ns, sample.source) == (5, "nvml")
    assert sample.power_w == 431.5
    assert sample.rails_w == {"gpu": 431.5}
    assert sample.temp_c == {"gpu": 61.0}
    assert sample.gpu_load == 0.87
    assert sample.clocks_mhz == {"gpu": 1980.0, "memory": 1980.0}
    assert sample.throttled == ("power cap", "temperature (hardware)"), "idling is no throttling"
    assert ("nvmlDeviceGetFieldValues", "gpu 0", [POWER_INSTANT]) in driver.calls


def test_without_the_power_of_this_moment_the_mean_of_the_last_second_will_do(driver):
    driver.answers["nvmlDeviceGetFieldValues"] = NVMLError_NotSupported()
    assert NvmlReader().read(0).power_w == 412.0


def test_what_a_card_does_not_measure_is_none_and_not_zero(driver):
    for name in driver.answers:
        if name.startswith("nvmlDeviceGet") and name not in ("nvmlDeviceGetHandleByIndex", "nvmlDeviceGetName"):
            driver.answers[name] = NVMLError_NotSupported()
    sample = NvmlReader().read(0)
    assert sample.document() == {"t_ns": 0, "source": "nvml"}


def test_a_card_that_fell_off_the_bus_is_an_error(driver):
    reader = NvmlReader()
    driver.answers["nvmlDeviceGetUtilizationRates"] = NVMLError_GpuIsLost("GPU is lost")
    with pytest.raises(TelemetryError, match="NVIDIA H200 does not answer any more: GPU is lost"):
        reader.read(0)


def test_no_driver_is_said_in_a_sentence(driver):
    driver.answers["nvmlInit"] = NVMLError("Driver Not Loaded")
    with pytest.raises(TelemetryError, match=r"NVML does not answer \(Driver Not Loaded\)"):
        NvmlReader()
    assert ("nvmlShutdown",) not in driver.calls


def test_a_reader_shuts_nvml_down_once(driver):
    reader = NvmlReader()
    reader.close()
    reader.close()
    assert driver.calls.count(("nvmlShutdown",)) == 1


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(TelemetryError, match=r"nvidia-ml-py.*pip install 'edge-runtime\[nvidia\]'"):
        NvmlReader()
