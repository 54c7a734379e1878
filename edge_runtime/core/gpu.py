"""What this project needs of a GPU, as a handful of nouns: `driver.py` fills them on real hardware, tests with NumPy.

Work is put on a stream and runs later, in that stream's order; streams are always named by keyword. Only `Event.wait`
makes the host wait. Every noun belongs to whoever asked for it, is closed by `close()` or `with`, and may be closed
twice. Every call raises `EngineError`, which says what was attempted; a failure of work on a stream comes out of a
later call, as a rule the next `Event.wait`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]
Grid = tuple[int, int, int]


class Event(Protocol):
    """A point in the order of a stream."""

    @property
    def handle(self) -> int: ...

    def wait(self) -> None:
        """Make the host wait until the stream has reached it."""
        ...

    def ms_since(self, earlier: Event) -> float:
        """The GPU's time between two events that both have been reached."""
        ...

    def close(self) -> None: ...


class Stream(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def handle(self) -> int:
        """The cudaStream_t, for libraries that enqueue work themselves."""
        ...

    def record(self, event: Event) -> None: ...

    def wait(self, event: Event) -> None:
        """Let what follows on this stream wait for the event; the host does not wait."""
        ...

    def close(self) -> None: ...


class Memory(Protocol):
    """Bytes that the GPU reads and writes."""

    @property
    def address(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    def close(self) -> None: ...


class Mirror(Memory, Protocol):
    """Memory of the GPU and its pinned image in host memory; one and the same where both share their memory.

    A copy reads or writes the host's image when its stream gets there: leave it alone until an event says so.
    """

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """The host's image, from its first byte; valid until `close`."""
        ...

    def to_device(self, nbytes: int, *, stream: Stream) -> None: ...

    def to_host(self, nbytes: int, *, stream: Stream) -> None: ...


class Graph(Protocol):
    """Work recorded once and launched as a whole. It holds addresses, so what it uses must outlive it."""

    def launch(self, *, stream: Stream) -> None: ...

    def close(self) -> None: ...


class Kernel(Protocol):
    def launch(self, grid: Grid, block: Grid, arguments: tuple[Any, ...], *, stream: Stream) -> None:
        """Addresses are plain ints, numbers NumPy scalars of the type the kernel declares."""
        ...


class Gpu(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def arch(self) -> str:
        """Such as sm_87."""
        ...

    @property
    def shares_memory(self) -> bool:
        """An integrated GPU: pinned host memory is its own memory, and copies are left out."""
        ...

    def stream(self, name: str) -> Stream: ...

    def event(self) -> Event: ...

    def memory(self, nbytes: int) -> Memory: ...

    def mirror(self, nbytes: int) -> Mirror: ...

    def pin(self, array: Array) -> Memory:
        """Page-lock an array where it is, so that copies from it need no staging; `close` lets it go."""
        ...

    def copy_in(self, target: Memory, source: Memory, nbytes: int, *, stream: Stream) -> None:
        """From a pinned array to memory of the GPU."""
        ...

    def zero(self, target: Memory, nbytes: int, *, stream: Stream) -> None:
        """Set the first bytes to 0."""
        ...

    def capture(self, work: Callable[[], None], *, stream: Stream) -> Graph:
        """What `work` puts on the stream, as a graph; nothing of it runs. Raises `EngineError` where it cannot be."""
        ...

    def kernel(self, source: str, entry: str, macros: Mapping[str, str]) -> Kernel:
        """Compile for this GPU; the same source with the same macros is compiled once."""
        ...
