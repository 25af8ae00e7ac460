"""Judging an actor by letting it act: success rates with n and interval, reasons, and clips."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any

from bydemo.core.config import from_plain, load_leaf, to_plain
from bydemo.core.errors import InputError, MismatchError, SimulationError
from bydemo.core.fields import Spec
from bydemo.evaluation.actors import ActorFactory, reference_actors
from bydemo.evaluation.clips import write_clip
from bydemo.evaluation.interval import Difference, paired_rates, wilson
from bydemo.evaluation.rollout import Rollout
from bydemo.evaluation.worker_process import TaskConfig, task_name
from bydemo.evaluation.workers import EpisodePool

TASKS = "bydemo.sim.tasks"
CLIPS = "clips"
"""Folder of the clips inside a run."""
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
    references: Iterable[str] = (), clips: int = 0, run: Path | None = None, label: str = "",
    progress: Progress | None = None, limit: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The plain `rollouts` entry of a run's results.

    references: names of `REFERENCES` that act on the same seeds, each with its paired difference.
    clips: how many successes and how many failures to film into `run/clips`, the first by seed.
    limit: seconds an episode may take. Raises SimulationError if every episode crashed.
    """
    beside = reference_actors(references)
    if not len(seeds) or len(set(seeds)) != len(seeds):
        raise InputError(f"{len(seeds)} seeds, expected at least one and no two alike",
                         field="seeds")  # fmt: skip
    label = label or task_name(task)
    with EpisodePool(task, workers=workers, limit=limit) as pool:
        film = _Film(run, label, clips, pool.facts.spec)
        results = _play(pool, actor, seeds, "policy", progress, film)
    others = {}
    if beside:
        with EpisodePool(undrawn(task), workers=workers, limit=limit) as pool:
            others = {n: _play(pool, who, seeds, n, progress, None) for n, who in beside.items()}
    entry = {"task": task_name(task), "task_config": to_plain(task), **summary(results)}
    entry["clips"] = film.paths
    entry["references"] = {}
    for name, theirs in others.items():
        difference = paired_rates([r.success for r in results], [r.success for r in theirs])
        entry["references"][name] = {**summary(theirs), "policy_minus_this": difference.to_json()}
    film.tidy()
    return entry


def undrawn(task: TaskConfig) -> TaskConfig:
    """The same task without pictures, if it offers that by a field `pictures`: references look at
    none, and drawing them takes most of the time."""
    if is_dataclass(task) and getattr(task, "pictures", False) is True:
        blind: TaskConfig = replace(task, pictures=False)
        return blind
    return task


def summary(results: Sequence[Rollout]) -> dict[str, Any]:
    """n, successes, the rate with its Wilson interval, reasons of failure, and every episode."""
    reasons = Counter(str(r.reason) for r in results if not r.success)
    return {
        **_rate([r.success for r in results]),
        "reasons": dict(reasons.most_common()),
        "crashed": sum(r.crashed for r in results),
        "retried": sum(r.attempts > 1 for r in results),
        "seeds": [r.seed for r in results],
        "mean_steps": sum(r.steps for r in results) / len(results),
        "by_instruction": _grouped(results, lambda text: [text]),
        "by_word": _grouped(results, _words),
        "episodes": [r.to_json() for r in results],
    }


def compare(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], *, ours_name: str, theirs_name: str
) -> Difference:
    """Our success rate minus theirs, two `rollouts` entries, on the seeds that both have."""
    a, b = ({"task": block["task"], **block["task_config"]} for block in (ours, theirs))
    differing = _differences(a, b)
    if differing:
        raise MismatchError(f"{ours_name} and {theirs_name} were judged on different tasks: "
                            + "; ".join(differing))  # fmt: skip
    other = {row["seed"]: bool(row["success"]) for row in theirs["episodes"]}
    rows = [row for row in ours["episodes"] if row["seed"] in other]
    if not rows:
        raise MismatchError(f"{ours_name} and {theirs_name} share no seed")
    return paired_rates(
        [bool(row["success"]) for row in rows], [other[row["seed"]] for row in rows]
    )


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
    progress: Progress | None, film: _Film | None,
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


@dataclass
class _Film:
    """Writes the first successes and failures; forgets what was seen of all episodes."""

    run: Path | None
    label: str
    each: int
    spec: Spec
    paths: list[str] = field(default_factory=list)
    taken: Counter[bool] = field(default_factory=Counter)

    def tidy(self) -> None:
        """Remove the clips of an earlier evaluation under the same label."""
        if self.run is not None:
            for path in (self.run / CLIPS).glob("*.mp4"):
                mine = re.match(re.escape(_slug(self.label)) + r"-\d+-", path.name)
                if mine and f"{CLIPS}/{path.name}" not in self.paths:
                    path.unlink()

    def wanted(self) -> bool:
        """Is there still a success or a failure to film?"""
        possible = self.run is not None and self.each > 0 and bool(self.spec.cameras)
        return possible and min(self.taken[True], self.taken[False]) < self.each

    def shoot(self, result: Rollout) -> Rollout:
        """Film the episode if it is one of the first of its kind; returns it without pictures."""
        if result.episode is not None and self.run and self.taken[result.success] < self.each:
            self.taken[result.success] += 1
            outcome = "success" if result.success else str(result.reason)
            path = self.run / CLIPS / f"{_slug(f'{self.label}-{result.seed}-{outcome}')}.mp4"
            caption = f"{result.instruction}: {outcome}" if result.instruction else outcome
            write_clip(path, result.episode, self.spec, caption, success=result.success)
            self.paths.append(f"{CLIPS}/{path.name}")
        return replace(result, episode=None)


def _slug(text: str) -> str:
    """Fit for a file's name anywhere."""
    return re.sub(r"[^\w.-]+", "-", text)


def _rate(successes: Sequence[bool]) -> dict[str, Any]:
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
            groups.setdefault(value, []).append(result.success)
    kept = {v: g for v, g in groups.items() if len(g) < len(results)}
    order = sorted(kept, key=lambda v: (-len(kept[v]), v))[:MOST_GROUPS]
    return [{"value": value, **_rate(kept[value])} for value in order]


def _words(instruction: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", instruction.lower()))
