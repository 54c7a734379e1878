"""Engines for the tests on a GPU, built in place at a low optimisation level, and a network as a pipeline runs it."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.core import SystemClock
from edge_runtime.cuda.frame_upload import FrameUpload
from edge_runtime.cuda.preprocess import CudaPreprocessor
from edge_runtime.engines.tensorrt.run import TensorRTEngine
from edge_runtime.vision.resize import plan_view


def small_network(*, batch="n", height=64, width=96, seed=0) -> bytes:
    """Two convolutions: (batch, 3, h, w) pixels to (batch, 16, h / 4, w / 4)."""
    rng = np.random.default_rng(seed)
    nodes, weights, name, channels = [], [], "images", 3
    for layer, scale in enumerate([1 / 255, 1.0]):
        values = rng.standard_normal((16, channels, 3, 3)) * scale / channels
        weights.append(numpy_helper.from_array(values.astype(np.float32), f"w{layer}"))
        nodes.append(helper.make_node("Conv", [name, f"w{layer}"], [f"c{layer}"], pads=[1] * 4, strides=[2, 2]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]))
        name, channels = f"r{layer}", 16
    values_of = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "small",
        [values_of("images", TensorProto.FLOAT, [batch, 3, height, width])],
        [values_of(name, TensorProto.FLOAT, [batch, 16, height // 4, width // 4])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def build(trt, model: bytes, *, max_batch=1, fp16=False):
    """An ICudaEngine and what has to outlive it."""
    logger = trt.Logger(trt.Logger.ERROR)
    trt.init_libnvinfer_plugins(logger, "")
    builder = trt.Builder(logger)
    explicit_batch = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    network = builder.create_network(0 if explicit_batch is None else 1 << int(explicit_batch))
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(model), parser.get_error(0)
    config = builder.create_builder_config()
    config.builder_optimization_level = 1
    config.set_tactic_sources(
        1 << int(trt.TacticSource.EDGE_MASK_CONVOLUTIONS) | 1 << int(trt.TacticSource.JIT_CONVOLUTIONS)
    )
    if fp16 and hasattr(trt.BuilderFlag, "FP16"):
        config.set_flag(trt.BuilderFlag.FP16)
    if hasattr(trt.PreviewFeature, "PROFILE_SHARING_0806"):
        config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, True)
    declared = network.get_input(0)
    if declared.shape[0] < 0:
        profile, row = builder.create_optimization_profile(), tuple(declared.shape)[1:]
        profile.set_shape(declared.name, (1, *row), (1, *row), (max_batch, *row))
        config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    assert plan is not None, "TensorRT built nothing"
    runtime = trt.Runtime(logger)
    return runtime.deserialize_cuda_engine(plan), runtime


def load_model(path) -> bytes:
    return onnx.load(str(path)).SerializeToString()


class Network:
    """A TensorRT engine with its preprocessor and stream; `with` owns them."""

    def __init__(
        self,
        gpu,
        plan,
        form,
        upload: FrameUpload,
        *,
        name="road",
        max_batch=1,
        slots=3,
        provider=None,
        antialias=False,
    ):
        self.form, self.upload = form, upload
        self._owner = ExitStack()
        stream = self._owner.enter_context(gpu.stream(name))
        fill_stream = self._owner.enter_context(gpu.stream(f"{name} input"))
        width, height = form.size
        self.preprocessor = self._owner.enter_context(
            CudaPreprocessor(gpu, form, slots=slots, max_batch=max_batch, stream=fill_stream, antialias=antialias)
        )
        self.engine = self._owner.enter_context(
            TensorRTEngine(
                name,
                plan,
                gpu=gpu,
                stream=stream,
                input_shape=(3, height, width),
                max_batch=max_batch,
                slots=slots,
                clock=SystemClock(),
                fill=self.preprocessor.fill,
                fill_stream=fill_stream,
                provider=provider,
            )
        )

    def places(self, views):
        return [plan_view(view, self.form.size, self.form.resize) for view in views]

    def launch(self, ring, frame, places):
        uploaded = self.upload.upload(ring, frame)
        self.preprocessor.write(ring, [uploaded] * len(places), places)
        self.engine.enqueue(ring, len(places), after=(uploaded.ready,), frame_id=frame.frame_id)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._owner.close()
