"""What needs no learning, or hardly any: every learned figure stands beside these.

They are fitted on the training steps alone. `copy previous` looks at the expert's previous action,
which a policy does not see: its good step-by-step figures are a property of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.codec import fit_affine
from bydemo.core.fields import Field
from bydemo.core.statistics import measure
from bydemo.evaluation.predictions import Floats, Ints, Predictions, Steps

MAJORITY = "majority"
MEAN_ACTION = "mean action"
COPY_PREVIOUS = "copy previous"
LINEAR = "linear on proprioception"
HISTORY_FREE = (MAJORITY, MEAN_ACTION, LINEAR)
"""Baselines that do not look at the previous action."""

_RIDGE = 1.0
"""Penalty on weights of standardised inputs: next to nothing against thousands of steps."""
_SMOOTHING = 0.5
"""Counts added to each class (Krichevsky-Trofimov), so that an unseen class is not impossible."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What a baseline may know of N steps: the raw proprioception (N, P) and the previous action.

    previous: continuous (N, C) and labels (N, G) of the expert's action one step before;
    has_previous (N,) False on an episode's first step.
    """

    proprioception: Floats
    previous_continuous: Floats
    previous_labels: Ints
    has_previous: NDArray[np.bool_]


def all_baselines(
    field: Field, train: Steps, train_evidence: Evidence, evidence: Evidence
) -> dict[str, Predictions]:
    """Baseline name -> what it says for each step of `evidence`."""
    rows = len(evidence.proprioception)
    found: dict[str, Predictions] = {}
    if train.labels.shape[1]:
        found[MAJORITY] = majority(field, train, rows)
    if train.continuous.shape[1]:
        found[MEAN_ACTION] = mean_action(train, rows)
    found[COPY_PREVIOUS] = copy_previous(field, train, train_evidence, evidence)
    if evidence.proprioception.shape[1]:
        found[LINEAR] = linear(field, train, train_evidence.proprioception, evidence.proprioception)
    return found


def majority(field: Field, train: Steps, rows: int) -> Predictions:
    """The training steps' most frequent class, with the classes' frequencies as probabilities."""
    logs = tuple(
        np.tile(_log_frequencies(train.labels[:, g], len(part.classes)), (rows, 1))
        for g, part in enumerate(field.labels)
    )
    return Predictions(labels=_likeliest(logs, rows), log_probabilities=logs)


def mean_action(train: Steps, rows: int) -> Predictions:
    """The training steps' mean, the best constant for the squared error."""
    return Predictions(continuous=np.tile(train.continuous.mean(axis=0), (rows, 1)))


def copy_previous(
    field: Field, train: Steps, train_evidence: Evidence, evidence: Evidence
) -> Predictions:
    """The expert's previous action again; the mean and the majority on an episode's first step.

    Probabilities are the training steps' transition frequencies.
    """
    rows, known = len(evidence.has_previous), evidence.has_previous
    continuous = np.where(
        known[:, None], evidence.previous_continuous, train.continuous.mean(axis=0)
    )
    if not field.labels:
        return Predictions(continuous=continuous)
    usual = majority(field, train, rows)
    assert usual.labels is not None
    assert usual.log_probabilities is not None
    labels = np.where(known[:, None], evidence.previous_labels, usual.labels)
    logs = []
    for g, part in enumerate(field.labels):
        classes = len(part.classes)
        counted = train_evidence.has_previous
        before = train_evidence.previous_labels[counted, g]
        counts = np.bincount(before * classes + train.labels[counted, g], minlength=classes**2)
        smoothed = counts.reshape(classes, classes) + _SMOOTHING
        table = np.log(smoothed / smoothed.sum(axis=1, keepdims=True))
        logs.append(
            np.where(
                known[:, None], table[evidence.previous_labels[:, g]], usual.log_probabilities[g]
            )
        )
    return Predictions(continuous=continuous, labels=labels, log_probabilities=tuple(logs))


def linear(field: Field, train: Steps, known: Floats, asked: Floats) -> Predictions:
    """Ridge regression and multinomial logistic regression on standardised proprioception."""
    scale = fit_affine(measure([known]), "standardise")
    known, asked = (scale.encode(rows).astype(np.float64) for rows in (known, asked))
    continuous = None
    if train.continuous.shape[1]:
        mean = train.continuous.mean(axis=0)
        normal = known.T @ known + _RIDGE * np.eye(known.shape[1])
        weights = np.linalg.solve(normal, known.T @ (train.continuous - mean))
        continuous = asked @ weights + mean
    if not field.labels:
        return Predictions(continuous=continuous)
    logs = tuple(
        _logistic(known, train.labels[:, g], asked, len(part.classes))
        for g, part in enumerate(field.labels)
    )
    return Predictions(
        continuous=continuous, labels=_likeliest(logs, len(asked)), log_probabilities=logs
    )


def _logistic(known: Floats, labels: Ints, asked: Floats, classes: int) -> Floats:
    """(N, S) log probabilities; classes that the training steps lack keep a trace."""
    from sklearn.linear_model import LogisticRegression

    present = np.unique(labels)
    trace = _SMOOTHING / (len(labels) + _SMOOTHING * classes)
    out = np.full((len(asked), classes), trace)
    if len(present) == 1:
        out[:, present[0]] = 1.0
    else:
        fitted: Any = LogisticRegression(max_iter=1000).fit(known, labels)
        out[:, present] = np.maximum(fitted.predict_proba(asked), 1e-12)
    logs: Floats = np.log(out / out.sum(axis=1, keepdims=True))
    return logs


def _log_frequencies(labels: Ints, classes: int) -> Floats:
    counts = np.bincount(labels, minlength=classes) + _SMOOTHING
    logs: Floats = np.log(counts / counts.sum())
    return logs


def _likeliest(logs: tuple[Floats, ...], rows: int) -> Ints:
    if not logs:
        return np.zeros((rows, 0), np.int64)
    return np.stack([part.argmax(axis=1) for part in logs], axis=1).astype(np.int64)
