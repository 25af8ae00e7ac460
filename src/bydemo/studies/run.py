"""One training run: a recipe and a dataset in, a run folder out that acts and can be judged."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from bydemo.core.errors import InputError
from bydemo.core.results import SCHEMA, read_json, versions, write_json
from bydemo.data.source import Dataset
from bydemo.models.agent import Agent
from bydemo.models.base import Policy
from bydemo.studies.experiment import Experiment
from bydemo.studies.prepare import Prepared, prepare
from bydemo.training.loop import TrainingResult, Update, train

RUN_SCHEMA = "bydemo.run/1"
CONFIG, RESULTS, MODEL = "config.json", "results.json", "model"


def train_run(
    experiment: Experiment,
    dataset: Dataset,
    run: Path,
    *,
    recipe: str,
    resume: bool = False,
    trackers: Sequence[str] = (),
    on_update: Callable[[Update], None] | None = None,
) -> TrainingResult:
    """Train into the folder `run`; afterwards `Agent.from_pretrained(run)` acts.

    A run folder that exists is refused, unless `resume` goes on with it; then experiment and
    dataset must be the ones that it was started with.
    """
    description = describe(experiment, dataset, recipe)
    if resume:
        _check_same(read_json(run / CONFIG), description, run)
    elif (run / CONFIG).exists():
        raise InputError("already holds a run; resume it or choose another folder", path=run)
    prepared = prepare(experiment.data, dataset)
    if not resume:
        write_json(run / CONFIG, description)
    # Before the model is built, so that its initial weights are a function of the seed too.
    torch.manual_seed(experiment.training.seed)
    model = experiment.model.build(prepared.shapes)
    result = train(model, prepared.train, prepared.validation, experiment.training, run,
                   resume=resume, trackers=trackers, on_update=on_update)  # fmt: skip
    if isinstance(model, Policy):
        agent_of(experiment, prepared, model).save_pretrained(run / MODEL)
    write_json(run / RESULTS, first_results(run, description, dataset, prepared, result))
    return result


def describe(experiment: Experiment, dataset: Dataset, recipe: str) -> dict[str, Any]:
    """What a run folder says of how it was made."""
    return {
        "schema": RUN_SCHEMA,
        "recipe": recipe,
        "experiment": experiment.to_plain(),
        "dataset": {
            "path": str(dataset.path),
            "fingerprint": dataset.fingerprint(),
            "split": dataset.split_kind,
            "source": dict(dataset.manifest["source"]),
            "rendering": dataset.manifest.get("rendering"),
        },
        "seed": experiment.training.seed,
        "versions": versions(),
        "command": command_line(),
    }


def command_line() -> str:
    """The command that is running, as a person would type it again."""
    program = Path(sys.argv[0]).name
    return shlex.join([program, *sys.argv[1:]])


def agent_of(experiment: Experiment, prepared: Prepared, model: Policy) -> Agent:
    """The actor that a trained policy becomes."""
    return Agent(
        model=model,
        config=experiment.model,
        codec=prepared.codec,
        view=experiment.data.view,
        vocabulary=prepared.vocabulary,
        chunk=experiment.data.chunk,
        history=experiment.data.history,
    )


def first_results(
    run: Path, description: dict[str, Any], dataset: Dataset, prepared: Prepared,
    result: TrainingResult,
) -> dict[str, Any]:  # fmt: skip
    """`results.json` as training leaves it; judging adds `offline` and `rollouts`."""
    return {
        "schema": SCHEMA,
        "name": run.name,
        **{k: v for k, v in description.items() if k not in ("schema", "dataset")},
        "dataset": {
            **description["dataset"],
            "episodes": len(dataset.episodes),
            "steps": dataset.steps,
            "train_episodes": len(prepared.train.episodes),
            "train_samples": len(prepared.train),
            "validation_episodes": len(prepared.validation.episodes),
        },
        "training": asdict(result),
        "offline": {},
        "rollouts": {},
    }


def open_run(run: Path) -> tuple[Experiment, dict[str, Any]]:
    """The experiment of a run folder, and its results so far."""
    description = read_json(run / CONFIG)
    if description.get("schema") != RUN_SCHEMA:
        raise InputError(
            f"is '{description.get('schema')}', expected '{RUN_SCHEMA}'",
            path=run / CONFIG, field="schema",
        )  # fmt: skip
    if not (run / RESULTS).exists():
        raise InputError("training has not finished here; go on with train --resume", path=run)
    return Experiment.from_plain(description["experiment"]), read_json(run / RESULTS)


def open_dataset(results: dict[str, Any], path: Path | None = None) -> Dataset:
    """The dataset of a run (or the same one at another path), refused if it changed since."""
    dataset = Dataset.open(path or results["dataset"]["path"])
    if dataset.fingerprint() != results["dataset"]["fingerprint"]:
        raise InputError("is not the data that the run was trained on", path=dataset.path)
    return dataset


def _check_same(saved: dict[str, Any], ours: dict[str, Any], run: Path) -> None:
    if saved["dataset"]["fingerprint"] != ours["dataset"]["fingerprint"]:
        raise InputError("was started with other data; it cannot be resumed with these", path=run)
    for name in ("model", "data"):
        if saved["experiment"][name] != ours["experiment"][name]:
            raise InputError(
                "differs from what the run was started with; start a new run",
                path=run / CONFIG, field=f"experiment.{name}",
            )  # fmt: skip
