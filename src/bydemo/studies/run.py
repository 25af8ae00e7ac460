"""One training run: a recipe and a dataset in, a run folder out that acts and can be judged."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from bydemo.core.errors import BydemoError, InputError, naming
from bydemo.core.results import SCHEMA, read_json, versions, write_json
from bydemo.data.source import Dataset
from bydemo.models.agent import Agent
from bydemo.models.base import Policy
from bydemo.models.encoder import Encoder
from bydemo.models.representation import Representation, RepresentationConfig
from bydemo.studies.class_weights import with_class_weights
from bydemo.studies.encoded import FrozenState, adopt, encoder_of, with_encoder, with_latents
from bydemo.studies.experiment import Experiment
from bydemo.studies.prepare import Prepared, prepare
from bydemo.training.checkpoint import CHECKPOINTS, CheckpointFolder
from bydemo.training.loop import TrainingResult, Update, train
from bydemo.training.record import METRICS

RUN_SCHEMA = "bydemo.run/1"
CONFIG, RESULTS, MODEL = "config.json", "results.json", "model"
GROWING = "dagger"
"""Kind of a split in which an episode stays where it is as more are added."""


def train_run(
    experiment: Experiment,
    dataset: Dataset,
    run: Path,
    *,
    recipe: str,
    resume: bool | str = False,
    begin: Agent | None = None,
    trackers: Sequence[str] = (),
    on_update: Callable[[Update], None] | None = None,
) -> TrainingResult:
    """Train into the folder `run`; afterwards `Agent.from_pretrained(run)` acts.

    begin: start from this agent's weights instead of fresh ones, if it knows the same words.

    A run folder that exists is refused, unless `resume` goes on with it, from its newest
    checkpoint or the one named; then experiment and dataset must be the ones that it was started
    with. A run that was killed before its first
    checkpoint is begun again, and one that fails before it leaves nothing behind.
    """
    if run.exists() and not run.is_dir():
        raise InputError("is a file, expected a folder for the run", path=run)
    encoder = encoder_of(experiment)
    experiment = with_encoder(experiment, encoder)
    description = describe(experiment, dataset, recipe)
    if resume:
        _check_same(_read(run / CONFIG, RUN_SCHEMA, ("experiment", "dataset")), description, run)
    elif (run / CONFIG).exists():
        raise InputError("already holds a run; resume it or choose another folder", path=run)
    begun = bool(CheckpointFolder(run / CHECKPOINTS).names())
    going_on = resume if begun or isinstance(resume, str) else False
    prepared = prepare(experiment.data, dataset, experiment.model, encoder)
    _check_choice(experiment, prepared, dataset)
    experiment = with_class_weights(experiment, dataset, prepared.train.episodes)
    # Before the model is built, so that its initial weights are a function of the seed too.
    torch.manual_seed(experiment.training.seed)
    try:
        model = experiment.model.build(prepared.shapes)
    except ValueError as error:  # a layer refuses its width or its share of dropout
        raise InputError(str(error), field="model") from error
    if begin is not None and begin.vocabulary == prepared.vocabulary:
        model.load_state_dict(begin.model.state_dict())
    adopt(model, encoder)
    frozen = FrozenState.of(model)
    with _nothing_unless_saved(run):
        if not going_on:
            write_json(run / CONFIG, description)
        batches = with_latents(prepared, model, dataset)
        result = train(model, batches.train, batches.validation, experiment.training, run,
                       resume=going_on, trackers=trackers, on_update=on_update)  # fmt: skip
    proof = frozen.proven(model)
    if isinstance(model, Policy):
        agent_of(experiment, prepared, model).save_pretrained(run / MODEL)
    if isinstance(model, Representation):
        trained_encoder(experiment, prepared, model).save_pretrained(run / MODEL)
    results = first_results(run, description, dataset, prepared, result)
    weights = {"parameters_in_all": sum(p.numel() for p in model.parameters())}
    write_json(run / RESULTS, {**results, "training": {**results["training"], **weights, **proof}})
    return result


def _check_choice(experiment: Experiment, prepared: Prepared, dataset: Dataset) -> None:
    """Without validation episodes there is nothing to choose the best weights by."""
    if prepared.validation is not None or experiment.training.choose == "last":
        return
    known = ", ".join(dataset.splits)
    raise InputError(
        f"is 'best', but the dataset's split has no part '{experiment.data.validation_split}' to "
        f"choose by (it has: {known}); keep the last weights with 'last', or give the dataset a "
        "split with validation episodes",
        path=dataset.path, field="training.choose",
    )  # fmt: skip


@contextmanager
def _nothing_unless_saved(run: Path) -> Iterator[None]:
    """After an error without any checkpoint there is nothing to go on with: clear it away."""
    made = [folder for folder in (run, *run.parents) if not folder.exists()]
    try:
        yield
    except (BydemoError, OSError):
        if not CheckpointFolder(run / CHECKPOINTS).names():
            for name in (CONFIG, METRICS):
                with suppress(OSError):
                    (run / name).unlink()
            for folder in (run / CHECKPOINTS, *made):
                with suppress(OSError):  # not there, or somebody else's files are in it
                    folder.rmdir()
        raise


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


def trained_encoder(experiment: Experiment, prepared: Prepared, model: Representation) -> Encoder:
    """What gives latents once a representation is trained."""
    assert isinstance(experiment.model, RepresentationConfig)
    return Encoder(
        model=model,
        config=experiment.model,
        codec=prepared.codec,
        view=experiment.data.view,
        vocabulary=prepared.vocabulary,
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
            "validation_episodes": (
                0 if prepared.validation is None else len(prepared.validation.episodes)
            ),
        },
        "training": asdict(result),
        "offline": {},
        "rollouts": {},
    }


def open_run(run: Path) -> tuple[Experiment, dict[str, Any]]:
    """The experiment of a run folder, and its results so far; an InputError names the file and
    the field that is missing or malformed."""
    if not run.is_dir():
        raise InputError("no such run folder", path=run)
    description = _read(run / CONFIG, RUN_SCHEMA, ("experiment",))
    if not (run / RESULTS).exists():
        raise InputError("training has not finished here; go on with train --resume", path=run)
    results = _read(run / RESULTS, SCHEMA, ("dataset", "training", "offline", "rollouts"))
    for name in ("path", "fingerprint"):
        if not isinstance(results["dataset"].get(name), str):
            raise InputError("missing", path=run / RESULTS, field=f"dataset.{name}")
    with naming(run / CONFIG):
        return Experiment.from_plain(description["experiment"]), results


def _read(path: Path, schema: str, objects: Sequence[str]) -> dict[str, Any]:
    """A JSON file of this schema that holds these objects."""
    found = read_json(path)
    if found.get("schema") != schema:
        raise InputError(f"is '{found.get('schema')}', expected '{schema}'", path=path,
                         field="schema")  # fmt: skip
    for name in objects:
        if not isinstance(found.get(name), dict):
            raise InputError("missing or no object", path=path, field=name)
    return found


def open_dataset(results: dict[str, Any], path: Path | None = None) -> Dataset:
    """The dataset of a run (or the same one at another path), refused if it changed since.

    Of a DAgger run's, a round's learner is given what it was trained on: later rounds left every
    episode in its split, which other recordings that grow do not.
    """
    dataset = Dataset.open(path or results["dataset"]["path"])
    episodes = results["dataset"].get("episodes")
    if dataset.split_kind == GROWING and isinstance(episodes, int) and episodes > 0:
        dataset = dataset.when(min(episodes, len(dataset.episodes)))
    if dataset.fingerprint() != results["dataset"]["fingerprint"]:
        raise InputError("is not the data that the run was trained on", path=dataset.path)
    return dataset


def _check_same(saved: dict[str, Any], ours: dict[str, Any], run: Path) -> None:
    if saved["dataset"].get("fingerprint") != ours["dataset"]["fingerprint"]:
        raise InputError("was started with other data; it cannot be resumed with these", path=run)
    for name in ("model", "data"):
        if saved["experiment"].get(name) != ours["experiment"][name]:
            raise InputError(
                "differs from what the run was started with; start a new run",
                path=run / CONFIG, field=f"experiment.{name}",
            )  # fmt: skip
