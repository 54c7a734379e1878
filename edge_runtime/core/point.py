"""The settings a frame ran with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One combination of the runtime's knobs, by the name it has in results and logs.

    None leaves a knob as the pipeline file has it. `regions` is the most regions a frame may look at, every
    `region_period`-th frame; the detector runs every `detector_period`-th frame and tracks carry the boxes over in
    between. `variant` names one of the loaded variants of the models (input size, precision, weights). `fps_cap` is in
    frames a second, `power_mode` a mode of the board by name, `gpu_cap_mhz` the most its GPU may clock.
    """

    name: str = "default"
    regions: int | None = None
    region_period: int = 1
    detector_period: int = 1
    variant: str | None = None
    fps_cap: float | None = None
    power_mode: str | None = None
    gpu_cap_mhz: float | None = None

    def __post_init__(self) -> None:
        if self.regions is not None and self.regions < 0:
            raise ValueError(f"regions must be 0 or more, got {self.regions}")
        if self.region_period < 1 or self.detector_period < 1:
            raise ValueError(f"periods count from 1, got {self.region_period} and {self.detector_period}")
        if self.fps_cap is not None and not self.fps_cap > 0:
            raise ValueError(f"fps_cap must be above 0, got {self.fps_cap}")
        if self.gpu_cap_mhz is not None and not self.gpu_cap_mhz > 0:
            raise ValueError(f"gpu_cap_mhz must be above 0, got {self.gpu_cap_mhz}")
