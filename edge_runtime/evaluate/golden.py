"""The results that a replay is compared with: of a recording, of a run folder, or a file of lines kept for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edge_runtime.core import Decision
from edge_runtime.errors import SourceError
from edge_runtime.pipeline.steering import decision_line
from edge_runtime.recording.documents import encode
from edge_runtime.recording.reader import RecordedResult, Recording
from edge_runtime.recording.run_folder import write_whole

Document = Mapping[str, Any]
DECISIONS = ".decisions.jsonl"
_COLUMNS = ("xyxy", "confidence", "class_name", "track_id")


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """`path` is what was named; lines come from `recording`, or else from the file `results`."""

    path: Path
    recording: Recording | None
    results: Path | None

    def lines(self) -> Iterator[Document]:
        """The lines of results in their order, masks inside. Raises `SourceError` at one that is none."""
        if self.recording is not None:
            return (each.document for each in self.recording.of(RecordedResult))
        assert self.results is not None
        return result_lines(self.results)

    def cameras(self) -> set[str]:
        """Those that have a line; of results in a file all are read for it."""
        if self.recording is not None:
            return set(self.recording.cameras)
        return {line["camera"] for line in self.lines()}

    def decisions(self) -> list[Document] | None:
        """As in `decisions.jsonl`; None where nobody decided."""
        if self.recording is not None:
            return [json.loads(decision_line(each)) for each in self.recording.of(Decision)] or None
        assert self.results is not None
        return decision_lines(self.results)


def open_golden(path: Path) -> Golden:
    """Raises `SourceError` where there are no results."""
    if path.is_dir() and not any(path.glob("*.mcap")):
        return _of_lines(path, _of_run(path))
    if path.is_dir() or path.suffix.lower() == ".mcap":
        return Golden(path, Recording(path), None)
    if not path.is_file():
        fix = "edge-run replay DRIVE --against GOLDEN.jsonl --update-golden writes one"
        raise SourceError(f"no such golden: {path}\n    {fix}")
    return _of_lines(path, path)


def _of_lines(path: Path, results: Path) -> Golden:
    """What is something else altogether is said before hours of replay, not after."""
    next(result_lines(results), None)
    return Golden(path, None, results)


def _of_run(folder: Path) -> Path:
    named: list[str] = []
    try:
        config = yaml.safe_load((folder / "pipeline.yaml").read_text(encoding="utf-8"))
        named = [sink["path"] for sink in config["sinks"] if sink["kind"] == "jsonl"]
    except (OSError, yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError):
        pass  # of a run that was killed early, or a folder of somebody else's
    for path in (folder / name for name in (*named, "detections.jsonl")):
        if path.is_file():
            return path
    raise SourceError(
        f"{folder}: holds neither a recording nor results\n    a run writes them with `sinks: [{{kind: jsonl}}]`"
    )


def result_lines(path: Path) -> Iterator[Document]:
    """The lines of a results file, with the PNG files that they name inside, as in a recording."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                yield _with_masks(_line(text, path, number), path.parent)
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read: {error}") from error


def _line(text: str, path: Path, number: int) -> dict[str, Any]:
    try:
        document = json.loads(text)
        whole = isinstance(document["frame_id"] + document["t_capture_ns"] + document["latency_ms"], int | float)
        whole &= isinstance(document["camera"], str)
        for found in document["stages"].values():
            whole &= len({len(found[column]) for column in _COLUMNS}) == 1
        if whole:
            return dict(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    fix = "name a detections.jsonl, a recording, or a run folder"
    raise SourceError(f"{path}:{number}: is no line of results: {text.strip()[:60]!r}\n    {fix}")


def _with_masks(document: dict[str, Any], folder: Path) -> Document:
    for masks in document.get("masks", {}).values():
        masks["png"] = {
            name: base64.b64encode((folder / png).read_bytes()).decode() if png.endswith(".png") else png
            for name, png in masks["png"].items()
        }
    return document


def decision_lines(results: Path) -> list[Document] | None:
    """The decisions beside a results file: those kept with a golden, or the run folder's."""
    for path in (results.with_suffix(DECISIONS), results.with_name("decisions.jsonl")):
        if path.is_file():
            try:
                return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            except ValueError as error:
                raise SourceError(f"{path}: is no log of decisions: {error}") from error
    return None


def check_updatable(path: Path) -> None:
    """Raises `SourceError` unless a golden may be written there: only over a file of lines, never over a recording."""
    if path.is_dir() or path.suffix.lower() != ".jsonl":
        what = "only a results file is written" + (", no recording and no run folder" if path.exists() else "")
        raise SourceError(f"{path}: {what}\n    name one that ends in .jsonl: --against golden.jsonl --update-golden")
    if not path.parent.is_dir():
        raise SourceError(f"{path}: its folder does not exist\n    mkdir -p {path.parent}")


def check_apart(golden: Golden, out: Path | None) -> None:
    """Raises `SourceError` where the replay would write over what it is to be compared with."""
    if out is not None and golden.results is not None and golden.results.resolve().parent == out.resolve():
        raise SourceError(
            f"{out}: holds the golden, and the replay would write over it\n    choose another with --out DIR"
        )


def write_golden(path: Path, results: Path) -> None:
    """Keep the results of a replay, masks inside, and its decisions beside them."""
    text = b"".join(encode(line) + b"\n" for line in result_lines(results)).decode()
    decisions = decision_lines(results)
    write_whole(path, text)
    kept = path.with_suffix(DECISIONS)
    if decisions is None:
        kept.unlink(missing_ok=True)
    else:
        write_whole(kept, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in decisions))
