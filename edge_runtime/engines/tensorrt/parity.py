"""How close two runs of a network are, output by output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..base import Array


@dataclass(frozen=True)
class OutputParity:
    """One output against its reference: cosine similarity (1 is the same direction) and largest absolute error.

    Both are None when a value is NaN or infinite on one side only; such an output is never within a tolerance.
    """

    name: str
    cosine: float | None
    max_error: float | None

    def within(self, *, cosine: float, max_error: float | None = None) -> bool:
        if self.cosine is None or self.max_error is None:
            return False
        return self.cosine >= cosine and (max_error is None or self.max_error <= max_error)


def compare(reference: Mapping[str, Array], got: Mapping[str, Array]) -> tuple[OutputParity, ...]:
    """Every output of `reference` against that of `got`; `ValueError` when one is missing or misshapen."""
    if reference.keys() != got.keys():
        raise ValueError(f"the outputs differ: {sorted(reference)} and {sorted(got)}")
    return tuple(_compare(name, expected, got[name]) for name, expected in reference.items())


def _compare(name: str, expected: Array, got: Array) -> OutputParity:
    if expected.shape != got.shape:
        raise ValueError(f"output {name} is {got.shape}, the reference is {expected.shape}")
    a, b = expected.astype(np.float64).ravel(), got.astype(np.float64).ravel()
    same = (a == b) | (np.isnan(a) & np.isnan(b))  # also the same infinity
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.all(finite | same):
        return OutputParity(name, None, None)
    a, b = a[finite], b[finite]
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    cosine = float(a @ b) / norms if norms else float(np.array_equal(a, b))
    return OutputParity(name, min(1.0, cosine), float(np.max(np.abs(a - b), initial=0.0)))


def worst(frames: Iterable[tuple[OutputParity, ...]]) -> tuple[OutputParity, ...]:
    """Over many frames, the lowest cosine and the largest error of each output; an unknown one stays unknown."""
    found: dict[str, OutputParity] = {}
    for outputs in frames:
        for output in outputs:
            before = found.get(output.name, output)
            found[output.name] = OutputParity(
                output.name, _of(min, before.cosine, output.cosine), _of(max, before.max_error, output.max_error)
            )
    return tuple(found.values())


def _of(choose: Any, a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else float(choose(a, b))


def refusal(outputs: Iterable[OutputParity], *, cosine: float, max_error: float | None = None) -> str | None:
    """The sentence that says which outputs are too far off, or None when all are close enough."""
    far = [output for output in outputs if not output.within(cosine=cosine, max_error=max_error)]
    if not far:
        return None
    limit = f"cosine >= {cosine}" + ("" if max_error is None else f", error <= {max_error}")
    return f"not the same as ONNX Runtime FP32 ({limit}): " + "; ".join(_say(output) for output in far)


def _say(output: OutputParity) -> str:
    if output.cosine is None or output.max_error is None:
        return f"{output.name} has NaN or infinite values"
    return f"{output.name} has cosine {output.cosine:.6f} and error {output.max_error:.4g}"


def as_json(outputs: Iterable[OutputParity]) -> list[dict[str, Any]]:
    return [asdict(output) for output in outputs]
