"""Figures of a label part of the action: classes, moves, directions and events."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.core.fields import Part
from bydemo.evaluation.episode_sums import EpisodeAdder, Floats, Sums
from bydemo.evaluation.events import match_events, neutral_class
from bydemo.evaluation.predictions import Predictions, Steps


def cross_entropy(log_probabilities: NDArray[Any], classes: NDArray[Any]) -> Floats:
    """(N,) nats of each step: minus the log probability (N, S) of its class (N,).

    Only class indices are taken. Rows of ones, broadcast from indices of shape (N, 1), once made
    a published cross entropy (9.48) independent of the labels.
    """
    if classes.ndim == 2 and classes.shape == log_probabilities.shape:
        sums = classes.sum(axis=1)
        if not np.allclose(sums, 1):
            row = int(np.argmax(~np.isclose(sums, 1)))
            raise InputError(f"row {row} sums to {sums[row]:g}, so it is no distribution over "
                             "classes", field="classes")  # fmt: skip
    if classes.ndim != 1 or classes.dtype.kind not in "iu":
        raise InputError(f"expected class indices (N,), got {classes.shape} {classes.dtype}",
                         field="classes")  # fmt: skip
    rows, count = log_probabilities.shape
    if len(classes) != rows:
        raise InputError(f"{len(classes)} rows for {rows} predictions", field="classes")
    if rows and (classes.min() < 0 or classes.max() >= count):
        raise InputError(f"{classes.min()}..{classes.max()} is not within 0..{count - 1}",
                         field="classes")  # fmt: skip
    logs = log_probabilities.astype(np.float64)
    if not np.allclose(np.exp(logs).sum(axis=1), 1, atol=1e-4):
        raise InputError("the probabilities of a row do not sum to 1", field="log_probabilities")
    picked: Floats = -logs[np.arange(rows), classes]
    return picked


def label_sums(
    part: Part, g: int, steps: Steps, predictions: Predictions, add: EpisodeAdder, events: bool
) -> dict[str, Floats]:
    name, neutral = part.name, neutral_class(part)
    assert predictions.labels is not None
    truth, said = steps.labels[:, g], predictions.labels[:, g]
    out = {f"{name}.confusion": add.pairs(truth, said, len(part.classes))}
    if predictions.log_probabilities is not None:
        logs = predictions.log_probabilities[g]
        out[f"{name}.nats"] = add(cross_entropy(logs, truth))
        if neutral is not None:
            moves = np.where(np.arange(len(part.classes)) == neutral, -np.inf, logs)
            moved = truth != neutral
            right = moved & (moves.argmax(axis=1) == truth)
            out[f"{name}.forced"] = add(np.stack([right, moved], axis=1))
    if events:
        counts = match_events(truth, said, steps.episode, steps.step, neutral)
        exact = counts.there & counts.predicted & (truth == said)
        stacked = np.stack([counts.there, counts.predicted, counts.found, exact], axis=1)
        out[f"{name}.events"] = add(stacked)
    return out


def label_figures(part: Part, sums: Sums) -> dict[str, Floats]:
    name = part.name
    confusion = sums[f"{name}.confusion"]
    out = {f"{name}.{k}": v for k, v in confusion_figures(part, confusion).items()}
    if f"{name}.nats" in sums:
        out[f"{name}.cross_entropy"] = sums[f"{name}.nats"] / sums["steps"]
    if f"{name}.forced" in sums:
        forced = sums[f"{name}.forced"]
        out[f"{name}.forced_direction"] = forced[..., 0] / forced[..., 1]
    if f"{name}.events" in sums:
        there, predicted, found, exact = np.moveaxis(sums[f"{name}.events"], -1, 0)
        out[f"{name}.event_f1"] = 2 * found / (there + predicted)
        out[f"{name}.event_exact"] = exact / there
    return out


def confusion_figures(part: Part, confusion: Floats) -> dict[str, Floats]:
    """Figures of a confusion matrix (..., S, S), truth by row; names without the part's."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    there, said = confusion.sum(axis=-1), confusion.sum(axis=-2)
    steps = there.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        f1 = np.where(there + said > 0, 2 * hits / (there + said), 0.0)
        occurs = (there + said > 0).sum(axis=-1)
        out = {
            "accuracy": hits.sum(axis=-1) / steps,
            "macro_f1": f1.sum(axis=-1) / occurs,
            "weighted_f1": (f1 * there).sum(axis=-1) / steps,
        }
        recall = hits / there
        out |= {f"recall.{c}": recall[..., i] for i, c in enumerate(part.classes)}
        neutral = neutral_class(part)
        if neutral is not None:
            move = np.arange(len(part.classes)) != neutral
            both = confusion[..., move, :][..., :, move].sum(axis=(-2, -1))
            stayed = confusion[..., neutral, neutral]
            moves = there[..., move].sum(axis=-1) + said[..., move].sum(axis=-1)
            out["move_or_stay"] = (both + stayed) / steps
            out["move_f1"] = 2 * both / moves
            out["direction"] = hits[..., move].sum(axis=-1) / both
    return out
