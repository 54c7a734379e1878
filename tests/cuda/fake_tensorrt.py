"""A deserialized engine whose network copies a corner of its input, on a `RecordingGpu`."""

from __future__ import annotations

from enum import Enum
from types import SimpleNamespace

import numpy as np

Mode = Enum("Mode", ["INPUT", "OUTPUT"])
CORNER = 8


class FakeEngine:
    """`images` (batch, 3, h, w) to `corner` (batch, 3, 8, 8); `batch` -1 is free, up to `profile_max`."""

    num_io_tensors = 2

    def __init__(self, gpu, *, row=(3, 32, 48), batch=-1, profile_max=4, output_sides=(3, CORNER, CORNER)) -> None:
        self.gpu, self.row, self.batch, self.profile_max, self.output_sides = gpu, row, batch, profile_max, output_sides
        self.contexts: list[FakeContext] = []
        self.refuses = False

    def get_tensor_name(self, index):
        return ("images", "corner")[index]

    def get_tensor_mode(self, name):
        return Mode.INPUT if name == "images" else Mode.OUTPUT

    def get_tensor_dtype(self, name):
        return SimpleNamespace(name="FLOAT")

    def get_tensor_shape(self, name):
        return (self.batch, *(self.row if name == "images" else self.output_sides))

    def create_execution_context(self):
        self.contexts.append(FakeContext(self))
        return self.contexts[-1]


class FakeContext:
    active_optimization_profile = 0

    def __init__(self, engine: FakeEngine) -> None:
        self.engine, self.addresses, self.rows, self.ran = engine, {}, 0, False

    def set_input_shape(self, name, shape):
        self.rows = shape[0]
        limit = self.engine.profile_max if self.engine.batch < 0 else self.engine.batch
        return shape[1:] == self.engine.row and self.rows <= limit

    def get_tensor_shape(self, name):
        return (self.rows, *(self.engine.row if name == "images" else self.engine.output_sides))

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def execute_async_v3(self, handle):
        gpu, rows = self.engine.gpu, self.rows
        if self.engine.refuses:
            return False
        row = self.engine.row

        def run():
            source_begin, source = gpu.at(self.addresses["images"])
            target_begin, target = gpu.at(self.addresses["corner"])
            count = rows * int(np.prod(row))
            pixels = source[: count * 4].view(np.float32).reshape(rows, *row)
            corner = np.ascontiguousarray(pixels[:, :, :CORNER, :CORNER])
            target[: corner.nbytes] = corner.reshape(-1).view(np.uint8)
            return [source_begin], [target_begin]

        gpu.put("network", run, SimpleNamespace(handle=handle))
        return True
