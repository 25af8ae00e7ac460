"""Bins keep values: the mean of a target is the value, and the best logits give it back."""

from __future__ import annotations

import torch

from bydemo.nets import binned


def test_the_mean_of_a_two_hot_target_is_the_value() -> None:
    values = torch.tensor([[-1.0, -0.33, 0.0, 0.123, 1.0]])
    weights = binned.two_hot(values, 21, 1.0)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(values))
    torch.testing.assert_close(weights @ binned.centres(21, 1.0, values.device), values)


def test_the_mean_of_the_best_logits_is_the_value() -> None:
    values = torch.tensor([[-0.75, 0.2]])
    logits = torch.log(binned.two_hot(values, 11, 1.0) + 1e-9)
    torch.testing.assert_close(binned.mean(logits, 1.0), values, atol=1e-4, rtol=0)


def test_the_loss_is_least_at_the_target() -> None:
    values = torch.tensor([[0.3]])
    target = torch.log(binned.two_hot(values, 11, 1.0) + 1e-9)
    best = binned.cross_entropy(target, values, 1.0)
    worse = binned.cross_entropy(target + 0.5 * torch.randn(1, 1, 11), values, 1.0)
    assert best < worse
