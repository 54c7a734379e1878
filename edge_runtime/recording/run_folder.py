"""The folder of one run: results, summary, the resolved pipeline and the versions it ran with."""

from __future__ import annotations

import faulthandler
import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from edge_runtime.errors import RunError
from edge_runtime.version import VERSION


def create_run_folder(name: str, out: Path | None, now: datetime) -> Path:
    """Make `out`, or `runs/NAME-TIME` under the current directory, and see that it can be written.

    Raises `RunError` naming the folder and what to type.
    """
    folder = out or Path("runs") / f"{name}-{now:%Y%m%d-%H%M%S}"
    try:
        if out is None:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder = _first_free(folder)
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"cannot write to the run folder {folder}: {reason}. Choose another with --out DIR") from error
    return folder.resolve()


def newest_run(folder: Path = Path("runs")) -> Path:
    """The run that began last of those in `folder`. Raises `RunError` when there is none."""
    runs = [path.parent for path in folder.glob("*/pipeline.yaml")]
    if not runs:
        raise RunError(f"no run in {folder}/ here: name its folder, or a recording")
    return max(runs, key=lambda run: (run / "pipeline.yaml").stat().st_mtime_ns)


def _first_free(folder: Path) -> Path:
    """Two runs that start in the same second get folders of their own."""
    candidate, n = folder, 1
    while True:
        try:
            candidate.mkdir()
            return candidate
        except FileExistsError:
            n += 1
            candidate = folder.with_name(f"{folder.name}-{n}")


def versions() -> dict[str, str]:
    """What the run depended on, by distribution name; those not installed are left out."""
    found = {"edge_runtime": VERSION, "python": platform.python_version(), "platform": platform.platform()}
    import cv2  # the module, since a Jetson's own OpenCV has no distribution metadata

    found["opencv"] = cv2.__version__
    for name in ("numpy", "onnxruntime", "tensorrt", "trackforge"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_pipeline(folder: Path, document: Mapping[str, Any]) -> None:
    """Write the resolved pipeline as `pipeline.yaml`; it runs again as it is.

    Only its owner may read it, since a camera's address may hold a password.
    """
    text = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)
    write_whole(folder / "pipeline.yaml", text, mode=0o600)


def write_summary(folder: Path, document: Mapping[str, Any]) -> None:
    write_whole(folder / "summary.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_stacks(folder: Path) -> None:
    """Where every thread stands, as `stuck.txt`: for whoever looks into why a network hangs."""
    with suppress(OSError), (folder / "stuck.txt").open("w", encoding="utf-8") as file:
        faulthandler.dump_traceback(file, all_threads=True)


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old content or the new, never a part. Raises `RunError`."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.touch(mode)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
