"""What a run says of itself at the end: the document `summary.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge_runtime.core.quantiles import Quantiles
from edge_runtime.governor.deadline import DeadlineCounts

from .accounts import FrameCounts
from .budgets import BudgetAccount
from .faults.tally import FaultAccount
from .optional import OptionalAccount
from .outages import CameraAccount
from .steered import SteeringAccount

# Budgets that take a sensor to judge.
MEASURED = ("power_w", "thermal_c")


@dataclass(frozen=True, slots=True)
class SinkAccount:
    """What became of a sink: results written and dropped, and the error that ended it, or None."""

    written: int
    dropped: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles in milliseconds."""

    p50: float | None
    p95: float | None
    p99: float | None

    @classmethod
    def of(cls, quantiles: Quantiles) -> Spread:
        return cls(*(quantiles.quantile_ms(q) for q in (0.5, 0.95, 0.99)))


@dataclass(frozen=True, slots=True)
class CameraSummary:
    """What became of one camera: its frames, how often it was away, and the error that ended it, or None."""

    frames: FrameCounts
    fps: float | None
    latency_ms: Spread
    outages: CameraAccount
    error: str | None = None

    def document(self) -> dict[str, Any]:
        return {
            "frames": asdict(self.frames),
            "fps": None if self.fps is None else round(self.fps, 2),
            "latency_ms": _rounded(self.latency_ms),
            **asdict(self.outages),
            "error": self.error,
        }


@dataclass(frozen=True, slots=True, eq=False)
class RunSummary:
    """The outcome of one run. `error` is None when it ended by itself, a limit or a signal.

    `frames` and `latency_ms` are those of all cameras together, `fps` is that of the slowest.
    """

    name: str
    folder: Path
    frames: FrameCounts
    seconds: float
    fps: float | None
    latency_ms: Spread
    stage_ms: Mapping[str, Spread]
    budgets: Mapping[str, BudgetAccount]
    regions_shed: Mapping[str, DeadlineCounts]
    power_w: Mapping[str, float] | None
    sinks: Mapping[str, SinkAccount]
    warnings: list[str]
    failures: Mapping[str, int]
    error: str | None
    backends: Mapping[str, str]
    versions: Mapping[str, str]
    config: Mapping[str, Any]
    governor: SteeringAccount | None = None
    cameras: Mapping[str, CameraSummary] = field(default_factory=dict)
    faults: Sequence[FaultAccount] = ()
    optional_models: Mapping[str, OptionalAccount] = field(default_factory=dict)

    @property
    def budgets_held(self) -> bool:
        """Whether every budget was held; one of power or heat that was never measured was not."""
        return all(
            budget.held == budget.windows and (budget.windows > 0 or name not in MEASURED)
            for name, budget in self.budgets.items()
        )

    def document(self) -> dict[str, Any]:
        """The JSON document; its keys are part of the program's contract."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "frames": asdict(self.frames),
            "seconds": round(self.seconds, 3),
            "fps": None if self.fps is None else round(self.fps, 2),
            "latency_ms": _rounded(self.latency_ms),
            "stage_ms": {stage: _rounded(spread) for stage, spread in self.stage_ms.items()},
            "power_w": None if self.power_w is None else dict(self.power_w),
            "governor": None if self.governor is None else asdict(self.governor),
            "budgets": {name: asdict(budget) for name, budget in self.budgets.items()},
            "regions_shed": {stage: asdict(counts) for stage, counts in self.regions_shed.items()},
            "cameras": {name: camera.document() for name, camera in self.cameras.items()},
            "optional_models": {name: asdict(model) for name, model in self.optional_models.items()},
            "sinks": {name: asdict(sink) for name, sink in self.sinks.items()},
            "faults": [asdict(fault) for fault in self.faults],
            "warnings": list(self.warnings),
            "failures": dict(self.failures),
            "error": self.error,
            "backends": dict(self.backends),
            "versions": dict(self.versions),
            "config": dict(self.config),
        }


def _rounded(spread: Spread) -> dict[str, float | None]:
    return {key: None if value is None else round(value, 3) for key, value in asdict(spread).items()}
