"""What an arm does for one training seed, in stages that are each done once.

A stage's name is where its outcome lies in the run's `results.json`: `rollouts.pick` can then be
forgotten, or done again, without training anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from bydemo.core.config import to_plain
from bydemo.core.errors import InputError
from bydemo.core.fields import Spec
from bydemo.core.results import SCHEMA, read_json, versions, write_json
from bydemo.data.source import Dataset
from bydemo.evaluation.actors import ActorFactory, described
from bydemo.evaluation.closed_loop import evaluate
from bydemo.evaluation.worker_process import TaskConfig, task_name
from bydemo.studies.experiment import Experiment
from bydemo.studies.judging import Rollouts

Tell = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""
RESULTS = "results.json"
LATENT, LATENCY = "latent", "latency"


def silent(what: str, done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, kw_only=True)
class Here:
    """Where and on what one run is done.

    folder: the run's. seed: of the training, None where there is none. dataset: its folder.
    start: folder of the run that this one starts from.
    """

    folder: Path
    seed: int | None = None
    dataset: Path | None = None
    start: Path | None = None
    tell: Tell = silent

    def open(self) -> Dataset:
        """The dataset; InputError if the arm names none."""
        if self.dataset is None:
            raise InputError("is missing: this work learns from demonstrations", field="dataset")
        return Dataset.open(self.dataset)


class Work(Protocol):
    """A frozen, picklable dataclass, importable by worker processes."""

    kind: ClassVar[str]
    """A word for reports: train, act, ..."""

    def stages(self, here: Here) -> Mapping[str, Any]:
        """Stage -> all that decides its outcome, as JSON values, in the order of doing.

        The first stage makes what the others look at: if it changes, all are done again.
        Called before anything runs, with paths inside the study and the dataset in place.
        """
        ...

    def do(self, stage: str, here: Here) -> None:
        """Carry one stage out in this process with one thread; a repetition goes on where a kill
        cut the last one short, and ends with the same result."""
        ...


@dataclass(frozen=True, kw_only=True)
class Judging:
    """How a run is judged: splits offline, tasks (label -> configuration) in closed loop; a
    representation by what its `latent` holds on one split; a policy by how fast it acts."""

    offline: tuple[str, ...] = ()
    latent: str = ""
    latency: bool = False
    tasks: Mapping[str, TaskConfig] = field(default_factory=dict)
    rollouts: Rollouts = field(default_factory=lambda: Rollouts(n=100, references=(), clips=0))

    def stages(self) -> dict[str, Any]:
        """One stage a split, a task, and each other thing."""
        how = to_plain(self.rollouts)
        del how["workers"]  # the outcome does not depend on it
        out: dict[str, Any] = {f"offline.{split}": {} for split in self.offline}
        if self.latent:
            out[LATENT] = {"split": self.latent}
        if self.latency:
            out[LATENCY] = {}
        return out | {
            f"rollouts.{label}": {**described_task(task), "rollouts": how}
            for label, task in self.tasks.items()
        }

    @property
    def alone(self) -> Rollouts:
        """The rollouts as one process plays them."""
        return replace(self.rollouts, workers=0)


@dataclass(frozen=True, kw_only=True)
class TrainAndJudge:
    """A recipe, trained and judged.

    recipe: its name, or a whole experiment. changes: dotted field -> value. input_field: the field
    of the experiment that is given the folder of the run that this one starts from.
    """

    kind: ClassVar[str] = "train"

    recipe: str | Experiment
    changes: Mapping[str, Any] = field(default_factory=dict)
    judging: Judging = field(default_factory=Judging)
    input_field: str = ""

    def experiment(self, spec: Spec, here: Here) -> Experiment:
        """What is trained on data of this spec."""
        from bydemo.studies import recipes

        made = self.recipe
        if isinstance(made, str):
            made = recipes.load(made)[1](spec)
        changes = {**self.changes}
        if here.seed is not None:
            changes["training.seed"] = here.seed
        if self.input_field and here.start is not None:
            changes[self.input_field] = str(here.start)
        return made.changed(changes)

    def stages(self, here: Here) -> Mapping[str, Any]:
        """Training, then judging."""
        experiment = self.experiment(here.open().spec, here)
        settings = {"recipe": self.name, "experiment": experiment.to_plain()}
        return {"training": settings, **self.judging.stages()}

    def do(self, stage: str, here: Here) -> None:
        """Train, or judge what was trained."""
        from bydemo.studies.judging import judge_closed_loop, judge_offline
        from bydemo.studies.latency import judge_latency
        from bydemo.studies.latent import judge_latent

        what, _, which = stage.partition(".")
        if what == "training":
            self._train(here)
        elif what == "offline":
            judge_offline(here.folder, [which], dataset=here.dataset, progress=here.tell)
        elif what == LATENT:
            judge_latent(here.folder, self.judging.latent, dataset=here.dataset,
                         progress=here.tell)  # fmt: skip
        elif what == LATENCY:
            judge_latency(here.folder, dataset=here.dataset)
        else:
            tasks = {which: self.judging.tasks[which]}
            judge_closed_loop(here.folder, tasks, self.judging.alone, here.tell)

    def _train(self, here: Here) -> None:
        from bydemo.studies.run import CONFIG, train_run

        dataset = here.open()
        train_run(
            self.experiment(dataset.spec, here), dataset, here.folder, recipe=self.name,
            resume=(here.folder / CONFIG).exists(),
            on_update=lambda now: here.tell("training", now.step, now.steps),
        )  # fmt: skip

    @property
    def name(self) -> str:
        """The recipe, in full; `own` of an experiment that is none."""
        from bydemo.studies import recipes

        return recipes.load(self.recipe)[0] if isinstance(self.recipe, str) else "own"


@dataclass(frozen=True, kw_only=True)
class Act:
    """An actor that is not trained, in closed loop: an expert, standing still, a saved policy."""

    kind: ClassVar[str] = "act"

    actor: ActorFactory
    judging: Judging

    def stages(self, here: Here) -> Mapping[str, Any]:
        """Acting in each task."""
        return {"actor": described(self.actor), **self.judging.stages()}

    def do(self, stage: str, here: Here) -> None:
        """Act, and keep what came of it as a trained policy's rollouts are kept."""
        path = here.folder / RESULTS
        if stage == "actor":
            blank = {"schema": SCHEMA, "name": here.folder.parent.name, "recipe": None,
                     **described(self.actor), "offline": {}, "rollouts": {},
                     "versions": versions()}  # fmt: skip
            write_json(path, blank)
            return
        label, how = stage.partition(".")[2], self.judging.alone
        results = read_json(path)
        results["rollouts"][label] = evaluate(
            self.judging.tasks[label], self.actor, workers=0, label=label, run=here.folder,
            seeds=range(how.first_seed, how.first_seed + how.n), references=how.references,
            clips=how.clips, progress=here.tell,
        )  # fmt: skip
        write_json(path, results)


def described_task(task: TaskConfig) -> dict[str, Any]:
    """A task as JSON values, with its name."""
    return {"task": task_name(task), "task_config": to_plain(task)}
