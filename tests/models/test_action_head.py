"""The action loss: sums over what is valid, and targets that can't be misread."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from tests.models.samples import Samples, reference_shapes
from torch.nn import functional

from bydemo.core.errors import InputError
from bydemo.models.action_head import (
    HUBER_DELTA,
    ContinuousLoss,
    action_losses,
    check_continuous_loss,
    cross_entropy,
    output_width,
    split_outputs,
)
from bydemo.models.base import Prediction

REFERENCE_SHARES = (0.12, 0.75, 0.13)
"""Gripper classes of the real data: open, stay, close."""


def broken_cross_entropy(logits: torch.Tensor, column: torch.Tensor) -> float:
    """The reference's test loss: labels (N, 1) index an (N, 3) table of zeros through a row index
    (N,), which broadcasts to (N, N), so every row becomes (1, 1, 1)."""
    one_hot = torch.zeros_like(logits)
    one_hot[torch.arange(len(logits)), column] = 1
    assert (one_hot.sum(-1) == 3).all()
    return float(functional.cross_entropy(logits, one_hot))


def made_up_logits(scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.multinomial(torch.tensor(REFERENCE_SHARES), 200, True, generator=generator)
    logits = torch.randn(200, 3, generator=generator) + scale * functional.one_hot(labels, 3)
    return logits, labels


def test_the_broken_figure_does_not_see_the_labels() -> None:
    """What made 9.48 of a good policy: it never falls below 3 ln 3 = 3.296, ignores the labels,
    and *rises* as predictions get surer, i.e. it inverts the ranking."""
    logits, labels = made_up_logits(4.0)
    column = labels[:, None]
    broken = broken_cross_entropy(logits, column)
    assert broken == broken_cross_entropy(logits, column.flip(0))
    assert broken_cross_entropy(torch.zeros(200, 3), column) == pytest.approx(3 * math.log(3))
    assert 3 * math.log(3) == pytest.approx(3.296, abs=5e-4)
    surer = logits * 2.3
    assert broken_cross_entropy(surer, column) > 9.48 > broken > 3.296
    assert cross_entropy(surer, labels).mean() < cross_entropy(logits, labels).mean() < 0.2


def test_the_broken_figure_cannot_be_expressed() -> None:
    logits, labels = made_up_logits(4.0)
    with pytest.raises(InputError, match=r"'labels': shape \(200, 1\), expected \(200,\): one cla"):
        cross_entropy(logits, labels[:, None])
    with pytest.raises(InputError, match=r"torch\.float32, expected int64 class indices"):
        cross_entropy(logits, torch.ones(200, 3))
    with pytest.raises(InputError, match=r"range 0\.\.3, expected 0\.\.2"):
        cross_entropy(logits, labels.where(labels != 2, 3))


def test_cross_entropy_is_torchs() -> None:
    logits, labels = made_up_logits(1.0)
    expected = functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(
        cross_entropy(logits.view(50, 4, 3), labels.view(50, 4)), expected.view(50, 4)
    )


def test_outputs_split_in_order() -> None:
    shapes = replace(reference_shapes(), chunk=2)
    assert output_width(shapes) == 12
    prediction = split_outputs(torch.arange(12.0)[None], shapes)
    assert prediction.continuous.tolist() == [[[0, 1, 2], [6, 7, 8]]]
    assert prediction.logits.tolist() == [[[3, 4, 5], [9, 10, 11]]]


def test_the_reference_loss() -> None:
    """One step: mean squared error plus mean cross entropy, equal weights."""
    shapes = reference_shapes()
    batch = Samples(replace(shapes, view=replace(shapes.view, size=8)), 9).batch()
    torch.manual_seed(0)
    prediction = Prediction(continuous=torch.randn(9, 1, 3), logits=torch.randn(9, 1, 3))
    losses = action_losses(prediction, batch, shapes.classes)
    mse = functional.mse_loss(prediction.continuous, batch["continuous"])
    entropy = functional.cross_entropy(prediction.logits[:, 0], batch["labels"][:, 0, 0])
    torch.testing.assert_close(losses.mean, mse + entropy)
    total, count = losses.parts["mse"]
    torch.testing.assert_close(total / count, mse)
    total, count = losses.parts["cross_entropy"]
    torch.testing.assert_close(total / count, entropy)


def test_sums_of_two_halves_are_the_whole() -> None:
    shapes = replace(reference_shapes(), chunk=4)
    batch = Samples(replace(shapes, view=replace(shapes.view, size=8)), 11).batch()
    torch.manual_seed(0)
    told, logits = torch.randn(11, 4, 3), torch.randn(11, 4, 3)

    def losses(rows: slice) -> tuple[float, int]:
        part = {name: tensor[rows] for name, tensor in batch.items()}
        found = action_losses(
            Prediction(continuous=told[rows], logits=logits[rows]), part, shapes.classes
        )
        return float(found.total), found.count

    (a, n), (b, m), (both, count) = losses(slice(3)), losses(slice(3, None)), losses(slice(None))
    assert n + m == count == int(batch["valid"].sum())
    assert a + b == pytest.approx(both, rel=1e-6)


def test_what_is_not_valid_does_not_count() -> None:
    shapes = replace(reference_shapes(), chunk=4)
    batch = Samples(replace(shapes, view=replace(shapes.view, size=8)), 11).batch()
    told = torch.randn(11, 4, 3)
    spoilt = told.where(batch["valid"][..., None], torch.tensor(1e9))
    zeros = torch.zeros(11, 4, 3)
    a = action_losses(Prediction(continuous=told, logits=zeros), batch, shapes.classes)
    b = action_losses(Prediction(continuous=spoilt, logits=zeros), batch, shapes.classes)
    assert float(a.total) == float(b.total)


def test_class_weights_change_the_total_not_the_record() -> None:
    shapes = reference_shapes()
    batch = Samples(replace(shapes, view=replace(shapes.view, size=8)), 9).batch()
    prediction = Prediction(continuous=batch["continuous"], logits=torch.randn(9, 1, 3))
    plain = action_losses(prediction, batch, shapes.classes)
    doubled = action_losses(prediction, batch, shapes.classes, (2.0, 2.0, 2.0))
    torch.testing.assert_close(doubled.total, 2 * plain.total)
    assert doubled.parts["cross_entropy"][0] == plain.parts["cross_entropy"][0]
    with pytest.raises(InputError, match="'class_weights': 2 weights, expected 3: one a class"):
        action_losses(prediction, batch, shapes.classes, (1.0, 2.0))


def test_targets_of_another_shape() -> None:
    shapes = reference_shapes()
    batch = Samples(replace(shapes, view=replace(shapes.view, size=8)), 9).batch()
    prediction = Prediction(continuous=torch.zeros(9, 1, 3), logits=torch.zeros(9, 1, 3))
    with pytest.raises(InputError, match=r"'continuous': shape \(9, 3\), expected \(9, 1, 3\)"):
        action_losses(prediction, batch | {"continuous": torch.zeros(9, 3)}, shapes.classes)
    with pytest.raises(InputError, match=r"'labels': shape \(9, 1\), expected \(9, 1, 1\)"):
        action_losses(prediction, batch | {"labels": batch["labels"][..., 0]}, shapes.classes)


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("mse", lambda e: e**2),
        ("l1", abs),
        ("huber", lambda e: 0.5 * e**2 if abs(e) < HUBER_DELTA
            else HUBER_DELTA * (abs(e) - 0.5 * HUBER_DELTA)),
    ],
)  # fmt: skip
def test_distances_by_hand(name: ContinuousLoss, by_hand: Callable[[float], float]) -> None:
    """Mean over components, sum over valid steps; the errors lie on both sides of the bend."""
    errors = torch.tensor([[[0.05, -0.3], [0.02, 0.0]], [[0.5, -0.09], [7.0, 7.0]]])
    valid = torch.tensor([[True, True], [True, False]])
    batch = {"continuous": torch.zeros(2, 2, 2), "valid": valid}
    told = Prediction(continuous=errors, logits=torch.zeros(2, 2, 0))
    losses = action_losses(told, batch, (), continuous=name)
    expected = sum(by_hand(float(e)) / 2 for row in errors[valid] for e in row)
    assert losses.count == 3
    assert list(losses.parts) == [name]
    assert float(losses.total) == pytest.approx(expected, rel=1e-5)
    assert float(losses.parts[name][0]) == float(losses.total)


def test_an_unknown_distance() -> None:
    with pytest.raises(InputError, match="field 'loss': 'rmse' is none of mse, l1, huber"):
        check_continuous_loss("rmse")
