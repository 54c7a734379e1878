"""What a decoder reads of the outputs, picked out by the kernels: the same as NumPy picks out of the whole."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from edge_runtime.config.schema import Decode, InputBlock
from edge_runtime.core import ClassTable
from edge_runtime.cuda.select import CudaSelect
from edge_runtime.errors import OutputError
from edge_runtime.vision.decode import make_decoder
from edge_runtime.vision.resize import plan_view
from tests.cuda.kernels import SelectOnHost
from tests.cuda.recorder import RecordingGpu

INPUT = InputBlock(size=(64, 64), resize="stretch", color="bgr", scale=1.0)
VIEW = plan_view((0, 0, 640, 640), INPUT.size, INPUT.resize)
NAMES = ("car", "bus", "person")
CELLS = 8 * 8 + 4 * 4 + 2 * 2


def decoder_of(family, keys):
    block = TypeAdapter(Decode).validate_python({"family": family, **keys})
    return make_decoder(block, INPUT, ClassTable())


def raw(rng, *shape, share=0.3):
    """Scores of which `share` are likely, as a network's are."""
    values = rng.random(shape, dtype=np.float32)
    return np.where(rng.random(shape) < share, values, values * 0.2).astype(np.float32)


def boxes(rng, batch, n):
    corner = rng.random((batch, n, 2)) * 40
    return np.concatenate([corner, corner + 1 + rng.random((batch, n, 2)) * 20], axis=2).astype(np.float32)


def heads(rng):
    n, batch = 700, 2
    wide = np.concatenate([boxes(rng, batch, n), raw(rng, batch, n, 4)], axis=2)
    grid = np.concatenate([rng.standard_normal((batch, CELLS, 4)), raw(rng, batch, CELLS, 4)], axis=2)
    eight = np.concatenate([boxes(rng, batch, n), raw(rng, batch, n, 3)], axis=2)
    return {
        "yolox": ({"classes": NAMES}, {"o": grid.astype(np.float32)}),
        "yolov5": ({"classes": NAMES}, {"o": wide}),
        "yolov8": ({"classes": NAMES}, {"o": np.ascontiguousarray(eight.transpose(0, 2, 1))}),
        "boxes_scores": (
            {"classes": {1: "car", 3: "person"}, "normalized": False},
            {"boxes": boxes(rng, batch, n), "scores": raw(rng, batch, n, 4)},
        ),
        "segmentation": (
            {"heads": [{"output": "a", "classes": {1: "road", 2: "lane"}}, {"output": "b", "classes": ("x", "y")}]},
            {
                "a": rng.standard_normal((batch, 3, 16, 24)).astype(np.float32),
                "b": rng.integers(0, 2, (batch, 2, 16, 24)).astype(np.float32),
            },
        ),
    }


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return SelectOnHost(tmp_path_factory.mktemp("kernels")).effects()


class OnGpu:
    """Outputs in the memory of a double, and a `CudaSelect` behind them."""

    def __init__(self, compiled, decoder, outputs, **options):
        self.gpu = RecordingGpu(kernels=compiled)
        self.stream = self.gpu.stream("road")
        self.memory = {name: self.gpu.memory(value.nbytes) for name, value in outputs.items()}
        shapes = {name: value.shape for name, value in outputs.items()}
        self.select = CudaSelect(
            self.gpu, decoder.selection(shapes), shapes, slots=2, max_batch=2, stream=self.stream, **options
        )

    def run(self, slot, outputs):
        for name, value in outputs.items():
            self.memory[name].bytes[:] = value.reshape(-1).view(np.uint8)
        addresses = {name: memory.address for name, memory in self.memory.items()}
        self.select.clear(slot, stream=self.stream)
        self.select.put(slot, 2, addresses, stream=self.stream)
        with self.gpu.event() as done:
            self.stream.record(done)
            done.wait()


@pytest.mark.parametrize("family", ["yolox", "yolov5", "yolov8", "boxes_scores", "segmentation"])
def test_what_the_gpu_picks_out_decodes_to_what_the_whole_outputs_decode_to(compiled, family):
    for seed in range(3):
        keys, outputs = heads(np.random.default_rng(seed))[family]
        decoder = decoder_of(family, keys)
        assert decoder.check({name: value.shape for name, value in outputs.items()}) == []
        on_gpu = OnGpu(compiled, decoder, outputs)
        on_gpu.run(seed % 2, outputs)
        views = (VIEW, plan_view((100, 50, 164, 210), INPUT.size, INPUT.resize))
        found = decoder.decode_selected(on_gpu.select.selected(seed % 2, 2), views)
        assert on_gpu.gpu.races == []
        for row, (view, got) in enumerate(zip(views, found, strict=True)):
            wanted = decoder.decode(outputs, row, view)
            if family == "segmentation":
                assert np.array_equal(got.planes, wanted.planes)
                assert got.xyxy == wanted.xyxy
                continue
            assert len(wanted) > 2
            for column in ("xyxy", "confidence", "class_id"):
                assert np.array_equal(getattr(got, column), getattr(wanted, column)), column


def test_a_slot_starts_from_nothing_every_time(compiled):
    keys, outputs = heads(np.random.default_rng(0))["yolov5"]
    decoder = decoder_of("yolov5", keys)
    on_gpu = OnGpu(compiled, decoder, outputs)
    on_gpu.run(0, outputs)
    on_gpu.run(0, {name: np.zeros_like(value) for name, value in outputs.items()})
    (found,) = decoder.decode_selected(on_gpu.select.selected(0, 1), (VIEW,))
    assert len(found) == 0


def test_more_candidates_than_there_is_room_for_are_not_cut_off_but_said(compiled):
    keys, outputs = heads(np.random.default_rng(0))["yolov5"]
    decoder = decoder_of("yolov5", keys)
    on_gpu = OnGpu(compiled, decoder, outputs, capacity=4)
    on_gpu.run(0, outputs)
    assert on_gpu.select.selected(0, 1) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("family", ["yolov8", "boxes_scores", "segmentation"])
def test_values_that_are_no_numbers_fail_the_row_they_are_in(compiled, family, bad):
    keys, outputs = heads(np.random.default_rng(0))[family]
    decoder = decoder_of(family, keys)
    next(iter(outputs.values()))[1, -1, 5 if family != "boxes_scores" else 2] = bad
    on_gpu = OnGpu(compiled, decoder, outputs)
    on_gpu.run(0, outputs)
    assert on_gpu.select.selected(0, 1) is not None
    with pytest.raises(OutputError, match="NaN or infinite"):
        on_gpu.select.selected(0, 2)


def test_a_call_allocates_nothing_and_waits_for_nothing(compiled):
    keys, outputs = heads(np.random.default_rng(0))["yolox"]
    decoder = decoder_of("yolox", keys)
    on_gpu = OnGpu(compiled, decoder, outputs)
    on_gpu.gpu.calls.clear()
    on_gpu.select.clear(0, stream=on_gpu.stream)
    on_gpu.select.put(0, 2, {name: memory.address for name, memory in on_gpu.memory.items()}, stream=on_gpu.stream)
    assert on_gpu.gpu.synchronising() == 0
    assert on_gpu.gpu.calls == {"zero": 1, "select_rows": 1, "copy_out": 1}
