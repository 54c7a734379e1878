"""What the subcommands of `edge-run model` share: the output file, the network's input, the pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from pydantic import ValidationError

from edge_runtime.config.load import load_pipeline
from edge_runtime.config.schema import InputBlock, ModelBlock
from edge_runtime.core import Region
from edge_runtime.engines.onnx_models.files import Misuse
from edge_runtime.sources.images import SUFFIXES, natural_key
from edge_runtime.vision.preprocess import Preprocessor

from .main import BAD_USE
from .options import PIPELINE


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """Numbers with commas, or `1/255`; `count` of them, or one where `single` is allowed."""

    name = "numbers"

    def __init__(self, count: int | None, whole: bool = False, single: bool = False) -> None:
        self.count, self.whole, self.single = count, whole, single

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            parts: list[Any] = [int(part) if self.whole else _number(part) for part in value.split(",")]
        except (ValueError, ZeroDivisionError):
            self.fail(f"'{value}' is not {'whole ' if self.whole else ''}numbers with commas.", param, context)
        if self.single and len(parts) == 1:
            return parts[0]
        if self.count is not None and len(parts) != self.count:
            self.fail(f"'{value}' has {len(parts)} numbers, not {self.count}.", param, context)
        return tuple(parts)


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)


class Names(click.ParamType):  # type: ignore[type-arg]
    """Names with commas."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in value.split(","))
        if not all(names) or len(set(names)) != len(names):
            self.fail(f"'{value}' is not a list of different names with commas.", param, context)
        return names


def output_options(function: Any) -> Any:
    function = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(function)
    function = click.option("--force", is_flag=True, help="Replace OUT.onnx if it is there.")(function)
    return click.option(
        "-o", "--out", type=click.Path(path_type=Path), required=True, metavar="OUT.onnx", help="The model to write."
    )(function)


def input_options(function: Any) -> Any:
    """How the network's input is made, from a pipeline file or said here; the keys of a pipeline's `input` block."""
    for option in (
        click.option("--std", type=Numbers(3, single=True), metavar="S|R,G,B", help="Divided by after mean."),
        click.option("--mean", type=Numbers(3, single=True), metavar="M|R,G,B", help="Subtracted after scale."),
        click.option("--scale", metavar="1.0|1/255", help="A pixel is multiplied by it."),
        click.option("--color", type=click.Choice(["bgr", "rgb"]), help="Channels as the network was trained."),
        click.option("--pad", type=click.IntRange(0, 255), metavar="0..255", help="Pixel value around a letterbox."),
        click.option(
            "--resize",
            type=click.Choice(["stretch", "letterbox", "letterbox_top_left"]),
            help="How a picture is fitted into the input.",
        ),
        click.option("--size", type=Numbers(2, whole=True), metavar="W,H", help="The input's size, where it is free."),
        click.option("--model", "model_name", metavar="NAME", help="Which model of the pipeline; needed with several."),
        click.option(
            "--pipeline",
            type=PIPELINE,
            metavar="P.yaml",
            help="Take input and decode from it.",
        ),
    ):
        function = option(function)
    return function


def model_of(pipeline: Path | None, name: str | None) -> ModelBlock | None:
    """The model block of `--pipeline`; raises `ConfigError` for a bad file."""
    if pipeline is None:
        if name is not None:
            raise click.UsageError("--model names a model of a pipeline file; add --pipeline P.yaml")
        return None
    models = load_pipeline(pipeline).config.models
    if name is None and len(models) > 1:
        raise click.UsageError(f"{pipeline} has the models {', '.join(models)}; say which: --model NAME")
    if name is not None and name not in models:
        raise click.UsageError(f"{pipeline} has no model '{name}'; it has {', '.join(models)}")
    return models[name or next(iter(models))]


def input_block(base: ModelBlock | None, said: Mapping[str, Any]) -> InputBlock:
    """The pipeline's input block with what the options say on top; a usage error names the option that is wrong."""
    values = (base.input.model_dump(mode="python") if base else {}) | {k: v for k, v in said.items() if v is not None}
    if isinstance(values.get("scale"), str) and "/" not in values["scale"]:
        try:
            values["scale"] = float(values["scale"])
        except ValueError:
            raise click.UsageError(f"--scale: '{values['scale']}' is not a number; write 1.0 or 1/255") from None
    try:
        return InputBlock.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = f"--{first['loc'][0]}" if first["loc"] else "the input"
        if first["type"] == "missing":
            missing = ", ".join(f"--{entry['loc'][0]}" for entry in error.errors() if entry["type"] == "missing")
            raise click.UsageError(f"say {missing}, or take all from a pipeline file: --pipeline P.yaml") from error
        raise click.UsageError(f"{option}: {first['msg']}, got {first['input']!r}") from error


class Pictures:
    """The pictures of a folder as rows of a network's input, made as the pipeline makes them of a whole frame.

    They are read when asked for. Raises `Misuse` when the folder has none.
    """

    def __init__(self, folder: Path, block: InputBlock) -> None:
        self._preprocess, self._dtype = Preprocessor(block), block.dtype
        if not folder.is_dir():
            raise Misuse(f"{folder} is not a folder of pictures")
        files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
        if not files:
            raise Misuse(f"{folder} holds no pictures (looked for {', '.join(SUFFIXES)}, not in sub-folders)")
        self.files = sorted(files, key=lambda path: natural_key(path.name))

    def readable(self, indices: Iterable[int]) -> list[int]:
        """Those that decode; the others are named on stderr."""
        good = []
        for index in indices:
            if cv2.imread(str(self.files[index])) is None:
                click.echo(f"{self.files[index].name}: skipped, it does not decode", err=True)
            else:
                good.append(index)
        return good

    def row(self, index: int) -> np.ndarray[Any, np.dtype[Any]]:
        image = np.asarray(cv2.imread(str(self.files[index])), np.uint8)
        row = np.empty(self._preprocess.row_shape, self._dtype)
        self._preprocess.write(image, Region((0, 0, image.shape[1], image.shape[0]), "whole frame"), row)
        return row


@contextmanager
def misuse_exits() -> Iterator[None]:
    """What was asked for wrongly ends with exit code 2, in a sentence."""
    try:
        yield
    except Misuse as error:
        click.echo(f"edge-run: {error}", err=True)
        raise click.exceptions.Exit(BAD_USE) from error


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
