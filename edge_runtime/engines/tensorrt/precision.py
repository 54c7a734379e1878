"""Where precision lives: what an ONNX model holds, how a build asks for more, and the model narrowed to 16 bits."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, Literal

from edge_runtime.core.extras import gpu_extra, missing
from edge_runtime.errors import EngineError

from .compat import Traits
from .options import Precision

Narrow = Literal["float16", "bfloat16"]


@dataclass(frozen=True)
class Survey:
    """What a model computes in: its float types, the types of its Q/DQ nodes, and whether it has Q/DQ at all."""

    floats: frozenset[str]
    quantized: frozenset[str]


@dataclass(frozen=True)
class Typing:
    """How a precision is put to TensorRT: builder flags on a weakly typed network, a cast of the ONNX otherwise."""

    strongly_typed: bool
    flags: tuple[str, ...] = ()
    cast: Narrow | None = None
    note: str = ""


_FLAG_OF = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8", "fp8": "FP8"}
_NO_BFLOAT = ("ConvTranspose",)  # TensorRT-RTX 1.7 has no BF16 deconvolution
_CAST_OF: dict[Precision, Narrow] = {"fp16": "float16", "bf16": "bfloat16"}


def decide(precision: Precision, survey: Survey, traits: Traits, *, dla: bool = False) -> Typing:
    """The way to a precision on one version; raises `EngineError` when there is none.

    8.6 knows only flags, 11 and RTX only types in the ONNX. 10.x knows both: types where the model can carry them,
    flags for Q/DQ models (their float part then runs in FP16) and for DLA, which takes no strongly typed network.
    """
    quantized = precision in ("int8", "fp8")
    if quantized and precision not in survey.quantized:
        has = f" (it has {', '.join(sorted(survey.quantized))})" if survey.quantized else ""
        raise EngineError(
            f"precision {precision} needs {precision.upper()} Q/DQ nodes in the ONNX, and it has none{has}."
            " Make them: edge-run model quantize MODEL --calibrate FOLDER"
        )
    if precision == "fp8" and not traits.modern:
        raise EngineError(f"{traits} has no FP8; it came with TensorRT 10. Set precision to int8 or fp16")
    strongly_typed = traits.strongly_typed_only or (traits.modern and not dla and not quantized)
    if strongly_typed:
        cast = _CAST_OF.get(precision)
        if quantized and "fp32" in survey.floats:
            rest = f"what is not quantized runs in FP32 on {traits}; quantize with an FP16 rest for more speed"
            return Typing(True, note=rest)
        if cast and survey.floats != {"fp32"}:
            held = ", ".join(sorted(survey.floats)) or "no floats"
            return Typing(True, note=f"the model holds {held} already and is taken as it is")
        return Typing(True, cast=cast)
    if precision == "bf16" and not traits.weak_bf16:
        raise EngineError(f"{traits} has no BF16; it came with TensorRT 10. Set precision to fp16")
    if precision == "as_is":
        wanted = sorted((survey.floats | survey.quantized) & _FLAG_OF.keys())
        if "bf16" in wanted and not traits.weak_bf16:
            raise EngineError(f"the model holds BF16, which {traits} has not. Export it in FP16 or FP32")
        return Typing(False, tuple(_FLAG_OF[name] for name in wanted))
    if quantized:
        return Typing(False, (_FLAG_OF[precision], "FP16"))
    return Typing(False, (_FLAG_OF[precision],) if precision in _FLAG_OF else ())


def onnx_module() -> Any:
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise EngineError(missing("reading the model", "onnx", gpu_extra())) from error


def load_model(onnx: bytes) -> Any:
    """The `ModelProto` of an ONNX file; weights beside the file are not read."""
    module = onnx_module()
    try:
        return module.load_model_from_string(onnx)
    except Exception as error:  # protobuf's DecodeError, whose home moved between its versions
        raise EngineError(f"this is not an ONNX model ({len(onnx)} bytes): {error}") from error


def _type_names(onnx: Any) -> dict[int, str]:
    kinds = onnx.TensorProto
    names = {"FLOAT": "fp32", "FLOAT16": "fp16", "BFLOAT16": "bf16", "INT8": "int8", "UINT8": "int8"}
    names |= {"FLOAT8E4M3FN": "fp8", "FLOAT8E5M2": "fp8", "INT4": "int4", "UINT4": "int4"}
    return {getattr(kinds, kind): name for kind, name in names.items() if hasattr(kinds, kind)}


def survey(model: Any) -> Survey:
    """Look through a `ModelProto`. Its float types are those of its weights, or of its inputs where it has none."""
    onnx = onnx_module()
    name_of = _type_names(onnx)
    types = {tensor.name: tensor.data_type for tensor in _initializers(model.graph)}
    sizes = {tensor.name: list(tensor.dims) for tensor in _initializers(model.graph)}
    scales: set[str] = set()
    quantized: set[str] = set()
    floats: set[str] = set()
    for node in _nodes(model.graph):
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            scales |= set(node.input[1:2])
            zero = node.input[2] if len(node.input) > 2 else ""
            given = [types[name] for name in (zero, node.input[0]) if name in types]
            given += [entry.i for entry in node.attribute if entry.name == "output_dtype" and entry.i]
            if node.op_type == "QuantizeLinear" or given:
                quantized |= {name_of.get(kind, "") for kind in given} & {"int8", "fp8", "int4"} or {"int8"}
        elif node.op_type == "Constant":
            floats |= {name_of.get(entry.t.data_type, "") for entry in node.attribute if entry.t.dims}
    floats |= {name_of.get(kind, "") for name, kind in types.items() if name not in scales and sizes[name]}
    floats &= {"fp32", "fp16", "bf16"}
    if not floats:
        floats = {name_of.get(entry.type.tensor_type.elem_type, "") for entry in model.graph.input}
    return Survey(frozenset(floats & {"fp32", "fp16", "bf16"}), frozenset(quantized))


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield from _with_inner(node)


def _with_inner(node: Any) -> Iterator[Any]:
    yield node
    for entry in node.attribute:
        for inner in [entry.g, *entry.graphs]:
            yield from _nodes(inner)


def _initializers(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for entry in node.attribute:
            for inner in [entry.g, *entry.graphs]:
                yield from _initializers(inner)


def narrow(model: Any, to: Narrow, *, keep_float32: Collection[str] = ()) -> Any:
    """The model computing in 16 bits, with inputs and outputs still FP32; `model` itself is used up.

    The conversion is ONNX Runtime's own (onnxruntime.transformers.float16). `keep_float32` names nodes or operators
    that stay in FP32 between casts. The model must not hold 16-bit floats yet (`decide` sees to it). Raises
    `EngineError`.
    """
    from onnxruntime.transformers import float16

    block = [*float16.DEFAULT_OP_BLOCK_LIST, *keep_float32, *(_NO_BFLOAT if to == "bfloat16" else ())]
    exact = {tensor.name: tensor for tensor in _copies(_initializers(model.graph))} if to == "bfloat16" else {}
    try:
        half = float16.convert_float_to_float16(
            model, keep_io_types=True, op_block_list=block, node_block_list=list(keep_float32)
        )
    except Exception as error:  # the converter asserts and raises ValueError alike
        raise EngineError(f"the model cannot be converted to {to}: {error}") from error
    _sort(half.graph)
    if to == "bfloat16":
        _half_to_bfloat(half.graph, exact)
    return half


def _copies(tensors: Iterator[Any]) -> Iterator[Any]:
    for tensor in tensors:
        copy = type(tensor)()
        copy.CopyFrom(tensor)
        yield copy


def _sort(graph: Any) -> None:
    """The converter appends its casts; ONNX wants a node after those it reads."""
    nodes = list(graph.node)
    maker = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needs = {
        index: {maker[name] for inner in _with_inner(node) for name in inner.input if name in maker} - {index}
        for index, node in enumerate(nodes)
    }
    order = list(TopologicalSorter(needs).static_order())
    del graph.node[:]
    graph.node.extend(nodes[index] for index in order)


def _half_to_bfloat(graph: Any, exact: dict[str, Any]) -> None:
    """Rewrite every FLOAT16 of a converted graph as BFLOAT16; weights come from their FP32 originals."""
    onnx = onnx_module()
    half, brain = onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16
    for tensor in _initializers(graph):
        if tensor.data_type == half:
            _store_bfloat(tensor, onnx.numpy_helper.to_array(exact.get(tensor.name, tensor)))
    for node in _nodes(graph):
        for entry in node.attribute:
            if entry.name in ("to", "dtype", "output_dtype") and entry.i == half:
                entry.i = brain
            if entry.t.data_type == half:
                _store_bfloat(entry.t, onnx.numpy_helper.to_array(entry.t))
    for info in [*graph.value_info, *graph.output, *graph.input]:
        if info.type.tensor_type.elem_type == half:
            info.type.tensor_type.elem_type = brain


def _store_bfloat(tensor: Any, values: Any) -> None:
    """Round to nearest even, the way hardware does: the upper 16 bits of a float32."""
    import numpy as np

    onnx = onnx_module()
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    tensor.CopyFrom(
        onnx.helper.make_tensor(tensor.name, onnx.TensorProto.BFLOAT16, list(tensor.dims), rounded.tobytes(), raw=True)
    )
