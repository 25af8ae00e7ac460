"""A frozen part stays what it was, whatever is done to its parents."""

from __future__ import annotations

import torch
from torch import nn

from bydemo.nets.freezing import Frozen, exact
from bydemo.nets.weights import state_hash


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))


def test_training_its_parent_changes_nothing() -> None:
    frozen = Frozen(network())
    parent = nn.Sequential(nn.Linear(3, 3), nn.Module())
    parent.add_module("frozen", frozen)
    before, optimiser = state_hash(frozen.module), torch.optim.SGD(parent.parameters(), lr=1.0)
    parent.train()
    for _ in range(3):
        told = frozen.module(parent[0](torch.randn(8, 3))).square().mean()
        optimiser.zero_grad()
        told.backward()
        optimiser.step()
    assert not any(part.training for part in frozen.modules())
    assert state_hash(frozen.module) == before


def test_the_hash_sees_buffers_as_well_as_weights() -> None:
    one, other = network(), network()
    assert state_hash(one) == state_hash(other)
    other.train()
    other(torch.randn(8, 3))
    assert state_hash(one) != state_hash(other)
    channels_last = nn.Conv2d(2, 2, 3).to(memory_format=torch.channels_last)
    plain = nn.Conv2d(2, 2, 3)
    plain.load_state_dict(channels_last.state_dict())
    assert state_hash(plain) == state_hash(channels_last)


def test_full_precision_inside_a_lower_one() -> None:
    layer = nn.Linear(3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.ones(1, 3)).dtype == torch.bfloat16
        with exact(torch.device("cpu")):
            assert layer(torch.ones(1, 3)).dtype == torch.float32
