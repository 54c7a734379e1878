"""A decode block, an input and a view that the decoder tests share."""

from __future__ import annotations

from pydantic import TypeAdapter

from edge_runtime.config.schema import Decode, InputBlock
from edge_runtime.core import ClassTable
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.resize import plan_view

INPUT = InputBlock(size=(64, 32), resize="stretch", color="bgr", scale=1.0)
VIEW = plan_view((0, 0, 128, 128), (64, 32), "stretch")  # a frame twice as wide and four times as high as the input


def decoder(table=None, input_block=INPUT, **keys):
    block = TypeAdapter(Decode).validate_python({"classes": ("car", "truck"), **keys})
    return make_decoder(block, input_block, ClassTable() if table is None else table)


def complaints(decoder, **shapes):
    """What `check` says, as (key, what, fix) texts."""
    return [(mismatch.key, mismatch.what, mismatch.fix) for mismatch in decoder.check(shapes)]
