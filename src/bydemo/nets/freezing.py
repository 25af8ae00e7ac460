"""A part of a network that training leaves exactly as it is."""

from __future__ import annotations

from typing import Generic, Self, TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


class Frozen(nn.Module, Generic[M]):
    """A module without gradients that stays in eval mode, whatever its parents are put into.

    In training mode a batch norm would go on adapting its statistics, and dropout would make it
    noisy, though no parameter has a gradient.
    """

    def __init__(self, module: M) -> None:
        super().__init__()
        self.module: M = module
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stays in eval mode."""
        return super().train(False)


def exact(device: torch.device) -> torch.autocast:
    """A context in full precision: what a frozen part says must not depend on how others train."""
    return torch.autocast(device.type, enabled=False)
