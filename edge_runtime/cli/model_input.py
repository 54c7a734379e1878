"""A network's input and pictures for it, as a pipeline file or options say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
