"""Sums over the steps of each episode: the one form in which all figures keep their evidence.

Figures are functions of such sums (float64), never means of means, so that a short last batch or
a short episode weighs what it should, and resampling whole episodes is one matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Sums = Mapping[str, Floats]
"""Name -> (E, ...), or after adding up or resampling any other leading axes."""


class EpisodeAdder:
    """Adds (N, ...) up by episode to (E, ...), float64."""

    def __init__(self, where: NDArray[np.int64], episodes: int) -> None:
        self.where, self.episodes = where, episodes

    def __call__(self, values: NDArray[Any]) -> Floats:
        flat = values.reshape(len(values), int(np.prod(values.shape[1:]))).astype(np.float64)
        columns = [np.bincount(self.where, flat[:, i], self.episodes) for i in range(flat.shape[1])]
        if not columns:
            return np.zeros((self.episodes, *values.shape[1:]))
        out: Floats = np.stack(columns, axis=1).astype(np.float64)
        return out.reshape(self.episodes, *values.shape[1:])

    def pairs(self, truth: NDArray[np.int64], said: NDArray[np.int64], classes: int) -> Floats:
        """(E, S, S) how often class i was called class j."""
        flat = (self.where * classes + truth) * classes + said
        counts = np.bincount(flat, minlength=self.episodes * classes * classes)
        return counts.reshape(self.episodes, classes, classes).astype(np.float64)


def total(sums: Sums) -> dict[str, Floats]:
    """Per-episode sums (E, ...) added up to (...)."""
    return {name: values.sum(axis=0) for name, values in sums.items()}


def resampled(sums: Sums, counts: Floats) -> dict[str, Floats]:
    """Per-episode sums (E, ...) -> the sums (R, ...) of resamples that draw each `counts` (R, E)
    times."""
    out = {}
    for name, values in sums.items():
        flat = counts @ values.reshape(len(values), -1)
        out[name] = flat.reshape(len(counts), *values.shape[1:])
    return out
