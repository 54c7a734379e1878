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

    `steering` is None at pace fast, where nothing is measured. `no_picture` says which cameras are away, while one is.
    `models_out` has a sentence for each of the `optional_models` that is out. `error` is what ended the run, None while
    it goes on and when it ended well.
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
    no_picture: str | None
    recoveries: int
    ended: bool
    error: str | None
    models_out: tuple[str, ...] = ()
    optional_models: Mapping[str, OptionalAccount] = field(default_factory=dict)

    @property
    def alarm(self) -> str | None:
        """What needs a person right now, all of it; None when all is well."""
        steering = None if self.steering is None else self.steering.alarm
        return "; ".join(filter(None, (self.no_picture or steering, *self.models_out))) or None
