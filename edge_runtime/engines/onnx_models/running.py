"""Models run in ONNX Runtime on made-up pictures, to compare one with the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime

from edge_runtime.errors import EngineError

from ..base import Array, TensorInfo
from ..ort import tensors
from .files import Misuse, first_line

Outputs = dict[str, Array]
ROWS = 3


class Runner:
    """A model in a session on the CPU. `exposed` are inner tensors to give out as well."""

    def __init__(self, model: Any, exposed: Sequence[str] = ()) -> None:
        have = [entry.name for entry in model.graph.output]
        added = [name for name in exposed if name not in have]
        for name in added:
            model.graph.output.add().name = name  # ONNX Runtime finds the type itself
        try:
            data = model.SerializeToString()
        finally:
            del model.graph.output[len(have) :]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises a dozen unrelated classes here
            raise EngineError(f"ONNX Runtime cannot load the model: {first_line(error)}") from error
        self.inputs: tuple[TensorInfo, ...] = tensors(self._session.get_inputs())
        self.names = [*have, *added]
        self.types = {entry.name: (entry.type, entry.shape) for entry in self._session.get_outputs()}

    @property
    def batch(self) -> int | None:
        """Rows of a call; None where they are free."""
        return self.inputs[0].shape[0] if self.inputs and self.inputs[0].shape else 1

    def run(self, feeds: Outputs, names: Sequence[str] | None = None) -> Outputs:
        names = list(self.names if names is None else names)
        try:
            values = self._session.run(names, {entry.name: feeds[entry.name] for entry in self.inputs})
        except Exception as error:
            raise EngineError(first_line(error)) from error
        return dict(zip(names, values, strict=True))


@dataclass(frozen=True)
class Sampler:
    """Makes inputs: pictures (noise, a smooth one, black) brought into the network's range.

    value = (pixel * scale - mean) / std, as in a pipeline's `input` block; `size` is (width, height) for a model whose
    sides are free. `pictures` are real ones as rows of the first input, used instead wherever they fit.
    """

    scale: float = 1 / 255
    mean: float | tuple[float, float, float] = 0.0
    std: float | tuple[float, float, float] = 1.0
    size: tuple[int, int] | None = None
    pictures: Array | None = None

    def rows(self, runner: Runner, count: int = ROWS) -> tuple[Outputs, Outputs]:
        """(values with the batch axis first, `count` rows each; values that have no batch axis)."""
        random = np.random.default_rng(0)
        rows: Outputs = {}
        fixed: Outputs = {}
        for entry in runner.inputs:
            shape = self._shape(entry)
            if entry.shape and entry.shape[0] == runner.batch:
                rows[entry.name] = self._values((count, *shape[1:]), entry.dtype, random)
            else:
                fixed[entry.name] = self._values(shape, entry.dtype, random)
        if self._fits(runner) and self.pictures is not None:
            rows[runner.inputs[0].name] = np.take(self.pictures, np.arange(count), axis=0, mode="wrap")
        return rows, fixed

    def _fits(self, runner: Runner) -> bool:
        if self.pictures is None or not runner.inputs:
            return False
        entry, row = runner.inputs[0], self.pictures.shape[1:]
        sides = zip(entry.shape[1:], row, strict=False)
        return (
            entry.dtype == self.pictures.dtype
            and len(entry.shape) == len(row) + 1
            and all(side in (None, length) for side, length in sides)
        )

    def calls(self, runner: Runner) -> Iterator[Outputs]:
        """The inputs of a few calls, each as many rows as the model takes."""
        batch = runner.batch or 1
        wanted = len(self.pictures) if self.pictures is not None and self._fits(runner) else ROWS
        rows, fixed = self.rows(runner, -(-wanted // batch) * batch)
        for first in range(0, max((len(value) for value in rows.values()), default=1), batch):
            yield {name: value[first : first + batch] for name, value in rows.items()} | fixed

    def _shape(self, entry: TensorInfo) -> tuple[int, ...]:
        """The sides of an input, free ones from `size`; a free batch counts as one row."""
        shape = list(entry.shape)
        if shape and shape[0] is None:
            shape[0] = 1
        if len(shape) == 4 and self.size is not None:
            width, height = self.size
            first = 1 if shape[3] == 3 and shape[1] != 3 else 2
            shape[first : first + 2] = [shape[first] or height, shape[first + 1] or width]
        sides = [side for side in shape if side is not None]
        if len(sides) != len(shape):
            shown = ", ".join("?" if side is None else str(side) for side in entry.shape)
            raise Misuse(f"input '{entry.name}' is ({shown}); to run it, say its size: --size WIDTH,HEIGHT")
        return tuple(sides)

    def _values(self, shape: tuple[int, ...], dtype: Any, random: np.random.Generator) -> Array:
        if dtype == np.bool_:
            return random.integers(0, 2, shape).astype(bool)
        if dtype == np.uint8 and len(shape) == 4:
            planar = shape[1] == 3
            pixels = _pictures(shape[0], shape[2:] if planar else shape[1:3], random)
            return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2) if planar else pixels)
        if np.issubdtype(dtype, np.integer):
            return random.integers(0, 2, shape).astype(dtype)
        planar = len(shape) == 4 and shape[1] == 3
        if planar or (len(shape) == 4 and shape[3] == 3):
            values = _pictures(shape[0], shape[2:] if planar else shape[1:3], random) * self.scale
            values = (values - self.mean) / self.std
            return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if planar else values, dtype)
        return random.random(shape, np.float32).astype(dtype)


def _pictures(count: int, sides: tuple[int, ...], random: np.random.Generator) -> Array:
    """(n, h, w, 3) uint8: noise, a smooth slope, black, and again."""
    height, width = sides
    across, down = np.linspace(0, 1, width)[None, :, None], np.linspace(0, 1, height)[:, None, None]
    slope = 255 * (across * [0.8, 0.4, 0.2] + down * [0.2, 0.6, 0.3])
    slope = np.broadcast_to(slope, (height, width, 3))
    kinds = [random.integers(0, 256, (height, width, 3)), slope, np.zeros((height, width, 3))]
    return np.stack([kinds[index % 3] for index in range(count)]).astype(np.uint8)
