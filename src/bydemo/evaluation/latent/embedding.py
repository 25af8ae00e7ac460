"""A map of the steps in two dimensions by t-SNE, to look at; it is no evidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from bydemo.evaluation.latent.steps import Floats, LatentSteps

MOST_STEPS = 3000
PERPLEXITY = 30.0
COMPONENTS = 50
"""Principal components that are mapped; more would cost time and show nothing else."""
TRUSTED = 10
"""Neighbours of the map that are checked against the representation."""


def embed(steps: LatentSteps, representation: str, *, seed: int = 0) -> dict[str, Any]:
    """`x`, `y` of each step (of at most MOST_STEPS: thin them before), the settings, the
    `divergence` that was reached [nats], and `trustworthiness`: 1 where all neighbours on the map
    are neighbours in the representation (Venna and Kaski, 2001)."""
    from openTSNE import TSNE  # these take 2 s to import, and are needed here alone
    from sklearn.manifold import trustworthiness

    places = steps.representations[representation].astype(np.float64)
    reduced = principal_components(places, COMPONENTS)
    perplexity = min(PERPLEXITY, max((len(steps) - 1) / 3, 1.0))
    found = TSNE(
        perplexity=perplexity, random_state=seed, initialization="pca", n_jobs=1,
        neighbors="exact" if len(steps) <= MOST_STEPS else "auto",
    ).fit(reduced)  # fmt: skip
    near = min(TRUSTED, max((len(steps) - 1) // 2 - 1, 1))
    return {
        "representation": representation, "method": "t-SNE", "perplexity": perplexity,
        "seed": seed, "steps": len(steps), "episodes": steps.episodes,
        "components": reduced.shape[1], "divergence": float(found.kl_divergence),
        "trustworthiness": float(trustworthiness(places, np.asarray(found), n_neighbors=near)),
        "neighbours": near,
        "x": np.round(np.asarray(found)[:, 0], 2).tolist(),
        "y": np.round(np.asarray(found)[:, 1], 2).tolist(),
    }  # fmt: skip


def principal_components(places: Floats, most: int, fitted_on: Floats | None = None) -> Floats:
    """(N, at most `most`) coordinates along the directions of largest variance of `fitted_on`, the
    largest first; of `places` themselves unless given."""
    rows = places if fitted_on is None else fitted_on
    mean = rows.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(rows - mean, rowvar=False).reshape(rows.shape[1], -1))
    order = np.argsort(values)[::-1][:most]
    # A direction's sign is arbitrary; with its largest entry positive it is the same everywhere.
    axes = vectors[:, order]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    out: Floats = (places - mean) @ (axes * signs)
    return out
