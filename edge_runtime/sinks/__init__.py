"""Where results go. `make_sink` imports a sink's own module only when a pipeline asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.config import schema

    from .base import Sink

__all__ = ["make_sink"]


def make_sink(block: schema.Sink) -> Sink:
    """The sink that one entry of a pipeline's `sinks:` describes, not yet opened."""
    if block.kind == "jsonl":
        from .jsonl import JsonlFile

        return JsonlFile(block)
    if block.kind == "video":
        from .per_camera import PerCamera
        from .video import AnnotatedVideo

        return PerCamera(lambda camera: AnnotatedVideo(block, camera))
    if block.kind == "mqtt":
        from .mqtt import MqttOutput

        return MqttOutput(block)
    if block.kind == "zmq":
        from .zeromq import ZmqOutput

        return ZmqOutput(block)
    if block.kind == "udp":
        from .udp import UdpOutput

        return UdpOutput(block)
    if block.kind == "shared_memory":
        from .shared_memory_output import SharedMemoryOutput

        return SharedMemoryOutput(block)
    from .display import Display

    return Display(block)
