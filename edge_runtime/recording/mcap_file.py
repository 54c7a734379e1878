"""One MCAP file being written (mcap.dev/spec), so that whatever ends the program leaves a file that opens.

`mcap` is Foxglove's own library: MIT, pure Python, with LZ4 and Zstandard wheels for aarch64 under it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mcap.writer import CompressionType, Writer

from edge_runtime.errors import SinkError

from . import images
from .cameras import CAMERAS, RecordedCamera, metadata_of
from .documents import encode
from .schemas import image_topic, topics

NS = 1_000_000_000
# A chunk ends when it is so large or so old: what a power cut or `kill -9` costs at most.
CHUNK_BYTES = 4 << 20
CHUNK_NS = NS
FORMAT = "2"
METADATA = "edge_runtime"
PIPELINE, LADDER, SUMMARY = "pipeline.yaml", "ladder.yaml", "summary.json"
# Of a folder of segments: what the governor was told since the run began, copied while it is still being written.
HISTORY = "000000.mcap"


@dataclass(frozen=True, slots=True)
class Opening:
    """What every file of a recording begins with. `unix_origin_ns` is Unix time less monotonic time.

    `first` holds messages that a viewer needs before all others, by topic: a calibration.
    """

    cameras: Mapping[str, RecordedCamera]
    images: str
    unix_origin_ns: int
    about: Mapping[str, str]
    versions: Mapping[str, str]
    models: Mapping[str, str]
    attachments: Mapping[str, bytes]
    first: Mapping[str, bytes] = field(default_factory=dict)


class McapFile:
    """Owned by one thread; `close` may be called twice. Raises `SinkError` when it cannot be made, `OSError` later.

    Messages are handed to the disk in chunks of at most `chunk_ns`, a second as a rule, and each chunk is waited for: a
    device that loses its power loses what came after.
    """

    def __init__(self, path: Path, opening: Opening, t_ns: int, *, chunk_ns: int = CHUNK_NS) -> None:
        self.path, self._chunk_ns = path, chunk_ns
        self._opening = opening
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = path.open("xb")
        except FileExistsError as error:
            raise SinkError(f"{path}: there is a recording already\n    give another name, or remove it") from error
        except OSError as error:
            raise SinkError(f"{path}: cannot be created: {error.strerror}") from error
        # Pictures do not get smaller, and compressing them would cost more than writing them.
        compression = CompressionType.ZSTD if opening.images == "none" else CompressionType.NONE
        self._writer = Writer(self._stream, chunk_size=CHUNK_BYTES, compression=compression)
        self._writer.start(library=f"edge_runtime {opening.versions.get('edge_runtime', '')}")
        self._closed = False
        self._flushed_ns: int = t_ns
        self._sequence: dict[str, int] = {}
        self._begin(t_ns)

    @property
    def size(self) -> int:
        """Bytes so far, but for the chunk being filled."""
        return self.path.stat().st_size if self._closed else self._stream.tell()

    def write(self, topic: str, t_ns: int, data: bytes) -> None:
        """Add a message; `t_ns` is monotonic."""
        sequence = self._sequence[topic] = self._sequence.get(topic, -1) + 1
        t_unix_ns = t_ns + self._opening.unix_origin_ns
        self._writer.add_message(self._channels[topic], t_unix_ns, data, t_unix_ns, sequence)

    def flush(self, now_ns: int, *, at_once: bool = False) -> None:
        """End the chunk if it is old enough and see it onto the disk."""
        if at_once or now_ns - self._flushed_ns >= self._chunk_ns:
            self._flushed_ns = now_ns
            self._writer.flush()
            os.fdatasync(self._stream.fileno())

    def close(self, attachments: Mapping[str, bytes] | None = None) -> None:
        if self._closed:
            return
        self._closed = True
        with self._stream:
            for name, data in (attachments or {}).items():
                self._attach(name, data)
            self._writer.finish()

    def _begin(self, t_ns: int) -> None:
        opening, writer = self._opening, self._writer
        origin = {"format": FORMAT, "unix_origin_ns": str(opening.unix_origin_ns), "images": opening.images}
        writer.add_metadata(METADATA, {**origin, CAMERAS: ",".join(opening.cameras), **opening.about})
        for name, camera in opening.cameras.items():
            writer.add_metadata(metadata_of(name), camera.facts())
        writer.add_metadata("versions", dict(opening.versions))
        writer.add_metadata("models", dict(opening.models))
        self._created_ns = t_ns + opening.unix_origin_ns
        for name, data in opening.attachments.items():
            self._attach(name, data)
        self._channels: dict[str, int] = {}
        for topic, schema in topics(opening.cameras).items():
            schema_id = writer.register_schema(schema["title"], "jsonschema", encode(schema))
            self._channels[topic] = writer.register_channel(topic, "json", schema_id)
        if opening.images != "none":
            name, descriptors = images.schema(raw=opening.images == "raw")
            schema_id = writer.register_schema(name, "protobuf", descriptors)
            for topic in map(image_topic, opening.cameras):
                self._channels[topic] = writer.register_channel(topic, "protobuf", schema_id)
        for topic, data in opening.first.items():
            self.write(topic, t_ns, data)
        writer.flush()

    def _attach(self, name: str, data: bytes) -> None:
        kind = "application/json" if name.endswith(".json") else "application/yaml"
        self._writer.add_attachment(self._created_ns, self._created_ns, name, kind, data)


def summary_attachment(document: Mapping[str, object]) -> dict[str, bytes]:
    return {SUMMARY: json.dumps(document, indent=2, ensure_ascii=False).encode()}
