"""One episode of an actor in a task: the same for recording demonstrations and for judging.

An episode that fails says why and never raises, so that it stays in every denominator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.actor import Actor
from bydemo.core.episode import Episode
from bydemo.core.fields import Field
from bydemo.sim.task import Observation, Task

NON_FINITE = "non-finite action"
TIME_OUT = "time-out"
CRASHED = "crashed"
"""The task or the actor raised an exception."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rollout:
    """How one episode went.

    reason: None on success, else why not; detail: what was raised, after a crash; episode: what was
    seen and done, where it was asked for and at least one step was taken; crashed: it says nothing
    about the actor, because it or the task broke down; attempts: 2 if a crash was tried again.
    """

    seed: int
    success: bool
    reason: str | None
    steps: int
    instruction: str = ""
    detail: str = ""
    crashed: bool = False
    attempts: int = 1
    episode: Episode | None = None

    def to_json(self) -> dict[str, Any]:
        """The row of an episode in a run's results."""
        row: dict[str, Any] = {
            "seed": self.seed, "success": self.success, "reason": self.reason,
            "steps": self.steps, "instruction": self.instruction,
        }  # fmt: skip
        if self.detail:
            row["detail"] = self.detail
        return row if self.attempts == 1 else {**row, "attempts": self.attempts}


def rollout(task: Task, actor: Actor, seed: int, *, keep: bool = False) -> Rollout:
    """Let `actor` act until the task ends the episode; `keep` returns what was seen and done.

    Everything is drawn from `seed`. An action that is not finite ends the episode before the task
    sees it.
    """
    try:
        return _play(task, actor, seed, keep)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        instruction = str(getattr(task, "instruction", ""))
        return Rollout(seed=seed, success=False, reason=CRASHED, steps=0, detail=said,
                       crashed=True, instruction=instruction)  # fmt: skip


def _play(task: Task, actor: Actor, seed: int, keep: bool) -> Rollout:
    observation, _ = task.reset(seed=seed)
    instruction = task.instruction
    actor.reset(seed, instruction)
    tape = _Tape(task) if keep else None
    reason: str | None = TIME_OUT
    steps = 0
    for _ in range(task.max_steps):
        action = _checked(actor.act(observation), task.data_spec.action)
        if not np.isfinite(action).all():
            reason = NON_FINITE
            break
        if tape is not None:
            tape.before(steps, observation, action, task)
        observation, reward, terminated, truncated, _ = task.step(action)
        steps += 1
        if tape is not None:
            tape.reward[steps - 1] = reward
        if terminated or truncated:
            reason = task.failure_reason() or TIME_OUT
            break
    success = reason != NON_FINITE and bool(task.success())
    reason = None if success else reason
    episode = None
    if tape is not None and steps > 0:
        info = {"seed": seed} if success else {"seed": seed, "reason": reason}
        episode = tape.episode(steps, observation, instruction, success, info)
    return Rollout(seed=seed, success=success, reason=reason, steps=steps,
                   instruction=instruction, episode=episode)  # fmt: skip


def _checked(action: NDArray[Any], field: Field) -> NDArray[np.float32]:
    out = np.asarray(action, np.float32)
    if out.shape != field.shape:
        raise ValueError(f"the actor's action has shape {out.shape}, expected {field.shape}")
    return out


class _Tape:
    """Room for a longest episode; only the rows that are written take memory."""

    def __init__(self, task: Task) -> None:
        spec, most = task.data_spec, task.max_steps
        self.action = np.empty((most, *spec.action.shape), spec.action.dtype)
        self.reward = np.zeros(most, np.float32)
        self.observation = _room(spec.observation, most)
        self.annotation = _room(spec.annotation, most)

    def before(
        self, step: int, observation: Observation, action: NDArray[np.float32], task: Task
    ) -> None:
        """What is seen, known and about to be done in `step`."""
        for name, room in self.observation.items():
            room[step] = observation[name]
        if self.annotation:
            truth = task.annotation()
            for name, room in self.annotation.items():
                room[step] = truth[name]
        self.action[step] = action

    def episode(
        self, steps: int, final: Observation, instruction: str, success: bool, info: dict[str, Any]
    ) -> Episode:
        """The first `steps` rows as an episode."""
        return Episode(
            observation={n: room[:steps] for n, room in self.observation.items()},
            action=self.action[:steps],
            instruction=instruction,
            success=success,
            reward=self.reward[:steps],
            final_observation={n: np.array(final[n]) for n in self.observation},
            annotation={n: room[:steps] for n, room in self.annotation.items()},
            info=info,
        )


def _room(fields: Mapping[str, Field], most: int) -> dict[str, NDArray[Any]]:
    return {n: np.empty((most, *f.shape), f.dtype) for n, f in fields.items()}
