"""Judging an actor by letting it act: success rates and returns with n and interval, reasons of
failure, references on the same seeds, and clips.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any

from bydemo.core.config import from_plain, load_leaf, to_plain
from bydemo.core.errors import ExpertError, InputError, MismatchError, SimulationError
from bydemo.evaluation.actors import EXPERT, STILL, ActorFactory, reference_actors
from bydemo.evaluation.filming import Film
from bydemo.evaluation.interval import Difference, paired_rates, wilson
from bydemo.evaluation.returns import difference_json, return_gap, return_summary, score
from bydemo.evaluation.rollout import Rollout
from bydemo.evaluation.worker_process import TaskConfig, task_name
from bydemo.evaluation.workers import EpisodePool

TASKS = "bydemo.sim.tasks"
USUAL_REFERENCES: Mapping[str, tuple[str, ...]] = {
    "success": (EXPERT, "random"), "return": (EXPERT, STILL, "random"),
}  # fmt: skip
"""By what a task is judged by: a score needs to know what doing nothing earns."""
MOST_GROUPS = 40
"""Instructions, and words, whose success rates are listed: the most frequent ones."""
Progress = Callable[[str, int, int], None]
"""Called with who acts, episodes done, and episodes in all."""


def task_config(name: str, options: Mapping[str, Any] | None = None) -> TaskConfig:
    """The configuration of a task by its public name; a typo is answered with near names."""
    leaf = load_leaf(TASKS, "task", name)
    config: TaskConfig = from_plain(leaf.Config, dict(options or {}), name)
    return config


def evaluate(
    task: TaskConfig, actor: ActorFactory, *, seeds: Sequence[int], workers: int = 2,
    references: Iterable[str] | None = (), clips: int = 0, run: Path | None = None, label: str = "",
    progress: Progress | None = None, limit: float | None = None,
    expert: ActorFactory | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The plain `rollouts` entry of a run's results.

    references: names of `REFERENCES` that act on the same seeds, each with its paired differences;
    None takes the usual ones. clips: how many successes and how many failures to film into
    `run/clips`, the first by seed; of a task judged by return, how many of the lowest and of the
    median returns. limit: seconds an episode may take. expert: the reference of that name, unless
    it is the task's own. Raises SimulationError if every episode crashed.
    """
    reference_actors(references or ())  # a wrong name, before anything is played
    if not len(seeds) or len(set(seeds)) != len(seeds):
        raise InputError(f"{len(seeds)} seeds, expected at least one and no two alike",
                         field="seeds")  # fmt: skip
    label = label or task_name(task)
    with EpisodePool(task, workers=workers, limit=limit) as pool:
        facts = pool.facts
        film = Film(run, label, clips, facts)
        results = _play(pool, actor, seeds, "policy", progress, film)
        film.play_again(pool, actor, results)
    entry = {"task": task_name(task), "task_config": to_plain(task), "judged_by": facts.judged_by,
             **summary(results)}  # fmt: skip
    entry["clips"] = film.paths
    names = USUAL_REFERENCES[facts.judged_by] if references is None else tuple(references)
    # The task's own expert looks at no pictures; another one may.
    stage = undrawn(task) if expert is None else task
    actors = reference_actors(names, expert)
    others, notes = _references(stage, actors, seeds, workers, limit, progress)
    entry["references"] = {name: _beside(results, entry, theirs)
                           for name, theirs in others.items()}  # fmt: skip
    played = {name: entry["references"][name]["episodes"] for name in others}
    entry["score"] = None
    if EXPERT in played and STILL in played:
        entry["score"] = score(entry["episodes"], played[STILL], played[EXPERT])
    entry["notes"] = [*film.notes, *notes]
    film.tidy()
    return entry


def _references(
    task: TaskConfig, actors: Mapping[str, ActorFactory], seeds: Sequence[int], workers: int,
    limit: float | None, progress: Progress | None,
) -> tuple[dict[str, list[Rollout]], list[str]]:  # fmt: skip
    """What each reference did, in the order of `actors`, and why one was left out.

    The expert acts last: a task that has none ends the pool.
    """
    played: dict[str, list[Rollout]] = {}
    notes = []
    if actors:
        with EpisodePool(task, workers=workers, limit=limit) as pool:
            for name in sorted(actors, key=lambda name: name == EXPERT):
                try:
                    played[name] = _play(pool, actors[name], seeds, name, progress, None)
                except ExpertError as error:
                    notes.append(f"no {name} beside the policy: {error}")
    return {name: played[name] for name in actors if name in played}, notes


def _beside(
    ours: Sequence[Rollout], entry: Mapping[str, Any], theirs: Sequence[Rollout]
) -> dict[str, Any]:
    """A reference's own figures, and the policy's minus them."""
    found = summary(theirs)
    gaps: dict[str, Any] = {"policy_minus_this": None, "policy_minus_this_return": None}
    if entry["rate"] is not None and found["rate"] is not None:
        rates = paired_rates([bool(r.success) for r in ours], [bool(r.success) for r in theirs])
        gaps["policy_minus_this"] = rates.to_json()
    gap = return_gap(entry["episodes"], found["episodes"])
    if gap is not None:
        gaps["policy_minus_this_return"] = difference_json(gap)
    return {"judged_by": entry["judged_by"], **found, **gaps}


def draws(task: TaskConfig) -> bool:
    """Does the task draw what its cameras see, by its field `pictures`?"""
    return getattr(task, "pictures", False) is True


def undrawn(task: TaskConfig) -> TaskConfig:
    """The same task without pictures, if it offers that by a field `pictures`: references look at
    none, and drawing them takes most of the time."""
    if is_dataclass(task) and draws(task):
        blind: TaskConfig = replace(task, pictures=False)
        return blind
    return task


def summary(results: Sequence[Rollout]) -> dict[str, Any]:
    """n, successes, the rate with its Wilson interval, returns, reasons of failure, and every
    episode. Where the task knows no goal, successes, rate and its interval are None."""
    reasons = Counter(str(r.reason) for r in results if not r.success and r.reason is not None)
    rows = [r.to_json() for r in results]
    knows_goal = any(r.success is not None and not r.crashed for r in results)
    return {
        **_rate([bool(r.success) for r in results], known=knows_goal),
        "return": return_summary(rows),
        "reasons": dict(reasons.most_common()),
        "crashed": sum(r.crashed for r in results),
        "retried": sum(r.attempts > 1 for r in results),
        "seeds": [r.seed for r in results],
        "mean_steps": sum(r.steps for r in results) / len(results),
        "by_instruction": _grouped(results, lambda text: [text]) if knows_goal else [],
        "by_word": _grouped(results, _words) if knows_goal else [],
        "episodes": rows,
    }


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One policy minus another on shared seeds: success rates, None where the task knows no goal,
    and mean returns, None where an episode has none."""

    rate: Difference | None
    returns: Difference | None

    def to_json(self) -> dict[str, Any]:
        """The fields of the rates' difference, and under `return` those of the returns'."""
        plain = {} if self.rate is None else self.rate.to_json()
        return {**plain, "return": None if self.returns is None else difference_json(self.returns)}


def compare(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], *, ours_name: str, theirs_name: str
) -> Comparison:
    """Ours minus theirs, two `rollouts` entries, on the seeds that both have."""
    a, b = ({"task": block["task"], **block["task_config"]} for block in (ours, theirs))
    differing = _differences(a, b)
    if differing:
        raise MismatchError(f"{ours_name} and {theirs_name} were judged on different tasks: "
                            + "; ".join(differing))  # fmt: skip
    other = {row["seed"]: row for row in theirs["episodes"]}
    rows = [row for row in ours["episodes"] if row["seed"] in other]
    if not rows:
        raise MismatchError(f"{ours_name} and {theirs_name} share no seed")
    rivals = [other[row["seed"]] for row in rows]
    known = all(any(row["success"] is not None and "detail" not in row for row in side)
                for side in (rows, rivals))  # fmt: skip
    rate = paired_rates([bool(row["success"]) for row in rows],
                        [bool(row["success"]) for row in rivals])  # fmt: skip
    return Comparison(rate=rate if known else None, returns=return_gap(rows, rivals))


def _differences(ours: Mapping[str, Any], theirs: Mapping[str, Any], where: str = "") -> list[str]:
    """`name a against b` for each setting that differs, nested ones with a dot."""
    found = []
    for name in {**ours, **theirs}:
        a, b = ours.get(name), theirs.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += _differences(a, b, f"{where}{name}.")
        elif a != b:
            found.append(f"{where}{name} {a} against {b}")
    return found


def _play(
    pool: EpisodePool, actor: ActorFactory, seeds: Sequence[int], who: str,
    progress: Progress | None, film: Film | None,
) -> list[Rollout]:  # fmt: skip
    results: list[Rollout] = []
    wanted = (lambda: False) if film is None else film.wanted
    for result in pool.run(actor, seeds, keep=wanted):
        if film is not None:
            result = film.shoot(result)
        results.append(result)
        if progress is not None:
            progress(who, len(results), len(seeds))
    if all(r.crashed for r in results):
        raise SimulationError(f"all {len(results)} episodes of the {who} crashed; the first: "
                              f"{results[0].reason}: {results[0].detail}")  # fmt: skip
    return results


def _rate(successes: Sequence[bool], *, known: bool = True) -> dict[str, Any]:
    if not known:
        return {"n": len(successes), "successes": None, "rate": None, "low": None, "high": None}
    interval = wilson(sum(successes), len(successes))
    return {"n": len(successes), "successes": sum(successes), "rate": interval.value,
            "low": interval.low, "high": interval.high}  # fmt: skip


def _grouped(
    results: Sequence[Rollout], values_of: Callable[[str], Iterable[str]]
) -> list[dict[str, Any]]:
    """Success rates by a quality of the instruction; none where all episodes share them all."""
    groups: dict[str, list[bool]] = {}
    for result in results:
        for value in values_of(result.instruction):
            groups.setdefault(value, []).append(bool(result.success))
    kept = {v: g for v, g in groups.items() if len(g) < len(results)}
    order = sorted(kept, key=lambda v: (-len(kept[v]), v))[:MOST_GROUPS]
    return [{"value": value, **_rate(kept[value])} for value in order]


def _words(instruction: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", instruction.lower()))
