"""A network on the deep-learning accelerator (DLA) of a Jetson Orin, with the layers that stay on the GPU."""

from __future__ import annotations

from typing import Any

from edge_runtime.errors import EngineError

from .failures import BuildError
from .options import BuildOptions
from .provider import TensorRT


def use_dla(trt: TensorRT, builder: Any, network: Any, config: Any, options: BuildOptions) -> tuple[str, ...]:
    """Put the network on `options.dla_core`; returns the layers that DLA does not take, in network order.

    Raises `EngineError` where there is no such core, and `BuildError` when layers would fall back and may not.
    """
    core = options.dla_core
    if core is None:
        return ()
    if not trt.traits.dla:
        raise EngineError(f"{trt} does not build for DLA. Take dla_core out")
    cores = int(builder.num_DLA_cores)
    if core >= cores:
        have = f"its cores are 0 to {cores - 1}" if cores else "this board has no DLA (Jetson Orin AGX and NX have two)"
        raise EngineError(f"there is no DLA core {core}: {have}. Take dla_core out")
    if options.precision == "fp32":
        raise EngineError("DLA computes in FP16 and INT8 only. Set precision to fp16 or int8, or take dla_core out")
    config.default_device_type = trt.module.DeviceType.DLA
    config.DLA_core = core
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    fallen = tuple(layer.name for layer in layers if not config.can_run_on_DLA(layer))
    if options.gpu_fallback:
        config.set_flag(trt.module.BuilderFlag.GPU_FALLBACK)
    elif fallen:
        named = "\n".join(f"    {name}" for name in fallen)
        raise BuildError(f"DLA does not take {len(fallen)} of {len(layers)} layers, and gpu_fallback is off:\n{named}")
    return fallen
