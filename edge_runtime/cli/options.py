"""Kinds of option values that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from edge_runtime.config.shipped import Kind, meant, shipped


class ByName(click.Path):
    """A file, or the name of one that ships. A name that is neither is left for the reader of the file to answer."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(path_type=Path)
        self._kind: Kind = kind

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Path:
        path = Path(str(super().convert(value, param, context)))
        return meant(self._kind, str(path)) or path

    def shell_complete(self, context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name) for name in shipped(self._kind) if name.startswith(incomplete)]
        return [*names, *super().shell_complete(context, param, incomplete)]


class FileToWrite(click.Path):
    """A file that will be written at the end of long work: its folder must be there at the beginning."""

    name = "file"

    def __init__(self, ending: str = "") -> None:
        super().__init__(path_type=Path, dir_okay=False)
        self._ending = ending

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Path:
        path = Path(str(super().convert(value, param, context)))
        if not path.name.lower().endswith(self._ending):
            fix = f"Write: {path.with_suffix(self._ending)}"
            self.fail(f"'{value}' does not end in {self._ending}. {fix}", param, context)
        if not path.parent.is_dir():
            self.fail(f"the folder {path.parent} does not exist. Run: mkdir -p {path.parent}", param, context)
        return path


FILE_TO_WRITE = FileToWrite()
RECORDING_TO_WRITE = FileToWrite(".mcap")
PIPELINE = ByName("pipelines")
CAMERA = click.option("--camera", metavar="NAME", help="Which of the pipeline's cameras, where it has several.")
FAULTS = click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND:KEY=VALUE,…",
    help="Let something go wrong, such as camera_gap:t=5s,d=2s; may be repeated (docs/faults.md).",
)
