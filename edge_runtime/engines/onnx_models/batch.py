"""A model for another number of rows: its batch axis set free or fixed, baked-in batches taken out of its shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_runtime.errors import EngineError

from ..base import Array
from .change import Exact, Pair
from .files import Misuse, NotTheSame, need
from .graph import add_constant, as_array, constants, free_name, inputs, outputs, shape_of
from .running import Runner, Sampler


@dataclass(frozen=True)
class Batch(Exact):
    """`rows` None sets the batch axis free, a number fixes it.

    A Reshape that names the batch is told to infer it, a Resize to sizes takes it from the input. What else has a
    batch baked in shows when the changed model runs with 1 and 3 rows; it is refused with the node's name.
    """

    rows: int | None
    name = "batch"

    def apply(self, model: Any) -> tuple[Any, str]:
        taken = inputs(model)
        first = shape_of(taken[0])
        if not first:
            raise Misuse(f"--batch: input '{taken[0].name}' has no axes")
        old = first[0] if isinstance(first[0], int) else None
        given = _real_outputs(model, old)
        changed = 0 if old is None else _free_shapes(model, old)
        for entry in [*taken, *(entry for entry in model.graph.output if entry.name in given)]:
            sides = entry.type.tensor_type.shape.dim
            if sides and (old is None or sides[0].dim_value in (0, old)):
                _set(sides[0], self.rows)
        del model.graph.value_info[:]  # they tell the old batch
        was = "free" if old is None else str(old)
        now = "free" if self.rows is None else str(self.rows)
        return model, f"batch {was} is now {now}" + (f", {changed} shapes inside changed" if changed else "")

    def runs(self, before: Any, after: Any, sampler: Sampler) -> Iterator[Pair]:
        old = Runner(before)
        step = old.batch or 1
        for count in [1, 3] if self.rows is None else [self.rows]:
            rows, fixed = sampler.rows(old, count)
            padded = {name: _padded(value, step) for name, value in rows.items()}
            chunks = [
                old.run({name: value[first : first + step] for name, value in padded.items()} | fixed)
                for first in range(0, count, step)
            ]
            expected = {name: _stack([chunk[name] for chunk in chunks], count) for name in old.names}
            try:
                got = Runner(after).run(rows | fixed)
            except EngineError as error:
                raise NotTheSame(_baked(after, str(error), count)) from error
            for name, value in expected.items():
                if got[name].shape != value.shape:
                    culprit = _first_wrong(before, after, rows, fixed, count) if step == 1 else ""
                    reason = f"output '{name}' is {got[name].shape} instead of {value.shape}"
                    raise NotTheSame(_baked(after, reason, count, culprit))
                if step == 1 and not np.allclose(got[name], value, rtol=1e-2, atol=1e-2 * _largest(value)):
                    culprit = _first_wrong(before, after, rows, fixed, count)
                    raise NotTheSame(_baked(after, f"the rows of '{name}' differ", count, culprit))
            yield expected, got


def _set(side: Any, rows: int | None) -> None:
    side.Clear()
    if rows is None:
        side.dim_param = "batch"
    else:
        side.dim_value = rows


def _real_outputs(model: Any, old: int | None) -> list[str]:
    """The outputs whose first axis is the batch."""
    firsts = {entry.name: (shape_of(entry) or [0])[0] for entry in model.graph.output}
    return [name for name in outputs(model) if firsts[name] == old or not isinstance(firsts[name], int)]


def _free_shapes(model: Any, old: int) -> int:
    """Take the batch out of the constant shapes of what depends on the inputs; returns how many."""
    graph = model.graph
    known, lengths = constants(graph), _first_lengths(model)
    alive = {entry.name for entry in inputs(model)}
    edits: list[tuple[Any, list[int]]] = []
    for node in graph.node:
        if node.op_type != "Constant" and alive.intersection(node.input):
            alive |= set(node.output)
            place = {"Reshape": 1, "Resize": 3, "Expand": 1}.get(node.op_type)
            if place is None or len(node.input) <= place or node.input[place] not in known:
                continue
            shape = [int(side) for side in as_array(known[node.input[place]]).ravel()]
            edits.append((node, shape))
    changed = 0
    for node, shape in edits:
        if node.op_type == "Reshape":
            changed += _reshape(graph, node, shape, old, lengths, free_name(model, f"{node.output[0]}_shape"))
        elif node.op_type == "Resize" and len(shape) > 1 and shape[0] == old and not _has(node, "axes"):
            changed += _from_input(model, node, 3, shape)
        elif node.op_type == "Expand" and shape and shape[0] == old != 1:
            changed += _from_input(model, node, 1, shape)
    return changed


def _has(node: Any, attribute: str) -> bool:
    return any(entry.name == attribute and (entry.i or entry.ints) for entry in node.attribute)


def _reshape(graph: Any, node: Any, shape: list[int], old: int, lengths: dict[str, int], name: str) -> bool:
    """-1 for the first side where that is still free to use, else 0 (as in the input) where it is the batch there."""
    if not shape or shape[0] in (-1, 0):
        return False
    if -1 not in shape and shape[0] % old == 0:
        shape[0] = -1
    elif shape[0] == old == lengths.get(node.input[0]) and not _has(node, "allowzero"):
        shape[0] = 0
    else:
        return False
    node.input[1] = add_constant(graph, name, shape, np.int64)
    return True


def _from_input(model: Any, node: Any, place: int, shape: list[int]) -> bool:
    """Join the batch as the first input has it and the other sides: three small nodes before this one."""
    helper = need("onnx", "changing the batch").helper
    graph, base = model.graph, free_name(model, f"{node.output[0]}_rows")
    zero, one = (add_constant(graph, f"{base}/{n}", [n], np.int64) for n in (0, 1))
    rest = add_constant(graph, f"{base}/rest", shape[1:], np.int64)
    made = [
        helper.make_node("Shape", [inputs(model)[0].name], [f"{base}/shape"], f"{base}/Shape"),
        helper.make_node("Slice", [f"{base}/shape", zero, one], [base], f"{base}/Slice"),
        helper.make_node("Concat", [base, rest], [f"{base}/all"], f"{base}/Concat", axis=0),
    ]
    node.input[place] = f"{base}/all"
    index = next(index for index, other in enumerate(graph.node) if other is node or other == node)
    for offset, extra in enumerate(made):
        graph.node.insert(index + offset, extra)
    return True


def _first_lengths(model: Any) -> dict[str, int]:
    """The first side of each tensor, where shape inference knows it."""
    inferred = need("onnx", "changing the batch").shape_inference.infer_shapes(model)
    entries = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
    firsts = {entry.name: (shape_of(entry) or [None])[0] for entry in entries}
    return {name: first for name, first in firsts.items() if isinstance(first, int)}


def _padded(rows: Array, step: int) -> Array:
    return np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % step, axis=0)])


def _stack(parts: list[Array], count: int) -> Array:
    if not parts[0].ndim:
        return parts[0]
    return np.concatenate(parts)[:count]


def _largest(values: Array) -> float:
    return float(np.max(np.abs(values), initial=1e-6))


def _baked(model: Any, reason: str, rows: int, culprit: str = "") -> str:
    if not culprit and (found := re.search(r"running (\S+) node\. Name:'([^']*)'", reason)):
        culprit = _called(next((n for n in model.graph.node if n.name == found[2]), None), found[1])
        reason = reason.partition("Status Message: ")[2] or reason
    where = f"into {culprit}" if culprit else "into the graph somewhere"
    way = "Export the model with a free batch axis, or cut the node off: --cut FROM:TO"
    return f"batch: one is baked {where}; with {rows} rows: {reason}. {way}"


def _called(node: Any, kind: str) -> str:
    """A node as it can be found again; one without a name by what it makes."""
    if node is None or not node.name:
        return f"{kind} (unnamed)" if node is None else f"{node.op_type} that makes '{node.output[0]}'"
    return f"{node.op_type} '{node.name}'"


def _first_wrong(before: Any, after: Any, rows: dict[str, Array], fixed: dict[str, Array], count: int) -> str:
    """The first node whose result for all rows is not the results for each row, one after the other."""
    names = {name for node in before.graph.node if node.op_type != "Constant" for name in node.output if name}
    try:
        every, one = Runner(after, sorted(names)), Runner(before, sorted(names))
        got = every.run(rows | fixed)
        alone = [one.run({k: v[row : row + 1] for k, v in rows.items()} | fixed) for row in range(count)]
    except EngineError:
        return ""
    for node in after.graph.node:
        for name in names.intersection(node.output):
            each = [values[name].ravel() for values in alone]
            flat, value = np.concatenate(each), got[name].ravel()
            if value.size == each[0].size != flat.size:  # without a batch axis: then the same for every row
                value = np.tile(value, count)
            same = value.size == flat.size
            if same and flat.dtype.kind == "f":
                same = bool(np.allclose(value, flat, rtol=1e-2, atol=1e-2 * _largest(flat)))
            if not same:
                return _called(node, node.op_type)
    return ""
