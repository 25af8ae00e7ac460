"""Nearest neighbours by Euclidean distance, exact, in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.evaluation.latent.steps import Floats, Ints

BLOCK = 1 << 20
"""Distances that are held at a time: few enough to stay in a processor's cache."""
GROUP = 16
"""Rows of which the nearest one is looked at first."""


def nearest(
    queries: NDArray[Any],
    base: NDArray[Any],
    count: int,
    forbidden: tuple[Ints, Ints] | None = None,
) -> Ints:
    """(Q, count) rows of `base` (M, D) nearest to each of `queries` (Q, D), the nearest first.

    forbidden: a key of each query (Q,) and of each row of the base (M,); rows with the query's own
    key are left out. Fewer than `count` neighbours are -1.
    """
    centre = base.mean(axis=0, dtype=np.float64)
    # Centred, so that squared lengths lose no digits to a common offset.
    rows, asked = base.astype(np.float64) - centre, queries.astype(np.float64) - centre
    lengths = (rows**2).sum(axis=1)
    out = np.full((len(asked), count), -1, np.int64)
    kept = min(count, len(rows))
    step = max(1, BLOCK // max(len(rows), 1))
    for start in range(0, len(asked), step):
        block = slice(start, start + step)
        # The query's own squared length is the same for all: it changes no order.
        distance = lengths - 2 * (asked[block] @ rows.T)
        if forbidden is not None:
            distance[forbidden[0][block, None] == forbidden[1]] = np.inf
        chosen, far = _smallest(distance, kept)
        order = np.argsort(far, axis=1, kind="stable")
        found = np.take_along_axis(chosen, order, axis=1)
        found[~np.isfinite(np.take_along_axis(far, order, axis=1))] = -1
        out[block, :kept] = found
    return out


def _smallest(distance: Floats, count: int) -> tuple[Ints, Floats]:
    """(Q, count) columns of the smallest of (Q, M) in no order, and these.

    A group of columns that holds one of them is among the `count` groups of smallest minimum, and
    minima are far cheaper to find than a partition of all.
    """
    groups = distance.shape[1] // GROUP
    if groups <= count:
        columns = np.argpartition(distance, count - 1, axis=1)[:, :count]
        return columns, np.take_along_axis(distance, columns, axis=1)
    grouped = distance[:, : groups * GROUP].reshape(len(distance), GROUP, groups)
    least = np.argpartition(grouped.min(axis=1), count - 1, axis=1)[:, :count]
    members = (least[:, None] + groups * np.arange(GROUP)[:, None]).reshape(len(distance), -1)
    rest = np.arange(groups * GROUP, distance.shape[1])
    members = np.concatenate([members, np.tile(rest, (len(distance), 1))], axis=1)
    candidates = np.take_along_axis(distance, members, axis=1)
    best = np.argpartition(candidates, count - 1, axis=1)[:, :count]
    return (
        np.take_along_axis(members, best, axis=1),
        np.take_along_axis(candidates, best, axis=1),
    )
