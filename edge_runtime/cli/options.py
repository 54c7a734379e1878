"""Options and kinds of values that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .command import option
from .set_keys import complete_key
from .values import ByName, FileToRead, FileToWrite, FolderToRead, FolderToWrite, Real, Whole

PATH = click.Path(path_type=Path)
FILE, FOLDER = FileToRead(), FolderToRead()
FILE_TO_WRITE, FOLDER_TO_WRITE = FileToWrite(), FolderToWrite()
RECORDING_TO_WRITE = FileToWrite(".mcap")
PIPELINE = ByName("pipelines")
SECONDS = Real(min=0, min_open=True)
COUNT = Whole(min=1)
FROM_ZERO = Whole(min=0)
SHARE = Real(0, 1)

AS_JSON = option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
SET = option(
    "--set",
    "overrides",
    multiple=True,
    metavar="A.B=C",
    shell_complete=complete_key,
    help="Override a value of the file; repeatable.",
)
CAMERA = option("--camera", metavar="NAME", help="Which of the pipeline's cameras, where it has several.")
FRAMES = option("--frames", type=COUNT, metavar="N", help="Stop after this many frames.")
FAULTS = option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND:K=V,…",
    help="Let something go wrong, as camera_gap:t=5s,d=2s.",
)


def pipeline_options(function: Any) -> Any:
    """What every verb that takes a pipeline understands."""
    return click.argument("pipeline", type=PIPELINE)(SET(AS_JSON(function)))
