"""What the board says about itself, and the few settings of it that may be changed.

`open_telemetry` imports a source's own module only when it is asked for. Processes that this room starts import this
package too, so it loads nothing heavy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.config.schema import TelemetryBlock
    from edge_runtime.core import Clock

    from .base import Telemetry
    from .plant import Work

__all__ = ["open_telemetry"]


def open_telemetry(
    block: TelemetryBlock, clock: Clock, *, root: Path = Path("/"), work: Work = lambda: (0.0, 0.0)
) -> Telemetry:
    """The source that a pipeline's `telemetry:` block describes, already sampling. `root` is where /sys and /proc lie;
    `work` is what a simulated board has to do.

    Raises `TelemetryError` when what was asked for by name is not there; `auto` takes the best that is.
    """
    from .choice import open_source

    return open_source(block, clock, root, work)
