"""Judges predictions on a split of a dataset, beside baselines, with intervals and in slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.codec import gather_proprioception
from bydemo.core.errors import InputError, MismatchError
from bydemo.core.fields import Spec
from bydemo.data.source import Dataset
from bydemo.evaluation import baselines
from bydemo.evaluation.baselines import Evidence, all_baselines
from bydemo.evaluation.episode_sums import Sums, total
from bydemo.evaluation.interval import Difference, paired_bootstrap
from bydemo.evaluation.metrics import Judge, lower_is_better
from bydemo.evaluation.predictions import (
    Predictions,
    Steps,
    continuous_parts,
    export,
    read_export,
)
from bydemo.evaluation.slices import all_slices

POLICY = "policy"
"""Name of the candidate that is judged; the others stand beside it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgedSplit:
    """The steps of some episodes whose target lies inside the episode.

    episodes: their indices, in this order; row (N,): row of the observation in the dataset, whose
    target is the action `target_offset` rows later; instructions (N,): of each step; evidence: what
    baselines may know of it.
    """

    dataset: Dataset
    episodes: tuple[int, ...]
    target_offset: int
    row: NDArray[np.int64]
    steps: Steps
    evidence: Evidence
    instructions: tuple[str, ...]

    @classmethod
    def of(
        cls, dataset: Dataset, episodes: Sequence[int], *, target_offset: int = 0, recent: int = 2
    ) -> JudgedSplit:
        """Steps of `episodes`, in their order; baselines may look at the `recent` last ones."""
        if target_offset < 0:
            raise InputError(f"is {target_offset}, expected 0 or more", field="target_offset")
        records = [dataset.episodes[i] for i in episodes]
        counts = [max(r.length - target_offset, 0) for r in records]
        if not sum(counts):
            raise InputError(
                f"no step of {len(records)} episodes has a target {target_offset} steps later",
                path=dataset.path, field="target_offset",
            )  # fmt: skip
        kept = list(zip(records, counts, strict=True))
        step = np.concatenate([np.arange(n, dtype=np.int64) for _, n in kept])
        start = np.repeat([r.start for r in records], counts)
        row = step + start
        index = np.repeat(np.array([r.index for r in records], np.int64), counts)
        spec, action = dataset.spec, dataset.action
        before = Steps.of(spec.action, index, step, action[np.maximum(row - 1, 0)])
        past = np.maximum(row[:, None] - np.arange(recent)[::-1], start[:, None])
        known = gather_proprioception(spec, {n: dataset.observation(n)[past] for n in spec.vectors}
                                      ) if spec.vectors else np.zeros((*past.shape, 0))  # fmt: skip
        return cls(
            dataset=dataset, episodes=tuple(episodes), target_offset=target_offset, row=row,
            steps=Steps.of(spec.action, index, step, action[row + target_offset]),
            evidence=Evidence(
                step=step, recent=known.astype(np.float64), previous_continuous=before.continuous,
                previous_labels=before.labels,
            ),
            instructions=tuple(r.instruction for r, n in kept for _ in range(n)),
        )  # fmt: skip

    def annotation(self) -> dict[str, NDArray[Any]]:
        """Privileged truth at each step, name -> (N, ...); empty for real recordings."""
        names = self.dataset.spec.annotation
        return {n: self.dataset.annotation(n)[self.row] for n in names}


def judge(
    train: JudgedSplit, judged: JudgedSplit, candidates: Mapping[str, Predictions], *, seed: int = 0
) -> dict[str, Any]:
    """The plain `offline` entry of a run's results for one split.

    candidates: learned ones by name, the policy (named 'policy') and others such as the
    proprioception-only one; none of them may have looked at the previous action. Baselines are
    fitted on `train` and added. Intervals and differences resample episodes, alike for all.
    """
    spec = judged.dataset.spec
    referee = Judge.of(spec.action, train.dataset.action[train.row])
    everyone = dict(candidates)
    everyone |= all_baselines(spec.action, train.steps, train.evidence, judged.evidence)
    sums = {name: referee.sums(judged.steps, said) for name, said in everyone.items()}
    out: dict[str, Any] = {
        "episodes": len(np.unique(judged.steps.episode)),
        "steps": len(judged.steps),
        "target_offset": judged.target_offset,
        "candidates": {name: referee.report(s, seed=seed) for name, s in sums.items()},
        "history_free": [n for n in everyone if n not in baselines.LOOKING_BACK],
        "differences": {},
        "slices": [],
    }
    if POLICY in candidates:
        ours = sums[POLICY]
        out["differences"] = {
            name: _plain(paired_bootstrap(ours, s, referee.figures, lower_is_better, seed=seed))
            for name, s in sums.items() if name != POLICY
        }  # fmt: skip
        out["slices"] = slice_figures(judged, referee, candidates[POLICY], seed=seed)
    return out


def slice_figures(
    judged: JudgedSplit, referee: Judge, said: Predictions, *, seed: int = 0
) -> list[dict[str, Any]]:
    """One row a slice: its share of the steps and of the policy's errors, and its figures."""
    spec, steps = judged.dataset.spec, judged.steps
    whole = total(referee.sums(steps, said, events=False))
    rows = []
    for part in all_slices(
        spec, steps, referee.ranges, judged.instructions, judged.annotation()
    ):  # fmt: skip
        chosen, answers = steps.subset(part.mask), said.subset(part.mask)
        sums = referee.sums(chosen, answers, events=part.whole)
        rows.append({
            "slice": part.slice, "value": part.value, "steps": len(chosen),
            "episodes": len(np.unique(chosen.episode)), "share": len(chosen) / len(steps),
            "share_of_error": _error_shares(spec, total(sums), whole),
            "metrics": referee.report(sums, seed=seed),
        })  # fmt: skip
    return rows


def _error_shares(spec: Spec, here: Sums, everywhere: Sums) -> dict[str, float]:
    """Of all squared error of a part, or of all wrong labels, how much falls in the slice."""
    out = {}
    for name in continuous_parts(spec.action):
        if f"{name}.squared" in here:
            whole = float(everywhere[f"{name}.squared"].sum())
            out[name] = float(here[f"{name}.squared"].sum()) / whole if whole else 0.0
    for part in spec.action.labels:
        key = f"{part.name}.confusion"
        if key in here:
            wrong, all_wrong = (float(s[key].sum() - s[key].trace()) for s in (here, everywhere))
            out[part.name] = wrong / all_wrong if all_wrong else 0.0
    return out


def export_split(
    folder: Path, name: str, judged: JudgedSplit, predictions: Predictions
) -> list[Path]:
    """Write one row a step to `<folder>/<name>.parquet` and `.csv`."""
    spec = judged.dataset.spec
    return export(folder, name, spec, judged.steps, predictions, judged.instructions)


def compare_exports(ours: Path, theirs: Path, *, seed: int = 0) -> dict[str, Any]:
    """Two runs on the same steps: our figures minus theirs, resampling the same episodes."""
    spec, steps, said = read_export(ours)
    _, other_steps, other = read_export(theirs)
    for name in ("episode", "step", "labels", "continuous"):
        if not np.array_equal(getattr(steps, name), getattr(other_steps, name)):
            raise MismatchError(f"{ours} and {theirs} do not judge the same steps: "
                                f"'{name}' differs")  # fmt: skip
    width = steps.continuous.max(axis=0) - steps.continuous.min(axis=0)
    referee = Judge.with_limits(spec.action, width)
    mine, others = referee.sums(steps, said), referee.sums(other_steps, other)
    return _plain(paired_bootstrap(mine, others, referee.figures, lower_is_better, seed=seed))


def _plain(differences: Mapping[str, Difference]) -> dict[str, Any]:
    return {name: found.to_json() for name, found in differences.items()}
