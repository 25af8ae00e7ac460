"""The policy without eyes."""

from __future__ import annotations

from dataclasses import replace

import torch
from tests.models.samples import Samples, reference_shapes

from bydemo.core.images import View
from bydemo.models.base import Shapes
from bydemo.models.proprioception import Config


def shapes() -> Shapes:
    return replace(reference_shapes(), view=View(cameras=()), vocabulary=9, prompt_length=4)


def test_looks_at_no_image() -> None:
    model = Config().build(shapes()).eval()
    batch = Samples(shapes(), 3).batch()
    assert "image" not in batch
    assert model.predict(batch).continuous.shape == (3, 1, 3)


def test_prompt_only_where_asked_for() -> None:
    batch = Samples(shapes(), 3).batch()
    other = batch | {"prompt": (batch["prompt"] + 1) % 9}
    for width, same in ((0, True), (8, False)):
        model = Config(prompt_width=width).build(shapes()).eval()
        assert torch.equal(model.predict(batch).logits, model.predict(other).logits) is same


def test_padding_does_not_change_the_mean_word() -> None:
    model = Config(prompt_width=8).build(shapes()).eval()
    batch = Samples(shapes(), 1).batch()
    short = model.predict(batch | {"prompt": torch.tensor([[3, 4]])})
    padded = model.predict(batch | {"prompt": torch.tensor([[3, 4, 0, 0]])})
    torch.testing.assert_close(short.logits, padded.logits)
