"""Run a pipeline on TensorRT and let it fail in the middle; prints the summary. Takes `calls` or `context` and a file.

`calls`: three calls in a row raise, as they do when the GPU has no memory for a moment. `context`: a kernel writes
where nothing is, after which this process cannot use the GPU any more: a program of its own, since nothing survives it.
"""

import json
import os
import sys

from edge_runtime.cuda.driver import open_gpu
from edge_runtime.engines.tensorrt.run import TensorRTEngine
from edge_runtime.errors import EngineError
from edge_runtime.pipeline.pipeline import Pipeline

WRECK = 'extern "C" __global__ void wreck(int* at) { *at = 1; }'
NOWHERE = 1 << 44
FRAME = 40


def failing_calls():
    enqueue, left = TensorRTEngine.enqueue, 3

    def failing(engine, slot, batch, *, after=(), frame_id=None):
        nonlocal left
        if frame_id is not None and frame_id > FRAME and left:
            left -= 1
            raise EngineError("out of memory")
        enqueue(engine, slot, batch, after=after, frame_id=frame_id)

    TensorRTEngine.enqueue = failing
    return lambda frame, result: None


def broken_context():
    gpu = open_gpu()
    stream = gpu.stream("wreck")
    kernel = gpu.kernel(WRECK, "wreck", {})

    def on_result(frame, result):
        if result.frame_id == FRAME:
            gpu.use_here()
            kernel.launch((1, 1, 1), (1, 1, 1), (NOWHERE,), stream=stream)

    return on_result


def main() -> None:
    kind, file, *overrides = sys.argv[1:]
    on_result = {"calls": failing_calls, "context": broken_context}[kind]()
    summary = Pipeline.load(file, overrides).run(on_result)
    print(json.dumps(summary.document()), flush=True)
    os._exit(0)  # what this program itself made in the context that it broke cannot be given back


main()
