"""INT8 as Q/DQ nodes, by ONNX Runtime's static quantization with what TensorRT asks of it.

Weights get a scale a channel, activations one a tensor; all are signed and symmetric (zero point 0). The inputs of
layers with weights are quantized and their outputs are not, so that TensorRT fuses what follows (bias, ReLU, SiLU)
into the layer before it rounds again (developer guide, "Explicit quantization").
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edge_runtime.errors import EngineError

from ..base import Array
from ..tensorrt.parity import OutputParity, compare, worst
from ..tensorrt.precision import survey
from .agreement import say
from .files import Misuse, NotTheSame, first_line, need
from .graph import at_opset, constants, inputs, shape_of
from .heads import WEIGHTED, is_weighted, kept_float, name_nodes
from .running import Runner
from .sensitivity import back_to_float, in_float

Method = Literal["minmax", "entropy", "percentile"]
OPSET = 13  # the first with a scale a channel
_FEW, _MARGIN = 4, 0.25  # pictures that weigh layers, and how much closer than asked for they must come
# picture -> (c, h, w) or (h, w, c), one row of the input exactly as the pipeline would write it
LoadRow = Callable[[int], Array]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Recipe:
    """How to quantize.

    `percentile` is of the absolute values, in percent, and only for that method. Layers that cost most go back to
    float until every output has a cosine similarity of `min_cosine` (0: all stay).
    """

    method: Method = "percentile"
    percentile: float = 99.999
    head_layers: int = 1
    min_cosine: float = 0.99
    keep_float: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quantized:
    """What came out: layers in INT8, in float because asked for, in float because they cost too much; and the worst
    of each output over the held-out pictures."""

    model: Any
    int8_layers: tuple[str, ...]
    float_layers: tuple[str, ...]
    costly_layers: tuple[str, ...]
    parity: tuple[OutputParity, ...]


def check_quantizable(model: Any, row: Array) -> None:
    """Before calibration starts: the model is in FP32 and takes these rows. Raises `Misuse`."""
    held = survey(model)
    if held.quantized:
        raise Misuse(f"the model holds {', '.join(sorted(held.quantized))} Q/DQ nodes already; quantize the original")
    if held.floats != {"fp32"}:
        raise Misuse(f"the model holds {', '.join(sorted(held.floats))}; quantize the FP32 original")
    taken = inputs(model)
    if len(taken) != 1:
        raise Misuse(f"the model has {len(taken)} inputs, {', '.join(e.name for e in taken)}; only one can be pictures")
    wanted = shape_of(taken[0])[1:]
    if len(wanted) != row.ndim or any(isinstance(w, int) and w != r for w, r in zip(wanted, row.shape, strict=True)):
        shown = ", ".join("?" if side is None else str(side) for side in wanted)
        raise Misuse(
            f"input '{taken[0].name}' takes rows ({shown}), the pictures make {row.shape}; see --size, --layout"
        )


def split(count: int, most: int, held_out: int) -> tuple[list[int], list[int]]:
    """Indices of the pictures to calibrate with and to compare on: spread over all, and apart from each other.

    At most a fifth is held out (one of two to five); a single picture does both.
    """
    if count == 1:
        return [0], [0]
    chosen = np.unique(np.linspace(0, count - 1, min(count, most + held_out)).astype(int))
    out = min(held_out, max(1, len(chosen) // 5))
    places = np.unique(((np.arange(out) + 0.5) * len(chosen) / out).astype(int))
    held = [int(chosen[place]) for place in places]
    return [int(index) for index in chosen if index not in held][:most], held


def quantize(
    model: Any, recipe: Recipe, calibrate: Sequence[int], held_out: Sequence[int], load: LoadRow, progress: Progress
) -> Quantized:
    """Calibrate and quantize; `model` itself is used up. Raises `EngineError`, `NotTheSame` for NaN in the result.

    `load(index)` gives a picture as a row; `progress(what, done, total)` is called for every picture.
    """
    onnx = need("onnx", "quantizing")
    original = onnx.ModelProto()
    original.CopyFrom(model)
    model = _prepared(onnx, model)
    kept = kept_float(model, recipe.head_layers, recipe.keep_float)
    known = constants(model.graph)
    layers = [node.name for node in model.graph.node if is_weighted(node, known)]
    chosen = [name for name in layers if name not in kept]
    reader = _Reader(Runner(original), calibrate, load, progress)
    quantized = _quantize_static(onnx, model, recipe, chosen, reader)
    quantized.ir_version = max(model.ir_version, 7)
    before = Runner(original)
    few = [calibrate[len(calibrate) * n // _FEW] for n in range(min(_FEW, len(calibrate)))]
    references = [(feeds, before.run(feeds)) for feeds in (_feeds(before, load(index)) for index in few)]
    goal = recipe.min_cosine + (1 - recipe.min_cosine) * _MARGIN if recipe.min_cosine else -1.0
    costly = back_to_float(quantized, chosen, references, goal, lambda *done: progress("weighing layers", *done))
    if len(costly) == len(chosen):
        raise NotTheSame(
            f"not one layer can be INT8 at a cosine similarity of {recipe.min_cosine:g}; lower --min-cosine"
        )
    quantized = in_float(quantized, costly)
    onnx.checker.check_model(quantized)
    after = Runner(quantized)
    pairs = []
    for done, index in enumerate(held_out, 1):
        feeds = _feeds(before, load(index))
        pairs.append(compare(before.run(feeds), after.run(feeds)))
        progress("comparing", done, len(held_out))
    parity = worst(pairs)
    far = [output for output in parity if output.cosine is None or output.cosine < recipe.min_cosine]
    if far:
        said = "; ".join(say(output) for output in far)
        raise NotTheSame(
            f"on the pictures held out, {said}; wanted is {recipe.min_cosine:g}. Give more pictures,"
            " another --method, a layer more to --head-layers, or a lower --min-cosine"
        )
    int8 = tuple(name for name in chosen if name not in costly)
    return Quantized(quantized, int8, tuple(kept), tuple(costly), parity)


def _prepared(onnx: Any, model: Any) -> Any:
    """At an opset with scales a channel, batch norms folded into their convolutions, every node named.

    The folding is ONNX Runtime's own, at the level that leaves only standard operators.
    """
    import onnxruntime

    model = at_opset(model, OPSET)
    ir_version = model.ir_version
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "basic.onnx")
        options.log_severity_level = 4
        try:
            onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            model = onnx.load(options.optimized_model_filepath)
        except Exception as error:
            raise EngineError(f"ONNX Runtime cannot prepare the model: {first_line(error)}") from error
    model.ir_version = ir_version
    used = {node.domain for node in model.graph.node}
    own = [entry for entry in model.opset_import if entry.domain in used or entry.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(own)
    name_nodes(model)
    return model


def _quantize_static(onnx: Any, model: Any, recipe: Recipe, nodes: list[str], reader: _Reader) -> Any:
    quantization = need("onnxruntime.quantization", "quantizing")
    methods = quantization.CalibrationMethod
    options = {
        "ActivationSymmetric": True,
        "WeightSymmetric": True,
        "AddQDQPairToWeight": True,
        "QuantizeBias": False,
        "OpTypesToExcludeOutputQuantization": list(WEIGHTED),
        "CalibTensorRangeSymmetric": True,
        "CalibStridedMinMax": 1,  # one picture at a time: else all inner tensors of all pictures are held at once
        "CalibPercentile": recipe.percentile,
    }
    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, out = Path(folder) / "model.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        try:
            quantization.quantize_static(
                str(source),
                str(out),
                reader,
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=sorted({node.op_type for node in model.graph.node if node.name in nodes}),
                nodes_to_quantize=nodes,
                per_channel=True,
                activation_type=quantization.QuantType.QInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method={
                    "minmax": methods.MinMax,
                    "entropy": methods.Entropy,
                    "percentile": methods.Percentile,
                }[recipe.method],
                extra_options=options,
            )
        except EngineError:
            raise
        except Exception as error:  # the quantizer raises ValueError, RuntimeError and its session's own
            if "bins" in str(error):  # NumPy on a tensor with values as small as 1e-41
                what = "a tensor of the network has almost no range, which a histogram cannot hold"
                raise EngineError(f"{what}; use --method minmax") from error
            raise EngineError(f"ONNX Runtime cannot quantize the model: {first_line(error)}") from error
        return onnx.load(out)


class _Reader:
    """Gives the calibrator its pictures (the interface of onnxruntime's CalibrationDataReader)."""

    def __init__(self, runner: Runner, indices: Sequence[int], load: LoadRow, progress: Progress) -> None:
        self._runner, self._indices, self._load, self._progress = runner, list(indices), load, progress
        self._next, self._end = 0, len(self._indices)

    def __len__(self) -> int:
        return len(self._indices)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._next, self._end = start_index, min(end_index, len(self._indices))

    def get_next(self) -> dict[str, Array] | None:
        if self._next >= self._end:
            return None
        row = self._load(self._indices[self._next])
        self._next += 1
        self._progress("calibrating", self._next, len(self._indices))
        return _feeds(self._runner, row)

    def __iter__(self) -> Iterator[dict[str, Array]]:
        while (feeds := self.get_next()) is not None:
            yield feeds


def _feeds(runner: Runner, row: Array) -> dict[str, Array]:
    """A fixed batch is filled with the one picture."""
    return {runner.inputs[0].name: np.repeat(row[None], runner.batch or 1, axis=0)}


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantizer prints its progress and advises on the root logger; what matters is done here already."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(before)
