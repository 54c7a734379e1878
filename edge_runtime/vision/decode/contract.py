"""What every decoder is: it knows which outputs it reads, says how a network contradicts that, and decodes rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.core import Detections, Masks
from edge_runtime.core.reduction import Selected, Selection
from edge_runtime.errors import OutputError

from ..resize import ViewTransform

Array = npt.NDArray[Any]
Outputs = Mapping[str, Array]
Shape = tuple[int | None, ...]
Shapes = Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One way in which a network contradicts its block; `key` is relative to the model's block (`decode.output`)."""

    key: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.key}: {self.what}" + (f" ({self.fix})" if self.fix else "")


class Decoder(ABC):
    """Reads one network's outputs. Without state that matters between calls; one thread at a time."""

    _checked: Shapes | None = None

    @abstractmethod
    def check(self, outputs: Shapes) -> list[Mismatch]:
        """Everything in which outputs of these shapes (batch axis first, None where unknown) contradict the block."""

    @abstractmethod
    def decode(self, outputs: Outputs, row: int, view: ViewTransform) -> Detections | Masks:
        """What batch row `row` says, in full-frame pixels.

        The result shares no memory with the outputs. Raises OutputError when they hold NaN or infinity, or when
        shapes that were unknown at `check` turn out wrong.
        """

    def _require(self, outputs: Outputs) -> None:
        shapes = {name: value.shape for name, value in outputs.items()}
        if shapes != self._checked:
            if mismatches := self.check(shapes):
                raise OutputError("; ".join(str(mismatch) for mismatch in mismatches))
            self._checked = shapes


class SelectiveDecoder(Decoder):
    """A decoder that reads little of the outputs and can say what: whoever has them may pick that out in its place."""

    @abstractmethod
    def selection(self, outputs: Shapes) -> Selection:
        """What it reads of outputs of these shapes, which `check` had nothing to say about."""

    @abstractmethod
    def decode_selected(self, selected: Selected, views: Sequence[ViewTransform]) -> Sequence[Detections | Masks]:
        """What `decode` says of each of the batch rows of which this was selected."""


def the_output(outputs: Mapping[str, Any], name: str | None) -> str:
    """The named output, or the only one; to be used once `check_output` had nothing to say."""
    return name if name is not None else next(iter(outputs))


def check_output(
    outputs: Shapes, name: str | None, key: str, axes: tuple[str, ...], fixed: Mapping[int, int] | None = None
) -> list[Mismatch]:
    """Whether the output is there (with `name` None: the only one), has these axes, and `fixed` lengths of some."""
    if name is None and len(outputs) != 1:
        return [Mismatch(key, f"the network has {len(outputs)} outputs, and none is named", _names(outputs))]
    name = the_output(outputs, name)
    if name not in outputs:
        near = get_close_matches(name, outputs, n=1)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        return [Mismatch(key, f"the network has no output '{name}'", hint + _names(outputs))]
    shape = outputs[name]
    if len(shape) != len(axes) or any(shape[axis] not in (None, length) for axis, length in (fixed or {}).items()):
        return [Mismatch(key, f"output '{name}' is {describe(shape)}, expected ({', '.join(axes)})")]
    return []


def describe(shape: Shape) -> str:
    return "(" + ", ".join("?" if length is None else str(length) for length in shape) + ")"


def require_finite(name: str, values: Array) -> None:
    """Raise OutputError when a value is NaN or infinite. One pass without the interpreter lock, 20 µs for 300,000."""
    finite = np.isfinite(values)
    if not finite.all():
        count = int(values.size - np.count_nonzero(finite))
        raise OutputError(f"output '{name}' has {count} of {values.size} values that are NaN or infinite")


def _names(outputs: Shapes) -> str:
    return "It has " + ", ".join(f"'{name}' {describe(shape)}" for name, shape in outputs.items())
