"""From recordings to a judged policy in one call, for who has a set and wants to see the robot act.

Each step is one that can be taken alone: convert, train, judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bydemo.core.config import load_leaf
from bydemo.core.results import read_json
from bydemo.data.layout import MANIFEST
from bydemo.data.recognise import FORMATS, recognise
from bydemo.data.source import Dataset
from bydemo.models.agent import Agent
from bydemo.studies.judging import Rollouts, judge_closed_loop, judge_offline, own_tasks
from bydemo.studies.recipes import load
from bydemo.studies.run import CONFIG, RESULTS, train_run

DATASET = "dataset"
"""Folder inside the run that recordings of another format are converted into."""
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True, kw_only=True)
class Cloned:
    """A policy and what is known of it: `agent` acts, `results` are those of `run/results.json`."""

    run: Path
    agent: Agent
    results: Mapping[str, Any]


def clone(
    source: Path | str, run: Path | str = "runs/clone", *, recipe: str = "cloning",
    changes: Mapping[str, Any] | None = None, rollouts: int = 100, workers: int = 2,
    progress: Progress = lambda what, done, total: None,
) -> Cloned:  # fmt: skip
    """Train a recipe on `source` (a dataset, a recording of a known format, or the id of a local
    Minari set) into the folder `run`, and judge it; what is there already is not done again.

    changes: dotted fields of the recipe's experiment -> values. rollouts: episodes in closed loop,
    where the recordings say in which environment they were made.
    """
    folder = Path(run)
    dataset = Dataset.open(_dataset(Path(source), folder, progress))
    full, make = load(recipe)
    experiment = make(dataset.spec).changed(changes or {})
    if not (folder / RESULTS).exists():
        train_run(
            experiment, dataset, folder, recipe=full, resume=(folder / CONFIG).exists(),
            on_update=lambda now: progress("training", now.step, now.steps),
        )  # fmt: skip
    results = read_json(folder / RESULTS)
    held_out = any(name != experiment.data.train_split for name in dataset.splits)
    if held_out and not results["offline"]:
        results = judge_offline(folder, progress=progress)
    tasks = own_tasks(results)
    if rollouts and tasks and not results["rollouts"]:
        how = Rollouts(n=rollouts, references=None, workers=workers)
        results = judge_closed_loop(folder, tasks, how, progress)
    return Cloned(run=folder, agent=Agent.from_pretrained(folder), results=results)


def _dataset(source: Path, run: Path, progress: Progress) -> Path:
    """The dataset itself, or what the recording was converted into."""
    if (source / MANIFEST).exists():
        return source
    converted = run / DATASET
    if not converted.exists():
        config = load_leaf(FORMATS, "format", recognise(source)).Config()
        config.convert(source, converted, lambda done, total: progress("reading", done, total))
    return converted
