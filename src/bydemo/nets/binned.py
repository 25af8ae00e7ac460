"""Continuous actions as a distribution over bins, for data with several modes.

Teleoperated velocities pile up at a full push left, a full push right and zero. A squared error
averages between the piles; a distribution over bins keeps them apart, and its mean is still the
best guess in the squared sense. Targets are two-hot (Schrittwieser et al., 2020): the two bins
beside a value share its weight, so the mean of the target is the value itself.

Shape letters: (...) any leading shape, C components, N bins.
"""

from __future__ import annotations

import torch
from torch import Tensor


def centres(bins: int, limit: float, device: torch.device) -> Tensor:
    """(N,) evenly spaced bin centres from -limit to limit."""
    return torch.linspace(-limit, limit, bins, device=device)


def two_hot(values: Tensor, bins: int, limit: float) -> Tensor:
    """(..., C) -> (..., C, N) weights summing to 1; a value beyond the limit is in the last bin."""
    position = (values.clamp(-limit, limit) + limit) / (2 * limit) * (bins - 1)
    index = torch.arange(bins, device=values.device, dtype=position.dtype)
    return (1 - (position[..., None] - index).abs()).clamp(min=0)


def cross_entropy(logits: Tensor, values: Tensor, limit: float) -> Tensor:
    """(..., C, N) logits against (..., C) values -> (..., C) nats."""
    target = two_hot(values, logits.shape[-1], limit)
    return -(target * torch.log_softmax(logits, dim=-1)).sum(dim=-1)


def mean(logits: Tensor, limit: float) -> Tensor:
    """(..., C, N) -> (..., C): the expectation."""
    return torch.softmax(logits, dim=-1) @ centres(logits.shape[-1], limit, logits.device)
