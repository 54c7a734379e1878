"""Kinds of option values that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class FileToWrite(click.Path):
    """A file that will be written at the end of long work: its folder must be there at the beginning."""

    name = "file"

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Path:
        path = Path(str(super().convert(value, param, context)))
        if not path.parent.is_dir():
            self.fail(f"the folder {path.parent} does not exist. Run: mkdir -p {path.parent}", param, context)
        return path


FILE_TO_WRITE = FileToWrite()
FAULTS = click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND:KEY=VALUE,…",
    help="Let something go wrong, such as camera_gap:t=5s,d=2s; may be repeated (docs/faults.md).",
)
