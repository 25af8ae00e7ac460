"""Record demonstrations in simulation: of a task's expert or yours, with noise or without."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bydemo.cli.catalogue import TASKS, tasks
from bydemo.cli.console import progress, say
from bydemo.cli.datasets import show_dataset
from bydemo.cli.parsing import Positional, parse, parse_with, subject
from bydemo.core.config import load_leaf
from bydemo.core.errors import InputError

if TYPE_CHECKING:
    from bydemo.evaluation.actors import ActorFactory
    from bydemo.evaluation.record import Recording

Splitting = Literal["random", "grouped", "none"]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Record demonstrations in simulation: of a task's expert or yours, with noise or without.

    task: a name from `bydemo list tasks`; its own options show with `bydemo record TASK --help`.
    dataset: folder to write; it must not exist yet, unless resumed.
    episodes: how many seeds to play [episodes]; failed ones are counted and left out.
    first_seed: seed of the first episode; the others follow on.
    workers: processes that play at the same time; 0 plays in this one.
    expert: who acts: "module:attribute" of a function (observation -> action) or an actor, or a run
    folder; the task's own expert unless given.
    noise: standard deviation of the Gaussian noise with which actions are carried out [their unit].
    noise_label: the action that is recorded: the expert's clean one (DART), or the one executed.
    one_by_one: play each episode by itself, also where the task can play many at once.
    keep_failures: store failed episodes too, marked so; a task judged by return does so by itself.
    drop_failures: leave failed episodes out there too.
    resume: go on with a recording that was interrupted.
    split: how episodes are parted into train, validation and test.
    """

    task: Positional[str]
    dataset: Positional[Path]
    episodes: int = 100
    first_seed: int = 0
    workers: int = field(default_factory=cores)
    expert: str | None = None
    noise: float = 0.0
    noise_label: Literal["clean", "executed"] = "clean"
    one_by_one: bool = False
    keep_failures: bool = False
    drop_failures: bool = False
    resume: bool = False
    split: Splitting = "random"


def run(words: Sequence[str]) -> int:
    """Find the task, parse its own options, record."""
    name = subject(words, "task", tasks())
    if name is None:
        parse(Arguments, words, verb="record")  # help, or what is missing
        raise InputError(f"comes first, one of {', '.join(tasks())}", field="task")
    from bydemo.sim.gl import choose_gl, require_gl

    choose_gl()
    options = load_leaf(TASKS, "task", name).Config()
    given, task = parse_with(Arguments, options, words, verb=f"record {name}", about=tasks()[name])
    from bydemo.evaluation.closed_loop import draws
    from bydemo.evaluation.record import record

    actor, kept = _actor(given), _kept(given)
    if draws(task):
        require_gl()
    with progress(f"recording {name}", "episodes") as update:

        def tell(so_far: Recording) -> None:
            detail = f"{so_far.stored} stored, {so_far.failed} failed, {so_far.steps:,} steps"
            update(so_far.attempted, so_far.total, detail)

        found = record(
            task, given.dataset, episodes=given.episodes, start_seed=given.first_seed, actor=actor,
            workers=given.workers, keep_failures=kept, resume=given.resume,
            split=None if given.split == "none" else given.split, progress=tell,
            one_by_one=given.one_by_one,
        )  # fmt: skip
    show_dataset(given.dataset)
    noisy = f", with noise {given.noise:g}," if given.noise else ""
    for line in _summary(found, f"{given.expert or 'The expert'}{noisy}"):
        say(line)
    say(f"Next: bydemo inspect {given.dataset}")
    return 0


def _actor(given: Arguments) -> ActorFactory:
    from bydemo.evaluation.actors import ExpertActor
    from bydemo.evaluation.teaching import NoisyActor, as_factory

    expert = ExpertActor() if given.expert is None else as_factory(given.expert)
    return NoisyActor(expert, given.noise, given.noise_label) if given.noise else expert


def _kept(given: Arguments) -> bool | None:
    if given.keep_failures and given.drop_failures:
        raise InputError("cannot be given together with --drop-failures", field="keep_failures")
    return False if given.drop_failures else given.keep_failures or None


def _summary(found: Recording, who: str) -> list[str]:
    """What the attempts came to, in words."""
    lines = []
    earned = found.returns or {}
    if found.judged_by == "return" and earned.get("mean") is not None:
        spread = earned["standard_error"]
        error = "" if spread is None else f" ± {spread:.2g} (standard error)"
        lines.append(f"{who} earned {earned['mean']:.4g}{error} on average over {earned['n']} "
                     f"episodes; the least was {earned['worst']:.4g}, seed {earned['worst_seed']}."
                     )  # fmt: skip
    rate = found.to_json()
    if found.succeeded is not None:
        lines.append(
            f"{who} succeeded in {found.succeeded} of {found.attempted} episodes "
            f"({100 * rate['rate']:.0f} %, 95 % interval {100 * rate['low']:.0f} to "
            f"{100 * rate['high']:.0f} %)."
        )
    return [*lines, *[f"  {reason}: {count}" for reason, count in found.reasons.items()]]
