"""Networks on ONNX Runtime: the engine that runs anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import onnxruntime

from edge_runtime.config.schema import OnnxRuntimeBlock
from edge_runtime.core import Clock
from edge_runtime.errors import EngineError, EngineHangs

from .base import Array, TensorInfo

Submit = Callable[[Callable[[], None]], None]

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


def run_here(call: Callable[[], None]) -> None:
    """Run a network call on the calling thread, before `enqueue` returns."""
    call()


def open_session(path: Path, block: OnnxRuntimeBlock) -> onnxruntime.InferenceSession:
    """Load a model, or raise `EngineError` saying what is wrong with the file or the provider."""
    if not path.exists():
        raise EngineError(f"no such file: {path}")
    missing = [name for name in block.providers if name not in onnxruntime.get_available_providers()]
    if missing:
        have = ", ".join(onnxruntime.get_available_providers())
        raise EngineError(f"this onnxruntime has no {', '.join(missing)}; it has {have}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = block.intra_op_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if block.allow_spinning else "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=list(block.providers))
    except Exception as error:  # onnxruntime raises a dozen unrelated classes here
        reason = str(error).strip().splitlines()[0]
        if "protobuf" in reason.lower():
            raise EngineError(f"{path} is not an ONNX file ({path.stat().st_size} bytes)") from error
        raise EngineError(f"ONNX Runtime cannot load {path}: {reason}") from error


class _Slot:
    """One ring entry: its input batch, and the outputs and error of its last call."""

    def __init__(self, batch: Array) -> None:
        self.batch = batch
        self.done = threading.Event()
        self.outputs: dict[str, Array] = {}
        self.error: Exception | None = None
        self.span_ns = (0, 0)


class OnnxRuntimeEngine:
    """A network in an ONNX Runtime session (see `open_session`), which it owns from here on.

    `input_shape` is one row of the batch, such as (3, 416, 416). A model with a fixed batch runs with that; one with
    a free batch axis runs with up to `max_batch` rows. `submit` hands a call to the thread that runs this network
    (in order); by default the caller's own. A call that is not back `patience_s` after it is wanted hangs: `on_hang`
    is called, and the engine must not be used again.
    """

    def __init__(
        self,
        name: str,
        session: onnxruntime.InferenceSession,
        *,
        input_name: str | None = None,
        input_shape: tuple[int, ...],
        max_batch: int = 1,
        slots: int = 1,
        submit: Submit = run_here,
        patience_s: float | None = None,
        on_hang: Callable[[], None] = lambda: None,
        clock: Clock,
    ) -> None:
        self.name = name
        self._session: Any = session
        self._submit, self._clock = submit, clock
        self._patience_s, self._on_hang, self._hangs = patience_s, on_hang, False
        self._inputs = tensors(self._session.get_inputs())
        wanted = next((tensor for tensor in self._inputs if tensor.name == input_name), self._inputs[0])
        self._input = wanted.name
        self._names = [output.name for output in self._session.get_outputs()]
        self._fixed_batch = wanted.shape[0]
        self._max_batch = self._fixed_batch or max_batch
        self._slots = [_Slot(np.zeros((self._max_batch, *input_shape), wanted.dtype)) for _ in range(slots)]
        self._outputs = self._probe()

    def _probe(self) -> tuple[TensorInfo, ...]:
        """Run once: warms the session up, and real output shapes are worth more than declared ones."""
        try:
            values = self._run(self._slots[0].batch[: self._rows_of_a_call(1)])
        except Exception as error:
            raise EngineError(f"{self.name}: a first call of the network failed: {_first_line(error)}") from error
        return tuple(
            TensorInfo(name, tuple(value.shape), value.dtype) for name, value in zip(self._names, values, strict=True)
        )

    def _rows_of_a_call(self, batch: int) -> int:
        """A model with a fixed batch always runs whole."""
        return self._fixed_batch or batch

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        return self._outputs

    @property
    def max_batch(self) -> int:
        return self._max_batch

    @property
    def slots(self) -> int:
        return len(self._slots)

    def input_buffer(self, slot: int) -> Array:
        return self._slots[slot].batch

    def enqueue(self, slot: int, batch: int) -> None:
        if not 1 <= batch <= self._max_batch:
            raise EngineError(f"{self.name}: batch {batch} is outside 1 to {self._max_batch}")
        entry = self._slots[slot]
        entry.done.clear()
        entry.error = None
        self._submit(lambda: self._call(entry, self._rows_of_a_call(batch)))

    def _call(self, entry: _Slot, rows: int) -> None:
        began_ns = self._clock.now_ns()
        try:
            entry.outputs = dict(zip(self._names, self._run(entry.batch[:rows]), strict=True))
        except Exception as error:  # handed to collect(), which names the network
            entry.error = error
        finally:
            entry.span_ns = (began_ns, self._clock.now_ns())
            entry.done.set()

    def _run(self, batch: Array) -> list[Array]:
        # Binding preallocated outputs was measured too: no faster (7.24 against 7.24 ms), so the short way stays.
        outputs: list[Array] = self._session.run(self._names, {self._input: batch})
        return outputs

    def collect(self, slot: int) -> Mapping[str, Array]:
        entry = self._slots[slot]
        if not entry.done.wait(0.0 if self._hangs else self._patience_s):
            if not self._hangs:  # what was handed over behind it will not come back either
                self._hangs = True
                self._on_hang()
            raise EngineHangs(f"{self.name}: the network call has not come back for {self._patience_s:g} s: it hangs")
        if entry.error is not None:
            raise EngineError(f"{self.name}: the network call failed: {_first_line(entry.error)}") from entry.error
        return entry.outputs

    def took_ms(self, slot: int) -> float:
        began_ns, ended_ns = self._slots[slot].span_ns
        return (ended_ns - began_ns) / 1e6

    def span_ns(self, slot: int) -> tuple[int, int]:
        return self._slots[slot].span_ns

    def close(self) -> None:
        self._session = None

    def __enter__(self) -> OnnxRuntimeEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def tensors(nodes: Any) -> tuple[TensorInfo, ...]:
    """What a session says of its inputs or outputs; free dimensions are None."""
    return tuple(
        TensorInfo(
            node.name,
            tuple(side if isinstance(side, int) and side > 0 else None for side in node.shape),
            np.dtype(_DTYPES.get(node.type, np.void)),
        )
        for node in nodes
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
