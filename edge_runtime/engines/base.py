"""The one way in which the pipeline talks to a network, whatever runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TensorInfo:
    """A named input or output; `shape` has the batch axis first, and None where only a call will tell."""

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]


class Engine(Protocol):
    """A loaded network with a fixed ring of input slots. `with` owns it; `close()` may be called twice.

    A call goes: write rows `[0:batch]` of `input_buffer(slot)`, `enqueue(slot, batch)`, later `collect(slot)`. Calls
    run in the order of `enqueue`. What `collect` returns stays valid until the next `enqueue` of the same slot; a
    slot may be written again only after its `collect`.
    """

    name: str

    @property
    def inputs(self) -> tuple[TensorInfo, ...]: ...

    @property
    def outputs(self) -> tuple[TensorInfo, ...]: ...

    @property
    def max_batch(self) -> int: ...

    @property
    def slots(self) -> int: ...

    def input_buffer(self, slot: int) -> Array:
        """The batch that the next `enqueue(slot, …)` reads, (max_batch, …) in host memory."""
        ...

    def enqueue(self, slot: int, batch: int) -> None:
        """Start the network on the first `batch` rows; returns at once. Raises `EngineError`."""
        ...

    def collect(self, slot: int) -> Mapping[str, Array]:
        """Wait for the slot's call and return its outputs by name. Raises `EngineError` when the call failed."""
        ...

    def took_ms(self, slot: int) -> float:
        """How long the network itself ran in the slot's last collected call."""
        ...

    def span_ns(self, slot: int) -> tuple[int, int]:
        """When that call began and ended, on the clock of the host; for a trace, and not free of cost."""
        ...

    def close(self) -> None: ...
