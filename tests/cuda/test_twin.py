"""The NumPy twin of the preprocess kernel against the CPU path, whose result it has to give."""

import numpy as np
import pytest

from edge_runtime.config.schema import InputBlock
from edge_runtime.core import Region
from edge_runtime.cuda import twin
from edge_runtime.vision.preprocess import Preprocessor
from edge_runtime.vision.resize import plan_view


def block(**keys):
    return InputBlock(**{"size": (96, 64), "resize": "letterbox", "color": "bgr", "scale": 1.0, **keys})


def both(image, xyxy, form):
    """The same row from the CPU path and from the twin."""
    cpu = Preprocessor(form)
    row = np.empty(cpu.row_shape, form.dtype)
    place = cpu.write(image, Region(xyxy), row)
    return row, twin.preprocess(image, place, form)


def rectangles(rng, width, height):
    """The frame, its corners and edges, single pixels, and anything."""
    yield from [(0, 0, width, height), (0, 0, 1, 1), (width - 1, height - 1, width, height), (0, 0, width, 1)]
    yield from [(width - 40, height - 30, width, height), (0, height - 9, 7, height), (3, 5, 99, 69)]
    for _ in range(12):
        x0, x1 = sorted(rng.choice(width + 1, 2, replace=False).tolist())
        y0, y1 = sorted(rng.choice(height + 1, 2, replace=False).tolist())
        yield x0, y0, x1, y1


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "letterbox_top_left"])
def test_it_is_within_one_grey_level_of_opencv_everywhere(resize):
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (217, 321, 3), dtype=np.uint8)
    for xyxy in rectangles(rng, 321, 217):
        expected, got = both(image, xyxy, block(resize=resize))
        assert np.abs(got - expected).max() <= 1, xyxy
        assert np.abs(got - expected).mean() < 0.2, xyxy


def test_a_view_of_the_inputs_own_size_is_exact():
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (217, 321, 3), dtype=np.uint8)
    expected, got = both(image, (3, 5, 99, 69), block())
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("color", ["bgr", "rgb"])
@pytest.mark.parametrize(
    ("scale", "mean", "std"),
    [(1.0, 0.0, 1.0), (1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), (0.5, -10.0, 2.0)],
)
def test_every_format_has_the_values_of_the_cpu_path(dtype, layout, color, scale, mean, std):
    form = block(dtype=dtype, layout=layout, color=color, scale=scale, mean=mean, std=std, pad=3)
    image = np.random.default_rng(3).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    expected, got = both(image, (10, 10, 58, 42), form)  # twice as large: OpenCV's weights are exact too
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    grey_level = np.float64(scale) / np.min(std)
    difference = np.abs(got.astype(np.float64) - expected)
    assert difference.max() <= max(grey_level * 1.01, dtype == "uint8")
    assert (difference == 0).mean() > 0.9


def stripes(width):
    """Columns of 0 and 255 in turn, the finest picture there is."""
    image = np.zeros((width, width, 3), np.uint8)
    image[:, ::2] = 255
    return image


def test_a_strong_reduction_is_grey_with_antialias_and_a_moire_without():
    place = plan_view((0, 0, 410, 410), (64, 64), "stretch")
    form = block(size=(64, 64), resize="stretch")
    plain = twin.preprocess(stripes(410), place, form)
    smooth = twin.preprocess(stripes(410), place, form, antialias=True)
    assert plain.max() - plain.min() > 100
    assert np.abs(smooth - 127.5).max() < 8


def test_antialias_is_the_plain_resize_up_to_a_reduction_of_two():
    image = np.random.default_rng(4).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    for side in (100, 101, 199, 200, 350):
        assert np.array_equal(twin.resize(image, (side, side)), twin.resize(image, (side, side), antialias=True))


@pytest.mark.parametrize("antialias", [False, True])
def test_a_picture_of_one_colour_stays_that_colour_to_its_edges(antialias):
    image = np.full((301, 407, 3), (3, 254, 77), np.uint8)
    for size in [(1, 1), (37, 11), (407, 301), (1000, 900)]:
        assert (twin.resize(image, size, antialias=antialias) == image[0, 0]).all()


def test_the_antialias_filter_is_a_triangle_as_wide_as_the_reduction():
    line = np.zeros((1, 40, 3), np.uint8)
    line[:, 20] = 255
    got = twin.resize(line, (10, 1), antialias=True)[0, :, 0]
    # Source pixel 20 has its middle at 20.5; target 4 lies over 18, target 5 over 22; the triangle spans 4 each way.
    weight = np.maximum(0, 4 - np.abs(20.5 - (np.arange(10) + 0.5) * 4)) / 16
    assert np.abs(got - 255 * weight).max() <= 0.5
