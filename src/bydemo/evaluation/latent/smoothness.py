"""How a representation moves in time: small steps beside random pairs, and what it remembers."""

from __future__ import annotations

from typing import Any

import numpy as np

from bydemo.evaluation.episode_sums import Floats, Sums
from bydemo.evaluation.interval import bootstrap
from bydemo.evaluation.latent.steps import Ints, LatentSteps

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
    add, episode = steps.add, steps.where
    centred = places - places.mean(axis=0)
    counts = np.bincount(episode).astype(np.float64)
    means = add(centred) / counts[:, None]
    out = {
        "steps": counts, "squared": add((centred**2).sum(axis=1)),
        "within": add(((centred - means[episode]) ** 2).sum(axis=1)),
    }  # fmt: skip
    for lag in LAGS:
        now = _followed(steps, lag)
        product = np.zeros(len(steps))
        product[now] = (centred[now + lag] * centred[now]).sum(axis=1)
        out[f"product_{lag}"] = add(product)
        out[f"pairs_{lag}"] = np.bincount(episode[now], minlength=steps.episodes).astype(float)
    now, length = _followed(steps, 1), np.zeros(len(steps))
    length[now] = np.linalg.norm(centred[now + 1] - centred[now], axis=1)
    out["length"] = add(length)
    return out | _pairs(steps, centred, np.random.default_rng(seed))


def _followed(steps: LatentSteps, lag: int) -> Ints:
    """Rows whose episode goes on `lag` rows later, exactly so many steps later."""
    now = np.arange(max(len(steps) - lag, 0))
    same = steps.where[now + lag] == steps.where[now]
    rows: Ints = now[same & (steps.step[now + lag] - steps.step[now] == lag)]
    return rows


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
        step = sums["length"] / sums["pairs_1"]
        own, other = (sums[f"{w}_length"] / sums[f"{w}_pairs"] for w in ("own", "other"))
        spread = sums["squared"] / sums["steps"]
        out = {
            "step": step, "own_pair": own, "other_pair": other, "ratio": step / other,
            "own_ratio": step / own, "between_episodes": 1 - sums["within"] / sums["squared"],
        }  # fmt: skip
        for lag in LAGS:
            out[f"lag_{lag}"] = sums[f"product_{lag}"] / sums[f"pairs_{lag}"] / spread
    return out
