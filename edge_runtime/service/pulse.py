"""Whether frames flow: what the watchdog is told, and how long a camera has been silent."""

from __future__ import annotations

from edge_runtime.pipeline.accounts import FrameCounts


class Pulse:
    """Looks at the books of a run again and again, and needs nothing else to tell a stuck engine from a silent camera.

    While a frame is inside the pipeline, some frame must come out of it, published or failed. With none inside, the
    pipeline waits for a picture and is well, however long that takes: cameras are the source's business.
    """

    def __init__(self) -> None:
        self._done = 0
        self._captured = 0
        self._captured_ns: int | None = None
        self.silent_s = 0.0

    def beats(self, counts: FrameCounts, now_ns: int) -> bool:
        """Whether frames came out since the last look, or none is inside."""
        done = counts.published + counts.failed
        inside = counts.captured - done - counts.overwritten - counts.shed
        moved, self._done = done > self._done, done
        if counts.captured > self._captured or self._captured_ns is None:
            self._captured, self._captured_ns = counts.captured, now_ns
        self.silent_s = (now_ns - self._captured_ns) / 1e9
        return moved or inside <= 0
