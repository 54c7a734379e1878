"""Results to a ring in shared memory, for a planner on the same board. How it is read: `shared_memory`."""

from __future__ import annotations

import threading
from pathlib import Path

from edge_runtime.config.schema import SharedMemorySink
from edge_runtime.core import Frame, FrameResult

from .base import SinkContext
from .live import LiveOutput, filled
from .ring import RingShape, RingWriter
from .ring_layout import FOLDER, HEARTBEAT_NS


class SharedMemoryOutput(LiveOutput):
    """One ring a camera, or one for all when the name does not tell cameras apart. A ring that somebody deleted is
    made anew.
    """

    def __init__(self, block: SharedMemorySink, folder: str = FOLDER) -> None:
        self._block, self._folder = block, folder
        self._rings: dict[str, RingWriter] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        super().__init__(block, block.name)

    def _prepare(self, context: SinkContext) -> None:
        names, block = context.classes.names, self._block
        # Others may stand in for a stage whose model is out.
        stages = tuple(dict.fromkeys([*self._stages, *self._instead.values()]))
        self._shape = RingShape(context.pipeline, names, stages, block.slots, block.boxes)

    def _begin(self) -> None:
        try:
            for camera in self._context.cameras:
                self._ring(camera)
        except BaseException:
            self._give_up()
            raise
        self._stop.clear()
        self._heart = threading.Thread(target=self._beat, name=f"{self.name} heartbeat", daemon=True)
        self._heart.start()

    def _send(self, frame: Frame, result: FrameResult) -> None:
        self._ring(result.camera).write(frame, result)

    def _end(self) -> None:
        self._stop.set()
        self._heart.join()
        self._give_up()

    def _ring(self, camera: str) -> RingWriter:
        """The ring of a camera, as it lies under its name. Raises `SinkError`."""
        name = filled(self._block.name, self._context, camera)
        with self._lock:
            ring = self._rings.get(name)
            if ring is not None and not ring.is_in_place:
                del self._rings[name]
                ring.close()
                ring = None
            if ring is None:
                ring = self._rings[name] = RingWriter(Path(self._folder, name), self._shape, self._context.clock)
            return ring

    def _beat(self) -> None:
        clock = self._context.clock
        while clock.wait_until_ns(clock.now_ns() + HEARTBEAT_NS, self._stop):
            with self._lock:
                for ring in self._rings.values():
                    ring.beat()

    def _give_up(self) -> None:
        with self._lock:
            while self._rings:
                self._rings.popitem()[1].close()
