"""Batches for the loop: which rows belong to a step, and the next batch while this one trains.

Shape letters: B rows of this process, M samples.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bydemo.data.batches import order

Rows = NDArray[np.int64]


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
        return np.array_split(whole, self.world)[self.rank]


def feed(
    source: BatchSource,
    rows_of: Callable[[int], Rows],
    steps: range,
    device: torch.device,
    *,
    prefetch: bool,
) -> Generator[tuple[int, dict[str, Tensor], int]]:
    """(step, batch, B) for each of `steps`; with `prefetch` one thread prepares the next batch.

    A process left without rows (fewer rows than processes) is given row 0 and B = 0: its loss is
    to be multiplied by 0, but it joins every gradient exchange.
    """

    def gather(step: int) -> tuple[dict[str, NDArray[Any]], int]:
        rows = rows_of(step)
        return source.gather(rows if len(rows) else np.zeros(1, np.int64)), len(rows)

    def tensors(batch: dict[str, NDArray[Any]]) -> dict[str, Tensor]:
        return {n: torch.from_numpy(a).to(device, non_blocking=True) for n, a in batch.items()}

    if not prefetch:
        for step in steps:
            batch, rows = gather(step)
            yield step, tensors(batch), rows
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="bydemo-batches") as pool:
        ahead = {step: pool.submit(gather, step) for step in steps[:1]}
        for step in steps:
            batch, rows = ahead.pop(step).result()
            if step + 1 in steps:
                ahead[step + 1] = pool.submit(gather, step + 1)
            yield step, tensors(batch), rows
