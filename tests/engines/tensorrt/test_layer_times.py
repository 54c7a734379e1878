"""Layer times on a recording GPU, with an engine that tells its profiler what each layer took."""

import pytest

from edge_runtime.engines.tensorrt.inspector import layers
from edge_runtime.engines.tensorrt.layer_times import LayerTimes, measure
from edge_runtime.errors import EngineError
from tests.cuda.fake_tensorrt import FakeContext, FakeEngine
from tests.cuda.recorder import RecordingGpu

from .double import double
from .makers import TRT_8_6

ROWS = layers('{"Layers": ["conv + relu", "copy", "copy", "pool"]}')


class TimedContext(FakeContext):
    """Each call is slower than the one before it, so that a mean over the wrong calls shows."""

    profiler, calls = None, 0

    def execute_async_v3(self, handle):
        if self.profiler is not None:
            self.calls += 1
            for name, ms in self.engine.layers:
                self.profiler.report_layer_time(name, ms * self.calls)
        return super().execute_async_v3(handle)


class TimedEngine(FakeEngine):
    layers = (("conv + relu", 1.0), ("copy", 0.5), ("copy", 0.5), ("hidden", 0.25))

    def create_execution_context(self):
        self.contexts.append(TimedContext(self))
        return self.contexts[-1]

    def get_tensor_profile_shape(self, name, profile):
        return [(rows, *self.row) for rows in (1, 2, 4)]


def timed(gpu, engine, **options):
    return measure(double(TRT_8_6), engine, gpu=gpu, stream=gpu.stream("layers"), **options)


def test_the_mean_is_over_the_calls_after_the_warm_up():
    gpu = RecordingGpu()
    times = timed(gpu, TimedEngine(gpu), runs=3, warm_up=2)  # calls 3, 4 and 5 count
    assert times.layer_ms == {"conv + relu": 4.0, "copy": 4.0, "hidden": 1.0}
    assert (times.runs, times.sum_ms) == (3, 9.0)
    assert times.network_ms > 0


def test_it_runs_at_the_usual_shape_of_the_profile_and_gives_its_memory_back():
    gpu = RecordingGpu()
    engine = TimedEngine(gpu)
    timed(gpu, engine, runs=1, warm_up=0)
    assert [context.rows for context in engine.contexts] == [2]
    assert gpu.allocated_bytes == 0
    assert gpu.races == []


def test_the_whole_is_timed_as_a_graph_where_there_is_one():
    gpu = RecordingGpu()
    timed(gpu, TimedEngine(gpu), runs=5, warm_up=1)
    assert gpu.calls["graph_launch"] == 6
    gpu.calls.clear()
    gpu.refuse_capture = True
    assert timed(gpu, TimedEngine(gpu), runs=5, warm_up=1).network_ms > 0
    assert gpu.calls["graph_launch"] == 0


def test_times_go_to_the_layers_of_their_name():
    times = LayerTimes({"conv + relu": 4.0, "copy": 3.0, "hidden": 1.0}, 6.0, 10)
    assert times.of(ROWS) == (4.0, 1.5, 1.5, None)
    assert times.unlisted(ROWS) == {"hidden": 1.0}


def test_an_engine_that_does_not_run_is_named():
    gpu = RecordingGpu()
    engine = TimedEngine(gpu)
    engine.refuses = True
    with pytest.raises(EngineError, match=r"TensorRT 8\.6\.0 refused to enqueue"):
        timed(gpu, engine)
    assert gpu.allocated_bytes == 0


def test_outputs_without_a_size_and_a_silent_profiler_are_named():
    gpu = RecordingGpu()
    with pytest.raises(EngineError, match=r"'corner' .* depends on what the network finds"):
        timed(gpu, TimedEngine(gpu, output_sides=(-1, 6)))
    silent = TimedEngine(gpu)
    silent.layers = ()
    with pytest.raises(EngineError, match=r"the profiler of TensorRT 8\.6\.0 tells no layer's time"):
        timed(gpu, silent)
