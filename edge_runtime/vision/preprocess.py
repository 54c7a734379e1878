"""A view of a frame, written straight into one row of a network's input batch.

Colour conversion and normalisation are one table of 256 values a channel, computed once in double precision, so
every input type is exact to its last bit; where the table would change nothing the pixels are only converted.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.config.schema import InputBlock
from edge_runtime.core import Region

from .resize import Rect, ViewTransform, plan_view

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]


class Preprocessor:
    """Crop, resize, pad, order the colours, value = (pixel * scale - mean) / std.

    It keeps its scratch pictures between calls and so belongs to one thread at a time. OpenCV and NumPy do the work
    without the interpreter lock.
    """

    def __init__(self, block: InputBlock) -> None:
        width, height = block.size
        self._block = block
        self._dtype = np.dtype(block.dtype)
        self.row_shape = (3, height, width) if block.layout == "nchw" else (height, width, 3)
        self._resized = np.empty(3 * width * height, np.uint8)
        self._planes = np.empty(3 * width * height, np.uint8)
        table = _table(block)
        pad = table[:, block.pad]
        self._pad = pad[0] if (pad == pad[0]).all() else pad  # one value for all channels is filled twice as fast
        plain = np.array_equal(table, np.broadcast_to(np.arange(256), (3, 256)))
        self._table = None if plain else _as_bits(table)

    def write(self, image: Bytes, view: Region, out_row: Array) -> ViewTransform:
        """Fill `out_row` with the view of `image` (H, W, 3) uint8 BGR and say how to map boxes back.

        `out_row` has `row_shape` and the block's dtype, with its last axis contiguous; every value of it is written.
        Raises ValueError when the row does not fit or the view leaves the image.
        """
        if out_row.shape != self.row_shape or out_row.dtype != self._dtype:
            expected, got = f"{self.row_shape} {self._dtype}", f"{out_row.shape} {out_row.dtype}"
            raise ValueError(f"the input row must be {expected}, got {got}")
        x0, y0, x1, y1 = view.xyxy
        if x1 > image.shape[1] or y1 > image.shape[0]:
            raise ValueError(f"view {view.xyxy} leaves the image of {image.shape[1]}x{image.shape[0]}")
        transform = plan_view(view.xyxy, self._block.size, self._block.resize)
        picture = self._resize(image[y0:y1, x0:x1], transform)
        planar = self._block.layout == "nchw"
        channels_last = out_row.transpose(1, 2, 0) if planar else out_row
        left, top, right, bottom = transform.picture
        _fill_around(channels_last, transform.picture, self._pad)
        inside = channels_last[top:bottom, left:right]
        if planar:
            self._write_planes(picture, inside.transpose(2, 0, 1))
        else:
            self._write_pixels(picture, inside)
        return transform

    def _resize(self, crop: Bytes, transform: ViewTransform) -> Bytes:
        left, top, right, bottom = transform.picture
        size = (right - left, bottom - top)
        if crop.shape[1::-1] == size:
            return crop
        scratch = self._scratch(self._resized, (size[1], size[0], 3))
        cv2.resize(crop, size, dst=scratch, interpolation=cv2.INTER_LINEAR)
        return scratch

    def _write_planes(self, picture: Bytes, target: Array) -> None:
        planes = self._scratch(self._planes, target.shape)
        cv2.split(picture, list(planes))
        if self._block.color == "rgb":
            planes = planes[::-1]
        if self._table is None:
            np.copyto(target, planes)
            return
        for plane, table, out in zip(planes, self._table, _as_bits(target), strict=True):
            cv2.LUT(plane, table, dst=out)

    def _write_pixels(self, picture: Bytes, target: Array) -> None:
        if self._block.color == "rgb":
            scratch = self._scratch(self._planes, picture.shape)
            cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=scratch)
            picture = scratch
        if self._table is None:
            np.copyto(target, picture)
        else:
            cv2.LUT(picture, np.ascontiguousarray(self._table.T)[None], dst=_as_bits(target))

    @staticmethod
    def _scratch(buffer: Bytes, shape: tuple[int, ...]) -> Bytes:
        return buffer[: int(np.prod(shape))].reshape(shape)


def _table(block: InputBlock) -> Array:
    """(3, 256) values by channel in `color` order and by pixel, in the input's dtype."""
    mean, std = (np.broadcast_to(np.asarray(value, np.float64), 3)[:, None] for value in (block.mean, block.std))
    values = (np.arange(256) * block.scale - mean) / std
    if block.dtype == "uint8":
        values = np.clip(np.rint(values), 0, 255)
    return np.asarray(values, block.dtype)


def _as_bits(values: Array) -> Array:
    """Half floats as 16-bit integers, which OpenCV of every version moves about; anything else as it is."""
    return values.view(np.int16) if values.dtype == np.float16 else values


def _fill_around(pixels: Array, picture: Rect, value: Any) -> None:
    """Set (h, w, 3) `pixels` outside the picture to one value, or to one a channel."""
    left, top, right, bottom = picture
    for strip in (pixels[:top], pixels[bottom:], pixels[top:bottom, :left], pixels[top:bottom, right:]):
        if strip.size:
            strip[:] = value
