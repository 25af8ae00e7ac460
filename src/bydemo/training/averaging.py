"""An exponential moving average of the weights, which is often a better model than the last one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """average <- decay * average + (1 - decay) * weights, after each step.

    The decay starts low, min(decay, (1 + n) / (10 + n)) after n steps, so that the random initial
    weights are forgotten. Buffers (batch norm's statistics) are copied, being averages already.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.average = {n: t.detach().clone() for n, t in model.state_dict().items()}
        averaged = {n: p for n, p in model.named_parameters() if p.is_floating_point()}
        self._weights: list[Tensor] = list(averaged.values())
        self._averages = [self.average[name] for name in averaged]
        self._copied = [n for n in self.average if n not in averaged]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after optimiser step `step` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._averages, self._weights, 1 - decay)
        if self._copied:
            now = self.model.state_dict()
            for name in self._copied:
                self.average[name].copy_(now[name])

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over saved averages."""
        for name, tensor in self.average.items():
            tensor.copy_(tensors[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model holds the averages inside, and its own weights again after."""
        own = {n: t.detach().clone() for n, t in self.model.state_dict().items()}
        self._put(self.average)
        try:
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, tensors: Mapping[str, Tensor]) -> None:
        for name, target in self.model.state_dict().items():
            target.copy_(tensors[name])
