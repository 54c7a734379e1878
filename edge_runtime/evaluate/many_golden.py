"""Each of many drives beside the golden of its name."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_runtime.config.block_file import load_block
from edge_runtime.errors import SourceError
from edge_runtime.pipeline.drive import Drive
from edge_runtime.pipeline.replay import ReplayOutcome
from edge_runtime.recording.run_folder import write_whole
from edge_runtime.report.compare_page import compare_page, worth_seeing

from .against import compared, distances_of, drive_pictures
from .golden import open_golden
from .settings_compared import changed_settings
from .tolerances import Tolerances


def golden_for(folder: Path, name: str) -> Path:
    """`NAME.jsonl`, a recording `NAME.mcap` or a run folder `NAME`, also in `drives/`: a replay of many is a golden.

    The path of the first where there is none of them: `compare_with_golden` says so.
    """
    places = [folder / f"{name}.jsonl", folder / f"{name}.mcap", folder / name, folder / "drives" / name]
    return next((place for place in places if place.exists()), places[0])


def compare_with_golden(
    golden: Path,
    drive: Drive,
    outcome: ReplayOutcome,
    *,
    tolerances: Path | None,
    labels: str | None,
    frames: int | None,
    page: Path | None,
) -> dict[str, Any]:
    """The document of the comparison; of one that does not hold, also its `page`. Raises `EdgeRuntimeError`."""
    limits = Tolerances() if tolerances is None else load_block(tolerances, Tolerances)
    opened, distances = open_golden(golden), distances_of(drive, labels)
    found = compared(opened, drive, outcome, limits, distances=distances, frames=frames)
    changes = changed_settings(drive, outcome.summary.config)
    if page is not None and found.broken:
        pictures = drive_pictures(drive, worth_seeing(found))
        write_whole(page, compare_page(found, outcome.drive.name, golden.name, pictures, changes))
    return {
        **found.document(),
        "golden_path": str(golden),
        "changed_settings": None if changes is None else [asdict(change) for change in changes],
        "page": str(page) if page is not None and found.broken else None,
    }


def check_golden(folder: Path | None, tolerances: Path | None) -> None:
    """Raises `SourceError` or `ConfigError` for what no drive could be compared with, before anything starts."""
    if folder is not None and not folder.is_dir():
        fix = "name a folder with NAME.jsonl for each drive, or the folder of an earlier replay of them"
        raise SourceError(f"{folder}: is no folder of goldens\n    {fix}")
    if tolerances is not None:
        load_block(tolerances, Tolerances)
