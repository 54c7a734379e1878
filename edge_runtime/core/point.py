"""The settings a frame ran with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One combination of the runtime's knobs, by the name it has in results and logs."""

    name: str = "default"
