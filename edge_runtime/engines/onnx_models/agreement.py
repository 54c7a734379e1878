"""Whether two runs of a network say the same: how close is close enough, and what to say when it is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import Array
from ..tensorrt.parity import OutputParity, compare, worst
from .files import NotTheSame

Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class Tolerance:
    """Least cosine similarity, and largest error as a share of the output's largest value (None: not limited)."""

    cosine: float
    error_share: float | None


EXACT = Tolerance(0.999999, 1e-3)


def agree(name: str, pairs: Iterable[tuple[Outputs, Outputs]], tolerance: Tolerance) -> tuple[OutputParity, ...]:
    """The worst of each output over (expected, got) pairs; `NotTheSame` when it is beyond the tolerance."""
    found: list[tuple[OutputParity, ...]] = []
    largest: dict[str, float] = {}
    for expected, got in pairs:
        try:
            found.append(compare(expected, got))
        except ValueError as error:
            raise NotTheSame(f"{name}: {error}") from error
        for key, value in expected.items():
            finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value
            largest[key] = max(largest.get(key, 0.0), float(np.max(np.abs(finite), initial=0)))
    outputs = worst(found)
    far = [output for output in outputs if not _close(output, tolerance, largest[output.name])]
    if far:
        limit = f"cosine {tolerance.cosine:g}"
        if tolerance.error_share is not None:
            limit += f", error {tolerance.error_share:g} of the largest value"
        said = "; ".join(say(output) for output in far)
        raise NotTheSame(f"{name}: the model does not compute the same any more (allowed: {limit}): {said}")
    return outputs


def _close(output: OutputParity, tolerance: Tolerance, largest: float) -> bool:
    share = tolerance.error_share
    return output.within(cosine=tolerance.cosine, max_error=None if share is None else share * max(largest, 1e-3))


def say(output: OutputParity) -> str:
    if output.cosine is None or output.max_error is None:
        return f"'{output.name}' has NaN or infinite values"
    return f"'{output.name}' has cosine {output.cosine:.6f} and error {output.max_error:.4g}"


def document(outputs: Iterable[OutputParity]) -> list[dict[str, Any]]:
    return [{"output": o.name, "cosine": o.cosine, "max_error": o.max_error} for o in outputs]
