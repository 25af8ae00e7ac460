"""Many episodes of an expert at once, in one batched simulation: what `rollout` gives one by one.

The same seeds give the same episodes bit for bit, whichever way and in whatever blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.episode import Episode
from bydemo.evaluation.actors import ActorFactory, ExpertActor, expert_dice, labels
from bydemo.evaluation.rollout import EXECUTED, TIME_OUT, Rollout, outcome
from bydemo.evaluation.teaching import Noise, NoisyActor
from bydemo.evaluation.worker_process import TaskConfig
from bydemo.sim.batch_task import BatchTask

BLOCK = 128
"""Episodes that are played at once."""


def can_be_batched(task: TaskConfig, factory: ActorFactory) -> bool:
    """Does the task offer a batched simulation, and is the actor its expert, noise on it or not?"""
    acts = factory.teacher if isinstance(factory, NoisyActor) else factory
    return callable(getattr(task, "batched", None)) and isinstance(acts, ExpertActor)


class BatchPlayer:
    """Plays episodes of an expert, up to `n` at once on so many threads."""

    def __init__(self, task: Any, factory: ActorFactory, *, n: int, threads: int) -> None:
        self._batch: BatchTask = task.batched(n, threads=threads)
        self._labelled = labels(factory)
        self._noise = None
        if isinstance(factory, NoisyActor):
            self._noise = Noise(self._batch.data_spec.action, factory.sigma)

    def __enter__(self) -> BatchPlayer:
        return self

    def __exit__(self, *error: object) -> None:
        self._batch.close()

    def play(self, seeds: Sequence[int]) -> list[Rollout] | None:
        """One rollout a seed, with what was seen and done; None where an action is no number,
        which is for `rollout` to judge."""
        block = _Block(self._batch, seeds, self._noise, labelled=self._labelled)
        return block.rollouts() if block.to_the_end() else None


@dataclass(frozen=True, kw_only=True, eq=False)
class _End:
    """How and when an episode ended."""

    steps: int
    success: bool | None
    reason: str | None
    final: dict[str, NDArray[Any]]


class _Block:
    """N episodes: room for the longest, and where each ended."""

    def __init__(
        self, batch: BatchTask, seeds: Sequence[int], noise: Noise | None, *, labelled: bool
    ) -> None:
        spec, n, most = batch.data_spec, len(seeds), batch.max_steps
        self.batch, self.seeds = batch, seeds
        self.observation = {name: np.empty((n, most, *f.shape), f.dtype)
                            for name, f in spec.observation.items()}  # fmt: skip
        self.action = np.empty((n, most, *spec.action.shape), spec.action.dtype)
        self.executed = np.empty_like(self.action) if labelled else self.action
        self.reward = np.zeros((n, most), np.float32)
        self.total = np.zeros(n)
        self.ends: list[_End | None] = [None] * n
        self._noise = noise
        self._labelled = labelled

    def to_the_end(self) -> bool:
        """Play until the last episode has ended; False if an action is not finite."""
        batch, seeds = self.batch, self.seeds
        noise = None
        if self._noise is not None:
            noise = np.stack([self._noise.drawn(seed, batch.max_steps) for seed in seeds], axis=1)
        observation = batch.reset(seeds)
        expert = batch.expert([expert_dice(seed) for seed in seeds])
        for step in range(batch.max_steps):
            meant = np.asarray(expert.act(observation), np.float32)
            if not np.isfinite(meant).all():
                return False
            done = meant
            if noise is not None and self._noise is not None:
                done = self._noise.added(meant, noise[step])
            for name, room in self.observation.items():
                room[:, step] = observation[name]
            self.executed[:, step] = done
            if self._labelled:
                self.action[:, step] = meant
            observation, reward, finished = batch.step(done)
            self._count(step, observation, reward, finished)
            if all(self.ends):
                break
        self._close(observation, np.ones(len(seeds), bool), batch.max_steps, timed_out=True)
        return True

    def rollouts(self) -> list[Rollout]:
        """What each episode was."""
        return [self._rollout(i) for i in range(len(self.seeds))]

    def _count(
        self, step: int, observation: dict[str, NDArray[Any]], reward: NDArray[np.float64],
        finished: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        going = np.array([end is None for end in self.ends])
        self.reward[going, step] = reward[going]
        self.total[going] += reward[going]
        self._close(observation, finished & going, step + 1)

    def _close(
        self, observation: dict[str, NDArray[Any]], which: NDArray[np.bool_], steps: int,
        *, timed_out: bool = False,
    ) -> None:  # fmt: skip
        left = [i for i in np.flatnonzero(which) if self.ends[i] is None]
        if not left:
            return
        success, reasons = self.batch.success(), self.batch.failure_reasons()
        for i in left:
            reached = None if success is None else bool(success[i])
            success_i, reason = outcome(reached, TIME_OUT if timed_out else reasons[i])
            final = {name: np.array(observation[name][i]) for name in self.observation}
            self.ends[i] = _End(steps=steps, success=success_i, reason=reason, final=final)

    def _rollout(self, i: int) -> Rollout:
        end, seed, total = self.ends[i], self.seeds[i], float(self.total[i])
        assert end is not None
        info = {"seed": seed, "return": total if math.isfinite(total) else None}
        done = {EXECUTED: self.executed[i, : end.steps]} if self._labelled else {}
        episode = Episode(
            observation={n: room[i, : end.steps] for n, room in self.observation.items()},
            action=self.action[i, : end.steps],
            instruction=self.batch.instruction,
            success=end.success,
            reward=self.reward[i, : end.steps],
            final_observation=end.final,
            annotation=done,
            info=info if end.reason is None else {**info, "reason": end.reason},
        )
        return Rollout(seed=seed, success=end.success, reason=end.reason, steps=end.steps,
                       total_reward=total, instruction=self.batch.instruction,
                       episode=episode)  # fmt: skip
