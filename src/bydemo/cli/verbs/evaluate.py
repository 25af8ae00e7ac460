"""Judge a finished run: offline on held-out episodes, and in closed loop if it has a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bydemo.cli.catalogue import TASKS
from bydemo.cli.console import progress, say, show_table
from bydemo.cli.parsing import Positional, parse
from bydemo.cli.verbs.record import cores
from bydemo.core.config import load_leaf


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Judge a finished run: offline on held-out episodes, and in closed loop if it has a task.

    run: folder that `train` wrote.
    dataset: the run's dataset, if it was moved.
    splits: splits to judge on; all but the training split unless given.
    beside: runs judged before on the same data, shown beside this one, e.g. a blind policy.
    task: where to act; the task that the data was recorded in unless given.
    rollouts: episodes of each skill in closed loop; 0 for none.
    first_seed: seed of the first one; the same seeds start the same episodes for every run.
    workers: processes that play at the same time; the result does not depend on them.
    references: other actors on the same seeds: expert, random, still.
    clips: successes, and as many failures, to film of each skill.
    execute: steps of each predicted chunk to carry out before looking again [steps].
    ensemble_decay: average what recent chunks say about the present step instead.
    """

    run: Positional[Path]
    dataset: Path | None = None
    splits: tuple[str, ...] = ()
    beside: tuple[Path, ...] = ()
    task: str | None = None
    rollouts: int = 50
    first_seed: int = 1_000_000
    workers: int = field(default_factory=cores)
    references: tuple[str, ...] = ("expert", "random")
    clips: int = 3
    execute: int = 1
    ensemble_decay: float | None = None


def run(words: Sequence[str]) -> int:
    """Judge, print the figures that matter most, and say where the rest is."""
    given = parse(Arguments, words, verb="evaluate")
    from bydemo.sim.gl import choose_gl, require_gl

    choose_gl()
    from bydemo.studies.judging import (
        Rollouts,
        check_closed_loop,
        judge_closed_loop,
        judge_offline,
    )

    how = Rollouts(
        n=given.rollouts, first_seed=given.first_seed, workers=given.workers,
        references=given.references, clips=given.clips, execute=given.execute,
        ensemble_decay=given.ensemble_decay,
    )  # fmt: skip
    chosen = _tasks(given) if given.rollouts > 0 else {}
    if chosen:
        require_gl()
        check_closed_loop(given.run, chosen, how)
    with progress("judging") as update:
        judge_offline(
            given.run, given.splits, dataset=given.dataset, beside=given.beside,
            progress=lambda what, done, total: update(done, total, what),
        )  # fmt: skip
    if chosen:
        with progress("acting", "episodes") as update:
            judge_closed_loop(
                given.run, chosen, how, lambda what, done, total: update(done, total, what)
            )
    _show(given.run)
    say(f"Next: bydemo report {given.run}")
    return 0


def _tasks(given: Arguments) -> dict[str, Any]:
    from bydemo.studies.judging import own_tasks, variants
    from bydemo.studies.run import open_run

    _, results = open_run(given.run)
    if given.task is None:
        return own_tasks(results)
    return variants(given.task, load_leaf(TASKS, "task", given.task).Config())


def _show(folder: Path) -> None:
    from bydemo.report.measures import measures_in
    from bydemo.report.reading import POLICY, read_run
    from bydemo.report.standing import standing

    judged = read_run(folder)
    for split in judged.splits:
        rows = []
        for kind in measures_in(judged.candidates(split).values()):
            stands = standing(judged, split, kind) if kind.in_headline else None
            ours = judged.figure(split, POLICY, kind.key)
            if not kind.in_headline or ours is None:
                continue
            row = [kind.title, f"{kind.write(ours.value)} {kind.write_range(ours)}"]
            if stands is None:
                rows.append([*row, "", ""])
                continue
            words = {"better": "better", "worse": "worse", "unclear": "cannot tell"}
            rival = f"{kind.write(stands.theirs.value)} {stands.rival}"
            rows.append([*row, rival, words[stands.outcome]])
        block = judged.block("offline", split)
        title = f"{split}: {block['episodes']} episodes, {block['steps']:,} steps"
        show_table(title, ["figure", "policy", "best baseline", "policy is"], rows)
    rows = []
    for label in judged.tasks:
        block = judged.block("rollouts", label)
        actors = {"policy": block, **block.get("references", {})}
        rows += [[label, name, *_rate(found)] for name, found in actors.items()]
    if rows:
        show_table("closed loop", ["skill", "actor", "success", "95 % interval", "fails by"], rows)


def _rate(block: Mapping[str, Any]) -> list[str]:
    from bydemo.report.rates import bounds

    low, high = bounds(block) or (0.0, 1.0)
    successes, n = block.get("successes", 0), block.get("n", 0)
    reasons = ", ".join(f"{why} {count}" for why, count in block.get("reasons", {}).items())
    rate = f" ({100 * successes / n:.0f} %)" if n else ""
    return [f"{successes} of {n}{rate}", f"{100 * low:.0f} to {100 * high:.0f} %", reasons]
