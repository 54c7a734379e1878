"""The preprocess kernel on the GPU against its NumPy twin."""

import numpy as np
import pytest

from edge_runtime.config.schema import InputBlock
from edge_runtime.core import Frame
from edge_runtime.cuda import twin
from edge_runtime.cuda.driver import open_gpu
from edge_runtime.cuda.frame_upload import FrameUpload
from edge_runtime.cuda.preprocess import CudaPreprocessor, macros, source
from edge_runtime.vision.resize import plan_view
from tests.cuda.test_kernel_source import FORMS
from tests.cuda.test_twin import rectangles


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("keys", FORMS, ids=lambda keys: f"{keys['dtype']}-{keys['layout']}-{keys['resize']}")
def test_it_writes_what_its_twin_writes(gpu, keys, antialias):
    form = InputBlock(size=(416, 234), pad=114, **keys)
    rng = np.random.default_rng(7)
    image = rng.integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    places = [plan_view(xyxy, form.size, form.resize) for xyxy in rectangles(rng, 1920, 1080)]
    batch, row_shape = len(places), (3, 234, 416) if form.layout == "nchw" else (234, 416, 3)
    nbytes = batch * 3 * 234 * 416 * np.dtype(form.dtype).itemsize
    with gpu.stream("road") as stream, gpu.mirror(nbytes) as target, gpu.event() as done:
        upload = FrameUpload(gpu, stream=stream, depth=1)
        preprocessor = CudaPreprocessor(gpu, form, slots=1, max_batch=batch, stream=stream, antialias=antialias)
        with upload, preprocessor:
            frame = upload.upload(0, Frame(0, "front", 0, image))
            preprocessor.write(0, [frame] * len(places), places)
            preprocessor.fill(0, batch, target.address, stream=stream)
            target.to_host(nbytes, stream=stream)
            stream.record(done)
            done.wait()
            got = target.array((batch, *row_shape), form.dtype)
            for row, place in zip(got, places, strict=True):
                assert np.array_equal(row, twin.preprocess(image, place, form, antialias=antialias)), place


def test_a_compiled_kernel_is_kept_on_disk(gpu, tmp_path):
    form = InputBlock(size=(416, 416), resize="letterbox", color="bgr", scale=1.0)
    for _ in range(2):
        open_gpu(cache_folder=tmp_path).kernel(source(), "preprocess", macros(form, antialias=False))
    assert len([path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 1000]) == 1
