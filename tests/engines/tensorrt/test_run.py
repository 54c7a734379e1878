"""The TensorRT engine's ring on a recording GPU: nothing reused too early, nothing waited for but events."""

from dataclasses import dataclass

import numpy as np
import pytest

from edge_runtime.config.schema import InputBlock
from edge_runtime.core import Frame, SystemClock
from edge_runtime.core.reduction import PlaneSelection
from edge_runtime.cuda import twin
from edge_runtime.cuda.frame_upload import FrameUpload
from edge_runtime.cuda.preprocess import CudaPreprocessor
from edge_runtime.cuda.select import CudaSelect
from edge_runtime.engines.tensorrt.run import TensorRTEngine
from edge_runtime.errors import EngineError
from edge_runtime.vision.resize import plan_view
from tests.cuda.fake_tensorrt import CORNER, FakeEngine
from tests.cuda.kernels import KERNELS, SelectOnHost
from tests.cuda.recorder import RecordingGpu

FORM = InputBlock(size=(48, 32), resize="stretch", color="bgr", scale=1.0)
VIEWS = [(0, 0, 120, 90), (10, 20, 58, 52), (60, 40, 120, 90)]
DEPTH = 3


def image(seed):
    return np.random.default_rng(seed).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def places(count):
    return [plan_view(xyxy, FORM.size, FORM.resize) for xyxy in VIEWS[:count]]


def expected(picture, count):
    return np.stack([twin.preprocess(picture, place, FORM)[:, :CORNER, :CORNER] for place in places(count)])


@dataclass
class Launched:
    ring: int
    picture: np.ndarray
    regions: int


class Road:
    """One network as the pipeline runs it: frames in, rows checked when they come out."""

    def __init__(self, gpu, upload, *, name="road", depth=DEPTH, max_batch=3, selection=None):
        self.gpu, self.upload = gpu, upload
        self.selection = selection
        stream = self.stream = gpu.stream(name)
        fill_stream = gpu.stream(f"{name} input")
        self.preprocessor = CudaPreprocessor(gpu, FORM, slots=depth, max_batch=max_batch, stream=fill_stream)
        self.plan = FakeEngine(gpu)
        self.engine = TensorRTEngine(
            name,
            self.plan,
            gpu=gpu,
            stream=stream,
            input_shape=(3, 32, 48),
            max_batch=max_batch,
            slots=depth,
            clock=SystemClock(),
            fill=self.preprocessor.fill,
            fill_stream=fill_stream,
            select=None if selection is None else self.make_select,
        )

    def make_select(self, outputs):
        shapes = {each.name: each.shape for each in outputs}
        options = {"slots": DEPTH, "max_batch": shapes["corner"][0], "stream": self.stream}
        self.select = CudaSelect(self.gpu, self.selection, shapes, **options)
        return self.select

    def launch(self, ring, frame, regions):
        uploaded = self.upload.upload(ring, frame)
        self.preprocessor.write(ring, [uploaded] * regions, places(regions))
        self.engine.enqueue(ring, regions, after=(uploaded.ready,), frame_id=frame.frame_id)
        return Launched(ring, frame.image, regions)

    def finish(self, launched):
        """Collect; the outputs must hold while other frames are launched, so they are compared by the caller."""
        return self.engine.collect(launched.ring)["corner"]


def gpu_and_upload(**options):
    gpu = RecordingGpu(kernels=KERNELS, **options)
    return gpu, FrameUpload(gpu, stream=gpu.stream("copies"), depth=DEPTH)


KINDS = [{}, {"eager": True}, {"shares_memory": True}, {"shares_memory": True, "eager": True}]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_every_frame_of_two_networks_comes_out_right_with_the_ring_always_full(options):
    gpu, upload = gpu_and_upload(**options)
    networks = [Road(gpu, upload, name=name) for name in ("road", "lanes")]
    in_flight = []
    for frame_id in range(30):
        if len(in_flight) == DEPTH:
            check_oldest(networks, in_flight)
        frame = Frame(frame_id, "front", 0, image(frame_id))
        in_flight.append([each.launch(frame_id % DEPTH, frame, 1 + frame_id % 3) for each in networks])
    while in_flight:
        check_oldest(networks, in_flight)
    assert gpu.races == []


def check_oldest(networks, in_flight):
    for network, launched in zip(networks, in_flight.pop(0), strict=True):
        rows = network.finish(launched)
        assert np.array_equal(rows, expected(launched.picture, launched.regions))


def test_outputs_hold_while_the_rest_of_the_ring_runs():
    """Decode may take as long as the others compute."""
    gpu, upload = gpu_and_upload(eager=True)
    road = Road(gpu, upload)
    first = road.launch(0, Frame(0, "front", 0, image(0)), 1)
    rows = road.finish(first)
    for ring in (1, 2):
        road.finish(road.launch(ring, Frame(ring, "front", 0, image(ring)), 3))
    assert np.array_equal(rows, expected(image(0), 1))


def test_a_frame_costs_two_graph_launches_and_waits_for_one_event_only():
    gpu, upload = gpu_and_upload()
    road = Road(gpu, upload)
    for frame_id in range(DEPTH):
        road.finish(road.launch(frame_id, Frame(frame_id, "front", 0, image(frame_id)), 1))
    gpu.calls.clear()
    for frame_id in range(20):
        road.finish(road.launch(frame_id % DEPTH, Frame(frame_id, "front", 0, image(frame_id)), 1 + frame_id % 3))
    assert gpu.synchronising() == 0
    assert gpu.calls == {"copy_in": 20, "graph_launch": 40, "event_wait": 20, "event_record": 80, "stream_wait": 40}


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_only_what_was_picked_out_is_fetched_and_the_whole_when_it_is_asked_for(options, tmp_path):
    gpu = RecordingGpu(kernels={**KERNELS, **SelectOnHost(tmp_path).effects()}, **options)
    upload = FrameUpload(gpu, stream=gpu.stream("copies"), depth=DEPTH)
    road = Road(gpu, upload, selection=PlaneSelection((("corner", np.array([0, 2])),)))
    for warm in range(DEPTH):
        road.finish(road.launch(warm, Frame(warm, "front", 0, image(warm)), 1))
    gpu.calls.clear()
    for frame_id in range(12):
        frame, ring, regions = Frame(frame_id, "front", 0, image(frame_id)), frame_id % DEPTH, 1 + frame_id % 3
        launched = road.launch(ring, frame, regions)
        road.engine.wait(ring)
        wanted = expected(frame.image, regions)
        for planes, row in zip(road.select.selected(ring, regions).planes, wanted, strict=True):
            winner = row.argmax(axis=0)
            assert np.array_equal(planes, np.stack([winner == 0, winner == 2]))
        if frame_id % 4 == 0:
            assert np.array_equal(road.finish(launched), wanted)
    assert gpu.races == []
    assert gpu.synchronising() == 0
    assert gpu.calls["event_wait"] == 12 + 3


def test_two_networks_and_six_regions_upload_the_frame_once():
    gpu, upload = gpu_and_upload()
    networks = [Road(gpu, upload, name=name) for name in ("road", "lanes")]
    gpu.calls.clear()
    frame = Frame(0, "front", 0, image(0))
    launched = [each.launch(0, frame, 3) for each in networks]
    for each, one in zip(networks, launched, strict=True):
        each.finish(one)
    assert gpu.calls["copy_in"] == 1
    assert gpu.calls["graph_launch"] == 4


def test_without_a_graph_it_still_runs_and_says_so_once():
    gpu, upload = gpu_and_upload()
    gpu.refuse_capture = True
    road = Road(gpu, upload)
    assert not road.engine.uses_graphs
    assert len(road.engine.notices) == 1
    assert "no CUDA graph could be recorded" in road.engine.notices[0]
    for frame_id in range(2):
        gpu.calls.clear()
        launched = road.launch(0, Frame(frame_id, "front", 0, image(frame_id)), 2)
        assert np.array_equal(road.finish(launched), expected(image(frame_id), 2))
    assert gpu.calls["graph_launch"] == 0
    assert gpu.synchronising() == 0


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_fed_from_the_host_it_is_an_engine_like_any_other(options):
    gpu = RecordingGpu(**options)
    stream = gpu.stream("road")
    with TensorRTEngine(
        "road",
        FakeEngine(gpu),
        gpu=gpu,
        stream=stream,
        input_shape=(3, 32, 48),
        max_batch=2,
        slots=2,
        clock=SystemClock(),
    ) as road:
        for round_ in range(3):
            for slot in (0, 1):
                road.input_buffer(slot)[:] = 10 * round_ + slot
                road.enqueue(slot, 1 + slot)
            for slot in (0, 1):
                rows = road.collect(slot)["corner"]
                assert rows.shape == (1 + slot, 3, CORNER, CORNER)
                assert (rows == 10 * round_ + slot).all()
                assert road.took_ms(slot) >= 0
        assert (road.name, road.slots, road.max_batch) == ("road", 2, 2)
        assert road.inputs[0].shape == (None, 3, 32, 48)
        assert road.outputs[0].shape == (1, 3, CORNER, CORNER)
    assert gpu.races == []
    assert gpu.allocated_bytes == 0


def engine(gpu, plan, **options):
    options = {"input_shape": (3, 32, 48), "clock": SystemClock(), **options}
    return TensorRTEngine("road", plan, gpu=gpu, stream=gpu.stream("s2"), **options)


def test_a_fixed_batch_always_runs_whole():
    gpu = RecordingGpu()
    road = engine(gpu, FakeEngine(gpu, batch=4), max_batch=9)
    road.enqueue(0, 1)
    assert road.collect(0)["corner"].shape == (4, 3, CORNER, CORNER)
    assert road.max_batch == 4
    with pytest.raises(EngineError, match="road: batch 5 is outside 1 to 4"):
        road.enqueue(0, 5)


def test_every_graph_has_its_own_context():
    gpu = RecordingGpu()
    plan = FakeEngine(gpu)
    engine(gpu, plan, max_batch=3, slots=2)
    assert len(plan.contexts) == 6


class Provider:
    """Makes contexts in memory that is given to it."""

    def __init__(self):
        self.blocks = []

    def engine_memory_bytes(self, plan):
        return 4096

    def context_in(self, plan, address, nbytes):
        self.blocks.append((address, nbytes))
        return plan.create_execution_context()


def test_contexts_share_one_block_of_memory_where_the_provider_can():
    gpu, provider = RecordingGpu(), Provider()
    before = gpu.allocated_bytes
    with engine(gpu, FakeEngine(gpu), max_batch=3, slots=2, provider=provider):
        assert len(provider.blocks) == 6
        assert len(set(provider.blocks)) == 1
        assert provider.blocks[0][1] == 4096
    assert gpu.allocated_bytes == before


def test_an_asynchronous_failure_names_model_frame_and_stream():
    gpu = RecordingGpu()
    road = engine(gpu, FakeEngine(gpu))
    road.enqueue(0, 1, frame_id=41)
    gpu.fail_next_wait = "CUDA failed while waiting for the GPU: cudaErrorIllegalAddress (illegal)"
    with pytest.raises(EngineError, match=r"road: frame 41 failed on stream s2: CUDA failed while waiting .*Illegal"):
        road.collect(0)
    road.enqueue(0, 1, frame_id=42)
    assert road.collect(0)["corner"].shape == (1, 3, CORNER, CORNER)


def test_a_slot_in_flight_is_not_given_another_frame():
    gpu = RecordingGpu()
    road = engine(gpu, FakeEngine(gpu))
    road.enqueue(0, 1, frame_id=3)
    with pytest.raises(EngineError, match="slot 0 still runs frame 3"):
        road.enqueue(0, 1, frame_id=4)


def test_an_output_of_unknown_size_is_refused_with_a_way_out():
    gpu = RecordingGpu()
    with pytest.raises(EngineError, match=r"road: the size of output 'corner' \(1x\?x6\) depends on what .* NMS"):
        engine(gpu, FakeEngine(gpu, output_sides=(-1, 6)))
    assert gpu.allocated_bytes == 0


def test_a_batch_the_engine_was_not_built_for_is_said_at_the_start():
    gpu = RecordingGpu()
    with pytest.raises(EngineError, match=r"road: the engine was not built for an input of 5x3x32x48. Run: edge-run"):
        engine(gpu, FakeEngine(gpu, profile_max=4), max_batch=5)


def test_a_refused_call_points_at_tensorrts_log():
    gpu = RecordingGpu()
    plan = FakeEngine(gpu)
    plan.refuses = True
    with pytest.raises(EngineError, match="road: TensorRT refused to enqueue the network; its log says why"):
        engine(gpu, plan)


def test_closing_waits_for_what_is_in_flight_and_may_be_repeated():
    gpu = RecordingGpu()
    road = engine(gpu, FakeEngine(gpu), slots=2)
    road.enqueue(1, 1)
    gpu.calls.clear()
    road.close()
    road.close()
    assert gpu.calls["event_wait"] == 1
    assert gpu.allocated_bytes == 0
