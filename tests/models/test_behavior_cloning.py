"""The reference's baseline and tuned models: exact sizes, initialisation and dropout."""

from __future__ import annotations

from dataclasses import replace

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


def test_a_camera_is_needed() -> None:
    shapes = replace(reference_shapes(), view=View(cameras=()))
    with pytest.raises(InputError, match=r"'view\.cameras': this policy needs at least one camera"):
        Config().build(shapes)


def test_unknown_activation() -> None:
    with pytest.raises(InputError, match="'gelu' is none of none, relu, leaky_relu"):
        small(Config(activation="gelu"))  # type: ignore[arg-type]  # that is what is tested
