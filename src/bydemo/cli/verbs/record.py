"""Record demonstrations of a task's expert in simulation, on several processes, resumable."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bydemo.cli.catalogue import TASKS, tasks
from bydemo.cli.console import progress, say
from bydemo.cli.datasets import show_dataset
from bydemo.cli.parsing import Positional, parse, parse_with, subject
from bydemo.core.config import load_leaf
from bydemo.core.errors import InputError

Splitting = Literal["random", "grouped", "none"]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Record demonstrations of a task's expert in simulation.

    task: a name from `bydemo list tasks`; its own options show with `bydemo record TASK --help`.
    dataset: folder to write; it must not exist yet, unless resumed.
    episodes: how many seeds to play [episodes]; failed ones are counted and left out.
    first_seed: seed of the first episode; the others follow on.
    workers: processes that play at the same time; 0 plays in this one.
    keep_failures: store failed episodes too, marked so.
    resume: go on with a recording that was interrupted.
    split: how episodes are parted into train, validation and test.
    """

    task: Positional[str]
    dataset: Positional[Path]
    episodes: int = 100
    first_seed: int = 0
    workers: int = field(default_factory=cores)
    keep_failures: bool = False
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
    require_gl()
    from bydemo.evaluation.record import Recording, record

    with progress(f"recording {name}", "episodes") as update:

        def tell(so_far: Recording) -> None:
            detail = f"{so_far.stored} stored, {so_far.failed} failed, {so_far.steps:,} steps"
            update(so_far.attempted, so_far.total, detail)

        found = record(
            task, given.dataset, episodes=given.episodes, start_seed=given.first_seed,
            workers=given.workers, keep_failures=given.keep_failures, resume=given.resume,
            split=None if given.split == "none" else given.split, progress=tell,
        )  # fmt: skip
    show_dataset(given.dataset)
    rate = found.to_json()
    say(
        f"The expert succeeded in {found.succeeded} of {found.attempted} episodes "
        f"({100 * rate['rate']:.0f} %, 95 % interval {100 * rate['low']:.0f} to "
        f"{100 * rate['high']:.0f} %)."
    )
    for reason, count in found.reasons.items():
        say(f"  {reason}: {count}")
    say(f"Next: bydemo inspect {given.dataset}")
    return 0
