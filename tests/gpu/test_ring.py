"""The engine's ring on the GPU: graphs, plain calls, batches and memory."""

import numpy as np
import onnxruntime
import pytest

from edge_runtime.config.schema import InputBlock
from edge_runtime.core import Frame, SystemClock
from edge_runtime.cuda import twin
from edge_runtime.cuda.frame_upload import FrameUpload
from edge_runtime.engines.tensorrt.provider import load
from edge_runtime.engines.tensorrt.run import TensorRTEngine
from edge_runtime.errors import EngineError
from edge_runtime.vision.resize import plan_view
from tests.gpu.networks import Network, build, small_network

FORM = InputBlock(size=(96, 64), resize="letterbox", color="bgr", scale=1.0)
VIEWS = [(0, 0, 640, 360), (100, 50, 196, 114), (400, 200, 640, 360)]
DEPTH = 3


@pytest.fixture(scope="module")
def plan(trt):
    return build(trt, small_network(), max_batch=3)


def image(seed):
    return np.random.default_rng(seed).integers(0, 256, (360, 640, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def expected():
    """ONNX Runtime's answer to what the twin makes of a frame."""
    session = onnxruntime.InferenceSession(small_network(), providers=["CPUExecutionProvider"])

    def rows(picture, places):
        batch = np.stack([twin.preprocess(picture, place, FORM) for place in places])
        return session.run(None, {"images": batch})[0]

    return rows


@pytest.mark.parametrize("graphs", [True, False])
def test_a_full_ring_of_two_networks_gives_every_frame_its_own_result(gpu, plan, expected, graphs):
    with gpu.stream("copies") as copies, FrameUpload(gpu, stream=copies, depth=DEPTH) as upload:
        options = {"max_batch": 3, "slots": DEPTH}
        chosen = gpu if graphs else WithoutGraphs(gpu)
        with (
            Network(chosen, plan[0], FORM, upload, name="road", **options) as road,
            Network(chosen, plan[0], FORM, upload, name="lanes", **options) as lanes,
        ):
            assert road.engine.uses_graphs is graphs
            in_flight = []
            for frame_id in range(24):
                if len(in_flight) == DEPTH:
                    compare(in_flight.pop(0), (road, lanes), expected)
                frame = Frame(frame_id, "front", 0, image(frame_id))
                places = road.places(VIEWS[: 1 + frame_id % 3])
                for network in (road, lanes):
                    network.launch(frame_id % DEPTH, frame, places)
                in_flight.append((frame_id % DEPTH, frame, places))
            while in_flight:
                compare(in_flight.pop(0), (road, lanes), expected)


def compare(launched, networks, expected):
    ring, frame, places = launched
    for network in networks:
        (rows,) = network.engine.collect(ring).values()
        assert np.allclose(rows, expected(frame.image, places), rtol=5e-3, atol=5e-3)
        assert 0 < network.engine.took_ms(ring) < 1000


class WithoutGraphs:
    """The GPU, but nothing can be captured."""

    def __init__(self, gpu):
        self._gpu = gpu

    def __getattr__(self, name):
        return getattr(self._gpu, name)

    def capture(self, work, *, stream):
        raise EngineError("not here")


def test_contexts_share_their_memory(gpu, plan, expected):
    with (
        gpu.stream("copies") as copies,
        FrameUpload(gpu, stream=copies, depth=DEPTH) as upload,
        Network(gpu, plan[0], FORM, upload, max_batch=3, provider=load("tensorrt")) as road,
    ):
        for frame_id in range(2 * DEPTH):
            frame = Frame(frame_id, "front", 0, image(frame_id))
            places = road.places(VIEWS[: 1 + frame_id % 3])
            road.launch(frame_id % DEPTH, frame, places)
            compare((frame_id % DEPTH, frame, places), [road], expected)


def test_fed_from_the_host_it_gives_the_same(gpu, plan, expected):
    picture = image(1)
    with gpu.stream("road") as stream:
        road = TensorRTEngine(
            "road", plan[0], gpu=gpu, stream=stream, input_shape=(3, 64, 96), max_batch=3, clock=SystemClock()
        )
        with road:
            place = plan_view(VIEWS[0], FORM.size, FORM.resize)
            road.input_buffer(0)[0] = twin.preprocess(picture, place, FORM)
            road.enqueue(0, 1)
            (rows,) = road.collect(0).values()
            assert np.allclose(rows, expected(picture, [place]), rtol=5e-3, atol=5e-3)


def test_gpu_memory_is_flat_over_frames(gpu, plan):
    runtime = pytest.importorskip("cuda.bindings.runtime")
    with (
        gpu.stream("copies") as copies,
        FrameUpload(gpu, stream=copies, depth=DEPTH) as upload,
        Network(gpu, plan[0], FORM, upload, max_batch=3) as road,
    ):
        picture, free = image(0), []
        for frame_id in range(50_000):
            if frame_id >= DEPTH:
                road.engine.collect(frame_id % DEPTH)
            frame = Frame(frame_id, "front", 0, picture)
            road.launch(frame_id % DEPTH, frame, road.places(VIEWS[: 1 + frame_id % 3]))
            if frame_id % 7000 == 1000:
                free.append(runtime.cudaMemGetInfo()[1])
        for ring in range(DEPTH):
            road.engine.collect(ring)
    assert len(set(free)) == 1, free
