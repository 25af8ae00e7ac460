"""A head on an encoder: the reference's to the last parameter, and a freeze that is one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.models.samples import Samples, grey_view, reference_shapes
from torch import nn

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.models.base import parameter_count
from bydemo.models.latent_policy import Config, LatentPolicy
from bydemo.nets.weights import state_hash

SMALL = replace(reference_shapes(), view=grey_view(16))
VAE = {"name": "vae", "widths": [4, 8], "latent": 6}


def build(**options: Any) -> LatentPolicy:
    torch.manual_seed(0)
    return Config(**{"representation": VAE, **options}).build(SMALL)


def train(policy: LatentPolicy, steps: int = 3) -> None:
    """Steps of an optimiser that is given everything, the frozen part included."""
    batch, generator = Samples(SMALL, 8).batch(), torch.Generator()
    optimiser = torch.optim.AdamW(policy.parameters(), lr=0.1, weight_decay=0.1)
    policy.train()
    for _ in range(steps):
        optimiser.zero_grad()
        policy.loss(batch, generator).mean.backward()
        optimiser.step()


def test_the_reference_has_exactly_its_parameters() -> None:
    policy = Config().build(reference_shapes())
    assert sum(p.numel() for p in policy.parameters()) == 5_052_007
    assert parameter_count(policy) == 41_542


@pytest.mark.parametrize("encoder", ["frozen", "random"])
def test_a_frozen_encoder_stays_what_it_was(encoder: Any) -> None:
    policy = build(encoder_training=encoder)
    before = state_hash(policy.representation)
    train(policy)
    nn.Sequential(policy).train()
    assert not any(part.training for part in policy.encoder.modules())
    assert state_hash(policy.representation) == before


def test_a_finetuned_encoder_is_trained_too() -> None:
    policy = build(encoder_training="finetuned")
    assert policy.frozen is None
    before = state_hash(policy.representation)
    train(policy)
    assert state_hash(policy.representation) != before


def test_given_latents_are_as_good_as_the_encoder() -> None:
    policy, batch = build(prompt_width=4, proprioception=True).eval(), Samples(SMALL, 5).batch()
    with torch.no_grad():
        latent = policy.representation.encode(batch)
        given = {name: t for name, t in batch.items() if name != "image"} | {"latent": latent}
        one, other = policy.predict(batch), policy.predict(given)
        further = policy.predict({**given, "latent": latent + 1})
    assert torch.equal(one.continuous, other.continuous)
    assert torch.equal(one.logits, other.logits)
    assert not torch.equal(one.logits, further.logits)


def test_latents_are_exact_whatever_the_precision_around() -> None:
    policy, batch = build().eval(), Samples(SMALL, 5).batch()
    plain = policy._latent(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(policy._latent(batch), plain)


def test_what_cannot_be_an_encoder_is_named() -> None:
    with pytest.raises(InputError, match="'encoder_training': 'thawed' is none of frozen, "):
        Config(encoder_training="thawed")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'proprioception' is no representation"):
        build(representation={"name": "proprioception"})
    with pytest.raises(UnknownNameError, match="there is no model named 'vaee'"):
        build(representation={"name": "vaee"})
