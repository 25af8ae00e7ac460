"""What needs no learning, or hardly any: every learned figure stands beside these.

They are fitted on the training steps alone. `copy previous` looks at the expert's previous action,
which a policy does not see: its good step-by-step figures are a property of the data. So are those
of a linear model on several steps where the action is the measured change of the proprioception.
"""

from __future__ import annotations

import functools
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
CLOCK = "by the clock"
COPY_PREVIOUS = "copy previous"
LINEAR = "linear on proprioception"
TWO_STEPS = "linear on two steps"
LOOKING_BACK = (COPY_PREVIOUS,)
"""Baselines that look at the previous action."""

_CUT = 0.001
"""Share of the training steps at either end of a change's range that is cut off."""
_RIDGE = 1.0
"""Penalty on weights of standardised inputs: next to nothing against thousands of steps."""
_SMOOTHING = 0.5
"""Counts added to each class (Krichevsky-Trofimov), so that an unseen class is not impossible."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What a baseline may know of N steps: time, raw proprioception and the previous action.

    step: (N,) number of the step in its episode; recent: (N, T, P) the proprioception of the last
    T steps, oldest first, an episode's first step repeated where there is no earlier one;
    previous: continuous (N, C) and labels (N, G) of the expert's action one step before.
    """

    step: Ints
    recent: Floats
    previous_continuous: Floats
    previous_labels: Ints

    @property
    def has_previous(self) -> NDArray[np.bool_]:
        """(N,) False on an episode's first step."""
        return self.step > 0

    @property
    def proprioception(self) -> Floats:
        """(N, P) of the step itself."""
        now: Floats = self.recent[:, -1]
        return now

    @property
    def steps(self) -> int:
        """Steps of proprioception (T)."""
        return int(self.recent.shape[1])


def all_baselines(
    field: Field, train: Steps, train_evidence: Evidence, evidence: Evidence
) -> dict[str, Predictions]:
    """Baseline name -> what it says for each step of `evidence`."""
    rows = len(evidence.step)
    found: dict[str, Predictions] = {}
    if train.labels.shape[1]:
        found[MAJORITY] = majority(field, train, rows)
    if train.continuous.shape[1]:
        found[MEAN_ACTION] = mean_action(train, rows)
    found[CLOCK] = by_the_clock(field, train, evidence.step)
    if evidence.proprioception.shape[1]:
        known, asked = train_evidence, evidence
        found[LINEAR] = linear(field, train, known.proprioception, asked.proprioception)
        if evidence.steps > 1:
            found[TWO_STEPS] = linear(field, train, changes(known, 2), changes(asked, 2))
            limits = change_limits(known)
            found[without_jumps(evidence.steps)] = linear(
                field, train, changes(known, known.steps, limits),
                changes(asked, asked.steps, limits),
            )  # fmt: skip
    found[COPY_PREVIOUS] = copy_previous(field, train, train_evidence, evidence)
    return found


def without_jumps(steps: int) -> str:
    """Name of the linear baseline that sees as many steps as the policy, with jumps cut off."""
    return f"linear on {steps} steps, jumps cut off"


def changes(evidence: Evidence, steps: int, limits: tuple[Floats, Floats] | None = None) -> Floats:
    """(N, steps * P): the present proprioception and its changes, newest first, within `limits`.

    As a linear model's input it says what the steps themselves would, but better conditioned.
    """
    moved = np.diff(evidence.recent[:, -steps:], axis=1)[:, ::-1]
    if limits is not None:
        moved = np.clip(moved, *limits)
    return np.concatenate([evidence.proprioception, moved.reshape(len(moved), -1)], axis=1)


def change_limits(evidence: Evidence) -> tuple[Floats, Floats]:
    """(P,) lowest and highest ordinary change from one step to the next.

    Some recordings begin each episode with a reading left over from the one before, and a few such
    jumps spoil a least-squares fit to thousands of steps.
    """
    moved = np.diff(evidence.recent[:, -2:], axis=1)[:, 0]
    return np.quantile(moved, _CUT, axis=0), np.quantile(moved, 1 - _CUT, axis=0)


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


def by_the_clock(field: Field, train: Steps, step: Ints) -> Predictions:
    """The training steps' mean and frequencies at the same step number, whatever is seen there.

    It finds all that a routine of fixed timing gives away. Steps later than any in training are
    taken as the last of them.
    """
    last = int(train.step.max())
    asked = np.minimum(step, last)
    counts = np.maximum(np.bincount(train.step, minlength=last + 1), 1)[:, None]
    continuous = None
    if train.continuous.shape[1]:
        sums = np.zeros((last + 1, train.continuous.shape[1]))
        np.add.at(sums, train.step, train.continuous)
        continuous = (sums / counts)[asked]
    if not field.labels:
        return Predictions(continuous=continuous)
    logs = []
    for g, part in enumerate(field.labels):
        seen = np.full((last + 1, len(part.classes)), _SMOOTHING)
        np.add.at(seen, (train.step, train.labels[:, g]), 1)
        logs.append(np.log(seen / seen.sum(axis=1, keepdims=True))[asked])
    return Predictions(
        continuous=continuous, labels=_likeliest(tuple(logs), len(step)),
        log_probabilities=tuple(logs),
    )  # fmt: skip


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
    present = np.unique(labels)
    trace = _SMOOTHING / (len(labels) + _SMOOTHING * classes)
    out = np.full((len(asked), classes), trace)
    if len(present) == 1:
        out[:, present[0]] = 1.0
    else:
        fitted = _fitted(known.tobytes(), labels.astype(np.int64).tobytes())
        out[:, present] = np.maximum(fitted.predict_proba(asked), 1e-12)
    logs: Floats = np.log(out / out.sum(axis=1, keepdims=True))
    return logs


@functools.lru_cache(maxsize=8)  # each split of a run, and each run, asks for the same few fits
def _fitted(known: bytes, labels: bytes) -> Any:
    """The regression of labels (N,), int64, on inputs (N, D), float64; both by their content."""
    from sklearn.linear_model import LogisticRegression

    classes = np.frombuffer(labels, np.int64)
    rows = np.frombuffer(known, np.float64).reshape(len(classes), -1)
    return LogisticRegression(max_iter=1000).fit(rows, classes)


def _log_frequencies(labels: Ints, classes: int) -> Floats:
    counts = np.bincount(labels, minlength=classes) + _SMOOTHING
    logs: Floats = np.log(counts / counts.sum())
    return logs


def _likeliest(logs: tuple[Floats, ...], rows: int) -> Ints:
    if not logs:
        return np.zeros((rows, 0), np.int64)
    return np.stack([part.argmax(axis=1) for part in logs], axis=1).astype(np.int64)
