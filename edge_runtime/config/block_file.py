"""A YAML file that is one block: a ladder, a plant, a scenario; read and refused as a pipeline file is."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from edge_runtime.errors import ConfigError

from . import yaml_source
from .explain import explain
from .schema import Block
from .shipped import Kind, meant

B = TypeVar("B", bound=Block)


def load_block(path: Path | str, kind: type[B], ships_as: Kind | None = None) -> B:
    """The file as a frozen `kind`; raises ConfigError with every mistake, each at its line.

    Where some that ship go by name, `ships_as` says which.
    """
    path = path if ships_as is None else meant(ships_as, str(path)) or path
    document = yaml_source.read(path, ships_as)
    problems, block = list(document.problems), None
    try:
        block = kind.model_validate(document.data)
    except ValidationError as error:
        problems += explain(error.errors(include_url=False), document, kind)
    if problems or block is None:
        raise ConfigError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return block
