"""Faults on purpose, each where the real one would come in: at the camera, the sensors, the networks, the sinks.

What runs between these borders knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from edge_runtime.config.schema import CameraFault, Fault, FaultBlock, NetworkFault, SensorFault, SinkBlockedFault
from edge_runtime.core import Clock
from edge_runtime.pipeline.drive import Drive
from edge_runtime.pipeline.network import Network
from edge_runtime.sinks.base import Sink
from edge_runtime.sources.base import Source
from edge_runtime.telemetry.base import Telemetry

from .camera import CameraFaults, FaultySource
from .drive import FaultyDrive
from .networks import NetworkFaults
from .sensors import FaultyTelemetry, SensorFaults
from .sinks import BlockedSink
from .tally import FaultAccount, Tally

__all__ = ["FaultAccount", "Faults"]

F = TypeVar("F", bound=FaultBlock)


class Faults:
    """The faults of one run. Each method gives back what it was given where no fault concerns it."""

    def __init__(self, faults: Sequence[Fault], clock: Clock) -> None:
        self._faults = [(fault, Tally()) for fault in faults]
        self._clock = clock
        self._camera = [(fault, tally) for fault, tally in self._faults if isinstance(fault, CameraFault)]
        self._sensors = [(fault, tally) for fault, tally in self._faults if isinstance(fault, SensorFault)]
        self._sinks = [(fault, tally) for fault, tally in self._faults if isinstance(fault, SinkBlockedFault)]
        networks = [(fault, tally) for fault, tally in self._faults if isinstance(fault, NetworkFault)]
        self._networks = NetworkFaults(networks, clock)

    def source(self, source: Source, camera: str) -> Source:
        own = [(fault, tally) for fault, tally in self._camera if fault.camera in (None, camera)]
        return FaultySource(source, CameraFaults(own), self._clock) if own else source

    def telemetry(self, telemetry: Telemetry) -> Telemetry:
        return FaultyTelemetry(telemetry, SensorFaults(self._sensors)) if self._sensors else telemetry

    def network(self, name: str, network: Network) -> Network:
        """`name` is MODEL or MODEL/VARIANT. To be asked again for a network made anew."""
        return self._networks.on(name, network)

    def sink(self, sink: Sink) -> Sink:
        kind = sink.name.partition(" ")[0]
        own = [(fault, tally) for fault, tally in self._sinks if fault.sink in (None, kind)]
        return BlockedSink(sink, own, self._clock) if own else sink

    def drive(self, drive: Drive) -> Drive:
        """For a replay in virtual time, in place of `source` and `telemetry`."""
        return FaultyDrive(drive, self._camera, self._sensors) if self._camera or self._sensors else drive

    def accounts(self) -> tuple[FaultAccount, ...]:
        """What each did so far, in the order of the file."""
        return tuple(FaultAccount(fault.text, tally.counts()) for fault, tally in self._faults)
