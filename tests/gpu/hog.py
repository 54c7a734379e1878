"""Take all memory of the GPU by plain `cudaMalloc`, and see what a pipeline makes of it. Prints one JSON document.

    python -m tests.gpu.hog start PIPELINE         the memory is gone before the pipeline starts, and comes back
    python -m tests.gpu.hog running PIPELINE [MODEL]   it goes in the middle of a drive, in which calls fail
    python -m tests.gpu.hog hold                   takes it, says so in a line, and keeps it until its input ends

A program of its own: what is left of memory that was short must not trouble other tests. In `running` the calls of
`MODEL`, or of all, fail three times in a row once the memory is gone: networks that are made anew then find none.
"""

from __future__ import annotations

import json
import os
import sys
import threading

from edge_runtime.cuda.driver import open_gpu
from edge_runtime.engines.tensorrt.run import TensorRTEngine
from edge_runtime.errors import EdgeRuntimeError, EngineError
from edge_runtime.pipeline.pipeline import Pipeline

FRAME = 40
# From chunks of a gigabyte down to what fits into the corners of blocks that others have begun.
SIZES = [1 << power for power in range(30, 8, -1)]


class Hog:
    """Takes what is free on the GPU; `keep_on` also takes what others give back, until `release`."""

    def __init__(self) -> None:
        from cuda.bindings import runtime

        self._runtime, self._gpu = runtime, open_gpu()
        self._taken: list[int] = []
        self._enough = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        self._gpu.use_here()
        for size in SIZES:
            while True:
                error, address = self._runtime.cudaMalloc(size)
                if error:
                    self._runtime.cudaGetLastError()
                    break
                self._taken.append(address)

    def keep_on(self) -> None:
        self._thread = threading.Thread(target=self._keep_on, daemon=True)
        self._thread.start()

    def _keep_on(self) -> None:
        while not self._enough.is_set():
            self.take()

    def release(self) -> None:
        self._enough.set()
        if self._thread is not None:
            self._thread.join()
        self._gpu.use_here()
        while self._taken:
            self._runtime.cudaFree(self._taken.pop())

    def free_bytes(self) -> int:
        self._gpu.use_here()
        return int(self._runtime.cudaMemGetInfo()[1])


def start(file: str) -> dict[str, object]:
    """Refused without memory; and the same process runs it once there is some."""
    hog = Hog()
    before = hog.free_bytes()
    hog.take()
    said = ""
    try:
        Pipeline.load(file).run()
    except EdgeRuntimeError as error:
        said = str(error)
    left = hog.free_bytes()
    hog.release()
    after = hog.free_bytes()
    summary = Pipeline.load(file).run()
    return {"said": said, "before": before, "left": left, "after": after, "then": summary.document()}


def running(file: str, model: str | None = None) -> dict[str, object]:
    hog, gone = Hog(), threading.Event()
    enqueue, failed = TensorRTEngine.enqueue, set[int]()

    def failing(engine, slot, batch, *, after=None, frame_id=None):  # type: ignore[no-untyped-def]
        if gone.is_set() and frame_id is not None and (model is None or engine.name == model):
            failed.add(frame_id)
            if len(failed) <= 3:
                raise EngineError(f"{engine.name}: out of memory")
        enqueue(engine, slot, batch, after=after, frame_id=frame_id)

    def on_result(frame, result):  # type: ignore[no-untyped-def]
        if result.frame_id == FRAME:
            hog.take()
            hog.keep_on()
            gone.set()

    TensorRTEngine.enqueue = failing  # type: ignore[method-assign]
    summary = Pipeline.load(file).run(on_result)
    hog.release()
    TensorRTEngine.enqueue = enqueue  # type: ignore[method-assign]
    again = Pipeline.load(file).run()
    return {"summary": summary.document(), "then": again.document()}


def hold() -> None:
    hog = Hog()
    hog.take()
    print("taken", flush=True)
    sys.stdin.read()


def main() -> None:
    kind, *rest = sys.argv[1:]
    if kind == "hold":
        hold()
    else:
        print(json.dumps({"start": start, "running": running}[kind](*rest)), flush=True)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
