"""How many of its dimensions a representation uses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bydemo.evaluation.episode_sums import Floats, Sums
from bydemo.evaluation.interval import Interval, bootstrap
from bydemo.evaluation.latent.steps import LatentSteps

ACTIVE = 0.01
"""A unit is active where the variance of its mean over the data is larger (Burda et al., 2016).

The rule belongs to latents whose prior has unit variance; for others the count depends on their
scale."""


def dimensions(steps: LatentSteps, representation: str, *, seed: int = 0) -> dict[str, Any]:
    """`size`; `active` units and the `threshold` of it; `variance` of each unit; `effective`
    dimension: the participation ratio of the covariance's eigenvalues, (sum)^2 / sum of squares."""
    places = steps.representations[representation].astype(np.float64)
    add = steps.add
    centred = places - places.mean(axis=0)
    sums = {
        "steps": add(np.ones(len(steps))), "sum": add(centred), "squared": add(centred**2),
    }  # fmt: skip
    found = bootstrap(sums, _figures, seed=seed)
    variance = _variance({n: v.sum(axis=0) for n, v in sums.items()})
    return {
        "size": places.shape[1], "threshold": ACTIVE, "active": found["active"].to_json(),
        "variance": variance.tolist(),
        "effective": effective_dimension(steps, centred).to_json(),
    }  # fmt: skip


def gaussian_kl(mean: NDArray[Any], log_variance: NDArray[Any]) -> Floats:
    """(N, Z) nats by which each unit's normal distribution differs from the standard one."""
    mu, log_var = mean.astype(np.float64), log_variance.astype(np.float64)
    out: Floats = 0.5 * (mu**2 + np.exp(log_var) - 1 - log_var)
    return out


def effective_dimension(steps: LatentSteps, centred: Floats) -> Interval:
    """(sum of variances)^2 over the sum of all squared covariances, with its interval.

    By the jackknife over episodes: episodes that a bootstrap draws twice would span fewer
    dimensions, so that its interval lies too low.
    """
    episodes, width = steps.episodes, centred.shape[1]
    sums, moments = centred.sum(axis=0), centred.T @ centred
    value = _ratio(len(steps), sums, moments)
    without = []
    for episode in range(episodes if episodes > 1 else 0):
        rows = centred[steps.where == episode]
        left = len(steps) - len(rows), sums - rows.sum(axis=0), moments - rows.T @ rows
        without.append(_ratio(*left))
    if not without or not np.isfinite([value, *without]).all():
        return Interval(value=value, low=np.nan, high=np.nan)
    error = float(np.sqrt((episodes - 1) * np.var(without)))
    half = float(stats.t.ppf(0.975, episodes - 1)) * error
    return Interval(value=value, low=max(value - half, 1.0), high=min(value + half, width))


def _ratio(count: int, first: Floats, second: Floats) -> float:
    """The participation ratio of a covariance, from the sums of rows and of their products."""
    covariance = second / count - np.outer(first / count, first / count)
    squared = float((covariance**2).sum())
    return float(covariance.trace() ** 2 / squared) if squared > 0 else np.nan


def kl_figures(steps: LatentSteps, kl: NDArray[Any], *, seed: int = 0) -> dict[str, Any]:
    """`by_dimension`: each unit's mean divergence [nats], of (N, Z); their `total`."""
    add = steps.add
    sums = {"steps": add(np.ones(len(steps))), "kl": add(kl.astype(np.float64))}

    def figures(s: Sums) -> dict[str, Floats]:
        means = s["kl"] / s["steps"][..., None]
        return {"total": means.sum(axis=-1),
                **{str(i): means[..., i] for i in range(means.shape[-1])}}  # fmt: skip

    found = {n: i.to_json() for n, i in bootstrap(sums, figures, seed=seed).items()}
    return {"total": found.pop("total"), "by_dimension": list(found.values())}


def _variance(sums: Sums) -> Floats:
    count = sums["steps"][..., None]
    out: Floats = sums["squared"] / count - (sums["sum"] / count) ** 2
    return np.maximum(out, 0.0)


def _figures(sums: Sums) -> dict[str, Floats]:
    return {"active": (_variance(sums) > ACTIVE).sum(axis=-1).astype(np.float64)}
