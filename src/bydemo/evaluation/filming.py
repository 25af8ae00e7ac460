"""Which episodes of an evaluation are filmed, and where the clips lie.

Cameras are there in every episode anyway, so the first successes and failures are filmed as they
happen. A task that has none must draw itself, which takes longer than to act: once all outcomes are
known, the chosen episodes are played again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bydemo.core.fields import Spec
from bydemo.evaluation.actors import ActorFactory
from bydemo.evaluation.clips import write_clip, write_reel
from bydemo.evaluation.rollout import Rollout
from bydemo.evaluation.worker_process import TaskFacts
from bydemo.evaluation.workers import EpisodePool

CLIPS = "clips"
"""Folder of the clips inside a run."""


@dataclass
class Film:
    """Writes `each` successes and `each` failures into `run/clips`, the first by seed; where the
    return decides, those with the lowest and the median returns."""

    run: Path | None
    label: str
    each: int
    facts: TaskFacts
    paths: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    taken: Counter[bool] = field(default_factory=Counter)

    @property
    def spec(self) -> Spec:
        """The task's fields."""
        return self.facts.spec

    def tidy(self) -> None:
        """Remove the clips of an earlier evaluation under the same label."""
        if self.run is not None:
            for path in (self.run / CLIPS).glob("*.mp4"):
                mine = re.match(re.escape(_slug(self.label)) + r"-\d+-", path.name)
                if mine and f"{CLIPS}/{path.name}" not in self.paths:
                    path.unlink()

    def wanted(self) -> bool:
        """Is there still a success or a failure for the cameras to film?"""
        possible = self.run is not None and self.each > 0 and bool(self.spec.cameras)
        return possible and min(self.taken[True], self.taken[False]) < self.each

    def shoot(self, result: Rollout) -> Rollout:
        """Film what the cameras saw, if the episode is one of the first of its kind; returns it
        without pictures."""
        kind = bool(result.success)
        if result.episode is not None and self.run and self.taken[kind] < self.each:
            self.taken[kind] += 1
            write_clip(self._path(self.run, result), result.episode, self.spec, _caption(result),
                       success=result.success)  # fmt: skip
        return replace(result, episode=None)

    def play_again(
        self, pool: EpisodePool, actor: ActorFactory, results: Sequence[Rollout]
    ) -> None:
        """Film episodes of a task without cameras by what it draws of itself."""
        if self.run is None or self.each <= 0 or self.spec.cameras:
            return
        seeds = sorted({r.seed for r in self._worth_showing(results)})
        for result in pool.run(actor, seeds[:1], film=True):
            if not self._shoot_reel(self.run, result):
                return
        for result in pool.run(actor, seeds[1:], film=True):
            self._shoot_reel(self.run, result)

    def _shoot_reel(self, run: Path, result: Rollout) -> bool:
        reel = result.reel
        if reel is None or not len(reel.pictures):
            self.notes.append(f"no clips: {reel.problem if reel is not None else result.detail}")
            return False
        write_reel(self._path(run, result), reel, self.spec.control_rate, _caption(result),
                   success=result.success)  # fmt: skip
        return True

    def _worth_showing(self, results: Sequence[Rollout]) -> Iterable[Rollout]:
        whole = [r for r in results if not r.crashed]
        if self.facts.judged_by == "return":
            earned = sorted((r for r in whole if r.total_reward == r.total_reward),
                            key=lambda r: r.total_reward)  # fmt: skip
            middle = max(0, (len(earned) - self.each) // 2)
            return [*earned[: self.each], *earned[middle : middle + self.each]]
        won = [r for r in whole if r.success][: self.each]
        return [*won, *[r for r in whole if not r.success][: self.each]]

    def _path(self, run: Path, result: Rollout) -> Path:
        name = f"{_slug(f'{self.label}-{result.seed}-{_ending(result)}')}.mp4"
        self.paths.append(f"{CLIPS}/{name}")
        return run / CLIPS / name


def _ending(result: Rollout) -> str:
    if result.success is None:
        return result.reason or "end"
    return "success" if result.success else str(result.reason)


def _caption(result: Rollout) -> str:
    if result.reel is not None:
        return f"{_ending(result)}, return {result.total_reward:.4g}, seed {result.seed}"
    ended = _ending(result)
    return f"{result.instruction}: {ended}" if result.instruction else ended


def _slug(text: str) -> str:
    """Fit for a file's name anywhere."""
    return re.sub(r"[^\w.-]+", "-", text)
