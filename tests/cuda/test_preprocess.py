import numpy as np
import pytest

from edge_runtime.config.schema import InputBlock
from edge_runtime.core import Frame
from edge_runtime.cuda import twin
from edge_runtime.cuda.frame_upload import FrameUpload
from edge_runtime.cuda.preprocess import CudaPreprocessor
from edge_runtime.vision.resize import ViewTransform, plan_view
from tests.cuda.kernels import KERNELS
from tests.cuda.recorder import RecordingGpu

FORM = InputBlock(size=(48, 32), resize="letterbox", color="rgb", scale=1 / 255, dtype="float16", pad=9)


def picture(seed, shape=(90, 120, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


class Bench:
    """A frame upload and a preprocessor that writes into `target`."""

    def __init__(self, *, max_batch=3, **gpu_options):
        self.gpu = RecordingGpu(kernels=KERNELS, **gpu_options)
        self.copies, self.stream = self.gpu.stream("copies"), self.gpu.stream("road")
        self.upload = FrameUpload(self.gpu, stream=self.copies, depth=2)
        self.preprocessor = CudaPreprocessor(self.gpu, FORM, slots=2, max_batch=max_batch, stream=self.stream)
        self.target = self.gpu.memory(max_batch * 3 * 32 * 48 * 2)
        self.done = self.gpu.event()

    def rows(self):
        return self.target.bytes.view(np.float16).reshape(-1, 3, 32, 48)


@pytest.mark.parametrize("options", [{}, {"eager": True}, {"shares_memory": True}])
def test_the_frame_and_its_regions_are_the_rows_of_one_launch(options):
    bench = Bench(**options)
    image = picture(1)
    places = [plan_view(xyxy, FORM.size, FORM.resize) for xyxy in [(0, 0, 120, 90), (100, 70, 120, 90)]]
    frame = bench.upload.upload(0, Frame(5, "front", 0, image))
    bench.preprocessor.write(0, [frame] * len(places), places)
    bench.stream.wait(frame.ready)
    bench.preprocessor.fill(0, 3, bench.target.address, stream=bench.stream)
    bench.stream.record(bench.done)
    bench.done.wait()
    for row, place in zip(bench.rows(), places, strict=False):
        assert np.array_equal(row, twin.preprocess(image, place, FORM))
    assert (bench.rows()[2] == twin.value_table(FORM)[:, 9][:, None, None]).all(), "a row without a view is padding"
    assert bench.gpu.calls["preprocess"] == 1
    assert bench.gpu.races == []


def test_a_recorded_fill_serves_frames_of_another_place_and_size():
    bench = Bench(max_batch=1)

    def fill():
        bench.preprocessor.fill(0, 1, bench.target.address, stream=bench.stream)

    graph = bench.gpu.capture(fill, stream=bench.stream)
    for ring, shape in enumerate([(90, 120, 3), (33, 57, 3)]):
        image = picture(ring, shape)
        place = plan_view((0, 0, shape[1], shape[0]), FORM.size, FORM.resize)
        frame = bench.upload.upload(ring, Frame(ring, "front", 0, image))
        bench.preprocessor.write(0, [frame], [place])
        bench.stream.wait(frame.ready)
        graph.launch(stream=bench.stream)
        bench.stream.record(bench.done)
        bench.done.wait()
        assert np.array_equal(bench.rows()[0], twin.preprocess(image, place, FORM))
    assert bench.gpu.races == []


def test_views_that_do_not_fit_are_refused():
    bench = Bench(max_batch=1)
    frame = bench.upload.upload(0, Frame(0, "front", 0, picture(0)))
    outside = ViewTransform((100, 0, 121, 90), (0, 0, 48, 32), FORM.size)
    with pytest.raises(ValueError, match=r"view \(100, 0, 121, 90\) leaves the frame of 120x90"):
        bench.preprocessor.write(0, [frame], [outside])
    with pytest.raises(ValueError, match="2 views do not fit into a batch of 1"):
        bench.preprocessor.write(0, [frame] * 2, [outside, outside])


def test_everything_is_given_back_once():
    bench = Bench()
    bench.upload.upload(0, Frame(0, "front", 0, picture(0)))
    bench.gpu.finish()
    bench.target.close()
    for owner in (bench.upload, bench.preprocessor):
        owner.close()
        owner.close()
    assert bench.gpu.allocated_bytes == 0
