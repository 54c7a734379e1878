"""NVIDIA's management library: the graphics card of a PC or server. On a Jetson it knows next to nothing.

Its package, nvidia-ml-py (BSD), comes with the extra `nvidia`. `power_w` is the card alone, measured at this moment
where the driver can (from Ampere on the plain reading is a mean over the last second). The card is the first that NVML
lists, which is CUDA's first unless CUDA_VISIBLE_DEVICES says otherwise.
"""

from __future__ import annotations

from typing import Any

from edge_runtime.core import TelemetrySample
from edge_runtime.core.extras import missing
from edge_runtime.errors import TelemetryError

# Bits of NVML's clock event reasons that take speed away; idling and clocks set by the user do not count.
THROTTLES = {
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x20: "temperature",
    0x40: "temperature (hardware)",
    0x80: "power brake",
}
POWER_INSTANT = 186  # NVML_FI_DEV_POWER_INSTANT
LOST = ("NVMLError_GpuIsLost", "NVMLError_Uninitialized", "NVMLError_DriverNotLoaded")


class NvmlReader:
    """The first GPU that NVML lists. Raises `TelemetryError` when there is no driver, no GPU or no nvidia-ml-py."""

    name = "nvml"

    def __init__(self) -> None:
        try:
            import pynvml
        except ImportError as error:
            raise TelemetryError(missing("NVML", "nvidia-ml-py", "nvidia")) from error
        self._nvml: Any = pynvml
        self._open = False
        try:
            pynvml.nvmlInit()
            self._open = True
            self._gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
            self.device = str(pynvml.nvmlDeviceGetName(self._gpu))
        except pynvml.NVMLError as error:
            self.close()
            raise TelemetryError(
                f"NVML does not answer ({error}): is there an NVIDIA GPU and its driver? try nvidia-smi"
            ) from error

    def read(self, now_ns: int) -> TelemetrySample:
        nvml = self._nvml
        load = self._ask(nvml.nvmlDeviceGetUtilizationRates)
        celsius = self._ask(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU)
        reasons = self._ask(nvml.nvmlDeviceGetCurrentClocksThrottleReasons) or 0
        clocks = {"gpu": nvml.NVML_CLOCK_SM, "memory": nvml.NVML_CLOCK_MEM}
        clocks_mhz = {unit: self._ask(nvml.nvmlDeviceGetClockInfo, clock) for unit, clock in clocks.items()}
        power_w = self._power_w()
        return TelemetrySample(
            t_ns=now_ns,
            source=self.name,
            power_w=power_w,
            rails_w={} if power_w is None else {"gpu": power_w},
            temp_c={} if celsius is None else {"gpu": float(celsius)},
            gpu_load=None if load is None else load.gpu / 100,
            clocks_mhz={unit: float(mhz) for unit, mhz in clocks_mhz.items() if mhz is not None},
            throttled=tuple(name for bit, name in THROTTLES.items() if reasons & bit),
        )

    def close(self) -> None:
        if self._open:
            self._open = False
            self._nvml.nvmlShutdown()

    def _power_w(self) -> float | None:
        fields = self._ask(self._nvml.nvmlDeviceGetFieldValues, [POWER_INSTANT])
        if fields and fields[0].nvmlReturn == 0 and fields[0].value.uiVal:
            return float(fields[0].value.uiVal) / 1e3
        milli = self._ask(self._nvml.nvmlDeviceGetPowerUsage)
        return None if milli is None else milli / 1e3

    def _ask(self, call: Any, *arguments: Any) -> Any:
        """The answer, or None for what this GPU does not measure."""
        try:
            return call(self._gpu, *arguments)
        except self._nvml.NVMLError as error:
            if type(error).__name__ in LOST:
                raise TelemetryError(f"the GPU {self.device} does not answer any more: {error}") from error
            return None
