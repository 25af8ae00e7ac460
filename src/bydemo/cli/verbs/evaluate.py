"""Judge a finished run: offline on held-out episodes, and in closed loop if it has a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bydemo.cli.catalogue import TASKS
from bydemo.cli.console import note, progress, say, show_table
from bydemo.cli.parsing import Positional, parse
from bydemo.cli.verbs.record import cores
from bydemo.core.config import load_leaf

USUAL = "usual"


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Judge a finished run: offline on held-out episodes, and in closed loop if it has a task.

    A self-supervised representation is judged by what its latents hold, on one split.

    run: folder that `train` wrote.
    dataset: the run's dataset, if it was moved.
    splits: splits to judge on; all but the training split unless given.
    beside: runs judged before on the same data, shown beside this one, e.g. a blind policy.
    task: where to act; the task that the data was recorded in unless given.
    rollouts: episodes of each skill in closed loop; 0 for none.
    first_seed: seed of the first one; the same seeds start the same episodes for every run.
    workers: processes that play at the same time; the result does not depend on them.
    references: other actors on the same seeds: expert, random, still; "usual" is expert and random,
    and still where the return counts, whose score lies between doing nothing and the expert.
    expert: who that reference is, where the task has no expert of its own: "module:attribute" of a
    function or an actor, or a run folder.
    clips: successes, and as many failures, to film of each skill; where the return counts, as many
    of the lowest and of the median ones.
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
    references: tuple[str, ...] = (USUAL,)
    expert: str | None = None
    clips: int = 3
    execute: int = 1
    ensemble_decay: float | None = None


def run(words: Sequence[str]) -> int:
    """Judge, print the figures that matter most, and say where the rest is."""
    given = parse(Arguments, words, verb="evaluate")
    from bydemo.studies.latent import is_representation

    if is_representation(given.run):
        _judge_representation(given)
        return 0
    from bydemo.sim.gl import choose_gl, require_gl

    choose_gl()
    from bydemo.evaluation.closed_loop import draws
    from bydemo.studies.judging import (
        Rollouts,
        check_closed_loop,
        judge_closed_loop,
        judge_offline,
    )

    how = Rollouts(
        n=given.rollouts, first_seed=given.first_seed, workers=given.workers,
        references=None if given.references == (USUAL,) else given.references,
        clips=given.clips, execute=given.execute, ensemble_decay=given.ensemble_decay,
        expert=given.expert,
    )  # fmt: skip
    chosen = _tasks(given) if given.rollouts > 0 else {}
    if chosen:
        if any(draws(task) for task in chosen.values()):
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
    show_judged(given.run)
    say(f"Next: bydemo report {given.run}")
    return 0


def _judge_representation(given: Arguments) -> None:
    from bydemo.report.latent_words import latent_paragraphs
    from bydemo.report.reading import read_run
    from bydemo.studies.latent import judge_latent

    with progress("judging") as update:
        judge_latent(
            given.run, given.splits[0] if given.splits else None, dataset=given.dataset,
            progress=lambda what, done, total: update(done, total, what),
        )  # fmt: skip
    for text in latent_paragraphs(read_run(given.run)):
        say(text)
    say(f"Next: bydemo report {given.run}")


def _tasks(given: Arguments) -> dict[str, Any]:
    from bydemo.studies.judging import own_tasks, variants
    from bydemo.studies.run import open_run

    _, results = open_run(given.run)
    if given.task is None:
        return own_tasks(results)
    return variants(given.task, load_leaf(TASKS, "task", given.task).Config())


def show_judged(folder: Path) -> None:
    """The figures that matter most of a judged run."""
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
    _show_closed_loop({label: judged.block("rollouts", label) for label in judged.tasks})


def _show_closed_loop(blocks: Mapping[str, Mapping[str, Any]]) -> None:
    """Success rates of every skill, or returns where these decide, and why something is missing."""
    rates, returns = [], []
    for label, block in blocks.items():
        actors = {"policy": block, **block.get("references", {})}
        by_return = block.get("judged_by") == "return"
        for name, found in actors.items():
            if by_return:
                returns.append([label, name, *_return(found, block if name == "policy" else {})])
            else:
                rates.append([label, name, *_rate(found)])
        for remark in block.get("notes", []):
            note(f"{label}: {remark}")
    if returns:
        show_table(
            "closed loop: return with its standard error, score with its 95 % interval",
            ["skill", "actor", "return", "score", "worst, seed", "success", "fails by"], returns,
        )  # fmt: skip
    if rates:
        show_table("closed loop", ["skill", "actor", "success", "95 % interval", "fails by"], rates)


def _return(found: Mapping[str, Any], scored: Mapping[str, Any]) -> list[str]:
    earned, score = found.get("return") or {}, scored.get("score") or {}
    mean, spread, worst = (earned.get(name) for name in ("mean", "standard_error", "worst"))
    said = "undefined" if mean is None else f"{mean:.4g}"
    said += "" if spread is None else f" ± {spread:.2g}"
    least = "undefined" if worst is None else f"{worst:.4g}"
    points = "" if score.get("value") is None else f"{score['value']:.1f}"
    if score.get("low") is not None:
        points += f" [{score['low']:.1f}, {score['high']:.1f}]"
    success, _, reasons = _rate(found)
    return [said, points, f"{least}, {earned.get('worst_seed')}", success, reasons]


def _rate(block: Mapping[str, Any]) -> list[str]:
    from bydemo.report.rates import bounds

    low, high = bounds(block) or (0.0, 1.0)
    successes, n = block.get("successes"), block.get("n", 0)
    reasons = ", ".join(f"{why} {count}" for why, count in block.get("reasons", {}).items())
    if successes is None:
        return ["no goal known", "", reasons]
    rate = f" ({100 * successes / n:.0f} %)" if n else ""
    return [f"{successes} of {n}{rate}", f"{100 * low:.0f} to {100 * high:.0f} %", reasons]
