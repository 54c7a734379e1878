"""The power rails of the boards we know: what each feeds, and which reading stands for the whole board.

AGX Orin has no meter at its input. VDD_GPU_SOC and VDD_CPU_CV are measured at the supply's voltage (20 V on the
developer kit), VIN_SYS_5V0 and VDDQ_VDD2_1V8AO at 5 V. Their sum, jtop's total too, leaves the carrier board out.
Orin NX and Nano: VDD_IN is the whole module and holds the other two. Thor: VDD_GPU, VDD_CPU_SOC_MSS and VIN_SYS_5V0
are the module's; VIN, an INA238 on the carrier, is everything that the supply delivers, and therefore the total.
jetson-stats before 7.2.1 gives the sum on Thor; here the total is always formed by this file.

Labels: device trees tegra234-p3701 and -p3767 of the kernel, and NVIDIA's developer guide (Jetson Linux r36, r38).
"""

from __future__ import annotations

from collections.abc import Mapping

# The input of the whole board or module, the most complete first. Where none is measured, the sum of all is the total.
INPUTS = ("VIN", "POM_5V_IN", "VDD_IN")

MEANING = {
    "VIN": "everything the supply delivers, carrier included",
    "VDD_IN": "the whole module",
    "POM_5V_IN": "the whole module",
    "VDD_GPU_SOC": "GPU and SoC core",
    "VDD_GPU": "GPU",
    "VDD_CPU_CV": "CPU, DLA and PVA",
    "VDD_CPU_GPU_CV": "CPU, GPU, DLA and PVA",
    "VDD_CPU_SOC_MSS": "CPU, SoC core and memory subsystem",
    "VDD_SOC": "SoC core",
    "VIN_SYS_5V0": "5 V system: I/O, storage, USB",
    "VDDQ_VDD2_1V8AO": "memory and always-on 1.8 V",
    "VDDRQ": "memory",
    "VDD_SYS5V0": "5 V system: I/O, storage, USB",
    "POM_5V_GPU": "GPU",
    "POM_5V_CPU": "CPU",
    "gpu": "the graphics card",
}

# An idle rail reads up to two steps of its chip below nothing; a step is 20 mA, 0.4 W on a 20 V rail.
NOISE_W = 1.0


def rail_w(watts: float) -> float:
    """The reading of one rail, with the noise around nothing cut off. What is more negative stays, for all to see."""
    return 0.0 if -NOISE_W <= watts < 0 else watts


def total_w(rails_w: Mapping[str, float]) -> float | None:
    """Power of the whole board, or of its module where nothing else is measured; None without rails."""
    for rail in INPUTS:
        if rail in rails_w:
            return rails_w[rail]
    return sum(rails_w.values()) if rails_w else None


def total_is(rails_w: Mapping[str, float]) -> str:
    """In words, what `total_w` of these rails covers."""
    for rail in INPUTS:
        if rail in rails_w:
            return f"{rail}: {MEANING[rail]}"
    return "sum of all rails; the carrier is not measured"
