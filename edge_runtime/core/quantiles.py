"""Quantiles of a stream of durations in constant memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

_SMALLEST_MS = 1e-3
_GROWTH = 1.01
_LOG_GROWTH = math.log(_GROWTH)
_BUCKETS = int(math.log(1e6 / _SMALLEST_MS) / _LOG_GROWTH) + 2


class Quantiles:
    """A histogram of milliseconds with logarithmic buckets: any quantile within 1 %, from 1 us to 1000 s.

    The method is that of DDSketch (Masson, Rim, Lee 2019) with a fixed range. One thread adds; a reader on another
    thread may see the last value missing.
    """

    __slots__ = ("_count", "_counts", "_maximum")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._count = 0
        self._maximum = 0.0

    def add(self, value_ms: float) -> None:
        bucket = 0
        if value_ms > _SMALLEST_MS:
            bucket = min(_BUCKETS - 1, 1 + int(math.log(value_ms / _SMALLEST_MS) / _LOG_GROWTH))
        self._counts[bucket] += 1
        self._count += 1
        if value_ms > self._maximum:
            self._maximum = value_ms

    @property
    def count(self) -> int:
        return self._count

    @property
    def total_ms(self) -> float:
        """The sum of all values, within 1 %."""
        filled = ((bucket, count) for bucket, count in enumerate(self._counts) if count)
        return math.fsum(count * _SMALLEST_MS * math.pow(_GROWTH, bucket - 0.5) for bucket, count in filled)

    def at_most(self, bounds_ms: Sequence[float]) -> list[int]:
        """How many values lay at or below each of the bounds, which are taken within 1 %."""
        seen = list(accumulate(self._counts))
        ends = (round(math.log(max(bound_ms, _SMALLEST_MS) / _SMALLEST_MS) / _LOG_GROWTH) for bound_ms in bounds_ms)
        return [seen[min(end, _BUCKETS - 1)] for end in ends]

    def quantile_ms(self, q: float) -> float | None:
        """The q-quantile (0..1), or None when nothing was added; never above the largest value seen."""
        if not self._count:
            return None
        rank = min(self._count - 1, int(q * self._count))
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if seen > rank:
                middle = _SMALLEST_MS * _GROWTH ** (bucket - 0.5) if bucket else _SMALLEST_MS
                return min(middle, self._maximum)
        return self._maximum
