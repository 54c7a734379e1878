"""A recording read back: what is in it as values, in the order in which it was written.

Reading goes through the file once and needs no index, so a file that was cut off by a power loss or `kill -9` gives
everything up to its last whole chunk.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from mcap.exceptions import InvalidMagic, McapError
from mcap.reader import make_reader
from mcap.records import Attachment, Channel, Chunk, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import MAGIC_SIZE, CRCValidationError, StreamReader, breakup_chunk
from mcap.summary import Summary
from zstandard import ZstdError

from edge_runtime.core import Decision, FrameKey, TelemetrySample
from edge_runtime.errors import SourceError

from .cameras import RecordedCamera, cameras_of
from .documents import GovernorInputs, decision_from
from .images import Image, StoredPicture
from .mcap_file import FORMAT, HISTORY, LADDER, METADATA, PIPELINE, SUMMARY
from .schemas import DECISION, FRAME, INPUTS, LOG, RESULT, TELEMETRY, image_topic

# What reading on behind the last whole chunk of a cut file raises, from `mcap` and from the packers below it.
_CUT_OFF = (McapError, CRCValidationError, ZstdError, struct.error, ValueError, KeyError, RuntimeError)
_MISSING = "no such recording: {}\n    record one with: edge-run PIPELINE.yaml --record FILE.mcap"


class Stored(Protocol):
    """A picture that is not decoded yet."""

    def decode(self) -> Image:
        """(H, W, 3) uint8 BGR. Raises `SourceError`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RecordedFrame:
    """One frame and what became of it (`fate`, see docs/recording.md). `frame_id` counts the frames of its camera.

    `picture` is None where it was not recorded; `latency_ms`, `point` and `stage_ms` are None unless the frame came
    out of the pipeline, `error` unless it failed.
    """

    frame_id: int
    camera: str
    t_capture_ns: int
    t_stream_ns: int | None
    ego_speed_mps: float | None
    fate: str
    latency_ms: float | None = None
    point: str | None = None
    stage_ms: Mapping[str, float] | None = None
    picture: Stored | None = None
    outages: int = 0
    error: str | None = None

    @property
    def key(self) -> FrameKey:
        return self.camera, self.frame_id

    @property
    def taken_ns(self) -> int:
        """When the pipeline took it up, and looked what the operating point was."""
        return self.t_capture_ns + round(1e6 * (self.stage_ms or {}).get("queue", 0.0))


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """A line of `detections.jsonl`, with its masks inside."""

    document: Mapping[str, Any]

    @property
    def key(self) -> FrameKey:
        return self.document["camera"], self.document["frame_id"]


@dataclass(frozen=True, slots=True)
class LogLine:
    t_ns: int
    level: int
    name: str
    message: str


Entry = RecordedFrame | RecordedResult | TelemetrySample | GovernorInputs | Decision | LogLine
E = TypeVar("E", RecordedFrame, RecordedResult, TelemetrySample, GovernorInputs, Decision, LogLine)

_MAGIC = b"\x89MCAP0\r\n"


class Recording:
    """One MCAP file, or a folder of segments that an event saved. Opening reads the beginning; raises `SourceError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise SourceError(_MISSING.format(path))
        self._files = sorted(path.glob("*.mcap")) if path.is_dir() else [path]
        if not self._files:
            raise SourceError(f"{path}: holds no *.mcap")
        # A history is copied while it grows: that it has no end does not mean that anything is missing.
        self._segments = [file for file in self._files if file.name != HISTORY] if path.is_dir() else self._files
        self._metadata: dict[str, dict[str, str]] = {}
        self._attachments: dict[str, bytes] = {}
        for file in reversed(self._files):
            if METADATA not in self._metadata:
                self._read_beginning(file)
        about = self._metadata.get(METADATA)
        if about is None:
            raise SourceError(f"{path}: {_not_a_recording(self._files)}")
        if int(about["format"]) > int(FORMAT):
            fix = f"install the version that wrote it: {self.versions.get('edge_runtime', 'a newer one')}"
            raise SourceError(f"{path}: was written by a newer edge-run\n    {fix}")
        self.about: Mapping[str, str] = about
        self.cameras: Mapping[str, RecordedCamera] = cameras_of(about, self._metadata)
        self._origin_ns = int(about["unix_origin_ns"])

    @property
    def name(self) -> str:
        return self.about.get("name", self.path.stem)

    @property
    def versions(self) -> Mapping[str, str]:
        return self._metadata.get("versions", {})

    @property
    def models(self) -> Mapping[str, str]:
        """SHA-256 of each network's file, by name."""
        return self._metadata.get("models", {})

    @property
    def pipeline_text(self) -> str:
        """The pipeline it was recorded with, resolved, as YAML. Raises `SourceError` when it is not there any more."""
        if PIPELINE not in self._attachments:
            fix = "name the pipeline to run: --pipeline PIPELINE.yaml"
            raise SourceError(f"{self.path}: was cut off before it said what ran\n    {fix}")
        return self._attachments[PIPELINE].decode()

    @property
    def ladder_text(self) -> str | None:
        """The governor's ladder, None where there was no governor."""
        ladder = self._attachments.get(LADDER)
        return None if ladder is None else ladder.decode()

    @cached_property
    def whole(self) -> bool:
        """Whether every file was closed in order, rather than cut off."""
        return all(_summary(path) is not None for path in self._segments)

    @cached_property
    def pictures(self) -> Mapping[str, int] | None:
        """How many pictures there are of each camera; None where the recording was cut off."""
        counted = dict.fromkeys(self.cameras, 0)
        topics = {image_topic(camera): camera for camera in self.cameras}
        for path in self._segments:
            summary = _summary(path)
            if summary is None or summary.statistics is None:
                return None
            for channel in summary.channels.values():
                if channel.topic in topics:
                    counted[topics[channel.topic]] += summary.statistics.channel_message_counts.get(channel.id, 0)
        return counted

    def summary(self) -> Mapping[str, Any] | None:
        """`summary.json` of the run, None where the recording did not live to see it."""
        with self._files[-1].open("rb") as file:
            try:
                for attachment in make_reader(file).iter_attachments():
                    if attachment.name == SUMMARY:
                        document: Mapping[str, Any] = json.loads(attachment.data)
                        return document
            except _CUT_OFF:
                pass
        return None

    def entries(self) -> Iterator[Entry]:
        """Everything in the order of the file: a decision comes before the frames that ran at it."""
        images, known, decided_ns = {image_topic(camera): camera for camera in self.cameras}, -1, -1
        for path in self._files:
            pictures: dict[str, StoredPicture] = {}
            for topic, schema, message in _messages(path):
                if topic in images:
                    pictures[images[topic]] = StoredPicture(message.data, raw=schema == "foxglove.RawImage")
                    continue
                entry = self._entry(topic, message, pictures)
                if isinstance(entry, RecordedFrame) and entry.picture is not None:
                    del pictures[entry.camera]
                elif isinstance(entry, GovernorInputs):
                    if entry.n <= known:  # the history of a ring has told it already
                        continue
                    known = entry.n
                elif isinstance(entry, Decision):
                    if entry.t_ns <= decided_ns:
                        continue
                    decided_ns = entry.t_ns
                if entry is not None:
                    yield entry

    def of(self, kind: type[E]) -> Iterator[E]:
        """Only the entries of one kind: `recording.of(TelemetrySample)`."""
        return (entry for entry in self.entries() if isinstance(entry, kind))

    def _entry(self, topic: str, message: Message, pictures: Mapping[str, StoredPicture]) -> Entry | None:
        if topic not in (FRAME, RESULT, TELEMETRY, INPUTS, DECISION, LOG):
            return None
        document = json.loads(message.data)
        if topic == FRAME:
            values = {name: document.get(name) for name in ("latency_ms", "point", "stage_ms", "error")}
            common = {name: document[name] for name in _FRAME_FIELDS}
            picture = pictures.get(document["camera"]) if document["picture"] else None
            return RecordedFrame(**common, **values, picture=picture, outages=document.get("outages", 0))
        if topic == RESULT:
            return RecordedResult(document)
        if topic == TELEMETRY:
            return TelemetrySample.from_document(document)
        if topic == INPUTS:
            return GovernorInputs.from_document(document)
        if topic == DECISION:
            return decision_from(document)
        return LogLine(message.log_time - self._origin_ns, document["level"], document["name"], document["message"])

    def _read_beginning(self, path: Path) -> None:
        """Metadata and attachments, which stand before the first chunk."""
        for record in _records(path):
            if isinstance(record, Metadata):
                self._metadata[record.name] = record.metadata
            elif isinstance(record, Attachment):
                self._attachments[record.name] = record.data
            elif isinstance(record, Chunk):
                return


_FRAME_FIELDS = ("frame_id", "camera", "t_capture_ns", "t_stream_ns", "ego_speed_mps", "fate")


def _records(path: Path) -> Iterator[McapRecord]:
    """Records in the order of the file, chunks unopened, up to its end or to where it was cut off."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        end = path.stat().st_size
        try:
            reader = StreamReader(_Whole(file, end), emit_chunks=True)  # type: ignore[arg-type]
            yield from reader.records
        except InvalidMagic as error:
            if file.tell() <= MAGIC_SIZE:
                raise SourceError(f"{path}: is not an MCAP file") from error
        except _CUT_OFF:
            return


class _Whole:
    """A file of which a read gives all that was asked for, or nothing: half a record is none."""

    def __init__(self, file: IO[bytes], end: int) -> None:
        self._file, self._end = file, end

    def read(self, length: int) -> bytes:
        if self._file.tell() + length > self._end:
            return b""
        return self._file.read(length)


def _messages(path: Path) -> Iterator[tuple[str, str, Message]]:
    """Topic, name of the schema, and message."""
    channels: dict[int, Channel] = {}
    schemas: dict[int, str] = {}
    for record in _records(path):
        if not isinstance(record, Chunk):
            continue
        try:
            inside = breakup_chunk(record, validate_crc=True)
        except _CUT_OFF:
            return
        for part in inside:
            if isinstance(part, Message):
                channel = channels[part.channel_id]
                yield channel.topic, schemas[channel.schema_id], part
            elif isinstance(part, Channel):
                channels[part.id] = part
            elif isinstance(part, Schema):
                schemas[part.id] = part.name


def _summary(path: Path) -> Summary | None:
    """The index at the end of a file, None where it was cut off."""
    with path.open("rb") as file:
        try:
            return make_reader(file).get_summary()
        except _CUT_OFF:
            return None


def _not_a_recording(files: Sequence[Path]) -> str:
    """What files are in which nothing of a recording is to be found."""
    with files[-1].open("rb") as file:
        begins = file.read(MAGIC_SIZE)
    if not begins:
        return "is empty (0 bytes)\n    the copy or the recording failed; fetch the file again"
    if begins != _MAGIC:
        return "is no MCAP file"
    return "is an MCAP file, but not a recording of edge-run"
