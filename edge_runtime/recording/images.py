"""Pictures as the protobuf messages `foxglove.CompressedImage` and `foxglove.RawImage`, written and read.

Everything else in a recording is JSON; a picture in JSON would be base64 and a third larger. The two messages are flat,
so the little of protobuf's encoding that they take stands here (protobuf.dev/programming-guides/encoding) and no
protobuf library is needed on a board. Fields and numbers: docs.foxglove.dev/docs/visualization/message-schemas.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.errors import SourceError

NS = 1_000_000_000
JPEG_QUALITY = 90
Image = npt.NDArray[np.uint8]

# Wire types, and the types of fields as descriptor.proto numbers them.
_VARINT, _LENGTH, _FIXED32 = 0, 2, 5
_INT64, _INT32, _FIXED, _STRING, _MESSAGE, _BYTES = 3, 5, 7, 9, 11, 12

_TIME = {"seconds": (1, _INT64), "nanos": (2, _INT32)}
_COMPRESSED = {"timestamp": (1, _MESSAGE), "data": (2, _BYTES), "format": (3, _STRING), "frame_id": (4, _STRING)}
_RAW = {
    "timestamp": (1, _MESSAGE),
    "width": (2, _FIXED),
    "height": (3, _FIXED),
    "encoding": (4, _STRING),
    "step": (5, _FIXED),
    "data": (6, _BYTES),
    "frame_id": (7, _STRING),
}
Fields = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class StoredPicture:
    """A picture as it lies in the file; `decode` may be called on any thread."""

    message: bytes
    raw: bool

    def decode(self) -> Image:
        """(H, W, 3) uint8 BGR. Raises `SourceError` for a message that is no picture."""
        try:
            values = _read(self.message)
            data = values[_RAW["data"][0] if self.raw else _COMPRESSED["data"][0]]
            flat = np.frombuffer(data, np.uint8)
            if self.raw:
                return np.array(flat.reshape(values[_RAW["height"][0]], values[_RAW["width"][0]], 3))
            image = cv2.imdecode(flat, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        except (KeyError, IndexError, TypeError, ValueError, struct.error, cv2.error) as error:
            raise SourceError(f"a recorded picture cannot be read: {error}") from error
        if image is None:
            raise SourceError("a recorded picture does not decode")
        return np.asarray(image, np.uint8)


def jpeg_message(image: Image, camera: str, t_unix_ns: int) -> bytes:
    """`foxglove.CompressedImage`."""
    _, jpeg = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return b"".join([_time(t_unix_ns), *_bytes(2, jpeg.data), *_bytes(3, b"jpeg"), *_bytes(4, camera.encode())])


def raw_message(image: Image, camera: str, t_unix_ns: int) -> bytes:
    """`foxglove.RawImage` in bgr8."""
    height, width = image.shape[:2]
    return b"".join(
        [
            _time(t_unix_ns),
            _fixed(2, width),
            _fixed(3, height),
            *_bytes(4, b"bgr8"),
            _fixed(5, 3 * width),
            *_bytes(6, np.ascontiguousarray(image).data.cast("B")),
            *_bytes(7, camera.encode()),
        ]
    )


def schema(raw: bool) -> tuple[str, bytes]:
    """Name and FileDescriptorSet of the message, as an MCAP schema of encoding `protobuf` holds it."""
    name, fields = ("RawImage", _RAW) if raw else ("CompressedImage", _COMPRESSED)
    time_file = "google/protobuf/timestamp.proto"
    files = (
        _file(time_file, "google.protobuf", (), "Timestamp", _TIME),
        _file(f"foxglove/{name}.proto", "foxglove", (time_file,), name, fields),
    )
    return f"foxglove.{name}", b"".join(part for file in files for part in _bytes(1, file))


def _file(path: str, package: str, imports: tuple[str, ...], message: str, fields: Fields) -> bytes:
    """A FileDescriptorProto with one message."""
    described = [*_bytes(1, message.encode())]
    for name, (number, kind) in fields.items():
        field = [*_bytes(1, name.encode()), _int(3, number), _int(4, 1), _int(5, kind)]
        if kind == _MESSAGE:
            field += _bytes(6, b".google.protobuf.Timestamp")
        described += _bytes(2, b"".join(field))
    parts = [*_bytes(1, path.encode()), *_bytes(2, package.encode())]
    for imported in imports:
        parts += _bytes(3, imported.encode())
    return b"".join([*parts, *_bytes(4, b"".join(described)), *_bytes(12, b"proto3")])


def _time(t_unix_ns: int) -> bytes:
    seconds, nanos = divmod(t_unix_ns, NS)
    # proto3 leaves out what is 0
    inside = (_int(1, seconds) if seconds else b"") + (_int(2, nanos) if nanos else b"")
    return b"".join(_bytes(1, inside))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _fixed(number: int, value: int) -> bytes:
    return _varint(number << 3 | _FIXED32) + struct.pack("<I", value)


def _bytes(number: int, data: bytes | memoryview) -> tuple[bytes, bytes | memoryview]:
    """Head and content apart, so that a picture is copied once."""
    return _varint(number << 3 | _LENGTH) + _varint(len(data)), data


def _read(message: bytes) -> dict[int, Any]:
    """The fields of one message by number; those of length are views of it."""
    values: dict[int, Any] = {}
    view, place = memoryview(message), 0
    while place < len(view):
        key, place = _read_varint(view, place)
        wire = key & 7
        if wire == _VARINT:
            values[key >> 3], place = _read_varint(view, place)
        elif wire == _FIXED32:
            values[key >> 3], place = struct.unpack_from("<I", view, place)[0], place + 4
        elif wire == _LENGTH:
            length, place = _read_varint(view, place)
            values[key >> 3], place = view[place : place + length], place + length
        else:
            raise ValueError(f"wire type {wire}")
    return values


def _read_varint(view: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[place]
        value, shift, place = value | (byte & 0x7F) << shift, shift + 7, place + 1
        if not byte & 0x80:
            return value, place
