"""A step that never comes back, because its engine hangs: noticed by whoever waits for the run."""

from __future__ import annotations

from edge_runtime.core import Clock, Frame
from edge_runtime.errors import EngineError


class Watch:
    """What each frame thread is at, and since when. The threads write it, whoever waits for them looks.

    With `several` cameras a frame is said with its camera, as each counts its own.
    """

    def __init__(self, clock: Clock, patience_s: float, *, several: bool = False) -> None:
        self._clock, self._patience_s, self._several = clock, patience_s, several
        self._at: dict[str, tuple[str, int, str, int] | None] = {}

    def begins(self, thread: str, step: str, frame: Frame) -> None:
        self._at[thread] = step, frame.frame_id, frame.camera, self._clock.now_ns()

    def ends(self, thread: str) -> None:
        self._at[thread] = None

    def stuck(self) -> EngineError | None:
        """What has not come back for too long; None while all is well."""
        now_ns = self._clock.now_ns()
        for at in tuple(self._at.values()):
            if at is not None and now_ns - at[3] > self._patience_s * 1e9:
                step, frame_id, camera, began_ns = at
                frame = f"frame {frame_id} of {camera}" if self._several else f"frame {frame_id}"
                return EngineError(
                    f"{step} has not come back from {frame} for {(now_ns - began_ns) / 1e9:.0f} s: its network"
                    " hangs, and only a new process can use it again. If it is really so slow, write"
                    f" `executor: {{stuck_s: {2 * self._patience_s:g}}}`"
                )
        return None
