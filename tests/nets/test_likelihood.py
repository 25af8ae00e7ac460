"""Likelihoods are likelihoods: they sum to one, and nothing lies below their floor."""

from __future__ import annotations

import math

import pytest
import torch

from bydemo.nets.likelihood import PIXELS, Bernoulli, Gaussian, SquaredError, pixel_likelihood

LEVELS = torch.arange(256) / 255


@pytest.mark.parametrize("name", PIXELS)
def test_nothing_is_below_the_floor(name: str) -> None:
    likelihood = pixel_likelihood(name)
    outputs = torch.linspace(-12, 12, 97)[:, None].expand(97, 256)
    told = likelihood(outputs, LEVELS.expand(97, 256))
    assert (told >= likelihood.floor(LEVELS) - 1e-4).all()
    best = likelihood(torch.logit(LEVELS, 1e-6), LEVELS)
    torch.testing.assert_close(best, likelihood.floor(LEVELS), rtol=1e-3, atol=1e-3)


def test_the_chances_of_all_levels_sum_to_one() -> None:
    likelihood = pixel_likelihood("logistic")
    for output in (-30.0, -2.0, 0.3, 5.0):
        chances = (-likelihood(torch.full((256,), output), LEVELS)).exp().detach()
        assert float(chances.sum()) == pytest.approx(1.0, abs=1e-4)


def test_a_gaussian_is_a_density() -> None:
    grid = torch.linspace(-9, 9, 20001)
    density = (-Gaussian(start=0.7)(torch.zeros_like(grid), grid)).exp().detach()
    assert float(torch.trapezoid(density, grid)) == pytest.approx(1.0, abs=1e-4)


def test_a_learned_deviation_becomes_the_error_there_is() -> None:
    likelihood, missed = Gaussian(), 0.25 * torch.randn(4000, generator=torch.manual_seed(0))
    optimiser = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        likelihood(missed, torch.zeros(4000)).mean().backward()
        optimiser.step()
    assert float(likelihood.log_scale.detach().exp()) == pytest.approx(0.25, rel=0.05)


def test_the_floor_of_grey_levels_is_their_entropy() -> None:
    assert float(Bernoulli().floor(torch.tensor(0.5))) == pytest.approx(math.log(2))
    assert Bernoulli().floor(torch.tensor([0.0, 1.0])).tolist() == [0, 0]
    assert float(SquaredError()(torch.tensor(3.0), torch.tensor(1.0))) == 4
