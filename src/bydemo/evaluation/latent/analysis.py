"""All figures of a representation together, as the plain `latent` entry of a run's results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bydemo.core.errors import InputError
from bydemo.evaluation.latent.dimensions import dimensions
from bydemo.evaluation.latent.embedding import MOST_STEPS, embed
from bydemo.evaluation.latent.neighbours import (
    ANY,
    NEIGHBOURS,
    OTHER,
    PERMUTATIONS,
    Graph,
    own_episode_share,
    purity,
)
from bydemo.evaluation.latent.probes import BY_EPISODE, probe
from bydemo.evaluation.latent.smoothness import smoothness
from bydemo.evaluation.latent.steps import LatentSteps

Progress = Callable[[str, int, int], None]
FOLDER = "latent"
"""Of its files, in a run's folder."""
MAP, PROBES = "map.json", "probes.json"
FEW = 3
"""Components of numbers that colour the map."""
PARTS = ("probes", "neighbours", "smoothness", "dimensions", "map")


def analyse(
    steps: LatentSteps, train: Sequence[int], judged: Sequence[int], *, seed: int = 0,
    permutations: int = PERMUTATIONS, progress: Progress | None = None,
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:  # fmt: skip
    """The figures, and what has a file of its own, by its name: MAP, the map's points (see
    `map_points`), and PROBES, the sums by episode that each probe's figures rest on.

    train, judged: episode indices, apart. Probes are fitted on `train`; all else looks at the
    judged episodes alone.
    """
    both = set(train) & set(judged)
    if both:
        raise InputError(f"{len(both)} episodes are for learning and for judging", field="judged")
    fitted, held_out = steps.of(train), steps.of(judged)
    if held_out.episodes < 2:
        raise InputError("is one episode; its steps cannot be compared with any other's",
                         field="judged")  # fmt: skip
    said = progress or (lambda what, done, total: None)
    ours = steps.judged
    out: dict[str, Any] = {
        "episodes": held_out.episodes, "steps": len(held_out), "seed": seed,
        "train_episodes": fitted.episodes, "train_steps": len(fitted),
        "judged": ours,
        "representations": {n: v.shape[1] for n, v in steps.representations.items()},
    }  # fmt: skip
    said(PARTS[0], 0, len(PARTS))
    out["probes"] = probe(fitted, held_out, seed=seed)
    sums = [{"target": t["target"], "classes": t["classes"], **t.pop(BY_EPISODE)}
            for t in out["probes"]["targets"]]  # fmt: skip
    said(PARTS[1], 1, len(PARTS))
    thin = held_out.thinned(MOST_STEPS)
    out["neighbours"] = neighbour_block(thin, permutations=permutations, seed=seed)
    said(PARTS[2], 2, len(PARTS))
    out["smoothness"] = {n: smoothness(held_out, n, seed=seed) for n in steps.representations}
    said(PARTS[3], 3, len(PARTS))
    out["dimensions"] = dimensions(held_out, ours, seed=seed)
    said(PARTS[4], 4, len(PARTS))
    found = embed(thin, ours, seed=seed)
    points = map_points(thin, found.pop("x"), found.pop("y"))
    out["map"] = found
    said(PARTS[4], len(PARTS), len(PARTS))
    return out, {MAP: points, PROBES: {"targets": sums}}


def neighbour_block(
    steps: LatentSteps, *, count: int = NEIGHBOURS, permutations: int = PERMUTATIONS, seed: int = 0
) -> dict[str, Any]:
    """Purity of every label: of the judged representation with the own episode left out and
    allowed, of its rivals with it left out."""
    ours = steps.judged
    labels = [t for t in steps.targets if t.is_label and t.rows is None]
    graphs = {name: [Graph.of(steps, name, OTHER, count)] for name in steps.representations}
    graphs[ours].append(Graph.of(steps, ours, ANY, count))
    return {
        "neighbours": count, "steps": len(steps), "episodes": steps.episodes,
        "own_episode": own_episode_share(steps, graphs[ours][1], seed=seed),
        "purity": [
            {"target": t.name, "classes": len(np.unique(t.values)), "representation": name,
             **purity(steps, t, graph, permutations=permutations, seed=seed)}
            for t in labels for name, mine in graphs.items() for graph in mine
        ],
    }  # fmt: skip


def map_points(steps: LatentSteps, x: list[float], y: list[float]) -> dict[str, Any]:
    """The map's coordinates with the episode, step and targets of each point: labels, and numbers
    of few components, component by component."""
    targets = []
    for target in steps.targets:
        if target.rows is not None or (not target.is_label and target.values.shape[1] > FEW):
            continue
        if target.is_label:
            values: Any = target.values.astype(np.int64).tolist()
        else:
            values = np.round(target.values.astype(np.float64), 4).T.tolist()
        targets.append({"name": target.name, "unit": target.unit, "classes": list(target.classes),
                        "values": values})  # fmt: skip
    return {"x": x, "y": y, "episode": steps.episode.tolist(), "step": steps.step.tolist(),
            "targets": targets}  # fmt: skip
