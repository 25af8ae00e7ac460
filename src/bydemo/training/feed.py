"""Batches for the loop: which rows belong to a step, and the next batch while this one trains.

Shape letters: B rows of this process, M samples.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bydemo.data.batches import order

Rows = NDArray[np.int64]
Gathered = tuple[dict[str, NDArray[Any]], int]
"""A batch, and how many of its rows count."""

WORTH_A_THREAD: Final = 1 << 20
"""[bytes] a batch smaller than this is gathered sooner than handed from thread to thread."""


class BatchSource(Protocol):
    """Samples 0..M-1 that can be gathered in any order, e.g. `data.batches.Batches`."""

    def __len__(self) -> int:
        """Samples (M)."""
        ...

    def gather(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """The batch of samples `rows` (B,), in that order."""
        ...


class Share:
    """The part of each step's rows that process `rank` of `world` takes: pure functions."""

    def __init__(self, samples: int, batch_size: int, rank: int = 0, world: int = 1) -> None:
        self.samples, self.batch_size, self.rank, self.world = samples, batch_size, rank, world
        self.steps = -(-samples // batch_size)
        """Steps an epoch; the last may be shorter."""
        self._shuffled: tuple[int, int, Rows] = (-1, -1, np.zeros(0, np.int64))

    def shuffled(self, seed: int, step: int) -> Rows:
        """Rows of training step `step`, counted from the first step of the first epoch."""
        epoch, within = divmod(step, self.steps)
        if self._shuffled[:2] != (seed, epoch):
            self._shuffled = (seed, epoch, order(self.samples, seed, epoch))
        return self._mine(self._shuffled[2], within)

    def in_order(self, step: int) -> Rows:
        """Rows of validation step `step`."""
        return self._mine(np.arange(self.samples, dtype=np.int64), step)

    def size(self, step: int) -> int:
        """Samples of training step `step`, of all processes together."""
        start = step % self.steps * self.batch_size
        return min(self.batch_size, self.samples - start)

    def _mine(self, rows: Rows, step: int) -> Rows:
        whole = rows[step * self.batch_size : (step + 1) * self.batch_size]
        return whole if self.world == 1 else np.array_split(whole, self.world)[self.rank]


def feed(
    source: BatchSource,
    rows_of: Callable[[int], Rows],
    steps: range,
    device: torch.device,
    *,
    prefetch: bool,
) -> Generator[tuple[int, dict[str, Tensor], int]]:
    """(step, batch, B) for each of `steps`; with `prefetch` one thread prepares the next batch,
    if the first one holds WORTH_A_THREAD.

    A process left without rows (fewer rows than processes) is given row 0 and B = 0: its loss is
    to be multiplied by 0, but it joins every gradient exchange.
    """

    def gather(step: int) -> Gathered:
        rows = rows_of(step)
        return source.gather(rows if len(rows) else np.zeros(1, np.int64)), len(rows)

    if len(steps) == 0:
        return
    first = gather(steps[0])
    large = sum(array.nbytes for array in first[0].values()) >= WORTH_A_THREAD
    how = _one_ahead if prefetch and large else _one_by_one
    with closing(how(gather, first, steps[1:])) as batches:
        for step, (batch, rows) in zip(steps, batches, strict=True):
            tensors = {
                n: torch.from_numpy(a).to(device, non_blocking=True) for n, a in batch.items()
            }
            yield step, tensors, rows


def _one_by_one(
    gather: Callable[[int], Gathered], first: Gathered, steps: range
) -> Generator[Gathered]:
    """`first`, then each of `steps` when it is asked for."""
    yield first
    for step in steps:
        yield gather(step)


def _one_ahead(
    gather: Callable[[int], Gathered], first: Gathered, steps: range
) -> Generator[Gathered]:
    """`first`, then each of `steps`, gathered by a thread while the one before is used."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="bydemo-batches") as pool:
        ready = first
        for step in steps:
            coming = pool.submit(gather, step)
            yield ready
            ready = coming.result()
        yield ready
