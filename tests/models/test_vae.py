"""The reference's autoencoder to the last parameter, and what the options change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.models.samples import Samples, grey_view, reference_shapes

from bydemo.core.errors import InputError
from bydemo.core.images import View
from bydemo.models.base import parameter_count
from bydemo.models.vae import VAE, Config

SMALL = replace(reference_shapes(), view=grey_view(16))


def build(**options: Any) -> VAE:
    torch.manual_seed(0)
    return Config(**{"widths": (4, 8), "latent": 6, **options}).build(SMALL)


def loss_of(model: VAE, samples: Samples | None = None, seed: int = 0) -> dict[str, float]:
    samples = samples or Samples(SMALL, 6, actions=False)
    losses = model.loss(samples.batch(), torch.Generator().manual_seed(seed))
    parts = {name: float(value) for name, (value, _) in losses.parts.items()}
    return {"total": float(losses.total.detach()), **parts}


def test_the_reference_has_exactly_its_parameters() -> None:
    model = Config().build(reference_shapes())
    assert parameter_count(model) == 5_010_465
    count = {name: sum(p.numel() for p in part.parameters())
             for name, part in (*model.encoders.items(), ("mean", model.mean))}  # fmt: skip
    assert count == {"image": 5_960 + 112 + 1_605_696, "proprioception": 2_624, "mean": 33_024}


def test_the_loss_is_the_sum_of_its_weighted_parts() -> None:
    found = loss_of(build())
    expected = found["image"] + found["proprioception"] + 0.5 * found["kl"]
    assert found["total"] == pytest.approx(expected, rel=1e-5)
    weighed = loss_of(build(image_weight=0.1, proprioception_weight=30.0, beta=2.0))
    expected = 0.1 * weighed["image"] + 30 * weighed["proprioception"] + 2 * weighed["kl"]
    assert weighed["total"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("schedule", "progress", "share"),
    [
        ("fixed", 0.0, 1.0),
        ("monotonic", 0.0, 0.0),
        ("monotonic", 0.1, 0.2),
        ("monotonic", 0.5, 1.0),
        ("monotonic", 0.9, 1.0),
        ("cyclical", 0.25, 0.0),
        ("cyclical", 0.3, 0.4),
        ("cyclical", 0.45, 1.0),
    ],
)
def test_beta_follows_its_schedule(schedule: Any, progress: float, share: float) -> None:
    config = Config(beta=4.0, beta_schedule=schedule, rise=0.5, cycles=4)
    assert config.beta_at(progress) == pytest.approx(4.0 * share)


def test_progress_decides_in_training_and_the_end_outside_of_it() -> None:
    """Or validation would prefer the weights of a time when the divergence cost nothing."""
    model = build(beta=3.0, beta_schedule="cyclical")
    for training, weight in ((True, 0.0), (False, 3.0)):
        model.train(training)
        model.progress = 0.5
        found = loss_of(model)
        rest = found["image"] + found["proprioception"]
        assert found["total"] - rest == pytest.approx(weight * found["kl"], rel=1e-2, abs=0.05)


def test_free_bits_cost_nothing_and_are_recorded() -> None:
    free, plain = build(free_bits=5.0).eval(), build().eval()
    with_free, without = loss_of(free), loss_of(plain)
    assert with_free["kl"] == without["kl"]
    rest = with_free["image"] + with_free["proprioception"]
    assert with_free["total"] == pytest.approx(rest + 0.5 * 6 * 6 * 5.0, rel=1e-5)


@pytest.mark.parametrize("modality", ["image", "proprioception"])
def test_one_modality_alone_neither_sees_nor_tells_the_other(modality: str) -> None:
    model = build(modalities=(modality,))
    batch = Samples(SMALL, 6, actions=False).batch()
    only = {modality: batch[modality]}
    losses = model.loss(only, torch.Generator().manual_seed(0))
    assert set(losses.parts) == {"kl", modality}
    assert set(model.eval().reconstruct(only)) == {modality}


def test_a_masked_modality_is_hidden_from_the_encoder_in_training_alone() -> None:
    model, samples = build(masked=0.9), Samples(SMALL, 64, actions=False)
    hidden = model._hidden(64, torch.Generator().manual_seed(0))
    image, felt = hidden["image"], hidden["proprioception"]
    assert not (image & felt).any()
    assert 45 <= int((image | felt).sum()) <= 64
    batch = samples.batch()
    with torch.no_grad():
        changed = {**batch, "image": 255 - batch["image"]}
        covered = {"image": torch.ones(64, 1, dtype=torch.bool)}
        one, other = (model.posterior(b, covered)[0] for b in (batch, changed))
        assert torch.equal(one, other)
        assert not torch.equal(model.posterior(batch)[0], model.posterior(changed)[0])
    assert model.eval()._hidden(64, torch.Generator()) == {}
    assert set(model.reconstruct(batch)) == {"image", "proprioception"}


@pytest.mark.parametrize("image", ["bernoulli", "gaussian", "logistic"])
@pytest.mark.parametrize("felt", ["squared", "gaussian"])
def test_every_likelihood_lies_above_its_floor(image: Any, felt: Any) -> None:
    model = build(image_likelihood=image, proprioception_likelihood=felt).eval()
    with torch.no_grad():
        found = model.diagnostics(Samples(SMALL, 5, actions=False).batch())
    assert found["kl_per_dimension"].shape == (5, 6)
    for name in ("image", "proprioception"):
        assert (found[name] >= found[f"{name}_floor"] - 1e-3).all()


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(InputError, match="'image_likelihood': is 'poisson', expected bernoulli or"):
        Config(image_likelihood="poisson")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"'rise': is 0\.0, expected more than 0 and at most 1"):
        Config(rise=0.0)
    with pytest.raises(InputError, match=r"'modalities': \['sound'\], expected one or both of"):
        Config(modalities=("sound",)).build(SMALL)
    with pytest.raises(InputError, match=r"'view\.cameras': has no camera, which 'modalities'"):
        Config().build(replace(SMALL, view=View(cameras=())))
