"""The recorder that a pipeline file asks for, and what its files begin with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from edge_runtime.config.schema import CalibrationBlock, PipelineConfig
from edge_runtime.core import ClassTable, Clock
from edge_runtime.core.clock import unix_ns
from edge_runtime.recording import schemas
from edge_runtime.recording.cameras import RecordedCamera
from edge_runtime.recording.documents import calibration_document, encode
from edge_runtime.recording.mcap_file import LADDER, PIPELINE, Opening
from edge_runtime.recording.ring import open_target
from edge_runtime.recording.run_folder import versions
from edge_runtime.sources.base import SourceInfo

from .camera_pose import calibration
from .recorder import Recorder


def open_recorder(
    config: PipelineConfig,
    document: Mapping[str, Any],
    folder: Path,
    infos: Mapping[str, SourceInfo],
    clock: Clock,
    *,
    classes: ClassTable,
    shown: tuple[str, ...],
    waits: bool,
    instead: Mapping[str, str],
) -> Recorder | None:
    """The recorder that a pipeline file asks for; `document` is its configuration without secrets, `infos` say what
    the source of each camera knows.

    Raises `SinkError` when nothing can be written.
    """
    block = config.record
    if block is None:
        return None
    now_ns, started_ns = clock.now_ns(), unix_ns()
    cameras = {source.camera: _recorded(infos[source.camera], calibration(source)) for source in config.cameras}
    attachments = {PIPELINE: yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True).encode()}
    if config.governor is not None:
        attachments[LADDER] = config.governor.ladder.read_bytes()
    opening = Opening(
        cameras=cameras,
        images=block.images,
        unix_origin_ns=started_ns - now_ns,
        about={"name": config.name, "shown": ",".join(shown)},
        versions=versions(),
        models={name: _sha256(model.onnx) for name, model in config.models.items() if model.onnx.exists()},
        attachments=attachments,
        first=_calibrations(cameras, started_ns),
    )
    path = folder / block.path
    target = open_target(path, opening, now_ns, keep_seconds=block.keep_seconds, max_gb=block.max_gb)
    return Recorder(target, opening, block, clock, classes=classes, shown=shown, waits=waits, instead=instead)


def _recorded(info: SourceInfo, known: CalibrationBlock | None) -> RecordedCamera:
    sized = info.width and info.height
    return RecordedCamera(info.fps, info.width if sized else None, info.height if sized else None, known)


def _calibrations(cameras: Mapping[str, RecordedCamera], t_unix_ns: int) -> dict[str, bytes]:
    """The message of each camera whose calibration and size are known, by topic."""
    return {
        schemas.calibration_topic(name): encode(
            calibration_document(camera.calibration, name, (camera.width, camera.height), t_unix_ns)
        )
        for name, camera in cameras.items()
        if camera.calibration is not None and camera.width is not None and camera.height is not None
    }


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
