"""Frames of one episode are told from others, and only pairs that exist are compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.models.samples import Samples, grey_view, reference_shapes

from bydemo.core.errors import InputError
from bydemo.models.time_contrastive import Config, TimeContrastive

SMALL = replace(reference_shapes(), view=grey_view(16))
CONFIG = Config(widths=(4, 8), hidden=16, projection=8, latent=8, patches=0, jitter=0, shift=0)


def build() -> TimeContrastive:
    torch.manual_seed(0)
    return CONFIG.build(SMALL)


def test_pairs_beyond_the_episodes_end_do_not_count() -> None:
    model, batch = build().eval(), Samples(SMALL, 8, later=1, actions=False).batch()
    generator = torch.Generator()
    whole = model.loss(batch, generator)
    valid = batch["later_valid"][:, 0]
    assert whole.count == int(valid.sum()) == 6
    only = {name: tensor[valid] for name, tensor in batch.items()}
    torch.testing.assert_close(model.loss(only, generator).total, whole.total)
    none = model.loss({**batch, "later_valid": batch["later_valid"] & False}, generator)
    assert none.count == 0
    none.mean.backward()
    assert float(none.total.detach()) == 0


def test_pairs_that_differ_are_found() -> None:
    model, batch = build(), Samples(SMALL, 8, later=1, actions=False).batch()
    optimiser, generator = torch.optim.Adam(model.parameters(), lr=1e-2), torch.Generator()
    model.train()
    for _ in range(30):
        optimiser.zero_grad()
        losses = model.loss(batch, generator)
        losses.mean.backward()
        optimiser.step()
    assert float(losses.parts["found"][0]) == 6


def test_a_history_is_refused() -> None:
    with pytest.raises(InputError, match="'history': is 2, but a later frame has no history"):
        CONFIG.build(replace(SMALL, history=2))
