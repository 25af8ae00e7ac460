"""Linear maps from a representation to what is known of a step: ridge and logistic regression.

How strongly weights are penalised is chosen on training episodes that were kept out of the fit,
never on the judged ones; then all training episodes are fitted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.codec import Affine, fit_affine
from bydemo.core.statistics import measure
from bydemo.evaluation.latent.steps import Floats, Ints

RIDGE_PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
LOGISTIC_PENALTIES = (1e-4, 1e-3, 1e-2)
"""Penalties on squared weights of standardised inputs, beside the mean loss of a step."""
CHOOSING = 5
"""Every so many-th training episode, of a fixed shuffle, chooses the penalty."""
_ITERATIONS = 300

Predict = Callable[[NDArray[Any]], NDArray[Any]]


def choosing_rows(where: Ints, seed: int) -> NDArray[np.bool_]:
    """(N,) True for steps of the training episodes that choose; at least one, if there are two."""
    episodes = int(where.max()) + 1
    order = np.random.default_rng(seed).permutation(episodes)
    chosen = order[: max(episodes // CHOOSING, 1)] if episodes > 1 else order[:0]
    return np.isin(where, chosen)


def scaler(places: NDArray[Any]) -> Affine:
    """To unit size by component; one that hardly moves beside the others is not magnified."""
    return fit_affine(measure([places]), "standardise")


class Ridge:
    """Ridge regressions from standardised inputs (N, D) to many targets, which share the costly
    part."""

    def __init__(self, x: Floats, choosing: NDArray[np.bool_]) -> None:
        self.fitted = ~choosing
        self.kept = choosing if choosing.any() else self.fitted
        self.asked = x[self.kept]
        self.part, self.whole = _Decomposed(x[self.fitted]), _Decomposed(x)

    def fit(self, y: Floats) -> tuple[Predict, float]:
        """From standardised (N, D) to (N, T) numbers; also the penalty that was chosen."""
        maps, truth = self.part.maps(y[self.fitted]), y[self.kept]
        errors = [
            float(((maps(penalty)(self.asked) - truth) ** 2).sum()) for penalty in RIDGE_PENALTIES
        ]
        best = RIDGE_PENALTIES[int(np.argmin(errors))]
        return self.whole.maps(y)(best), best


class _Decomposed:
    """Inputs (N, D) with the one eigendecomposition that all targets and all penalties need."""

    def __init__(self, x: Floats) -> None:
        self.mean = x.mean(axis=0)
        self.centred = x - self.mean
        self.values, self.vectors = np.linalg.eigh(self.centred.T @ self.centred / len(x))

    def maps(self, y: Floats) -> Callable[[float], Predict]:
        """The family of maps to (N, T) by penalty."""
        y_mean = y.mean(axis=0)
        turned = self.vectors.T @ (self.centred.T @ (y - y_mean) / len(y))

        def of(penalty: float) -> Predict:
            weights = self.vectors @ (turned / (np.maximum(self.values, 0.0) + penalty)[:, None])
            return lambda asked: (asked - self.mean) @ weights + y_mean

        return of


def fit_logistic(x: Floats, labels: Ints, choosing: NDArray[np.bool_]) -> tuple[Predict, float]:
    """From standardised (N, D) to class indices (N,); also the penalty that was chosen."""
    fitted, kept = ~choosing, choosing
    if not kept.any() or len(np.unique(labels[fitted])) < 2:
        fitted = kept = np.ones(len(labels), bool)
    errors = []
    for penalty in LOGISTIC_PENALTIES:
        said = _logistic(x[fitted], labels[fitted], penalty)(x[kept])
        errors.append(float((said != labels[kept]).mean()))
    best = LOGISTIC_PENALTIES[int(np.argmin(errors))]
    return _logistic(x, labels, best), best


def _logistic(x: Floats, labels: Ints, penalty: float) -> Predict:
    found = np.unique(labels)
    if len(found) < 2:  # nothing to tell apart
        return lambda asked: np.full(len(asked), found[0])
    from sklearn.exceptions import ConvergenceWarning  # 1 s to import, needed here alone
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / (penalty * len(x)), max_iter=_ITERATIONS, tol=1e-3)
    with warnings.catch_warnings():
        # A penalty that is too weak to converge with is not chosen, or does no harm.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, labels)
    predict: Predict = model.predict
    return predict
