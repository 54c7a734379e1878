"""What `edge-run model edit` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from pydantic import ValidationError

from edge_runtime.config.schema import (
    BoxesScoresDecode,
    End2EndDecode,
    InputBlock,
    ModelBlock,
    Yolov8Decode,
    YoloxDecode,
)
from edge_runtime.core import ClassTable
from edge_runtime.engines.onnx_models.agreement import Tolerance, document, say
from edge_runtime.engines.onnx_models.batch import Batch
from edge_runtime.engines.onnx_models.change import Change
from edge_runtime.engines.onnx_models.edit import Fold, Half, Step, edit
from edge_runtime.engines.onnx_models.files import Misuse, read_model, require_free, write_model
from edge_runtime.engines.onnx_models.graph import inputs, shape_of
from edge_runtime.engines.onnx_models.nms import QUARTET, AppendNms, NmsDecode, Reader
from edge_runtime.engines.onnx_models.outputs import AddOutputs, Cut, KeepOutputs
from edge_runtime.engines.onnx_models.running import Sampler
from edge_runtime.engines.onnx_models.uint8_input import Uint8Input
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.resize import ViewTransform

from .model_input import Pictures, input_block, model_of
from .output import print_json, refusals

_NMS: dict[str, type[YoloxDecode] | type[Yolov8Decode] | type[BoxesScoresDecode]] = {
    "yolox": YoloxDecode,
    "yolov8": Yolov8Decode,
    "boxes_scores": BoxesScoresDecode,
}


def change(model: Path, out: Path, force: bool, as_json: bool, **said: Any) -> None:
    """The verb, with its options."""
    steps: list[Step] = []
    with refusals(Misuse):
        require_free(out, force)
        base = model_of(said["pipeline"], said["model_name"])
        proto = read_model(model)
        changes = list(_changes(proto, base, said))
        if not changes:
            raise Misuse("nothing to do; say what to change, such as --batch dynamic (see edge-run model edit --help)")
        sampler = _sampler(proto, base, said)
        proto, steps = edit(proto, changes, sampler, lambda step: None if as_json else _tell(step))
    size = write_model(proto, out)
    if not as_json:
        click.echo(f"{out}: {len(proto.graph.node)} nodes, {size / 1e6:.1f} MB")
        return
    print_json(
        {
            "model": str(model),
            "out": str(out),
            "bytes": size,
            "steps": [{"step": step.name, "what": step.what, "parity": document(step.parity)} for step in steps],
            "inputs": {entry.name: shape_of(entry) for entry in inputs(proto)},
            "outputs": {entry.name: shape_of(entry) for entry in proto.graph.output},
        }
    )


def _tell(step: Step) -> None:
    click.echo(f"{step.name}: {step.what}")
    for output in step.parity:
        click.echo(f"    {say(output)}")


def _changes(model: Any, base: ModelBlock | None, said: Mapping[str, Any]) -> Iterator[Change]:
    if said["cut"] is not None:
        yield Cut.parse(said["cut"], model)
    if said["add_outputs"]:
        yield AddOutputs(said["add_outputs"])
    if said["keep_outputs"]:
        yield KeepOutputs(said["keep_outputs"])
    if said["batch"] is not None:
        yield Batch(None if said["batch"] == "dynamic" else said["batch"])
    if said["fold"]:
        yield Fold()
    if said["fp16"]:
        yield Half(Tolerance(said["min_cosine"], None), said["keep_float32"])
    if said["family"] is not None:
        size = _size(model, base, said)
        yield _nms(model, base, size, said)
    if said["uint8_input"]:
        block = _input(model, base, said)
        yield Uint8Input(block.color, block.scale, block.mean, block.std, said["layout"], said["input_name"])


def _size(model: Any, base: ModelBlock | None, said: Mapping[str, Any]) -> tuple[int, int]:
    """(width, height) of the input: as said, as the model has it, or as the pipeline says."""
    shape = shape_of(inputs(model)[0])
    sides = (shape[2:] if len(shape) == 4 and shape[1] == 3 else shape[1:3])[::-1]
    known = tuple(side for side in sides if isinstance(side, int))
    size: tuple[int, int] | None = said["size"] or (known if len(known) == 2 else base.input.size if base else None)
    if size is None:
        raise Misuse(f"the input is {shape}; say its size: --size WIDTH,HEIGHT")
    return size


def _input(model: Any, base: ModelBlock | None, said: Mapping[str, Any]) -> InputBlock:
    keys = ("color", "scale", "mean", "std", "resize", "pad")
    values = {key: said[key] for key in keys} | {"size": _size(model, base, said)}
    if base is None and values["resize"] is None:
        values["resize"] = "stretch"  # the graph begins after resizing
    return input_block(base, values)


def _sampler(model: Any, base: ModelBlock | None, said: Mapping[str, Any]) -> Sampler:
    """Pictures in the range that the network was trained for, as far as that was said."""
    if base is None and said["scale"] is None:
        if said["pictures"]:
            raise Misuse("--pictures: say --color, --scale and --resize too, or take all from --pipeline P.yaml")
        return Sampler(size=said["size"])
    block = _input(model, base, {**said, "color": said["color"] or (None if base else "bgr")})
    sampler = Sampler(block.scale, block.mean, block.std, block.size)
    if not said["pictures"]:
        return sampler
    pictures = Pictures(said["pictures"], block)
    chosen = pictures.readable(range(len(pictures.files))[:8])
    if not chosen:
        raise Misuse(f"{said['pictures']}: not one of the first pictures can be read")
    rows = np.stack([pictures.row(index) for index in chosen])
    return Sampler(block.scale, block.mean, block.std, block.size, rows)


def _nms(model: Any, base: ModelBlock | None, size: tuple[int, int], said: Mapping[str, Any]) -> AppendNms:
    family = said["family"]
    given = base.decode if base else None
    if family == "auto":
        if given is None:
            raise Misuse("--append-nms auto takes the family from a pipeline file; add --pipeline P.yaml or name it")
        family = given.family
    if family not in _NMS:
        raise Misuse(f"--append-nms: family {family} is not among {', '.join(_NMS)}")
    values: dict[str, Any] = {"family": family}
    if given is not None and given.family == family:
        values = given.model_dump(exclude_defaults=True) | values
    for key in ("confidence", "iou", "max_detections", "strides", "box_format"):
        if said[key] is not None:
            values[key] = said[key]
    if said["boxes_in_pixels"]:
        values["normalized"] = False
    if said["read"]:
        keys = ("boxes", "scores") if family == "boxes_scores" else ("output",)
        if len(said["read"]) != len(keys):
            raise Misuse(f"--read: {family} reads {len(keys)} outputs, {len(said['read'])} are named")
        values |= dict(zip(keys, said["read"], strict=True))
    if said["classes"]:
        values["classes"] = {index: f"class {index}" for index in said["classes"]}
    values.setdefault("classes", _all_classes(model, family, values))
    try:
        block: NmsDecode = _NMS[family].model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = "--" + str(first["loc"][0]).replace("_", "-") if first["loc"] else "--append-nms"
        raise Misuse(f"{option} does not go with {family}: {first['msg']}, got {first['input']!r}") from error
    after = End2EndDecode(
        family="end2end", classes=block.classes, keep=block.keep, outputs=QUARTET, max_detections=block.max_detections
    )
    return AppendNms(block, size, _reader(block, size), _reader(after, size))


def _all_classes(model: Any, family: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Every class column of the model, by number."""
    shapes = {entry.name: shape_of(entry) for entry in model.graph.output}
    name = values.get("scores", "scores") if family == "boxes_scores" else values.get("output") or next(iter(shapes))
    place, before = {"yolox": (2, 5), "yolov8": (1, 4), "boxes_scores": (2, 0)}[family]
    columns = shapes.get(name, [])[place : place + 1]
    if not columns or not isinstance(columns[0], int) or columns[0] <= before:
        shown = ", ".join(f"'{key}' {shape}" for key, shape in shapes.items())
        raise Misuse(f"--append-nms {family}: '{name}' has no class columns; the outputs are {shown} (see --read)")
    return tuple(f"class {index}" for index in range(columns[0] - before))


def _reader(block: NmsDecode | End2EndDecode, size: tuple[int, int]) -> Reader:
    """The pipeline's own decoder on a view as large as the input."""
    whole = InputBlock(size=size, resize="stretch", color="bgr", scale=1.0)
    view = ViewTransform((0, 0, *size), (0, 0, *size), size)
    decoders: dict[float, Any] = {}

    def read(outputs: Mapping[str, Any], row: int, confidence: float) -> Any:
        if confidence not in decoders:
            lowered = block.model_copy(update={"confidence": confidence})
            decoders[confidence] = make_decoder(lowered, whole, ClassTable())
        decoder = decoders[confidence]
        if mismatches := decoder.check({name: value.shape for name, value in outputs.items()}):
            raise Misuse("--append-nms: " + "; ".join(str(mismatch) for mismatch in mismatches))
        found = decoder.decode(outputs, row, view)
        return np.column_stack([found.xyxy, found.confidence, found.class_id])

    return read
