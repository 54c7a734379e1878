"""The NumPy twin of `preprocess.cu`: it defines what the kernel has to write, to the last bit.

The resize agrees with `cv2.resize(INTER_LINEAR)` (half-pixel centres, edges of the view repeated) within one grey
level: OpenCV rounds its weights to 1/2048, these are exact. With `antialias`, an axis that shrinks by more than two is
filtered with a triangle as wide as the reduction, as Pillow's BILINEAR does; taps outside the view do not count.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rect = tuple[int, int, int, int]


class View(Protocol):
    """Which rectangle of the frame a network sees, and which rectangle of its input that fills (x0, y0, x1, y1)."""

    @property
    def view(self) -> Rect: ...

    @property
    def picture(self) -> Rect: ...


class InputFormat(Protocol):
    """The keys of a model's `input:` block that say what its values are."""

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def color(self) -> str: ...

    @property
    def scale(self) -> float: ...

    @property
    def mean(self) -> float | tuple[float, float, float]: ...

    @property
    def std(self) -> float | tuple[float, float, float]: ...

    @property
    def pad(self) -> int: ...

    @property
    def layout(self) -> str: ...

    @property
    def dtype(self) -> str: ...


def value_table(form: InputFormat) -> Array:
    """(3, 256) values by channel in `color` order and by pixel, in the input's dtype: (pixel * scale - mean) / std."""
    mean, std = (np.broadcast_to(np.asarray(value, np.float64), 3)[:, None] for value in (form.mean, form.std))
    values = (np.arange(256) * form.scale - mean) / std
    if form.dtype == "uint8":
        values = np.clip(np.rint(values), 0, 255)
    return np.asarray(values, form.dtype)


def preprocess(image: npt.NDArray[np.uint8], place: View, form: InputFormat, *, antialias: bool = False) -> Array:
    """One row of the input batch: the view of `image` (H, W, 3) uint8 BGR, fitted into its picture."""
    width, height = form.size
    x0, y0, x1, y1 = place.view
    left, top, right, bottom = place.picture
    pixels = np.full((height, width, 3), form.pad, np.uint8)
    pixels[top:bottom, left:right] = resize(image[y0:y1, x0:x1], (right - left, bottom - top), antialias=antialias)
    if form.color == "rgb":
        pixels = pixels[..., ::-1]
    table = value_table(form)
    planes = np.stack([table[channel][pixels[..., channel]] for channel in range(3)])
    return planes if form.layout == "nchw" else np.ascontiguousarray(planes.transpose(1, 2, 0))


def resize(crop: npt.NDArray[np.uint8], size: tuple[int, int], *, antialias: bool = False) -> npt.NDArray[np.uint8]:
    """Scale (h, w, 3) to (width, height)."""
    across, across_weight = _taps(crop.shape[1], size[0], antialias)
    down, down_weight = _taps(crop.shape[0], size[1], antialias)
    lines = np.zeros((crop.shape[0], size[0], 3), np.int64)
    for index, weight in zip(across, across_weight, strict=True):
        lines += crop[:, index] * weight[:, None]
    sums = np.zeros((size[1], size[0], 3), np.int64)
    for index, weight in zip(down, down_weight, strict=True):
        sums += lines[index] * weight[:, None, None]
    totals = down_weight.sum(0)[:, None] * across_weight.sum(0)
    means = sums.astype(np.float32) / totals.astype(np.float32)[..., None]
    return np.asarray(np.rint(means), np.uint8)


def _taps(source: int, target: int, antialias: bool) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Along one axis, the source pixels (taps, target) of each target pixel and their whole-number weights.

    Target pixel t lies over source position (2t + 1) * source / (2 * target): times 2 * target, the distance of every
    source pixel from it is a whole number. A tap outside the source, or out of reach, has weight 0.
    """
    reach = 2 * (source if antialias and source > 2 * target else target)
    centre = (2 * np.arange(target) + 1) * source
    first = (centre - reach - target) // (2 * target) + 1
    index = first + np.arange(reach // target + 2)[:, None]
    weight = np.maximum(reach - np.abs((2 * index + 1) * target - centre), 0)
    weight[(index < 0) | (index >= source)] = 0
    return np.clip(index, 0, source - 1), weight
