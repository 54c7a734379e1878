"""A network that nobody has described: run on one picture in the likely ways, until its blocks can be guessed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from edge_runtime.config.schema import Decode, DetectDecodeBlock, InputBlock, OnnxRuntimeBlock
from edge_runtime.core import ClassTable, Clock, Detections, Region
from edge_runtime.engines.base import TensorInfo
from edge_runtime.engines.ort import OnnxRuntimeEngine, open_session, tensors
from edge_runtime.errors import EngineError, OutputError
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.guess.decoding import DecodeGuess, guess_decode
from edge_runtime.vision.guess.facts import Facts
from edge_runtime.vision.guess.feeding import PLAIN, UNIT, InputGuess, guess_input, norm_text
from edge_runtime.vision.preprocess import Preprocessor
from edge_runtime.vision.resize import ViewTransform

Image = npt.NDArray[np.uint8]
Said = Callable[[str], None]

# Where the network takes any size: wide as a camera's picture, and a multiple of every usual stride.
FREE_SIZE = (640, 384)
# Boxes from this confidence on tell how well a network sees; more than so many sure ones are noise.
_FAINT, _SURE, FLOOD = 0.05, 0.5, 100
# What is tried second must see twice as well to be believed before what is usual; colours matter less, and less
# surely: there must be something to see at all.
_NORM_GAIN, _COLOR_GAIN, _COLOR_LEAST = 2.0, 1.5, 2.0
_DECODE: TypeAdapter[Decode] = TypeAdapter(Decode)


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to feed the network and what it then saw: boxes from the usual confidence on, and the surest."""

    what: str
    boxes: int
    best: float
    quality: float

    def __str__(self) -> str:
        if not self.boxes:
            return f"{self.what} none"
        return f"{self.what} {self.boxes} " + ("(noise)" if not self.quality else f"(best {self.best:.2f})")


@dataclass(frozen=True, eq=False)
class FirstLook:
    """What was guessed of a network; `norms` and `colors` are what was tried for it, in that order."""

    size: tuple[int, int]
    is_free: bool
    tensor: TensorInfo
    layout: Literal["nchw", "nhwc"]
    decode: DecodeGuess
    fed: InputGuess
    norm: Mapping[str, Any]
    color: str
    norms: tuple[Trial, ...]
    colors: tuple[Trial, ...]
    outputs: Mapping[str, tuple[int, ...]]

    @property
    def colors_alike(self) -> bool:
        """Whether the picture leaves open which order of colours is right."""
        qualities = [trial.quality for trial in self.colors]
        return bool(qualities) and (max(qualities) < _COLOR_LEAST or max(qualities) < _COLOR_GAIN * min(qualities))

    @property
    def input_block(self) -> dict[str, Any]:
        """The `input` block of the pipeline file."""
        block: dict[str, Any] = {"size": list(self.size), **self.fed.block(self.norm, self.color)}
        if block["resize"] != "stretch":
            block["pad"] = 114
        if self.layout != "nchw":
            block["layout"] = self.layout
        if self.tensor.dtype != np.float32:
            block["dtype"] = self.tensor.dtype.name
        return block


def first_look(
    onnx: Path, picture: Image, clock: Clock, *, believed: bool, said: Said = lambda text: None
) -> FirstLook:
    """Guess the blocks of a network from its file and from what it makes of a picture.

    Only a `believed` picture, one in which there is something for it to find, decides between ways to feed it. Raises
    `EngineError` for a file that cannot be run, and `NoReading` where no family reads what it puts out.
    """
    said("loading the network")
    session = open_session(onnx, OnnxRuntimeBlock(intra_op_threads=min(8, os.cpu_count() or 1)))
    meta = session.get_modelmeta()
    metadata = dict(meta.custom_metadata_map)
    tensor, layout = _picture_input(onnx, tensors(session.get_inputs()))
    size, is_free = _size(tensor, layout, metadata)
    row = (3, *size[::-1]) if layout == "nchw" else (*size[::-1], 3)
    with closing(OnnxRuntimeEngine(onnx.name, session, input_shape=row, clock=clock)) as engine:
        network = _Network(engine, size, layout, tensor, picture)

        def facts(way: Mapping[str, Any]) -> Facts:
            outputs = {name: np.nan_to_num(values) for name, values in network.run(network.block(way))[0].items()}
            return Facts(size, outputs, tensor.name, meta.producer_name, metadata)

        said("looking at what it puts out")
        seen = facts({"resize": "letterbox", "color": "rgb", **(PLAIN if tensor.dtype == np.uint8 else UNIT)})
        decode = guess_decode(seen)
        fed = guess_input(decode.family, seen)
        if tensor.dtype == np.uint8:
            fed = replace(fed, norms=(PLAIN,))
        norm, color = fed.norms[0], fed.colors[0]
        norms: tuple[Trial, ...] = ()
        colors: tuple[Trial, ...] = ()
        if believed and decode.stage == "detect":
            said("trying how pixels go in")
            norms = tuple(network.trial(norm_text(way), fed.block(way), decode.block) for way in fed.norms)
            norm = fed.norms[_choice(norms, _NORM_GAIN)]
            colors = tuple(network.trial(way, fed.block(norm, way), decode.block) for way in fed.colors)
            color = fed.colors[_choice(colors, _COLOR_GAIN, _COLOR_LEAST)]
        # Once more, with pixels as the network likes them: values of boxes and scores tell more then.
        decode = guess_decode(facts(fed.block(norm, color)))
        outputs = {output.name: tuple(side or 0 for side in output.shape[1:]) for output in engine.outputs}
    return FirstLook(size, is_free, tensor, layout, decode, fed, norm, color, norms, colors, outputs)


def _choice(trials: Iterable[Trial], gain: float, least: float = 0.0) -> int:
    """The first that sees nearly as well as the best one; the first of all where none sees enough."""
    qualities = [trial.quality for trial in trials]
    best = max(qualities)
    if best <= least:
        return 0
    return next(index for index, quality in enumerate(qualities) if quality * gain >= best)


@dataclass(frozen=True)
class _Network:
    engine: OnnxRuntimeEngine
    size: tuple[int, int]
    layout: Literal["nchw", "nhwc"]
    tensor: TensorInfo
    picture: Image

    def block(self, way: Mapping[str, Any]) -> InputBlock:
        return InputBlock(size=self.size, layout=self.layout, dtype=self.tensor.dtype.name, **way)

    def run(self, block: InputBlock) -> tuple[dict[str, npt.NDArray[np.float32]], ViewTransform]:
        """What the network puts out for the picture fed like this, batch row 0 only, and where the picture lay."""
        height, width = self.picture.shape[:2]
        view = Preprocessor(block).write(self.picture, Region((0, 0, width, height)), self.engine.input_buffer(0)[0])
        self.engine.enqueue(0, 1)
        return {name: np.asarray(value[:1], np.float32) for name, value in self.engine.collect(0).items()}, view

    def trial(self, what: str, way: Mapping[str, Any], decode: Mapping[str, Any]) -> Trial:
        """What is found when the network is fed like this."""
        block = self.block(way)
        outputs, view = self.run(block)
        usual = _DECODE.validate_python(decode)
        assert isinstance(usual, DetectDecodeBlock)
        decoder = make_decoder(usual.model_copy(update={"confidence": _FAINT}), block, ClassTable())
        try:
            found = decoder.decode(outputs, 0, view)
        except OutputError:
            return Trial(what, 0, 0.0, 0.0)
        assert isinstance(found, Detections)
        sure = np.clip(found.confidence, 0.0, 1.0)
        flooded = np.count_nonzero(sure >= _SURE) >= FLOOD
        quality = 0.0 if flooded else float(np.square(sure).sum())
        boxes = int(np.count_nonzero(sure >= usual.confidence))
        return Trial(what, boxes, float(found.confidence.max(initial=0.0)), quality)


def _picture_input(onnx: Path, inputs: tuple[TensorInfo, ...]) -> tuple[TensorInfo, Literal["nchw", "nhwc"]]:
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs)
        raise EngineError(f"{onnx} has {len(inputs)} inputs ({names}). Export it with the picture as its only input")
    (tensor,) = inputs
    shape = "x".join("?" if side is None else str(side) for side in tensor.shape)
    if tensor.dtype.name not in ("float32", "float16", "uint8"):
        kind = "values of another type" if tensor.dtype == np.void else tensor.dtype.name
        raise EngineError(f"{onnx} takes {kind}, not float32, float16 or uint8. Export it with one of those")
    if len(tensor.shape) != 4 or (3 not in (tensor.shape[1], tensor.shape[3])):
        raise EngineError(f"{onnx}: its input '{tensor.name}' is {shape}, not a batch of pictures with 3 channels")
    return tensor, "nchw" if tensor.shape[1] == 3 else "nhwc"


def _size(tensor: TensorInfo, layout: str, metadata: Mapping[str, str]) -> tuple[tuple[int, int], bool]:
    """(width, height) of the input, and whether the network would take others."""
    height, width = tensor.shape[2:] if layout == "nchw" else tensor.shape[1:3]
    if width is not None and height is not None:
        return (width, height), False
    said = [int(part) for part in metadata.get("imgsz", "").strip("[]").split(",") if part.strip().isdecimal()]
    usual = (said[-1], said[0]) if said and min(said) >= 8 else FREE_SIZE
    return (width or usual[0], height or usual[1]), True
