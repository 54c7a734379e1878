"""Builds on a double of TensorRT that knows only the names its version has."""

import threading

import onnx
import pytest

from edge_runtime.engines.tensorrt import provider, refusals
from edge_runtime.engines.tensorrt.build import build
from edge_runtime.engines.tensorrt.failures import BuildCancelled, BuildError
from edge_runtime.engines.tensorrt.options import BuildOptions
from edge_runtime.engines.tensorrt.refusals import UnsupportedModel
from edge_runtime.engines.tensorrt.timing import TimingCache
from edge_runtime.errors import EngineError

from .double import Buffer, ParserError, double
from .makers import (
    H200,
    RTX,
    TRT_8_6,
    TRT_10_3,
    TRT_11_4,
    SteppingClock,
    quantized_network,
    saved,
    small_network,
    unsupported_network,
)

EXPLICIT_BATCH, STRONGLY_TYPED = 0, 1


@pytest.fixture
def net(tmp_path):
    return saved(small_network(), tmp_path)


def run(trt, model, options=None, **more):
    return build(model, options or BuildOptions(), H200, trt=trt, clock=SteppingClock(), **more)


def network_bits(trt):
    return trt.module.called("Builder.create_network")[-1][0]


def stored_types(onnx_bytes):
    return {tensor.data_type for tensor in onnx.load_model_from_string(onnx_bytes).graph.initializer}


# ---- precision and versions ------------------------------------------------------------------------------------


def test_8_6_gets_fp16_by_flag_and_the_model_as_it_is(net):
    trt = double(TRT_8_6)
    assert run(trt, net).engine == b"plan"
    assert trt.module.flags() == {"FP16"}
    assert network_bits(trt) == 1 << EXPLICIT_BATCH
    assert trt.module.parsed == net.data
    assert [feature.name for feature, _ in trt.module.called("IBuilderConfig.set_preview_feature")] == [
        "PROFILE_SHARING_0806"
    ]


@pytest.mark.parametrize("traits", [TRT_10_3, TRT_11_4], ids=str)
def test_10_and_11_get_fp16_in_the_model_and_no_flag(net, traits):
    trt = double(traits)
    run(trt, net)
    assert trt.module.flags() == set()
    assert network_bits(trt) == 1 << int(trt.module.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    assert stored_types(trt.module.parsed) == {onnx.TensorProto.FLOAT16}


def test_fp32_means_no_tf32(net):
    trt = double(TRT_8_6)
    run(trt, net, BuildOptions("fp32"))
    assert [flag.name for (flag,) in trt.module.called("IBuilderConfig.clear_flag")] == ["TF32"]


def test_int8_on_a_weakly_typed_version_leaves_the_rest_to_fp16(tmp_path):
    trt = double(TRT_8_6)
    run(trt, saved(quantized_network(), tmp_path), BuildOptions("int8"))
    assert trt.module.flags() == {"INT8", "FP16"}


def test_named_nodes_and_operators_stay_in_fp32_on_a_weakly_typed_version(net):
    trt = double(TRT_8_6, layers=("left", "gate", "pool", "left_relu"))
    run(trt, net, BuildOptions(keep_float32=("gate", "Relu")))
    assert len(trt.module.called("ILayer.precision=")) == 2
    assert trt.module.flags() == {"FP16", "OBEY_PRECISION_CONSTRAINTS"}


def test_only_built_in_tactics_compete_unless_the_libraries_are_asked_for(net):
    trt = double(TRT_8_6)
    sources = trt.module.TacticSource
    run(trt, net)
    run(trt, net, BuildOptions(external_libraries=True))
    own = 1 << sources.EDGE_MASK_CONVOLUTIONS | 1 << sources.JIT_CONVOLUTIONS
    assert trt.module.called("IBuilderConfig.set_tactic_sources") == [(own,), ((1 << len(sources)) - 1,)]


def test_the_workspace_is_given_in_bytes(net):
    trt = double(TRT_8_6)
    run(trt, net, BuildOptions(workspace_mib=512))
    assert [size for _, size in trt.module.called("IBuilderConfig.set_memory_pool_limit")] == [512 << 20]


# ---- shapes ----------------------------------------------------------------------------------------------------


def test_a_free_batch_gets_one_profile(net):
    trt = double(TRT_8_6, inputs={"x": (-1, 3, 32, 32)})
    run(trt, net, BuildOptions(batch=(1, 2, 4)))
    assert trt.module.called("IOptimizationProfile.set_shape") == [
        ("x", (1, 3, 32, 32), (2, 3, 32, 32), (4, 3, 32, 32))
    ]
    assert len(trt.module.called("IBuilderConfig.add_optimization_profile")) == 1


def test_free_sides_must_be_given_and_must_fit(net):
    trt = double(TRT_8_6, inputs={"x": (-1, 3, -1, -1)})
    with pytest.raises(EngineError, match=r"input x is \? x 3 x \? x \?. Give its axes after the batch in sides"):
        run(trt, net)
    with pytest.raises(EngineError, match="and sides gives"):
        run(trt, net, BuildOptions(sides={"x": (4, 32, 48)}))
    run(trt, net, BuildOptions(sides={"x": (3, 32, 48)}))
    assert trt.module.called("IOptimizationProfile.set_shape")[-1][1] == (1, 3, 32, 48)


def test_a_batch_that_a_fixed_model_cannot_use_is_said(net):
    trt = double(TRT_8_6)
    assert "fixed batch of 1, so batch 1/2/4 is not used" in run(trt, net, BuildOptions(batch=(1, 2, 4))).notes[0]
    assert trt.module.called("IBuilderConfig.add_optimization_profile") == []


# ---- DLA -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("traits", [TRT_8_6, TRT_10_3], ids=str)
def test_dla_lists_the_layers_that_fall_back_and_uses_flags(net, traits):
    trt = double(traits, layers=("conv", "resize", "slice"), not_on_dla=("resize", "slice"))
    assert run(trt, net, BuildOptions(dla_core=1)).dla_fallback == ("resize", "slice")
    assert trt.module.flags() == {"FP16", "GPU_FALLBACK"}
    assert trt.module.called("IBuilderConfig.DLA_core=") == [(1,)]


@pytest.mark.parametrize(
    ("traits", "settings", "options", "sentence"),
    [
        (TRT_8_6, {"not_on_dla": ("relu",)}, BuildOptions(dla_core=0, gpu_fallback=False), "1 of 2 layers.*\n    relu"),
        (TRT_8_6, {"dla_cores": 0}, BuildOptions(dla_core=0), "this board has no DLA"),
        (TRT_8_6, {}, BuildOptions(dla_core=2), "no DLA core 2: its cores are 0 to 1"),
        (TRT_8_6, {}, BuildOptions("fp32", dla_core=0), "FP16 and INT8 only"),
        (TRT_11_4, {}, BuildOptions(dla_core=0), "does not build for DLA"),
    ],
)
def test_dla_that_cannot_be_had_is_refused(net, traits, settings, options, sentence):
    with pytest.raises(EngineError, match=sentence):
        run(double(traits, **settings), net, options)


# ---- progress and stopping -------------------------------------------------------------------------------------

PHASES = (("Building engine", None, 2), ("Timing tactics", "Building engine", 3))


def test_progress_of_phases_only_grows(net):
    trt = double(TRT_10_3, phases=PHASES)
    heard = []
    run(trt, net, listener=heard.append)
    assert {progress.phase for progress in heard} == {"Building engine", "Timing tactics"}
    shares = [progress.fraction for progress in heard]
    assert shares == sorted(shares)
    assert trt.module.finished_phases == ["Building engine", "Timing tactics"]


def test_8_6_tells_its_progress_by_its_log(net):
    lines = [(4, "After concat removal: 4 layers")] + [(4, "=============== Computing costs for conv")] * 3
    heard = []
    run(double(TRT_8_6, log_lines=lines), net, listener=heard.append)
    assert [str(progress) for progress in heard] == [
        "timing layers 1/4 (0%)",
        "timing layers 2/4 (25%)",
        "timing layers 3/4 (50%)",
    ]


def test_a_build_stops_at_its_next_step(net):
    stop = threading.Event()
    trt = double(TRT_10_3, phases=PHASES)
    with pytest.raises(BuildCancelled, match=r"the build of net.onnx was stopped"):
        run(trt, net, listener=lambda progress: stop.set(), stop=stop)
    assert trt.module.finished_phases == []


def test_ctrl_c_in_the_middle_of_a_build_stops_it_and_comes_through(net):
    def interrupt(progress):
        raise KeyboardInterrupt

    trt = double(TRT_10_3, phases=PHASES)
    with pytest.raises(KeyboardInterrupt):
        run(trt, net, listener=interrupt)
    assert trt.module.finished_phases == []


# ---- failures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("[virtualMemoryBuffer.cpp] Error Code 2: OutOfMemory (no further information)", "the GPU ran out of memory"),
        (
            "no tactics to implement the operation within workspace limit.",
            r"does not fit into the workspace \(now 64\)",
        ),
        ("10: Could not find any implementation for node Conv_3.", "found no kernel for a layer"),
        ("Target GPU SM 90 is not supported by this TensorRT release.", "does not build for the GPU"),
        ("CUDA driver version is insufficient for CUDA runtime version", "there is no NVIDIA GPU here, or no driver"),
        ("something never seen before", "cannot build net.onnx: something never seen before"),
    ],
)
def test_a_failed_build_says_what_to_do(net, line, sentence):
    trt = double(TRT_8_6, plan=None, log_lines=[(1, line)])
    with pytest.raises(BuildError, match=sentence) as caught:
        run(trt, net, BuildOptions(workspace_mib=64))
    assert line[:40] in str(caught.value)


def test_no_gpu_is_one_sentence_with_what_to_type(net):
    trt = double(TRT_8_6, gpu=False)
    with pytest.raises(
        EngineError, match=r"TensorRT 8.6.0 cannot start: there is no NVIDIA GPU here.* Run: nvidia-smi"
    ):
        run(trt, net)
    with pytest.raises(EngineError, match="there is no NVIDIA GPU here"):
        trt.deserialize(b"plan")


def test_a_missing_tensorrt_says_what_to_type(monkeypatch):
    monkeypatch.setattr(provider.importlib, "import_module", _no_module)
    for name, advice in [("tensorrt", "JetPack"), ("tensorrt_rtx", "pip install tensorrt-rtx-cu13-libs")]:
        provider.load.cache_clear()
        with pytest.raises(EngineError, match=f"{name} is not installed for .*{advice}"):
            provider.load(name)
    provider.load.cache_clear()


def _no_module(name):
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_a_tensorrt_whose_libraries_are_missing_is_not_called_absent(monkeypatch):
    def broken(name):
        raise ImportError("libcudnn.so.8: cannot open shared object file")

    monkeypatch.setattr(provider.importlib, "import_module", broken)
    provider.load.cache_clear()
    with pytest.raises(EngineError, match="installed but does not load: libcudnn"):
        provider.load("tensorrt")
    provider.load.cache_clear()


def test_a_plugin_library_that_does_not_load_is_named(net, tmp_path):
    options = BuildOptions(plugin_libraries=(tmp_path / "libnms.so",))
    with pytest.raises(EngineError, match=r"the plugin library .*libnms.so does not load"):
        run(double(TRT_8_6), net, options)
    with pytest.raises(EngineError, match="takes no plugins"):
        run(double(RTX), net, options)


# ---- refused operators on 8.6, which names nodes by number only -------------------------------------------------


def test_8_6_refusals_name_the_node_by_its_number(tmp_path):
    said = ParserError(1, 'creator && "Plugin not found, are the plugin name, version, and namespace correct?"')
    with pytest.raises(UnsupportedModel) as caught:
        run(double(TRT_8_6, refusals=[said]), saved(unsupported_network(), tmp_path))
    assert "node 1 fancy [Fancy]: TensorRT 8.6.0 has no operator Fancy and no plugin of that name" in str(caught.value)


def test_8_6_reports_every_refused_node_though_its_parser_stops_at_the_first(tmp_path):
    trt = double(TRT_8_6, refusals=[ParserError(1, "Plugin not found")], subgraphs=[([0], True)])
    found = refusals.report(trt, saved(unsupported_network(), tmp_path).data)
    assert [(refusal.index, refusal.node, refusal.operator) for refusal in found] == [
        (1, "fancy", "Fancy"),
        (2, "det", "Det"),
    ]


# ---- the timing cache ------------------------------------------------------------------------------------------


def test_the_timing_cache_is_kept_for_one_version_and_gpu_and_given_to_the_next_build(net, tmp_path):
    trt = double(TRT_8_6)
    timing = TimingCache.of(tmp_path / "cache", trt, H200)
    assert timing.path.name == "timing-tensorrt-8.6.0-sm-90-NVIDIA-H200.cache"
    run(trt, net, timing=timing)
    assert timing.path.read_bytes() == b"measured"
    run(trt, net, timing=timing)
    given = [known for (known,) in trt.module.called("IBuilderConfig.create_timing_cache")]
    assert given == [b"", b"measured", b"measured"]  # to start with; for the second build; to merge it
    assert len(trt.module.called("ITimingCache.combine")) == 1


def test_a_timing_cache_of_another_gpu_is_left_out_and_said(net, tmp_path):
    trt = double(TRT_8_6, timing_fits=False)
    timing = TimingCache(tmp_path / "t.cache")
    timing.path.write_bytes(b"foreign")
    assert "is started anew" in run(trt, net, timing=timing).notes[0]


def test_a_timing_cache_that_cannot_be_written_does_not_cost_the_engine(net, tmp_path):
    (tmp_path / "file").write_text("")
    made = run(double(TRT_8_6), net, timing=TimingCache(tmp_path / "file" / "t.cache"))
    assert made.engine == b"plan"
    assert "the timing cache is not kept" in made.notes[0]


def test_rtx_measures_nothing_and_keeps_no_timing_cache(net, tmp_path):
    trt = double(RTX)
    trt.module.ComputeCapability = type("ComputeCapability", (), {"SM90": 0})
    timing = TimingCache.of(tmp_path, trt, H200)
    run(trt, net, timing=timing)
    assert not timing.path.exists()


# ---- the engine itself -----------------------------------------------------------------------------------------


def test_the_layers_come_from_the_inspector_where_an_engine_can_be_loaded(net):
    trt = double(TRT_8_6, inspection='{"Layers": ["conv + relu"]}')
    assert run(trt, net).layers == '{"Layers": ["conv + relu"]}'


def test_warnings_reach_the_notes_once(net):
    trt = double(TRT_8_6, log_lines=[(2, "weights were clamped")] * 3, plan=Buffer(b"p"))
    assert run(trt, net).notes == ("weights were clamped",)
