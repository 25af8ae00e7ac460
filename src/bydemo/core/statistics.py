"""Mean, standard deviation and range of each component, accumulated in float64.

Float16 or float32 accumulation saturates silently (a whole data set's standard deviation was
once published as float16 saturation), so every sum here is float64 whatever the data's dtype.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError

NEAR_CONSTANT = 1e-3
"""A component whose std is below this share of the widest one of its field barely moves: dividing
by it would blow rounding noise up into a signal."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistics:
    """Per component, (D,) float64: mean, std (population), low, high; and the number of rows."""

    count: int
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("mean", "std", "low", "high"):
            if not np.isfinite(getattr(self, name)).all():
                raise InputError("statistic is not finite", field=name)
        # Popoviciu: no data inside [low, high] has a larger standard deviation than half the range.
        limit = (self.high - self.low) / 2 * (1 + 1e-6) + 1e-12
        if (self.std > limit).any():
            worst = int(np.argmax(self.std - limit))
            raise InputError(
                f"component {worst}: {self.std[worst]:g} is more than half the range "
                f"{self.high[worst] - self.low[worst]:g}; no data has that",
                field="std",
            )

    @property
    def near_constant(self) -> NDArray[np.bool_]:
        """(D,) True where a component barely moves beside the widest one."""
        widest = float(self.std.max(initial=0.0))
        return self.std <= NEAR_CONSTANT * widest

    def mapped(self, offset: NDArray[np.float64], scale: NDArray[np.float64]) -> Statistics:
        """Those of (x - offset) / scale for the same rows x; offset and scale (D,), scale > 0."""
        low, high = (self.low - offset) / scale, (self.high - offset) / scale
        # Rounding gives a constant a tiny deviation, which a tiny scale would blow up.
        std = np.minimum(self.std / scale, (high - low) / 2)
        return replace(self, mean=(self.mean - offset) / scale, std=std, low=low, high=high)


def measure(chunks: Iterable[NDArray[np.generic]]) -> Statistics:
    """Statistics of all rows in `chunks`, each (n, D), merged pairwise (Chan et al., 1979)."""
    count, mean, squares = 0, np.zeros(0), np.zeros(0)
    low, high = np.zeros(0), np.zeros(0)
    for chunk in chunks:
        rows = np.asarray(chunk, dtype=np.float64)
        if len(rows) == 0:
            continue
        chunk_mean = rows.mean(axis=0)
        chunk_squares = ((rows - chunk_mean) ** 2).sum(axis=0)
        if count == 0:
            count, mean, squares = len(rows), chunk_mean, chunk_squares
            low, high = rows.min(axis=0), rows.max(axis=0)
            continue
        total = count + len(rows)
        delta = chunk_mean - mean
        mean = mean + delta * (len(rows) / total)
        squares = squares + chunk_squares + delta**2 * (count * len(rows) / total)
        low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
        count = total
    if count == 0:
        raise InputError("no rows to measure", field="statistics")
    return Statistics(count=count, mean=mean, std=np.sqrt(squares / count), low=low, high=high)
