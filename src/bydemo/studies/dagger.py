"""DAgger: a learner acts, an expert says what it should have done, and it learns from all of it.

Ross, Gordon and Bagnell, "A Reduction of Imitation Learning and Structured Prediction to No-Regret
Online Learning", AISTATS 2011. In every round the learner is trained on all episodes so far, then
a mixture of it and the expert acts, and every step is stored with the expert's action as label.

The dataset is an ordinary one. The run folder is an ordinary one too, trained on all of it by the
whole recipe, with `rounds/round-03` for the learner that acted in round 3. Everything is a function
of the settings, so that a run that was killed goes on to the dataset that it would have become.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bydemo.core.config import to_plain
from bydemo.core.errors import BydemoError, InputError
from bydemo.core.results import read_json, read_lines, versions, write_json
from bydemo.data.source import Dataset
from bydemo.evaluation.actors import ActorFactory, ExpertActor, SavedPolicy, described
from bydemo.evaluation.callables import as_factory
from bydemo.evaluation.rollout import recorded_spec
from bydemo.evaluation.teaching import MixedActor
from bydemo.evaluation.worker_process import TaskConfig, task_name
from bydemo.evaluation.workers import EpisodePool
from bydemo.models.agent import Agent
from bydemo.studies import recipes
from bydemo.studies.dagger_checks import check_fits, check_folders, first_look
from bydemo.studies.dagger_curve import curve
from bydemo.studies.dagger_episodes import Aggregate
from bydemo.studies.dagger_settings import DaggerSettings, Round
from bydemo.studies.experiment import Experiment
from bydemo.studies.run import CONFIG, RESULTS, train_run
from bydemo.training.record import METRICS

ROUNDS = "rounds"
"""Folder of the rounds' learners inside the run."""

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


def dagger(
    task: TaskConfig, dataset: Path, run: Path, *, recipe: str = "states.cloning",
    experiment: Experiment | None = None, expert: Any = None,
    settings: DaggerSettings | None = None, workers: int = 2, resume: bool = False,
    trackers: tuple[str, ...] = (), progress: OnProgress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Play, label and train by turns; returns the run's results, with the rounds in `dagger`.

    experiment: what the recipe became after changes; as it is unless given. expert: the task's own
    unless given; any actor, actor factory or plain function of an observation, or its
    "module:attribute", or a run folder. Everything that can be refused is, before anything is
    written. resume: go on with a run that was interrupted, whose settings must agree.
    """
    settings = settings or DaggerSettings()
    teacher = ExpertActor() if expert is None else as_factory(expert)
    start = first_look(task, teacher, settings.first_seed)
    if experiment is None:
        experiment = recipes.load(recipe)[1](start.spec)
    check_fits(experiment, start)
    source = {
        "kind": "simulation", "task": task_name(task), "task_config": to_plain(task),
        "actor": "DAgger",
        "actor_config": {
            **to_plain(settings), "expert": described(teacher), "recipe": recipe,
            "experiment": experiment.to_plain(),
        },
        "versions": versions(),
    }  # fmt: skip
    check_folders(dataset, run, source, resume=resume)
    aggregate = Aggregate(
        path=dataset, spec=recorded_spec(start.spec, labelled=True), source=source,
        rendering=start.rendering, max_steps=start.max_steps,
        keep_failures=start.judged_by == "return",
    )  # fmt: skip
    work = _Dagger(
        aggregate=aggregate, run=run, recipe=recipe, experiment=experiment, teacher=teacher,
        settings=settings, trackers=trackers, tell=progress or _silent,
    )  # fmt: skip
    todo = [now for now in settings.plan() if not aggregate.finished(now)]
    if todo:
        with EpisodePool(task, workers=workers) as pool:
            for now in todo:
                work.play(pool, now)
    return work.finish()


def round_folder(run: Path, number: int) -> Path:
    """The run folder of the learner that acted in a round."""
    return run / ROUNDS / f"round-{number:02d}"


@dataclass(frozen=True, kw_only=True)
class _Dagger:
    """One run under way."""

    aggregate: Aggregate
    run: Path
    recipe: str
    experiment: Experiment
    teacher: ActorFactory
    settings: DaggerSettings
    trackers: tuple[str, ...]
    tell: OnProgress

    def play(self, pool: EpisodePool, now: Round) -> None:
        """Train the round's learner, if it has one, and let the mixture act."""
        actor = self._mixture(now) if now.number else self.settings.demonstrator(self.teacher)
        what = f"round {now.number} of {self.settings.rounds}: acting"
        with self._nothing_unless_stored(now):
            self.aggregate.collect(
                pool, actor, now, lambda done, total: self.tell(what, done, total)
            )

    def _mixture(self, now: Round) -> ActorFactory:
        return MixedActor(learner=self._learner(now), teacher=self.teacher, beta=now.beta)

    def finish(self) -> dict[str, Any]:
        """Train the whole recipe on everything, and add the rounds to the run's results."""
        if not (self.run / RESULTS).exists():
            self._train(self.experiment, self.run, "the last training", None, self.trackers)
        results = read_json(self.run / RESULTS)
        if "dagger" not in results:
            results["dagger"] = curve(self.aggregate, self.settings, self._trainings())
            write_json(self.run / RESULTS, results)
        return results

    def _learner(self, now: Round) -> SavedPolicy:
        """What was learned from all earlier rounds."""
        folder = round_folder(self.run, now.number)
        if not (folder / RESULTS).exists():
            if self.aggregate.stored(now.number):
                raise InputError(
                    f"is missing, though {self.aggregate.path} holds episodes that it acted in; "
                    "begin anew elsewhere", path=folder,
                )  # fmt: skip
            before = round_folder(self.run, now.number - 1)
            warm = self.settings.warm_start and now.number > 1
            self._train(
                self.settings.shortened(self.experiment), folder,
                f"round {now.number} of {self.settings.rounds}: training",
                Agent.from_pretrained(before) if warm else None,
            )  # fmt: skip
        return SavedPolicy(path=str(folder))

    def _train(
        self, experiment: Experiment, folder: Path, what: str, begin: Agent | None,
        trackers: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        train_run(
            experiment, self._data(), folder, recipe=self.recipe, begin=begin, trackers=trackers,
            resume=(folder / CONFIG).exists(),
            on_update=lambda now: self.tell(what, now.step, now.steps),
        )  # fmt: skip

    def _data(self) -> Dataset:
        share = self.settings.validation_of(self.experiment)
        names = (self.experiment.data.train_split, self.experiment.data.validation_split)
        return self.aggregate.sealed(self.aggregate.stored(0), share, names)

    def _trainings(self) -> dict[int, dict[str, Any]]:
        """Round -> how its learner's training ended, where its folder is still there."""
        found = {}
        for number in range(1, self.settings.rounds + 1):
            folder = round_folder(self.run, number)
            rows = [row for row in read_lines(folder / METRICS) if row["kind"] == "train"]
            if rows:
                found[number] = rows[-1]
        return found

    @contextmanager
    def _nothing_unless_stored(self, now: Round) -> Iterator[None]:
        """After an error without a single demonstration there is nothing to go on with."""
        there = self.aggregate.path.exists()
        try:
            yield
        except BydemoError:
            if now.number == 0 and not there and self.aggregate.stored(0) == 0:
                shutil.rmtree(self.aggregate.path, ignore_errors=True)
            raise


def _silent(what: str, done: int, total: int) -> None:
    pass
