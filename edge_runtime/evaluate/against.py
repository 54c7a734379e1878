"""A replay beside its golden: frames paired, decisions compared, distances looked up in labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from edge_runtime.config.schema import SimulationSource
from edge_runtime.config.words import either
from edge_runtime.core import FrameKey
from edge_runtime.errors import LabelError, RunError
from edge_runtime.pipeline.drive import Drive
from edge_runtime.pipeline.replay import ReplayOutcome
from edge_runtime.recording.documents import GovernorInputs
from edge_runtime.recording.reader import RecordedFrame
from edge_runtime.vision.nms import iou_matrix

from .compare import Comparer, Comparison, Distances
from .compare_checks import Decisions, Document
from .golden import Golden, decision_lines, result_lines
from .labels import read_labels
from .matching import Values
from .placing import Image, label_numbers
from .rules import Bands
from .side_by_side import side_by_side
from .tolerances import Tolerances

Order = Callable[[Document], int]
STRICT = Tolerances()
SIMULATION = "simulation"


def compared(
    golden: Golden,
    drive: Drive,
    outcome: ReplayOutcome,
    tolerances: Tolerances = STRICT,
    *,
    distances: Distances | None = None,
    frames: int | None = None,
) -> Comparison:
    """The results of a replay against a golden. `frames` says that the replay was told to end after so many.

    Raises `SourceError` when a line of either is none, `RunError` when they have no stage in common.
    """
    live = outcome.clock == "live"
    comparer = Comparer(_stage(golden, outcome), tolerances, Bands(), distances)
    then, camera_then = _golden_lines(golden, drive), _golden_camera(golden, drive)
    if frames is not None and not live:
        last = _last_ids(outcome)
        then = (line for line in then if line["frame_id"] <= last.get(camera_then(line), -1))
    golden_order, now_order = _live_order(golden, drive, outcome) if live else (_frame_id, _frame_id)

    def golden_key(line: Document) -> tuple[str, int]:
        return camera_then(line), golden_order(line)

    def now_key(line: Document) -> tuple[str, int]:
        return line["camera"], now_order(line)

    for one, other in side_by_side(then, result_lines(outcome.results), golden_key, now_key):
        comparer.see(one, other)
    decisions = _decisions(golden, drive, outcome, cut_short=frames is not None)
    budgets = outcome.summary.document()["budgets"]
    return comparer.comparison(decisions, live=live, whole=frames is None, budgets=budgets)


def _golden_lines(golden: Golden, drive: Drive) -> Iterator[Document]:
    """All of them; where only one camera of a recording is replayed, those of that one."""
    lines = golden.lines()
    if drive.recording is None or len(drive.infos) == len(drive.recording.cameras):
        return lines
    return (line for line in lines if line["camera"] in drive.infos)


def _golden_camera(golden: Golden, drive: Drive) -> Callable[[Document], str]:
    """The camera of the drive that a line of the golden belongs to. Where both have one only, its name is no matter."""
    (only, *others), first = drive.infos, next(iter(golden.lines()), None)
    if others or first is None or first["camera"] == only or len(golden.cameras()) > 1:
        return _camera
    return lambda line: only


def _camera(line: Document) -> str:
    return str(line["camera"])


def _frame_id(line: Document) -> int:
    return int(line["frame_id"])


def _last_ids(outcome: ReplayOutcome) -> dict[str, int]:
    """The last frame of each camera that came out: ids rise."""
    return {line["camera"]: line["frame_id"] for line in result_lines(outcome.results)}


def _stage(golden: Golden, outcome: ReplayOutcome) -> str:
    """The last stage of both that reports boxes: it has the final word."""
    then, now = _stages(golden.lines()), _stages(result_lines(outcome.results))
    both = [name for name in now if name in then]
    if both or not then or not now:  # where every frame failed, there is none to name
        return (both or then or now or ["objects"])[-1]
    raise RunError(
        f"the golden {golden.path} has the stages {', '.join(then)}, the replay {', '.join(now)}: "
        "none to compare\n    name a stage of the pipeline as in the golden, or write a new golden: --update-golden"
    )


def _stages(lines: Iterable[Document]) -> list[str]:
    return next((list(line["stages"]) for line in lines if line["stages"]), [])


def _live_order(golden: Golden, drive: Drive, outcome: ReplayOutcome) -> tuple[Order, Order]:
    """Live frames are counted anew; the time in the drive says which is which.

    A golden of the drive itself has it as the time since its first picture, one of a live replay as `t_stream_ns`.
    """
    now = {line.get("t_stream_ns") for line in result_lines(outcome.results)}
    lines = [(line["t_capture_ns"], line.get("t_stream_ns")) for line in golden.lines()]
    first_ns = drive.first_ns or 0
    from_capture = sum(capture - first_ns in now for capture, _ in lines)
    from_stream = sum(stream is not None and stream in now for _, stream in lines)

    def since_first(line: Document) -> int:
        return int(line["t_capture_ns"]) - first_ns

    return (_stream_time if from_stream > from_capture else since_first), _stream_time


def _stream_time(line: Document) -> int:
    return int(line["t_stream_ns"] or 0)


def _decisions(golden: Golden, drive: Drive, outcome: ReplayOutcome, *, cut_short: bool) -> Decisions:
    account = outcome.decisions
    if account is None:
        return Decisions(None, "live, the governor steers by what it sees now: decisions are not compared")
    if not account.from_beginning:
        return Decisions(None, "the drive begins in the middle, where a governor's memory is not known: not compared")
    then, now = golden.decisions(), decision_lines(outcome.results)
    if not then or not now:
        word = "neither has" if not then and not now else f"{'the golden' if not then else 'the replay'} has no"
        return Decisions(None, f"{word} decisions to compare")
    if cut_short:
        then = list(islice(then, len(now)))
    pairs = list(zip(then, now, strict=False))
    place = next((number for number, (one, other) in enumerate(pairs) if one != other), None)
    if place is None and len(then) == len(now):
        return Decisions(True, f"all {len(now)} decisions are those of the golden")
    if place is None:
        return Decisions(False, f"{len(now)} decisions, the golden has {len(then)}")
    differing = sum(one != other for one, other in pairs)
    one, other = pairs[place]
    inputs = next((each for each in _inputs(drive) if each.t_ns == one["t_ns"]), None)
    first = {
        "n": place,
        "t_ns": one["t_ns"],
        "inputs": None if inputs is None else inputs.document(),
        "golden": one,
        "now": other,
    }
    told = f"{differing} of {len(pairs)} decisions differ, first number {place}: {one['reason']} / {other['reason']}"
    return Decisions(False, told, first)


def _inputs(drive: Drive) -> Iterator[GovernorInputs]:
    return (entry for entry in drive.entries() if isinstance(entry, GovernorInputs))


def distances_of(drive: Drive, labels: str | None) -> Distances | None:
    """How far objects are, from a COCO file, or from the simulation that was recorded (25 ms a frame)."""
    if labels is None:
        return None
    if labels != SIMULATION:
        return _labelled(drive, Path(labels))
    recorded: Any = {} if drive.recording is None else yaml.safe_load(drive.recording.pipeline_text)
    blocks = recorded.get("sources") or [recorded.get("source") or {}]
    if any(block.get("kind") != "simulation" for block in blocks):
        raise LabelError(f"{drive.path}: is no recording of a simulated drive\n    --labels names a COCO JSON file")
    return _of_cameras({block.camera: _simulated(block) for block in map(SimulationSource.model_validate, blocks)})


def _of_cameras(of: Mapping[str, Callable[[int, Values], Values]]) -> Distances:
    def distances(key: FrameKey, xyxy: Values) -> Values:
        camera, frame_id = key
        return of[camera](frame_id, xyxy)

    return distances


def _simulated(source: SimulationSource) -> Callable[[int, Values], Values]:
    from edge_runtime.sources.simulation import Drive as SimulatedDrive

    drive = SimulatedDrive(source)
    known: dict[int, tuple[Values, Values]] = {}

    def distances(frame_id: int, xyxy: Values) -> Values:
        if frame_id not in known:
            known.clear()  # frames come in their order
            labels = drive.labels(frame_id % drive.pictures)
            boxes = np.array([label.xyxy for label in labels], np.float64).reshape(-1, 4)
            known[frame_id] = boxes, np.array([label.distance_m for label in labels], np.float64)
        return _nearest(xyxy, *known[frame_id])

    return distances


def _labelled(drive: Drive, path: Path) -> Distances:
    labels = read_labels(path)
    block, *others = drive.blocks
    if others:
        names = either(drive.infos, "and")
        raise LabelError(f"{path}: labels one camera, and the drive has {names}\n    name one: --camera {block.camera}")
    placed, _ = label_numbers(labels, block)
    objects = labels.objects
    if np.isnan(objects.distance_m).all():
        raise LabelError(f"{path}: no annotation has distance_m, and distances are what --labels is for here")

    def distances(key: FrameKey, xyxy: Values) -> Values:
        mine = objects.picture == placed.get(key[1], -1)
        return _nearest(xyxy, objects.xyxy[mine], objects.distance_m[mine])

    return distances


def _nearest(xyxy: Values, labelled: Values, distance_m: Values) -> Values:
    """The distance of the labelled object that a box fits best, NaN where it fits none."""
    if not len(labelled):
        return np.full(len(xyxy), np.nan)
    overlap = iou_matrix(xyxy, labelled)
    best = overlap.argmax(axis=1)
    return np.where(overlap.max(axis=1) >= 0.3, distance_m[best], np.nan)


def drive_pictures(drive: Drive, wanted: Iterable[FrameKey]) -> dict[FrameKey, Image]:
    """Pictures of a drive by camera and frame id; the drive is read once more, up to the last of them."""
    left, found = set(wanted), dict[FrameKey, Image]()
    if not left:
        return {}
    for entry in drive.entries():
        if isinstance(entry, RecordedFrame) and entry.key in left and entry.picture is not None:
            found[entry.key] = entry.picture.decode()
            left.remove(entry.key)
            if not left:
                break
    return found
