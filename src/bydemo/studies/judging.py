"""A finished run judged: its predictions on held-out episodes, and its own acting in a task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bydemo.core.errors import InputError, MismatchError
from bydemo.core.pusher import ENVIRONMENT as PUSHER
from bydemo.core.results import versions, write_json
from bydemo.data.source import Dataset
from bydemo.evaluation.actors import ActorFactory, SavedPolicy, reference_actors
from bydemo.evaluation.agent_predictions import agent_predictions
from bydemo.evaluation.callables import as_factory
from bydemo.evaluation.closed_loop import evaluate, task_config, undrawn
from bydemo.evaluation.offline import POLICY, JudgedSplit, export_split, judge
from bydemo.evaluation.predictions import Predictions, read_export
from bydemo.evaluation.worker_process import TaskConfig
from bydemo.models.agent import Agent
from bydemo.studies.prepare import training_episodes
from bydemo.studies.run import (
    RESULTS,
    command_line,
    open_dataset,
    open_run,
)

FIRST_SEED = 1_000_000
"""Closed-loop seeds begin here, far from those of recordings, which begin at 0."""
PREDICTIONS = "predictions"
PUSHER_STEPS = 100
"""Steps of an episode of Pusher as it is registered."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True, kw_only=True)
class Rollouts:
    """How a policy is let act: `n` seeds a task, from `first_seed` on.

    execute: steps of each predicted chunk carried out before looking again; ensemble_decay:
    average what recent chunks say instead; references: actors on the same seeds, None for the
    usual ones of the task; clips: how many successes and how many failures of each task are filmed,
    of one judged by return how many of the lowest and of the median returns; expert: who that
    reference is, as `record --expert` names it, unless the task has its own.
    """

    n: int
    first_seed: int = FIRST_SEED
    workers: int = 2
    references: tuple[str, ...] | None = None
    clips: int = 3
    execute: int = 1
    ensemble_decay: float | None = None
    expert: str | None = None

    @property
    def own_expert(self) -> ActorFactory | None:
        """The expert that is named; an InputError says what is wrong with it."""
        return None if self.expert is None else as_factory(self.expert)


def judge_offline(
    run: Path,
    splits: Sequence[str] = (),
    *,
    dataset: Path | None = None,
    beside: Sequence[Path] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge the run on `splits` (all but the training split if none is named), write its
    predictions beside it, and add the figures to its `results.json`.

    beside: runs already judged on the same data, whose predictions are shown as candidates.
    """
    experiment, results = open_run(run)
    data = open_dataset(results, dataset)
    chosen = splits or [name for name in data.splits if name != experiment.data.train_split]
    if not chosen:
        raise InputError("the dataset has no held-out split", path=data.path, field="splits")
    agent = Agent.from_pretrained(run)
    offset = experiment.data.target_offset
    recent = max(2, experiment.data.history)  # no baseline sees fewer steps than the policy
    train = JudgedSplit.of(
        data, training_episodes(experiment.data, data), target_offset=offset, recent=recent
    )
    offline = dict(results.get("offline", {}))
    asked = {
        split: JudgedSplit.of(data, data.split(split), target_offset=offset, recent=recent)
        for split in chosen
    }
    others = {
        split: {other.name: _other(other, split, judged) for other in beside}
        for split, judged in asked.items()
    }
    for split, judged in asked.items():
        ours = agent_predictions(agent, judged, _counting(f"predicting {split}", progress))
        export_split(run / PREDICTIONS, split, judged, ours)
        offline[split] = judge(train, judged, {POLICY: ours, **others[split]})
    return _save(run, results, offline=offline)


def check_closed_loop(run: Path, tasks: Mapping[str, TaskConfig], how: Rollouts) -> None:
    """Raise all that `judge_closed_loop` could refuse, before anything is judged: seeds that were
    demonstrated, an unknown reference, a task of other fields than the policy's."""
    _refuse_recorded_seeds(open_run(run)[1], how)
    reference_actors(how.references or (), how.own_expert)
    for config in tasks.values():
        task = undrawn(config).build()
        try:
            _policy(run, how).build(task)
        finally:
            task.close()


def judge_closed_loop(
    run: Path, tasks: Mapping[str, TaskConfig], how: Rollouts, progress: Progress | None = None
) -> dict[str, Any]:
    """Let the run's policy act in each task, label -> configuration, and add the outcome to its
    `results.json`."""
    _, results = open_run(run)
    _refuse_recorded_seeds(results, how)
    actor = _policy(run, how)
    rollouts = dict(results.get("rollouts", {}))
    for label, task in tasks.items():
        tell = _telling(label, progress)
        rollouts[label] = evaluate(
            task, actor, seeds=range(how.first_seed, how.first_seed + how.n), workers=how.workers,
            references=how.references, clips=how.clips, run=run, label=label, progress=tell,
            expert=how.own_expert,
        )  # fmt: skip
        results = _save(run, results, rollouts=rollouts)
    return results


def _policy(run: Path, how: Rollouts) -> SavedPolicy:
    return SavedPolicy(path=str(run), execute=how.execute, ensemble_decay=how.ensemble_decay)


def own_tasks(results: Mapping[str, Any]) -> dict[str, TaskConfig]:
    """Label -> the task that the run's data was recorded in; empty for real recordings."""
    source = results["dataset"].get("source", {})
    if source.get("kind") == "minari":
        return _environment_task(source.get("environment") or {})
    if source.get("kind") != "simulation":
        return {}
    return variants(source["task"], task_config(source["task"], source.get("task_config")))


def _environment_task(spec: Mapping[str, Any]) -> dict[str, TaskConfig]:
    """The task of a Gymnasium `EnvSpec` as plain JSON values; empty if it names no environment."""
    if not spec.get("id"):
        return {}
    ours = ("render_mode", "max_episode_steps")  # how it was watched, and a limit given below
    options = {n: v for n, v in (spec.get("kwargs") or {}).items() if n not in ours}
    steps = spec.get("max_episode_steps")
    if spec["id"] == PUSHER and not options and steps in (None, PUSHER_STEPS):
        return variants("pusher", task_config("pusher"))
    settings = {"environment": spec["id"], "options": json.dumps(options) if options else "",
                "max_steps": steps}  # fmt: skip
    return variants("gym", task_config("gym", settings))


def variants(name: str, task: TaskConfig) -> dict[str, TaskConfig]:
    """Label -> task: the skills that a task wants judged apart, or the task itself, by the name of
    the environment inside it where it could be any."""
    apart = getattr(task, "variants", None)
    if callable(apart):
        return dict(apart())
    return {str(getattr(task, "environment", name)): task}


def _refuse_recorded_seeds(results: Mapping[str, Any], how: Rollouts) -> None:
    """A start that was demonstrated is no test, whoever asked for it."""
    folder = Path(results["dataset"]["path"])
    kind = results["dataset"].get("source", {}).get("kind")
    if kind not in ("simulation", "minari") or not folder.exists():
        return
    recorded = {episode.info.get("seed") for episode in Dataset.open(folder).episodes}
    seen = recorded & set(range(how.first_seed, how.first_seed + how.n))
    if seen:
        raise InputError(
            f"{len(seen)} of the {how.n} seeds from {how.first_seed} on were demonstrated in "
            f"{folder}; begin elsewhere, e.g. at {FIRST_SEED}", field="first_seed",
        )  # fmt: skip


def _other(run: Path, split: str, judged: JudgedSplit) -> Predictions:
    path = run / PREDICTIONS / f"{split}.parquet"
    if not path.exists():
        raise InputError("no such predictions: evaluate that run first", path=path)
    _, steps, said = read_export(path)
    ours = judged.steps
    same = np.array_equal(steps.episode, ours.episode) and np.array_equal(steps.step, ours.step)
    if not same:
        raise MismatchError(f"{path}: covers other steps than this run's '{split}' split")
    return said


def _telling(label: str, progress: Progress | None) -> Progress | None:
    if progress is None:
        return None
    return lambda who, done, total: progress(f"{label}, {who}", done, total)


def _counting(what: str, progress: Progress | None) -> Callable[[int, int], None] | None:
    return None if progress is None else partial(progress, what)


def _save(run: Path, results: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    judged = {"command": command_line(), "versions": versions()}
    whole = {**results, **parts, "evaluation": judged}
    write_json(run / RESULTS, whole)
    return whole
