"""The reference's baseline and tuned models: exact sizes, initialisation and dropout."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.models.samples import Samples, reference_shapes
from torch import nn

from bydemo.core.errors import InputError
from bydemo.core.images import View
from bydemo.models.base import parameter_count
from bydemo.models.behavior_cloning import TUNED, BehaviorCloning, Config


def small(config: Config, size: int = 32) -> BehaviorCloning:
    shapes = reference_shapes()
    return config.build(replace(shapes, view=replace(shapes.view, size=size)))


@pytest.mark.parametrize("config", [Config(), TUNED])
def test_parameter_counts_are_the_references(config: Config) -> None:
    model = config.build(reference_shapes())
    assert parameter_count(model) == 6_574_958
    assert parameter_count(model.convolutions) == 5_960
    assert parameter_count(model.image_branch) == 6_455_680
    assert parameter_count(model.observation_branch) == 102_784
    assert parameter_count(model.head) == 10_534
    assert model.convolutions.features == 25_088


def test_initialisation_is_xavier_uniform_with_zero_biases() -> None:
    torch.manual_seed(0)
    model = Config().build(reference_shapes())
    wide = model.image_branch[0]
    assert isinstance(wide, nn.Linear)
    bound = (6 / (25_088 + 256)) ** 0.5
    assert 0.99 * bound < float(wide.weight.detach().abs().max()) <= bound
    assert float(wide.weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.01)
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    assert len(biases) == 11
    assert all(not bias.any() for bias in biases)


def test_baseline_has_no_activation_between_linear_layers() -> None:
    """So with the image fixed, the prediction is linear in the proprioception."""
    model = small(Config()).eval()
    batch = Samples(model.shapes, 3).batch()
    image = batch["image"][:1]

    def told(felt: torch.Tensor) -> torch.Tensor:
        return model.predict({"image": image, "proprioception": felt[None]}).continuous

    a, b, _ = batch["proprioception"]
    torch.testing.assert_close(told((a + b) / 2), (told(a) + told(b)) / 2)


def test_tuned_layers() -> None:
    """ReLU after every hidden linear layer, dropout after all of them but the head's last."""
    model = small(TUNED)
    kinds = [[type(layer).__name__ for layer in branch]
             for branch in (model.image_branch, model.observation_branch, model.head)]  # fmt: skip
    hidden = ["Linear", "ReLU", "Dropout"]
    assert kinds == [hidden * 2, hidden * 3, [*hidden, "Linear", "ReLU", "Linear"]]
    assert all(m.p == 0.4 for m in model.modules() if isinstance(m, nn.Dropout))


def test_the_branches_are_added() -> None:
    model = small(Config()).eval()
    batch = Samples(model.shapes, 2).batch()
    seen = model.image_branch(model.convolutions(batch["image"]))
    felt = model.observation_branch(batch["proprioception"])
    out = model.head(seen + felt)
    torch.testing.assert_close(model.predict(batch).continuous[:, 0], out[:, :3])
    torch.testing.assert_close(model.predict(batch).logits[:, 0], out[:, 3:])


def test_eval_is_deterministic_in_spite_of_dropout() -> None:
    model = small(TUNED).eval()
    batch = Samples(model.shapes, 2).batch()
    assert torch.equal(model.predict(batch).logits, model.predict(batch).logits)


@pytest.mark.parametrize(
    ("config", "kinds"),
    [
        (Config(activation="relu"), ["Linear", "ReLU"]),
        (Config(activation="leaky_relu"), ["Linear", "LeakyReLU"]),
        (Config(dropout=0.2), ["Linear", "Dropout"]),
        (Config(), ["Linear"]),
    ],
)
def test_activation_and_dropout_are_chosen_apart(config: Config, kinds: list[str]) -> None:
    """And neither has a parameter."""
    model = small(config)
    assert [type(layer).__name__ for layer in model.image_branch] == kinds * 2
    assert parameter_count(model) == parameter_count(small(TUNED))


def test_without_a_camera_the_observation_branch_speaks_alone() -> None:
    shapes = replace(reference_shapes(), view=View(cameras=()))
    model = Config().build(shapes).eval()
    batch = Samples(shapes, 3).batch()
    assert "image" not in batch
    assert parameter_count(model) == 102_784 + 10_534
    out = model.head(model.observation_branch(batch["proprioception"]))
    torch.testing.assert_close(model.predict(batch).logits[:, 0], out[:, 3:])


def test_the_prompt_matters_where_it_is_asked_for() -> None:
    shapes = replace(reference_shapes(), view=View(cameras=()), vocabulary=9, prompt_length=4)
    batch = Samples(shapes, 3).batch()
    other = {**batch, "prompt": (batch["prompt"] + 1) % 9}
    for width, same in ((0, True), (5, False)):
        model = Config(prompt_width=width).build(shapes).eval()
        assert torch.equal(model.predict(batch).logits, model.predict(other).logits) == same
        assert model.observation_branch[0].in_features == 15 + width  # type: ignore[union-attr]


def test_the_range_of_pixels_reaches_the_first_layer() -> None:
    torch.manual_seed(0)
    plain = small(Config()).eval()
    wide = small(Config(pixel_range=(-1.0, 1.0))).eval()
    wide.load_state_dict(plain.state_dict())
    batch = Samples(plain.shapes, 2).batch()
    assert wide.convolutions.layers[0].pixel_range == (-1.0, 1.0)
    assert not torch.allclose(plain.predict(batch).logits, wide.predict(batch).logits)


def test_weights_of_the_parts_of_the_loss() -> None:
    """They weigh what is learned, and leave what is recorded as it is."""
    torch.manual_seed(0)
    plain = small(Config())
    batch, generator = Samples(plain.shapes, 4).batch(), torch.Generator()
    parts = plain.loss(batch, generator).parts
    for continuous, label in ((1.0, 1.0), (100.0, 1.0), (0.0, 2.5)):
        weighted = small(Config(continuous_weight=continuous, label_weight=label))
        weighted.load_state_dict(plain.state_dict())
        losses = weighted.loss(batch, generator)
        expected = continuous * parts["mse"][0] + label * parts["cross_entropy"][0]
        torch.testing.assert_close(losses.total, expected)
        assert {n: float(s) for n, (s, _) in losses.parts.items()} == {
            n: float(s) for n, (s, _) in parts.items()
        }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "gelu"}, "field 'activation': 'gelu' is none of none, relu, leaky_relu"),
        ({"pixel_range": (1.0, 0.0)},
         "field 'pixel_range': is [1.0, 0.0], expected two numbers, black below white"),
        ({"pixel_range": (1.0,)},
         "field 'pixel_range': is [1.0], expected two numbers, black below white"),
        ({"label_weight": -1.0}, "field 'label_weight': is -1, expected 0 or more"),
        ({"continuous_weight": float("nan")},
         "field 'continuous_weight': is nan, expected 0 or more"),
        ({"class_weights": "even"},
         "field 'class_weights': 'even' is neither balanced nor one number a class"),
        ({"class_weights": (1.0, -2.0, 1.0)},
         "field 'class_weights': [1.0, -2.0, 1.0], expected 0 or more each"),
    ],
)  # fmt: skip
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Config(**options)
    assert str(caught.value) == message


def test_balanced_weights_must_be_counted_first() -> None:
    with pytest.raises(InputError, match="'class_weights': are 'balanced', which only a training"):
        small(Config(class_weights="balanced"))
