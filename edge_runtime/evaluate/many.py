"""Many drives replayed: one task a drive, each outcome a document that is kept, so that a broken-off night goes on.

    OUT/drives/NAME/        the run folder of a drive: detections.jsonl, summary.json, …
    OUT/drives/NAME.json    its document, written when it is over; `key` and `made_of` say what it was made from

A task runs anywhere: in a process of this machine or on another one (`many_workers`). A worker that sees the same disk
writes into the run folder itself; another one sends results back, masks included. Frames are never sent.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import cv2

from edge_runtime.config.drive_sources import DriveSources
from edge_runtime.config.load import LoadedPipeline, load_pipeline
from edge_runtime.core import SystemClock
from edge_runtime.errors import ConfigError, EdgeRuntimeError
from edge_runtime.pipeline.drive import open_drive
from edge_runtime.pipeline.replay import ClockKind, pipeline_of, replay
from edge_runtime.recording.run_folder import create_run_folder, write_whole
from edge_runtime.version import VERSION

from .many_files import digest, identity, is_url, local_copy, names_of
from .many_golden import check_golden, compare_with_golden, golden_for

Document = dict[str, Any]
SENT = (".json", ".jsonl", ".yaml", ".png", ".html")
PAGE = "changed.html"
DISK = ".disk"
_LOOKED_AT = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of every drive: the options of `edge-run replay`. Paths in them start from `folder`.

    `against` is a folder with a golden for each drive. With `pages` each comparison that does not hold gets a page in
    the drive's run folder.
    """

    pipeline: Path | None = None
    overrides: tuple[str, ...] = ()
    clock: ClockKind = "virtual"
    frames: int | None = None
    camera: str | None = None
    faults: tuple[str, ...] = ()
    against: Path | None = None
    tolerances: Path | None = None
    labels: str | None = None
    pages: bool = False
    folder: Path = field(default_factory=Path.cwd)


@dataclass(frozen=True, slots=True)
class Task:
    """One drive to replay into `out`. `disk` is what `DISK` beside it says, where the disk is that of who asked.

    `version` stands first, so that a worker of another version still reads it.
    """

    version: str
    name: str
    drive: str
    key: str
    out: Path
    disk: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class Done:
    """What comes back: the document, and the packed results of the run folder where the disk is another one."""

    task: Task
    document: Document
    files: Mapping[str, bytes] = field(default_factory=dict)


Workers = Callable[[Sequence[Task]], Generator[Done, None, None]]
Told = Callable[[Document, bool], None]


def check(asked: Asked, drives: Sequence[str]) -> None:
    """Raises `EdgeRuntimeError` for what no drive could be replayed with, before anything starts."""
    check_golden(asked.against, asked.tolerances)
    if asked.pipeline is not None:
        load_pipeline(asked.pipeline, asked.overrides, asked.faults, runs=False, drive=DriveSources.any())
        return
    # Each recording has its own pipeline. Only what fits none of the first ones is a slip of who typed it.
    flaw: ConfigError | None = None
    for path in [Path(drive) for drive in drives if not is_url(drive)][:_LOOKED_AT]:
        try:
            with pipeline_of(open_drive(path, camera=asked.camera), None, asked.overrides, asked.faults):
                return
        except ConfigError as error:
            flaw = flaw or error
        except EdgeRuntimeError:
            continue
    if flaw is not None:
        raise flaw


def tasks_of(drives: Sequence[str], asked: Asked, out: Path | None) -> list[Task]:
    """One task a drive, in their order, under `out` or `runs/replays-TIME`. Raises `EdgeRuntimeError`."""
    names = names_of(drives)
    folder = create_run_folder("drives", None if out is None else out / "drives", datetime.now())
    if out is None:
        folder = create_run_folder("drives", folder / "drives", datetime.now())
    disk = uuid4().hex
    write_whole(folder / DISK, disk)
    absolute = [drive if is_url(drive) else str(Path(drive).absolute()) for drive in drives]
    return [
        Task(VERSION, name, drive, _key(name, drive, asked), folder / name, disk, asked)
        for name, drive in zip(names, absolute, strict=True)
    ]


def replay_many(
    tasks: Sequence[Task], workers: Workers, *, resume: bool = False, told: Told = lambda document, kept: None
) -> list[Document]:
    """Replay all, and return the documents in the order of the tasks; `told` hears of each as it is over.

    With `resume` a drive whose document was made from what is there now is kept; one that failed is tried again.
    """
    documents: dict[str, Document] = {}
    for task in tasks:
        if resume and (kept := _kept(task)) is not None:
            documents[task.name] = kept
            told(kept, True)
    with closing(workers([task for task in tasks if task.name not in documents])) as outcomes:
        for done in outcomes:
            _keep(done)
            documents[done.task.name] = done.document
            told(done.document, False)
    return [documents[task.name] for task in tasks]


def replay_one(task: Task) -> Done:
    """The work of a worker. Whatever is wrong with a drive stands in its document, and the others go on."""
    if task.version != VERSION:
        reason = f"the worker has edge-runtime {VERSION}, whoever asked has {task.version}: install one on all machines"
        return Done(task, failed(task, reason))
    clock = SystemClock()
    began_ns = clock.now_ns()
    cv2.setNumThreads(1)  # workers share the cores, and OpenCV would take all of them for each
    with ExitStack() as owner:
        here = _sees_the_disk(task)
        folder = task.out if here else Path(owner.enter_context(TemporaryDirectory(prefix="edge-run-"))) / task.name
        document = failed(task, None)
        try:
            document |= _replayed(task, folder)
        except EdgeRuntimeError as error:
            document["error"] = str(error)
        except Exception as error:  # a file may be broken in ways that nobody foresaw; it is one row of a thousand
            document["error"] = f"{type(error).__name__}: {error}"
        document["seconds"] = round((clock.now_ns() - began_ns) / 1e9, 3)
        if here:
            return Done(task, document)
        there = _moved(document, folder, task.out)
        return Done(task, there, _packed(folder, task.out))


def failed(task: Task, error: str | None) -> Document:
    """The document of a drive of which nothing is known but this."""
    return {
        "name": task.name,
        "drive": task.drive,
        "key": task.key,
        "made_of": {},
        "error": error,
        "seconds": None,
        "replay": None,
        "against": None,
    }


def _replayed(task: Task, folder: Path) -> Document:
    asked = task.asked
    if asked.folder.is_dir():
        os.chdir(asked.folder)
    with local_copy(task.drive) as path:
        drive = open_drive(path, camera=asked.camera)
        with pipeline_of(drive, asked.pipeline, asked.overrides, asked.faults) as loaded:
            made_of = {str(file): digest(file) for file in _files_of(loaded)}
            outcome = replay(drive, loaded, clock=asked.clock, out=folder, frames=asked.frames)
        against = None
        if asked.against is not None and outcome.summary.error is None:
            golden = golden_for(asked.against, task.name)
            against = compare_with_golden(
                golden,
                drive,
                outcome,
                tolerances=asked.tolerances,
                labels=asked.labels,
                frames=asked.frames,
                page=folder / PAGE if asked.pages else None,
            )
    return {
        # A ladder that was taken out of the recording is gone by now: it is part of the drive.
        "made_of": {file: read for file, read in made_of.items() if Path(file).exists()},
        "error": outcome.summary.error,
        "replay": outcome.document() | {"drive": task.drive},
        "against": against,
    }


def _files_of(loaded: LoadedPipeline) -> list[Path]:
    config = loaded.config
    files = [model.onnx for model in config.models.values()]
    if config.governor is not None:
        files.append(config.governor.ladder)
    return [*files, loaded.path] if loaded.path.is_file() else files


def _key(name: str, drive: str, asked: Asked) -> str:
    """The drive, what is wanted of it and its golden; what is in the files of the pipeline is in `made_of`."""
    wanted = asdict(asked) | {"drive": identity(drive), "version": VERSION}
    if asked.pipeline is not None:
        wanted["pipeline"] = asked.folder / asked.pipeline
    del wanted["pages"]  # what is kept is not replayed for a page
    if not asked.overrides:  # paths in overrides start from it; all others are looked into
        del wanted["folder"]
    if asked.against is not None:
        wanted["golden"] = identity(str(golden_for(asked.against, name)))
    if asked.tolerances is not None:
        wanted["limits"] = digest(asked.tolerances)
    return hashlib.sha256(json.dumps(wanted, sort_keys=True, default=str).encode()).hexdigest()


def _kept(task: Task) -> Document | None:
    try:
        document: Document = json.loads(_document_path(task).read_text(encoding="utf-8"))
        same = document["key"] == task.key and document["error"] is None and document["replay"] is not None
        same = same and Path(document["replay"]["results"]).is_file()
        same = same and all(digest(Path(file)) == then for file, then in document["made_of"].items())
    except (OSError, ValueError, KeyError, TypeError):  # not there, cut off, or of another version: made anew
        return None
    return document if same else None


def _keep(done: Done) -> None:
    for name, packed in done.files.items():
        path = done.task.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zlib.decompress(packed))
    write_whole(_document_path(done.task), json.dumps(done.document, indent=2, ensure_ascii=False) + "\n")


def _document_path(task: Task) -> Path:
    return task.out.with_name(f"{task.name}.json")


def _sees_the_disk(task: Task) -> bool:
    try:
        return (task.out.parent / DISK).read_text(encoding="utf-8") == task.disk
    except OSError:
        return False


def _packed(folder: Path, home: Path) -> dict[str, bytes]:
    """The results in a run folder, as they will be at `home`."""
    packed = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in SENT and path.is_file():
            data = path.read_bytes()
            if path.suffix in (".json", ".yaml"):
                data = data.replace(str(folder).encode(), str(home).encode())
            packed[str(path.relative_to(folder))] = zlib.compress(data)
    return packed


def _moved(document: Document, folder: Path, home: Path) -> Document:
    """The document, naming the run folder where it will be, and what of it was left behind."""
    moved: Document = json.loads(json.dumps(document).replace(str(folder), str(home)))
    left = sorted(
        {path.suffix or path.name for path in folder.rglob("*") if path.is_file() and path.suffix not in SENT}
    )
    if left and moved["replay"] is not None:
        moved["replay"]["summary"]["warnings"].append(f"left on the machine that made them: {', '.join(left)} files")
    return moved
