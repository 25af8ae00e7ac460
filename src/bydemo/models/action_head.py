"""From a network's last layer to an action chunk, and the loss of it: a distance for continuous
components and cross entropy for labels, as sums.

Shape letters: B batch, K chunk steps, C continuous components, G label parts, S classes of all
label parts together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn import functional

from bydemo.core.errors import InputError
from bydemo.models.base import Batch, Losses, Prediction, Shapes

ClassWeights = tuple[float, ...] | Literal["balanced"]
"""One number a class, in the labels' order, that multiplies its cross entropy; none at all; or
`balanced`, which a training run turns into numbers (`studies/class_weights.py`)."""

ContinuousLoss = Literal["mse", "l1", "huber"]
"""How far a continuous prediction is from its target, see DISTANCES."""

HUBER_DELTA: Final = 0.1
"""[encoded units] where the Huber loss turns from a parabola into a line. A standardised action is
cloned to about 0.03, so errors of more than three such deviations pull no harder than that."""

DISTANCES: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "mse": lambda told, target: (told - target).square(),
    "l1": lambda told, target: (told - target).abs(),
    "huber": lambda told, target: functional.huber_loss(
        told, target, reduction="none", delta=HUBER_DELTA
    ),
}
"""Name -> the loss of each component: squared error, absolute error, or the squared one halved
within HUBER_DELTA and a straight line beyond."""


def check_continuous_loss(name: str) -> None:
    """InputError unless `name` is a key of DISTANCES."""
    if name not in DISTANCES:
        raise InputError(f"'{name}' is none of {', '.join(DISTANCES)}", field="loss")


def check_class_weights(weights: ClassWeights) -> None:
    """InputError unless they are numbers from 0 on, or `balanced`."""
    if isinstance(weights, str):
        if weights != "balanced":
            raise InputError(f"'{weights}' is neither balanced nor one number a class",
                             field="class_weights")  # fmt: skip
    elif any(not (math.isfinite(weight) and weight >= 0) for weight in weights):
        raise InputError(f"{list(weights)}, expected 0 or more each", field="class_weights")


def class_numbers(weights: ClassWeights) -> tuple[float, ...]:
    """The weights as a loss takes them; InputError for those that are still to be counted."""
    if isinstance(weights, str):
        raise InputError(
            "are 'balanced', which only a training run can turn into numbers; give one a class",
            field="class_weights",
        )
    return weights


def output_width(shapes: Shapes) -> int:
    """How many numbers the last layer gives: K * (C + S)."""
    return shapes.chunk * (shapes.continuous + sum(shapes.classes))


def split_outputs(outputs: Tensor, shapes: Shapes) -> Prediction:
    """(B, K * (C + S)) of any float type -> continuous (B, K, C) and logits (B, K, S), float32."""
    both = outputs.float().view(len(outputs), shapes.chunk, -1)
    return Prediction(
        continuous=both[..., : shapes.continuous], logits=both[..., shapes.continuous :]
    )


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy [nats] of class indices, one number for each: logits (..., n), labels (...).

    Only int64 class indices of exactly the logits' leading shape are accepted, so that no
    broadcast can turn a column of labels into rows of several ones (a published test figure of
    9.48 nats came from that), and no float "probabilities" can be passed that don't sum to 1.
    """
    if labels.dtype != torch.int64:
        raise InputError(f"{labels.dtype}, expected int64 class indices", field="labels")
    if labels.shape != logits.shape[:-1]:
        raise InputError(
            f"shape {tuple(labels.shape)}, expected {tuple(logits.shape[:-1])}: one class index "
            "for each row of logits",
            field="labels",
        )
    classes = logits.shape[-1]
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise InputError(
            f"range {int(labels.min())}..{int(labels.max())}, expected 0..{classes - 1}",
            field="labels",
        )
    flat = functional.cross_entropy(
        logits.reshape(-1, classes).float(), labels.reshape(-1), reduction="none"
    )
    return flat.reshape(labels.shape)


def action_losses(
    prediction: Prediction,
    batch: Batch,
    classes: Sequence[int],
    class_weights: Sequence[float] = (),
    *,
    continuous: ContinuousLoss = "mse",
    weights: tuple[float, float] = (1.0, 1.0),
) -> Losses:
    """The distance over C components plus cross entropy, times `weights`, over the valid steps.

    `classes` are the widths of the G label parts inside S. `class_weights` (S numbers, or none)
    multiply a step's cross entropy in `total`; the recorded parts stay unweighted. Parts are
    `mse` (or another of DISTANCES; encoded units, mean over C) and `cross_entropy` (nats, sum over
    label parts).
    """
    valid = batch["valid"]
    steps = int(valid.sum())
    total = prediction.continuous.new_zeros((), dtype=torch.float32)
    parts: dict[str, tuple[Tensor, int]] = {}
    if prediction.continuous.shape[-1]:
        target = batch["continuous"]
        if target.shape != prediction.continuous.shape:
            raise InputError(
                f"shape {tuple(target.shape)}, expected {tuple(prediction.continuous.shape)}",
                field="continuous",
            )
        distance = DISTANCES[continuous](prediction.continuous.float(), target)
        if steps < valid.numel():
            distance = torch.where(valid[..., None], distance, 0.0)
        summed = distance.sum() / distance.shape[-1]
        total, parts[continuous] = total + weights[0] * summed, (summed.detach(), steps)
    if classes:
        plain, weighted = _label_sums(prediction.logits, batch, classes, class_weights)
        total, parts["cross_entropy"] = total + weights[1] * weighted, (plain.detach(), steps)
    return Losses(total=total, count=steps, parts=parts)


def _label_sums(
    logits: Tensor, batch: Batch, classes: Sequence[int], class_weights: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """The cross entropy summed over valid steps and label parts: plain, and class-weighted."""
    labels, valid = batch["labels"], batch["valid"]
    if labels.ndim != valid.ndim + 1 or labels.shape[-1] != len(classes):
        raise InputError(
            f"shape {tuple(labels.shape)}, expected {(*valid.shape, len(classes))}", field="labels"
        )
    if class_weights and len(class_weights) != sum(classes):
        raise InputError(
            f"{len(class_weights)} weights, expected {sum(classes)}: one a class",
            field="class_weights",
        )
    plain = weighted = logits.new_zeros((), dtype=torch.float32)
    start = 0
    for part, (block, width) in enumerate(zip(torch.split(logits, list(classes), dim=-1), classes,
                                              strict=True)):  # fmt: skip
        entropy = torch.where(valid, cross_entropy(block, labels[..., part]), 0.0)
        plain = plain + entropy.sum()
        if class_weights:
            table = entropy.new_tensor(class_weights[start : start + width])
            entropy = entropy * table[labels[..., part]]
        weighted = weighted + entropy.sum()
        start += width
    return plain, weighted
