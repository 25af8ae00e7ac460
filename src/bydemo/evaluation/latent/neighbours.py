"""Do neighbours share a label? Purity against chance, with a permutation test that knows episodes.

Purity is the share of a step's nearest neighbours that carry its own label, averaged over steps.
Steps just before and after lie close whatever a representation has learned, so the figure that
counts takes neighbours from other episodes only; the one with the own episode allowed stands
beside it to show how much is due to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.evaluation.episode_sums import Floats, Sums
from bydemo.evaluation.interval import bootstrap
from bydemo.evaluation.latent.nearest import nearest
from bydemo.evaluation.latent.steps import Ints, LatentSteps, Target

NEIGHBOURS = 10
PERMUTATIONS = 1000
BLOCK = 64
"""Permutations that are held at a time."""
OTHER, ANY = "other_episodes", "any_episode"


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Each step's neighbours (N, K) in one representation; -1 where there are too few.

    scope: `other_episodes`, or `any_episode` where steps of the own one count too.
    """

    scope: str
    neighbours: Ints

    @classmethod
    def of(cls, steps: LatentSteps, representation: str, scope: str, count: int) -> Graph:
        """The graph of one representation."""
        places = steps.representations[representation]
        keys = steps.where if scope == OTHER else np.arange(len(steps))
        return cls(scope=scope, neighbours=nearest(places, places, count, (keys, keys)))


def purity(
    steps: LatentSteps, target: Target, graph: Graph,
    *, permutations: int = PERMUTATIONS, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """`value`, `low`, `high` over episodes; `chance`, `chance_low` and `chance_high`: mean and 95 %
    range of labels that were permuted; `p` of the one-sided test; `by_class`.

    What is permuted is what an unrelated label would look like: one that is the same all through
    each episode moves from episode to episode; any other is laid over the steps anew with the
    episodes in random order and the whole shifted, so that its runs stay as long as they are.
    """
    labels = target.values.astype(np.int64)
    known = graph.neighbours >= 0
    same = _same(labels, graph.neighbours) & known
    add = steps.add
    sums = {"same": add(same.sum(axis=1)), "pairs": add(known.sum(axis=1))}
    found = bootstrap(sums, _figures, seed=seed)
    out: dict[str, Any] = {**found["purity"].to_json(), "scope": graph.scope}
    drawn = permuted_purity(steps, labels, graph, permutations, seed)
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    out |= {
        "chance": float(drawn.mean()) if len(drawn) else np.nan,
        "chance_low": float(low), "chance_high": float(high),
        "permutations": len(drawn),
        "p": (1 + int((drawn >= found["purity"].value - 1e-12).sum())) / (1 + len(drawn)),
    }  # fmt: skip
    counts = np.stack([labels, same.sum(axis=1), known.sum(axis=1)])
    out["by_class"] = [
        {"class": name, "share": float(mine.mean()), "purity": _share(*counts[1:, mine])}
        for i, name in enumerate(target.classes) if (mine := labels == i).any()
    ]  # fmt: skip
    return out


def own_episode_share(steps: LatentSteps, graph: Graph, *, seed: int = 0) -> dict[str, Any]:
    """How many of a step's neighbours lie in its own episode, against the share by chance."""
    known = graph.neighbours >= 0
    same = _same(steps.where, graph.neighbours) & known
    add = steps.add
    sums = {"same": add(same.sum(axis=1)), "pairs": add(known.sum(axis=1))}
    found = bootstrap(sums, _figures, seed=seed)["purity"]
    lengths = np.bincount(steps.where)
    chance = float((lengths * (lengths - 1)).sum() / (len(steps) * max(len(steps) - 1, 1)))
    return {**found.to_json(), "scope": graph.scope, "chance": chance}


def permuted_purity(
    steps: LatentSteps, labels: Ints, graph: Graph, permutations: int, seed: int
) -> Floats:
    """(permutations,) the purity of as many unrelated labels of the same kind."""
    generator = np.random.default_rng(seed)
    pairs = int((graph.neighbours >= 0).sum())
    if not pairs or steps.episodes < 2:
        return np.zeros(0)
    classes, known = np.unique(labels, return_inverse=True)
    narrow = known.astype(np.min_scalar_type(len(classes)))  # a byte a label is quick to compare
    draw = _Permuter(steps.where, narrow)
    same = np.zeros(permutations, np.int64)
    for start in range(0, permutations, BLOCK):
        block = same[start : start + BLOCK]
        # One row more, of a label that nothing has, is what a missing neighbour (-1) points at.
        drawn = np.full((len(labels) + 1, len(block)), len(classes), narrow.dtype)
        for i in range(len(block)):
            drawn[:-1, i] = draw(generator)
        for column in graph.neighbours.T:
            block += (drawn[column] == drawn[:-1]).sum(axis=0)
    return same / pairs


class _Permuter:
    """Draws labels (N,) that have nothing to do with the steps but keep their make-up."""

    def __init__(self, where: Ints, labels: NDArray[Any]) -> None:
        self.where, self.episodes = where, int(where.max()) + 1
        self.rows = np.argsort(where, kind="stable")  # episode by episode
        self.runs = np.split(labels[self.rows], np.cumsum(np.bincount(where))[:-1])
        first = np.array([run[0] for run in self.runs])
        self.fixed = first if np.array_equal(first[where], labels) else None

    def __call__(self, generator: np.random.Generator) -> NDArray[Any]:
        order = generator.permutation(self.episodes)
        if self.fixed is not None:
            return np.asarray(self.fixed[order][self.where])
        laid = np.concatenate([self.runs[e] for e in order])
        out = np.empty_like(laid)
        # In order of the steps as they lie, whatever the episodes' own order is.
        out[self.rows] = np.roll(laid, int(generator.integers(len(laid))))
        return out


def _share(same: Ints, pairs: Ints) -> float:
    return float(same.sum() / pairs.sum()) if pairs.any() else float("nan")


def _same(labels: Ints, neighbours: Ints) -> Any:
    return labels[neighbours] == labels[:, None]


def _figures(sums: Sums) -> dict[str, Floats]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"purity": sums["same"] / sums["pairs"]}
