"""The edits of a model in their one order, each checked against the model before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edge_runtime.errors import EngineError

from ..tensorrt.parity import OutputParity
from ..tensorrt.precision import narrow, survey
from .agreement import Tolerance, agree
from .change import Change, Exact
from .files import Misuse, first_line, need
from .running import Runner, Sampler

# Cut first, so that the rest works on what is left; shapes before constants are folded, because folding bakes them
# in; FP16 before suppression and pixels, which stay FP32 around it.
ORDER = ("cut", "add-outputs", "keep-outputs", "batch", "fold", "fp16", "append-nms", "uint8-input")


@dataclass(frozen=True)
class Fold(Exact):
    """What can be computed once is a constant (onnxscript's optimizer: folding, dead code, common subexpressions)."""

    name = "fold"

    def apply(self, model: Any) -> tuple[Any, str]:
        optimizer = need("onnxscript.optimizer", "--fold")
        before, ir_version = len(model.graph.node), model.ir_version
        try:
            folded = optimizer.optimize(model)
        except Exception as error:  # whatever the passes raise
            raise EngineError(f"onnxscript cannot fold the model: {first_line(error)}") from error
        folded.ir_version = ir_version
        return folded, f"{before} nodes are now {len(folded.graph.node)}"


HALF = Tolerance(0.99, None)


@dataclass(frozen=True)
class Half(Exact):
    """Computes in FP16; inputs and outputs stay FP32. `keep_float32` names nodes or operators left out.

    The bound is for made-up pictures, which networks never saw: YOLOX-nano has 0.9997 on a street and 0.998 on black.
    """

    tolerance: Tolerance = HALF
    keep_float32: tuple[str, ...] = ()
    name = "fp16"

    def apply(self, model: Any) -> tuple[Any, str]:
        floats = survey(model).floats
        if floats != {"fp32"}:
            raise Misuse(f"--fp16: the model holds {', '.join(sorted(floats)) or 'no floats'}, not fp32 alone")
        half = narrow(model, "float16", keep_float32=self.keep_float32)
        casts = sum(node.op_type == "Cast" for node in half.graph.node)
        return half, f"computes in FP16, {casts} casts, inputs and outputs FP32"


@dataclass(frozen=True)
class Step:
    """One edit that was made: in words, and how close the model stayed to the one before."""

    name: str
    what: str
    parity: tuple[OutputParity, ...]


def edit(
    model: Any, changes: Sequence[Change], sampler: Sampler, told: Callable[[Step], None] = lambda step: None
) -> tuple[Any, list[Step]]:
    """Make the changes in `ORDER`; raises `NotTheSame` at the first that changes what the model computes.

    After FP16 the later steps are held to its tolerance: a last bit of difference in what goes in is a different
    rounding inside.
    """
    onnx = need("onnx", "editing a model")
    steps: list[Step] = []
    loose: Tolerance | None = None
    for change in sorted(changes, key=lambda change: ORDER.index(change.name)):
        before = onnx.ModelProto()
        before.CopyFrom(model)
        model, what = change.apply(model)
        _check(onnx, change.name, model)
        tolerance = loose or change.tolerance
        parity = agree(change.name, change.runs(before, model, sampler), tolerance)
        if isinstance(change, Half):
            loose = tolerance
        steps.append(Step(change.name, what, parity))
        told(steps[-1])
    return model, steps


def _check(onnx: Any, name: str, model: Any) -> None:
    try:
        onnx.checker.check_model(model)
        Runner(model)
    except Exception as error:
        raise EngineError(f"{name}: the changed model is not valid: {first_line(error)}") from error
