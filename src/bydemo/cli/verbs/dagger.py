"""Correct a learner where it errs: it acts, the expert says what to do, it learns again (DAgger).
"""  # fmt: skip

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bydemo.cli.catalogue import TASKS, recipe_named, tasks
from bydemo.cli.console import note, progress, say, show_table
from bydemo.cli.parsing import Positional, parse, parse_with, subject
from bydemo.cli.verbs.record import cores
from bydemo.core.config import load_leaf
from bydemo.core.errors import InputError
from bydemo.studies.dagger_settings import DaggerSettings

if TYPE_CHECKING:
    from bydemo.studies.experiment import Experiment

_EXPERIMENT = ("--model", "--data", "--training")


@dataclass(frozen=True, kw_only=True)
class Arguments(DaggerSettings):
    """Correct a learner where it errs: it acts, the expert says what to do, it learns again.

    Every field of the recipe is an option too, as in `bydemo train RECIPE --help`, and every one of
    the task, as in `bydemo record TASK --help`.

    task: a name from `bydemo list tasks`.
    dataset: folder to write all rounds' episodes to; it must not exist yet, unless resumed.
    run: folder for the trained model, and for the learners of the rounds.
    recipe: what to train; a name from `bydemo list recipes`.
    expert: whom to ask: "module:attribute" of a function or an actor, or a run folder; the task's
    own expert unless given.
    workers: processes that play at the same time; 0 plays in this one.
    resume: go on with a run that was interrupted.
    track: send the last training's figures elsewhere too: tensorboard, wandb (offline),
    wandb-online.
    """

    task: Positional[str]
    dataset: Positional[Path]
    run: Path = Path("runs/dagger")
    recipe: str = "cloning"
    expert: str | None = None
    workers: int = field(default_factory=cores)
    resume: bool = False
    track: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Nothing:
    """No option besides those of the recipe."""


def run(words: Sequence[str]) -> int:
    """Find the task and the recipe, parse what is changed in either, play and train by turns."""
    name = subject(words, "task", tasks())
    if name is None or len(words) < 2 or words[1].startswith("-"):
        parse(Arguments, words, verb="dagger")  # help, or what is missing
        raise InputError("task and dataset come first, before the options", field="dataset")
    from bydemo.sim.gl import choose_gl, require_gl

    choose_gl()
    options = load_leaf(TASKS, "task", name).Config()
    ours, changes = _apart(words)
    given, task = parse_with(Arguments, options, ours, verb=f"dagger {name}", about=tasks()[name])
    recipe = recipe_named(given.recipe)
    from bydemo.evaluation.closed_loop import draws

    if draws(task):
        require_gl()
    experiment = _experiment(recipe, task, changes)
    from bydemo.studies.dagger import dagger

    try:
        with progress(f"dagger {name}") as update:
            results = dagger(
                task, given.dataset, given.run, recipe=recipe, experiment=experiment,
                expert=given.expert, settings=_settings(given), workers=given.workers,
                resume=given.resume, trackers=given.track,
                progress=lambda what, done, total: update(done, total, what),
            )  # fmt: skip
    except (SystemExit, KeyboardInterrupt):
        if (given.dataset / "episodes.jsonl").exists():
            again = [*words, *([] if given.resume else ["--resume"])]
            note(f"Stopped and saved. Go on with: {shlex.join(['bydemo', 'dagger', *again])}")
        raise
    _show(given.run, results["dagger"])
    say(f"Next: bydemo evaluate {given.run}")
    return 0


def _apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words for the command and the task, and those that change the recipe, with their values:
    which fields a recipe has depends on the task."""
    ours: list[str] = []
    changes: list[str] = []
    into = ours
    for word in words:
        if word.startswith("--"):
            into = changes if word.partition(".")[0] in _EXPERIMENT else ours
        into.append(word)
    return ours, changes


def _experiment(recipe: str, task: Any, changes: Sequence[str]) -> Experiment:
    """The recipe for the task's fields, changed."""
    from bydemo.studies.recipes import load

    made = task.build()
    try:
        spec = made.data_spec
    finally:
        made.close()
    found: Experiment = load(recipe)[1](spec)
    if changes:
        _, found = parse_with(_Nothing, found, changes, verb="dagger")
    return found


def _settings(given: Arguments) -> DaggerSettings:
    return DaggerSettings(**{f.name: getattr(given, f.name) for f in fields(DaggerSettings)})


def _show(folder: Path, found: Mapping[str, Any]) -> None:
    rows = []
    for row in found["rounds"]:
        share, returned = row["expert_share"], row["return"]
        reached = row["successes"]
        rows.append([
            str(row["round"]), f"{row['beta']:.3g}", str(row["episodes"]), f"{row['queries']:,}",
            "" if share is None else f"{100 * share:.0f} %",
            "" if returned is None else f"{returned['mean']:.2f}",
            "" if reached is None else f"{reached} of {row['played']}",
            "" if row["training_loss"] is None else f"{row['training_loss']:.3g}",
            f"{row['acting_seconds'] + (row['training_seconds'] or 0.0):.0f} s",
        ])  # fmt: skip
    columns = ["round", "beta", "episodes", "labels", "expert acts", "return", "success", "loss",
               "took"]  # fmt: skip
    show_table(str(folder), columns, rows)
    say(f"The expert was asked for {found['queries']:,} labels in {found['episodes']} episodes.")
