"""The policy without eyes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.models.samples import Samples, reference_shapes

from bydemo.core.errors import InputError
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


def test_hidden_layers_are_as_configured() -> None:
    model = Config(widths=(8, 5), activation="tanh", layer_norm=True, dropout=0.1).build(shapes())
    hidden = ["Linear", "LayerNorm", "Tanh", "Dropout"]
    kinds = [type(layer).__name__ for layer in model.network.layers]
    assert kinds == [*hidden, *hidden, "Linear"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "relu6"}, "'activation': 'relu6' is none of relu, tanh, silu, gelu"),
        ({"loss": "l2"}, "'loss': 'l2' is none of mse, l1, huber"),
        ({"input_noise": -0.1}, "'input_noise': is -0.1, expected 0 or more"),
    ],
)
def test_impossible_options(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Config(**change)


def test_noise_on_the_inputs_in_training_only_and_from_the_generator() -> None:
    batch = Samples(shapes(), 40).batch()

    def total(noise: float, seed: int, *, training: bool = True) -> float:
        torch.manual_seed(0)
        model = Config(input_noise=noise).build(shapes()).train(training)
        return float(model.loss(batch, torch.Generator().manual_seed(seed)).total.detach())

    assert total(0.3, 1) == total(0.3, 1) != total(0.3, 2)
    assert total(0.3, 1) != total(0.0, 1) == total(0.0, 2)
    assert total(0.3, 1, training=False) == total(0.0, 1, training=False)


def test_noise_has_the_deviation_asked_for() -> None:
    model = Config(input_noise=0.25).build(shapes()).train()
    seen: list[torch.Tensor] = []
    model.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    batch = Samples(shapes(), 2000).batch()
    before = batch["proprioception"].clone()
    model.loss(batch, torch.Generator().manual_seed(0))
    added = seen[0] - before
    assert float(added.std()) == pytest.approx(0.25, rel=0.02)
    assert float(added.mean()) == pytest.approx(0, abs=0.005)
    assert torch.equal(batch["proprioception"], before)
