"""A PyTorch module to ONNX, run in both before anybody gets the file."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.errors import EngineError

from ..base import Array
from ..tensorrt.parity import OutputParity
from .agreement import Tolerance, agree
from .files import Misuse, first_line, need
from .running import Runner

TORCH_OPSET = 18  # the first that torch.export's own exporter writes; below it the older one traces the module

CLOSE = Tolerance(0.9999, 1e-3)
Outputs = dict[str, Array]


@dataclass(frozen=True)
class ExportPlan:
    """What to export: shapes with the batch axis first, one name a shape; `output_names` empty keeps the exporter's."""

    input_shapes: tuple[tuple[int, ...], ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...] = ()
    dynamic_batch: bool = False
    opset: int = TORCH_OPSET
    tolerance: Tolerance = CLOSE


def load_module(file: Path, factory: str) -> Any:
    """Call `factory()` of a Python file and return its module in eval mode; its folder can be imported from meanwhile.

    Raises `Misuse` when there is no such function or it returns something else, `EngineError` when it fails.
    """
    torch = need("torch", "exporting")
    spec = importlib.util.spec_from_file_location(f"_exported_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise Misuse(f"{file} is not a Python file")
    code = importlib.util.module_from_spec(spec)
    with _importable(file.absolute().parent):
        _call(f"{file} cannot be loaded", lambda: spec.loader.exec_module(code) if spec.loader else None)
        made = getattr(code, factory, None)
        if not callable(made):
            there = [name for name, value in vars(code).items() if callable(value) and not name.startswith("_")]
            raise Misuse(f"{file} has no function '{factory}'; it has {', '.join(there) or 'none'}")
        module = made if isinstance(made, torch.nn.Module) else _call(f"{factory}() of {file} fails", made)
    if not isinstance(module, torch.nn.Module):
        raise Misuse(f"{factory}() of {file} returns {type(module).__name__}, not a torch.nn.Module")
    return module.cpu().eval()


def export(module: Any, plan: ExportPlan) -> tuple[Any, tuple[OutputParity, ...]]:
    """The `ModelProto` and how close ONNX Runtime comes to PyTorch, on noise and on zeros.

    With a dynamic batch it also runs with 1 and 3 rows. Raises `NotTheSame` beyond the tolerance.
    """
    torch = need("torch", "exporting")
    # A batch of one would be taken for a constant by torch.export.
    rows = [2 if plan.dynamic_batch else shape[0] for shape in plan.input_shapes]
    example = _inputs(plan, rows, np.random.default_rng(0).random)
    count = _count_outputs(torch, module, example)
    if plan.output_names and len(plan.output_names) != count:
        raise Misuse(f"--output-names: {len(plan.output_names)} names, but the module gives {count} outputs")
    model = _exported(torch, module, example, plan, count)
    need("onnx", "exporting").checker.check_model(model)
    runner = Runner(model)
    parity = agree("export", _runs(torch, module, runner, plan), plan.tolerance)
    return model, parity


def _exported(torch: Any, module: Any, example: list[Array], plan: ExportPlan, outputs: int) -> Any:
    onnx = need("onnx", "exporting")
    arguments = tuple(torch.from_numpy(value) for value in example)
    modern = plan.opset >= TORCH_OPSET
    options: dict[str, Any] = {"input_names": list(plan.input_names), "opset_version": plan.opset, "dynamo": modern}
    names = list(plan.output_names) or ([] if modern else [f"output_{n}" for n in range(outputs)])
    options |= {"output_names": names} if names else {}
    if modern:
        need("onnxscript", "exporting")
        if plan.dynamic_batch:
            options["dynamic_shapes"] = tuple({0: torch.export.Dim("batch")} for _ in arguments)
    elif plan.dynamic_batch:
        options["dynamic_axes"] = {name: {0: "batch"} for name in [*plan.input_names, *names]}

    def convert() -> Any:
        if modern:
            return torch.onnx.export(module, arguments, None, verbose=False, **options).model_proto
        written = io.BytesIO()
        torch.onnx.export(module, arguments, written, **options)
        return onnx.load_model_from_string(written.getvalue())

    with _quiet():
        model = _call("PyTorch cannot export the module", convert)
    written = max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if written != plan.opset:
        raise EngineError(f"PyTorch wrote opset {written} instead of {plan.opset}; ask for it: --opset {written}")
    return model


def _runs(torch: Any, module: Any, runner: Runner, plan: ExportPlan) -> Iterator[tuple[Outputs, Outputs]]:
    random = np.random.default_rng(1)
    for rows in [1, 3] if plan.dynamic_batch else [None]:
        batch = [rows or shape[0] for shape in plan.input_shapes]
        for make in (lambda shape: random.random(shape), lambda shape: random.normal(size=shape), np.zeros):
            values = _inputs(plan, batch, make)
            expected = dict(zip(runner.names, _forward(torch, module, values), strict=True))
            yield expected, runner.run({entry.name: value for entry, value in zip(runner.inputs, values, strict=True)})


def _inputs(plan: ExportPlan, batch: Sequence[int], make: Callable[[tuple[int, ...]], Any]) -> list[Array]:
    shapes = [(rows, *shape[1:]) for rows, shape in zip(batch, plan.input_shapes, strict=True)]
    return [np.asarray(make(shape), np.float32) for shape in shapes]


def _count_outputs(torch: Any, module: Any, values: list[Array]) -> int:
    shapes = ", ".join(str(value.shape) for value in values)
    return len(_call(f"the module fails on inputs of {shapes}", lambda: _forward(torch, module, values)))


def _forward(torch: Any, module: Any, values: list[Array]) -> list[Array]:
    """Its outputs one after the other, however they are nested."""
    with torch.no_grad():
        given = module(*(torch.from_numpy(value) for value in values))
    leaves = torch.utils._pytree.tree_leaves(given)
    return [leaf.detach().cpu().numpy() for leaf in leaves if isinstance(leaf, torch.Tensor)]


def _call(what: str, function: Callable[[], Any]) -> Any:
    """Code of others: whatever it raises comes out as one sentence, what it prints goes to stderr."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return function()
    except EngineError:
        raise
    except (Exception, SystemExit) as error:
        raise EngineError(f"{what}: {type(error).__name__}: {first_line(error)}{_line(error)}") from error


def _line(error: BaseException) -> str:
    """The place in the user's file, as far as the error leads there."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if name.startswith("_exported_"):
            place = f" (line {trace.tb_lineno} of {trace.tb_frame.f_code.co_filename})"
        trace = trace.tb_next
    return place


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch's exporters warn about their own insides."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
