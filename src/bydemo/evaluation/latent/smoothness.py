"""How a representation moves in time: small steps beside random pairs, and what it remembers."""

from __future__ import annotations

from typing import Any

import numpy as np

from bydemo.evaluation.episode_sums import Floats, Sums
from bydemo.evaluation.interval import bootstrap
from bydemo.evaluation.latent.steps import LatentSteps

PAIRS = 4
"""Random partners of each step, in other episodes and in its own."""
LAGS = (1, 2, 5, 10, 20)
"""[steps]"""


def smoothness(steps: LatentSteps, representation: str, *, seed: int = 0) -> dict[str, Any]:
    """`step`: mean distance between neighbouring steps; `own_pair` and `other_pair`: between random
    steps of the same and of different episodes; `ratio` and `own_ratio`: the step over these;
    `between_episodes`: share of all variance that lies between episodes' means;
    `autocorrelation`: a list by lag.

    A step is followed only where the next one was recorded too, so thinned steps give no figures.
    """
    sums = _sums(steps, steps.representations[representation].astype(np.float64), seed)
    found = {n: i.to_json() for n, i in bootstrap(sums, _figures, seed=seed).items()}
    lags = [{"lag": lag, **found.pop(f"lag_{lag}")} for lag in LAGS]
    return {**found, "autocorrelation": lags}


def _sums(steps: LatentSteps, places: Floats, seed: int) -> dict[str, Floats]:
    add, episode, step = steps.add, steps.where, steps.step
    centred = places - places.mean(axis=0)
    counts = np.bincount(episode).astype(np.float64)
    means = add(centred) / counts[:, None]
    out = {
        "steps": counts, "squared": add((centred**2).sum(axis=1)),
        "within": add(((centred - means[episode]) ** 2).sum(axis=1)),
    }  # fmt: skip
    for lag in LAGS:
        follows = (episode[lag:] == episode[:-lag]) & (step[lag:] - step[:-lag] == lag)
        product = np.zeros(len(steps))
        product[:-lag] = np.where(follows, (centred[lag:] * centred[:-lag]).sum(axis=1), 0.0)
        out[f"product_{lag}"], out[f"pairs_{lag}"] = (
            add(product),
            add(np.r_[follows, [False] * lag]),
        )
    follows = (episode[1:] == episode[:-1]) & (np.diff(step) == 1)
    length = np.where(follows, np.linalg.norm(np.diff(centred, axis=0), axis=1), 0.0)
    out["length"], out["moves"] = add(np.r_[length, 0.0]), add(np.r_[follows, False])
    return out | _pairs(steps, centred, np.random.default_rng(seed))


def _pairs(steps: LatentSteps, places: Floats, generator: np.random.Generator) -> dict[str, Floats]:
    """Distances to random partners by the step's episode; none where there is no partner."""
    add, episode = steps.add, steps.where
    out = {f"{who}_{what}": np.zeros(steps.episodes)
           for who in ("own", "other") for what in ("length", "pairs")}  # fmt: skip
    rows = np.arange(len(steps))
    by_episode = np.argsort(episode, kind="stable")
    counts = np.bincount(episode)
    first = np.cumsum(counts) - counts
    rank = np.empty(len(steps), np.int64)
    rank[by_episode] = rows
    own_size, inside = counts[episode], rank - first[episode]
    for _ in range(PAIRS):
        # Drawn among the own episode's others, and among all that are not in it.
        ahead = 1 + np.floor(generator.random(len(steps)) * (own_size - 1)).astype(np.int64)
        own = first[episode] + (inside + ahead) % own_size
        skipped = np.floor(generator.random(len(steps)) * (len(steps) - own_size)).astype(np.int64)
        other = skipped + np.where(skipped >= first[episode], own_size, 0)
        for who, partner, able in (
            ("own", own, own_size > 1), ("other", other, own_size < len(steps))
        ):  # fmt: skip
            partner = by_episode[np.minimum(partner, len(steps) - 1)]
            length = np.linalg.norm(places - places[partner], axis=1)
            out[f"{who}_length"] += add(np.where(able, length, 0.0))
            out[f"{who}_pairs"] += add(able)
    return out


def _figures(sums: Sums) -> dict[str, Floats]:
    with np.errstate(divide="ignore", invalid="ignore"):
        step = sums["length"] / sums["moves"]
        own, other = (sums[f"{w}_length"] / sums[f"{w}_pairs"] for w in ("own", "other"))
        spread = sums["squared"] / sums["steps"]
        out = {
            "step": step, "own_pair": own, "other_pair": other, "ratio": step / other,
            "own_ratio": step / own, "between_episodes": 1 - sums["within"] / sums["squared"],
        }  # fmt: skip
        for lag in LAGS:
            out[f"lag_{lag}"] = sums[f"product_{lag}"] / sums[f"pairs_{lag}"] / spread
    return out
