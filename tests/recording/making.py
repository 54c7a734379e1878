"""Recordings made without a pipeline, message by message."""

from __future__ import annotations

import numpy as np

from edge_runtime.recording import schemas
from edge_runtime.recording.cameras import RecordedCamera
from edge_runtime.recording.documents import encode
from edge_runtime.recording.images import jpeg_message, raw_message
from edge_runtime.recording.mcap_file import Opening

MS, S = 1_000_000, 1_000_000_000
ORIGIN_NS = 1_790_000_000 * S


def opening(images="jpeg", **more):
    values = {
        "cameras": {"front": RecordedCamera(25.0, 64, 48)},
        "about": {"name": "drive"},
        "versions": {"edge_runtime": "test"},
        "models": {"road": "ab12"},
        "attachments": {"pipeline.yaml": b"name: drive\n"},
        **more,
    }
    return Opening(images=images, unix_origin_ns=ORIGIN_NS, **values)


def picture(n, size=(48, 64)):
    """One grey a frame, so that JPEG gives it back as it was."""
    return np.full((*size, 3), n % 256, np.uint8)


def write_frame(file, n, *, raw=False, image=None, fate="published", with_picture=True, camera="front"):
    """Frame `n`, captured at n times 40 ms."""
    t_ns = n * 40 * MS
    if with_picture:
        make = raw_message if raw else jpeg_message
        message = make(picture(n) if image is None else image, camera, t_ns + ORIGIN_NS)
        file.write(schemas.image_topic(camera), t_ns, message)
    document = {
        "frame_id": n,
        "camera": camera,
        "t_capture_ns": t_ns,
        "t_stream_ns": None,
        "ego_speed_mps": 20.0,
        "fate": fate,
        "picture": with_picture,
    }
    file.write(schemas.FRAME, t_ns, encode(document))
