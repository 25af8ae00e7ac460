"""What can be read off a representation: probes that are fitted on training episodes and judged on
held-out ones, each beside rivals and beside an answer that looks at nothing.

Figures of numbers: `r2` (components pooled; 0 is as good as the judged steps' own mean) and `rmse`
in the target's unit. Of labels: `accuracy` and `macro_f1`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.fields import Part
from bydemo.evaluation.classification import confusion_figures
from bydemo.evaluation.episode_sums import Floats, Sums
from bydemo.evaluation.interval import bootstrap, paired_bootstrap
from bydemo.evaluation.latent.linear import Ridge, choosing_rows, fit_logistic, scaler
from bydemo.evaluation.latent.nearest import nearest
from bydemo.evaluation.latent.steps import Ints, LatentSteps, Target

NEIGHBOURS = 10
CONSTANT = "constant"
"""The answer that looks at nothing: the training steps' mean or commonest class."""
LINEAR, NEAREST = "linear", "nearest"
BY_EPISODE = "by_episode"
MOST_TRAINING, MOST_JUDGED = 6000, 8000
"""Steps that are fitted and judged; of more, every n-th of each episode."""

Answers = dict[str, NDArray[Any]]
"""Target name -> what a probe says of each judged step."""


def probe(train: LatentSteps, judged: LatentSteps, *, seed: int = 0) -> dict[str, Any]:
    """The plain `probes` block, one of `targets` each with the figures of `constant` and, by
    representation and probe, of `representations`; `differences`: the judged representation's
    figures minus each rival's, paired by episode; `by_episode`: the judged representation's sums
    by probe, and the `episodes` whose sums they are, from which another run's can be told apart."""
    groups = [g for g in _groups(train, judged) if len(g[0]) and len(g[1])]
    blocks = [block for group in groups for block in _probe_group(*group, seed)]
    order = [t.name for t in train.targets]
    return {
        "neighbours": NEIGHBOURS,
        "targets": sorted(blocks, key=lambda block: order.index(block["target"])),
    }


def _groups(train: LatentSteps, judged: LatentSteps) -> list[tuple[LatentSteps, LatentSteps]]:
    """Fitted and judged steps with the targets that are asked for there: those of all steps
    together, which share their neighbours, and each other one by itself."""
    common = tuple(t.name for t in train.targets if t.probed and t.rows is None)
    groups = []
    if common:
        a, b = (replace(s, targets=tuple(map(s.target, common))) for s in (train, judged))
        groups.append((a, b))
    for target in train.targets:
        if target.probed and target.rows is not None:
            a, b = (s.asked_for(s.target(target.name)) for s in (train, judged))
            groups.append((a, b))
    return [(a.thinned(MOST_TRAINING), b.thinned(MOST_JUDGED)) for a, b in groups]


def _probe_group(train: LatentSteps, judged: LatentSteps, seed: int) -> list[dict[str, Any]]:
    """The blocks of all targets of these steps."""
    sums: dict[str, dict[str, dict[str, Sums]]] = {t.name: {} for t in train.targets}
    chosen: dict[str, dict[str, float]] = {t.name: {} for t in train.targets}
    for name in train.representations:
        for kind, answers in _answers(train, judged, name, chosen, seed).items():
            for target in judged.targets:
                found = _sums(judged, target, answers[target.name])
                sums[target.name].setdefault(name, {})[kind] = found
    return [_block(train, judged, t, sums[t.name], chosen[t.name], seed) for t in train.targets]


def _answers(
    train: LatentSteps, judged: LatentSteps, name: str, chosen: dict[str, dict[str, float]],
    seed: int,
) -> dict[str, Answers]:  # fmt: skip
    """What both probes of one representation say of every target."""
    base, asked = train.representations[name], judged.representations[name]
    scale = scaler(base)
    x, x_asked = (scale.encode(v).astype(np.float64) for v in (base, asked))
    choosing = choosing_rows(train.where, seed)
    ridge = Ridge(x, choosing)
    neighbours = nearest(asked, base, min(NEIGHBOURS, len(train)))
    out: dict[str, Answers] = {LINEAR: {}, NEAREST: {}}
    for target in train.targets:
        if target.is_label:
            labels = target.values.astype(np.int64)
            predict, penalty = fit_logistic(x, labels, choosing)
            near = _votes(labels[neighbours], len(target.classes))
        else:
            numbers = target.values.astype(np.float64)
            predict, penalty = ridge.fit(numbers)
            near = numbers[neighbours].mean(axis=1)
        out[LINEAR][target.name] = predict(x_asked)
        out[NEAREST][target.name] = near
        chosen[target.name][name] = penalty
    return out


def _votes(labels: Ints, classes: int) -> Ints:
    """(Q, K) neighbours' labels, nearest first -> (Q,) the commonest; the nearer one of equals."""
    weights = 1 - 1e-4 * np.arange(labels.shape[1])
    counts = np.stack([((labels == c) * weights).sum(axis=1) for c in range(classes)], axis=1)
    best: Ints = counts.argmax(axis=1).astype(np.int64)
    return best


def constant_answer(train: LatentSteps, target: Target, steps: int) -> NDArray[Any]:
    """The training steps' commonest class (N,) or mean (N, D), for each of `steps`."""
    if target.is_label:
        commonest = int(np.bincount(target.values.astype(np.int64)).argmax())
        return np.full(steps, commonest, np.int64)
    return np.repeat(target.values.mean(axis=0, dtype=np.float64)[None], steps, axis=0)


def _sums(steps: LatentSteps, target: Target, said: NDArray[Any]) -> dict[str, Floats]:
    add = steps.add
    if target.is_label:
        truth = target.values.astype(np.int64)
        return {"confusion": add.pairs(truth, said.astype(np.int64), len(target.classes))}
    truth = target.values.astype(np.float64)
    centred = truth - truth.mean(axis=0)
    return {
        "steps": add(np.ones(len(steps))), "squared": add((said - truth) ** 2),
        "truth": add(centred), "truth_squared": add(centred**2),
    }  # fmt: skip


def figures_of(target: Target) -> Callable[[Sums], Mapping[str, Floats]]:
    """The function from sums (...) to a target's figures (...)."""
    if target.is_label:
        part = Part(name=target.name, size=1, classes=target.classes)

        def of_labels(sums: Sums) -> dict[str, Floats]:
            found = confusion_figures(part, sums["confusion"])
            return {name: found[name] for name in ("accuracy", "macro_f1")}

        return of_labels
    return _of_numbers


def _of_numbers(sums: Sums) -> dict[str, Floats]:
    count = sums["steps"][..., None]
    variance = (sums["truth_squared"] - sums["truth"] ** 2 / count).sum(axis=-1)
    squared = sums["squared"].sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(variance > 0, 1 - squared / variance, np.nan)
    return {"r2": r2, "rmse": np.sqrt(squared / (count[..., 0] * sums["squared"].shape[-1]))}


def lower_is_better(name: str) -> bool:
    """Is a smaller value of this figure the better one?"""
    return name == "rmse"


def _block(
    train: LatentSteps, judged: LatentSteps, target: Target, sums: dict[str, dict[str, Sums]],
    chosen: dict[str, float], seed: int,
) -> dict[str, Any]:  # fmt: skip
    figures, truth = figures_of(target), judged.target(target.name)
    constant = _sums(judged, truth, constant_answer(train, target, len(judged)))

    def plain(found: Sums) -> dict[str, Any]:
        return {n: i.to_json() for n, i in bootstrap(found, figures, seed=seed).items()}

    ours = sums[judged.judged]
    gaps: dict[str, Any] = {}
    rivals: dict[str, dict[str, Sums]] = {CONSTANT: dict.fromkeys(ours, constant), **sums}
    for name, theirs in rivals.items():
        if name != judged.judged:
            gaps[name] = {
                kind: {n: d.to_json() for n, d in
                       paired_bootstrap(ours[kind], theirs[kind], figures, lower_is_better,
                                        seed=seed).items()}
                for kind in ours
            }  # fmt: skip
    return {
        "target": target.name, "episodes": judged.episodes, "steps": len(judged),
        "train_episodes": train.episodes, "train_steps": len(train),
        "kind": "label" if target.is_label else "number",
        "unit": target.unit, "classes": list(target.classes), "held_by": list(target.held_by),
        CONSTANT: plain(constant),
        "representations": {
            name: {kind: plain(found) for kind, found in kinds.items()}
            | {"penalty": chosen[name]} for name, kinds in sums.items()
        },
        "differences": gaps,
        BY_EPISODE: {
            "episodes": np.unique(judged.episode).tolist(),
            **{kind: {n: v.tolist() for n, v in found.items()} for kind, found in ours.items()},
        },
    }  # fmt: skip
