"""The text of the kernel, compiled for this processor, against its NumPy twin: the same bits."""

import numpy as np
import pytest

from edge_runtime.config.schema import InputBlock
from edge_runtime.cuda import twin
from edge_runtime.cuda.preprocess import VIEW, macros
from edge_runtime.vision.resize import plan_view
from tests.cuda.kernels import compile_for_host
from tests.cuda.test_twin import rectangles


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kernel")


def run_kernel(folder, image, places, form, *, antialias):
    kernel = compile_for_host(folder, macros(form, antialias=antialias))
    views = bytearray(VIEW.size * len(places))
    for row, place in enumerate(places):
        x0, y0, x1, y1 = place.view
        where = (x0, y0, x1 - x0, y1 - y0)
        VIEW.pack_into(views, row * VIEW.size, image.ctypes.data, image.shape[1] * 3, *where, *place.picture)
    table = twin.value_table(form)
    width, height = form.size
    row_shape = (3, height, width) if form.layout == "nchw" else (height, width, 3)
    batch = np.full((len(places), *row_shape), 99, form.dtype)
    views_at = np.frombuffer(views, np.uint8).ctypes.data
    kernel(views_at, table.ctypes.data, batch.ctypes.data, len(places), width, height, form.pad)
    return batch


FORMS = [
    {"dtype": "float32", "layout": "nchw", "color": "bgr", "scale": 1.0, "resize": "letterbox"},
    {"dtype": "float16", "layout": "nhwc", "color": "rgb", "scale": 1 / 255, "resize": "letterbox_top_left"},
    {"dtype": "uint8", "layout": "nchw", "color": "rgb", "scale": 1.0, "resize": "stretch"},
    {"dtype": "float32", "layout": "nhwc", "color": "bgr", "scale": 1 / 255, "mean": 0.5, "std": (0.1, 0.2, 0.3),
     "resize": "letterbox"},
]  # fmt: skip


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("keys", FORMS, ids=lambda keys: f"{keys['dtype']}-{keys['layout']}-{keys['resize']}")
def test_the_kernel_writes_what_its_twin_writes(folder, keys, antialias):
    form = InputBlock(size=(70, 45), pad=114, **keys)
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (217, 321, 3), dtype=np.uint8)
    places = [plan_view(xyxy, form.size, form.resize) for xyxy in rectangles(rng, 321, 217)]
    got = run_kernel(folder, image, places, form, antialias=antialias)
    for row, place in zip(got, places, strict=True):
        assert np.array_equal(row, twin.preprocess(image, place, form, antialias=antialias)), place


@pytest.mark.parametrize("antialias", [False, True])
def test_the_largest_pictures_overflow_nothing(folder, antialias):
    form = InputBlock(size=(16, 8), resize="stretch", color="bgr", scale=1.0)
    image = np.random.default_rng(6).integers(250, 256, (16, 16384, 3), dtype=np.uint8)
    place = plan_view((0, 0, 16384, 16), form.size, "stretch")
    got = run_kernel(folder, image, [place], form, antialias=antialias)
    assert np.array_equal(got[0], twin.preprocess(image, place, form, antialias=antialias))
