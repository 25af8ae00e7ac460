"""Learning rate and random state have no memory."""

from __future__ import annotations

import random

import pytest
import torch
from tests.training.toy import config

from bydemo.training.schedule import TRAIN, VALIDATION, learning_rate, seed_step


def test_constant_after_a_linear_rise() -> None:
    settings = config(learning_rate=0.3, warmup=2)
    rates = [learning_rate(settings, step, 10) for step in range(5)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.3])


def test_cosine_falls_from_the_rate_towards_zero() -> None:
    settings = config(learning_rate=0.2, schedule="cosine")
    rates = [learning_rate(settings, step, 10) for step in range(11)]
    assert rates[0] == 0.2
    assert rates[5] == pytest.approx(0.1)
    assert rates[10] == pytest.approx(0, abs=1e-12)
    assert rates == sorted(rates, reverse=True)


def test_cosine_starts_after_the_rise() -> None:
    settings = config(learning_rate=0.2, schedule="cosine", warmup=4)
    assert learning_rate(settings, 4, 20) == 0.2
    assert learning_rate(settings, 12, 20) == pytest.approx(0.1)


def draw(step: int, rank: int = 0, stream: int = TRAIN, seed: int = 1) -> tuple[float, ...]:
    generator = torch.Generator()
    seed_step(seed, step, rank, stream, generator)
    return float(torch.rand(())), float(torch.rand((), generator=generator)), random.random()


def test_random_state_follows_from_its_arguments() -> None:
    assert draw(3) == draw(3)
    others = [draw(4), draw(3, rank=1), draw(3, stream=VALIDATION), draw(3, seed=2)]
    for ours, theirs in [(draw(3), other) for other in others]:
        assert all(a != b for a, b in zip(ours, theirs, strict=True))
