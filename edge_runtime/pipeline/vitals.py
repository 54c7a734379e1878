"""How a run is right now, in one value: for pages and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_runtime.core.quantiles import Quantiles

from .accounts import Snapshot
from .budgets import BudgetAccount
from .cameras import CameraVitals
from .optional import OptionalAccount
from .steered import SteeringState
from .summary import SinkAccount


@dataclass(frozen=True, slots=True, eq=False)
class Vitals:
    """Of one run, over all its `cameras`. `models` says which model a stage runs, `points` are all operating points,
    the most useful first; `latency` and `stages` go on counting while they are read.

    `steering` is None at pace fast, where nothing is measured. `models_out` has a sentence for each of the
    `optional_models` that is out. `error` is what ended the run, None while it goes on and when it ended well.
    """

    name: str
    cameras: Mapping[str, CameraVitals]
    models: Mapping[str, str]
    points: tuple[str, ...]
    snapshot: Snapshot
    steering: SteeringState | None
    latency: Quantiles
    stages: Mapping[str, Quantiles]
    budgets: Mapping[str, BudgetAccount]
    sinks: Mapping[str, SinkAccount]
    notices: tuple[str, ...]
    recoveries: int
    ended: bool
    error: str | None
    models_out: tuple[str, ...] = ()
    optional_models: Mapping[str, OptionalAccount] = field(default_factory=dict)

    @property
    def alarms_now(self) -> tuple[str, ...]:
        """What needs a person right now, each thing by itself; of the cameras first.

        What the governor misses while no camera gives anything is no alarm of its own.
        """
        away = [camera.no_picture for camera in self.cameras.values() if camera.no_picture is not None]
        steering = None if self.steering is None else self.steering.alarm
        all_away = len(away) == len(self.cameras) > 0
        return (*away, *([] if steering is None or all_away else [steering]), *self.models_out)

    @property
    def stages_out(self) -> frozenset[str]:
        """The stages that say nothing any more."""
        out = [account.out for account in self.optional_models.values() if account.out is not None]
        return frozenset(stage for one in out for stage in one.stages)

    @property
    def alarm(self) -> str | None:
        """All of it in one line; None when all is well."""
        return "; ".join(self.alarms_now) or None
