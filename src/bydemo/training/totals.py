"""Sums with counts over many batches, so that a short last batch weighs what it holds."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from accelerate import Accelerator

from bydemo.models.base import Losses


class Totals:
    """name -> (sum in float64, count), over the batches added; `loss` is the total."""

    def __init__(self, sums: Mapping[str, tuple[float, int]] | None = None) -> None:
        self._sums = {name: (float(s), int(n)) for name, (s, n) in (sums or {}).items()}

    def add(self, losses: Losses) -> None:
        """Take in one batch."""
        entries = {"loss": (losses.total, losses.count), **losses.parts}
        for name, (value, count) in entries.items():
            before, seen = self._sums.get(name, (0.0, 0))
            self._sums[name] = (before + float(value), seen + count)

    def over_processes(self, accelerator: Accelerator) -> Totals:
        """The same over all processes together."""
        if accelerator.num_processes == 1 or not self._sums:
            return self
        table = torch.tensor(list(self._sums.values()), dtype=torch.float64)
        rows = accelerator.reduce(table.to(accelerator.device), reduction="sum").tolist()
        return Totals({n: (s, int(c)) for n, (s, c) in zip(self._sums, rows, strict=True)})

    @property
    def sums(self) -> dict[str, tuple[float, int]]:
        """A copy of what was added."""
        return dict(self._sums)

    @property
    def loss(self) -> float:
        """The mean of the total loss; NaN where nothing was added."""
        return self._mean("loss")

    @property
    def parts(self) -> dict[str, float]:
        """The means of the named parts."""
        return {name: self._mean(name) for name in self._sums if name != "loss"}

    def _mean(self, name: str) -> float:
        total, count = self._sums.get(name, (float("nan"), 0))
        return total / count if count else float("nan")
