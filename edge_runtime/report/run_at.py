"""A run by its path: a run folder, a recording, or a folder of segments that an event saved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from edge_runtime.errors import ConfigError, Problem
from edge_runtime.recording.reader import Recording

from .folder_pictures import with_folder_stills
from .recorded_pictures import recorded_pictures
from .recorded_run import read_recording
from .run_files import is_run, read_run
from .run_pictures import with_stills
from .story import RunStory

_EVALUATE = "write one: edge-run eval PIPELINE.yaml --labels COCO.json --json > FILE.json"
_FIX = "name the folder that `edge-run PIPELINE.yaml` wrote, or a recording (FILE.mcap)"


def read_story(path: Path) -> RunStory:
    """What a run tells but its pictures. Raises `ConfigError` or `SourceError` where there is none."""
    if is_run(path):
        return read_run(path)
    if _is_recording(path):
        return read_recording(Recording(path))
    if not path.exists():
        what = "no such file or folder"
    elif path.is_dir():
        what = "is no run folder: it holds neither summary.json nor a recording"
    else:
        what = "is neither a run folder nor a recording"
    raise ConfigError([Problem("", what, _FIX, str(path))])


def add_stills(story: RunStory, path: Path) -> RunStory:
    """The story of `read_story` with its pictures."""
    if is_run(path):
        return with_folder_stills(story, path)
    return with_stills(story, [recorded_pictures(Recording(path))], "no picture of these frames was recorded.")


def add_evaluation(story: RunStory, path: Path) -> RunStory:
    """The story with the recall of an evaluation. Raises `ConfigError` where the file is none of `eval --json`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        distances = document["recall_by_distance"]
    except OSError as error:
        raise ConfigError([Problem("", f"cannot be read: {error.strerror}", _EVALUATE, str(path))]) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError([Problem("", "is no document of an evaluation", _EVALUATE, str(path))]) from error
    if not distances:
        raise ConfigError([Problem("", "its labels have no distance_m, and recall is shown over that", "", str(path))])
    return replace(story, evaluation=document)


def page_beside(path: Path) -> Path:
    """Where the page of a run lies when nothing else is said: in its folder, or beside the recording."""
    return path / "report.html" if path.is_dir() else path.with_suffix(".html")


def _is_recording(path: Path) -> bool:
    return (path.is_file() and path.suffix.lower() == ".mcap") or (path.is_dir() and any(path.glob("*.mcap")))
