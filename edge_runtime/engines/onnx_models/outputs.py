"""Which tensors a model takes and gives: outputs added, outputs dropped, a part cut out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .change import Exact, Pair
from .files import Misuse, need
from .graph import inputs, outputs, require_tensors, tensor_names
from .running import Runner, Sampler


@dataclass(frozen=True)
class AddOutputs(Exact):
    """Inner tensors given out beside the outputs there are."""

    names: tuple[str, ...]
    name = "add-outputs"

    def apply(self, model: Any) -> tuple[Any, str]:
        require_tensors(model, self.names, "--add-outputs")
        kept = outputs(model)
        for taken in set(self.names) & set(kept):
            raise Misuse(f"--add-outputs: '{taken}' is an output already")
        return extract(model, None, [*kept, *self.names]), f"gives {', '.join(self.names)} too"


@dataclass(frozen=True)
class KeepOutputs(Exact):
    """Only these outputs stay, and the nodes they need."""

    names: tuple[str, ...]
    name = "keep-outputs"

    def apply(self, model: Any) -> tuple[Any, str]:
        have, nodes = outputs(model), len(model.graph.node)
        for name in self.names:
            if name not in have:
                hint = "" if name not in tensor_names(model) else f" To make it one: --add-outputs {name}"
                raise Misuse(f"--keep-outputs: '{name}' is no output; the outputs are {', '.join(have)}.{hint}")
        model = extract(model, None, self.names)
        return model, f"keeps {', '.join(self.names)}, {nodes - len(model.graph.node)} of {nodes} nodes fall away"


@dataclass(frozen=True)
class Cut(Exact):
    """The part of the graph between tensors; empty `begin` or `end` means the model's own inputs or outputs."""

    begin: tuple[str, ...]
    end: tuple[str, ...]
    name = "cut"

    @classmethod
    def parse(cls, text: str, model: Any) -> Cut:
        """`FROM:TO`, each a list with commas; a name may hold a colon itself as long as the split is clear."""
        known = set(tensor_names(model))
        places = [index for index, letter in enumerate(text) if letter == ":"]
        if not places:
            raise Misuse(f"--cut: '{text}' has no colon; write FROM:TO, such as '{inputs(model)[0].name}:TENSOR'")
        splits = [(_names(text[:place]), _names(text[place + 1 :])) for place in places]
        fitting = [split for split in splits if known.issuperset(split[0] + split[1])]
        begin, end = (fitting or splits)[0]
        require_tensors(model, begin + end, "--cut")
        return cls(begin, end)

    def apply(self, model: Any) -> tuple[Any, str]:
        nodes = len(model.graph.node)
        begin, end = list(self.begin) or None, list(self.end) or outputs(model)
        model = extract(model, begin, end)
        if not model.graph.node:
            raise Misuse(f"--cut: nothing lies between {', '.join(begin or ['the inputs'])} and {', '.join(end)}")
        return model, f"keeps {len(model.graph.node)} of {nodes} nodes, {', '.join(_taken(model))} to {', '.join(end)}"

    def runs(self, before: Any, after: Any, sampler: Sampler) -> Iterator[Pair]:
        taken, given = _taken(after), outputs(after)
        own = {entry.name for entry in inputs(before)}
        old, new = Runner(before, [name for name in [*taken, *given] if name not in own]), Runner(after)
        for feeds in sampler.calls(old):
            values = old.run(feeds, [name for name in dict.fromkeys([*taken, *given]) if name not in own]) | feeds
            yield {name: values[name] for name in given}, new.run(values)


def _taken(model: Any) -> list[str]:
    return [entry.name for entry in inputs(model)]


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def extract(model: Any, begin: Sequence[str] | None, end: Sequence[str]) -> Any:
    """The model between these tensors, `begin` None being those of its inputs that `end` needs."""
    onnx = need("onnx", "cutting a model")
    given = [entry.name for entry in inputs(model)]
    _learn_types(model, [*(begin or ()), *end])
    part = onnx.utils.Extractor(model).extract_model(list(begin or given), list(end))
    used = {name for node in part.graph.node for name in node.input} | set(end)
    needed = [entry for entry in part.graph.input if entry.name in used]
    if begin is not None:
        have = {name for node in part.graph.node for name in node.output} | {entry.name for entry in part.graph.input}
        missing = [name for name in given if name in used and name not in have]
        unused = [name for name in begin if name not in used]
        if missing or unused:
            what = f"the end also needs {', '.join(missing)}" if missing else f"the end does not need {unused[0]}"
            change = f"add to FROM: {','.join(missing)}" if missing else "take it out of FROM"
            raise Misuse(f"--cut: {what}; {change}")
    del part.graph.input[:]
    part.graph.input.extend(needed)
    part.graph.name = model.graph.name
    model.graph.CopyFrom(part.graph)
    return model


def _learn_types(model: Any, names: Sequence[str]) -> None:
    """Types of inner tensors that are about to become inputs or outputs, as ONNX Runtime infers them."""
    onnx = need("onnx", "cutting a model")
    known = {entry.name for entry in [*inputs(model), *model.graph.output]}
    wanted = [name for name in dict.fromkeys(names) if name not in known]
    if not wanted:
        return
    types = Runner(model, wanted).types
    kept = [entry for entry in model.graph.value_info if entry.name not in wanted]
    for name in wanted:
        kind, shape = types[name]
        kept.append(onnx.helper.make_tensor_value_info(name, _ELEMENT[kind], shape))
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)


# ONNX Runtime's word for a type -> TensorProto.DataType
_ELEMENT = {
    "tensor(float)": 1,
    "tensor(uint8)": 2,
    "tensor(int8)": 3,
    "tensor(uint16)": 4,
    "tensor(int16)": 5,
    "tensor(int32)": 6,
    "tensor(int64)": 7,
    "tensor(string)": 8,
    "tensor(bool)": 9,
    "tensor(float16)": 10,
    "tensor(double)": 11,
    "tensor(bfloat16)": 16,
}
