"""One episode of an actor in a task: the same for recording demonstrations and for judging.

An episode that fails says why and never raises, so that it stays in every denominator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.actor import Actor
from bydemo.core.episode import Episode
from bydemo.core.errors import ExpertError
from bydemo.core.fields import Field, Spec
from bydemo.evaluation.clips import Reel, Shooting
from bydemo.sim.task import Observation, Task

NON_FINITE = "non-finite action"
TIME_OUT = "time-out"
CRASHED = "crashed"
"""The task or the actor raised an exception."""
EXECUTED = "executed_action"
"""The annotation that holds what was carried out, where the action recorded is a teacher's."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rollout:
    """How one episode went.

    success: None where the task knows no goal; total_reward: the return, NaN where the episode
    broke off before its end; reason: why not, None on success; detail: what was raised, after a
    crash; episode: what was seen and done, where it was asked for and at least one step was taken;
    reel: pictures that the task drew of itself, where they were asked for; crashed: it says nothing
    about the actor, because it or the task broke down; attempts: 2 if a crash was tried again.
    """

    seed: int
    success: bool | None
    reason: str | None
    steps: int
    total_reward: float = math.nan
    instruction: str = ""
    detail: str = ""
    crashed: bool = False
    attempts: int = 1
    episode: Episode | None = None
    reel: Reel | None = None

    def to_json(self) -> dict[str, Any]:
        """The row of an episode in a run's results."""
        row: dict[str, Any] = {
            "seed": self.seed, "success": self.success, "reason": self.reason,
            "steps": self.steps, "instruction": self.instruction,
            "return": self.total_reward if math.isfinite(self.total_reward) else None,
        }  # fmt: skip
        if self.detail:
            row["detail"] = self.detail
        return row if self.attempts == 1 else {**row, "attempts": self.attempts}


def rollout(
    task: Task, actor: Actor, seed: int, *, keep: bool = False, film: bool = False
) -> Rollout:
    """Let `actor` act until the task ends the episode.

    keep: return what was seen and done; film: return pictures too, those of the task's cameras
    with what was seen, and of a task without any what it draws of itself, if it can.
    Everything is drawn from `seed`. An action that is not finite ends the episode before the task
    sees it. Only ExpertError is raised: a demonstrator that cannot be used.
    """
    try:
        return _play(task, actor, seed, keep, film)
    except ExpertError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        instruction = str(getattr(task, "instruction", ""))
        return Rollout(seed=seed, success=False, reason=CRASHED, steps=0, detail=said,
                       crashed=True, instruction=instruction)  # fmt: skip


def recorded_spec(spec: Spec, *, labelled: bool) -> Spec:
    """The fields of what `rollout` keeps: those of a task, and of an actor with a `label` also
    the action that was carried out."""
    if not labelled:
        return spec
    executed = replace(spec.action, description="carried out in place of the teacher's action")
    return replace(spec, annotation={**spec.annotation, EXECUTED: executed})


def _play(task: Task, actor: Actor, seed: int, keep: bool, film: bool) -> Rollout:
    observation, _ = task.reset(seed=seed)
    instruction = task.instruction
    actor.reset(seed, instruction)
    seen_by_cameras = film and bool(task.data_spec.cameras)
    shooting = Shooting(task) if film and not seen_by_cameras else None
    tape = _Tape(task, hasattr(actor, "label")) if keep or seen_by_cameras else None
    reason: str | None = TIME_OUT
    steps, total = 0, 0.0
    for _ in range(task.max_steps):
        action = _checked(actor.act(observation), task.data_spec.action)
        if not np.isfinite(action).all():
            reason, total = NON_FINITE, math.nan
            break
        if tape is not None:
            tape.before(steps, observation, action, task, getattr(actor, "label", None))
        if shooting is not None:
            shooting.shoot(steps)
        observation, reward, terminated, truncated, _ = task.step(action)
        steps, total = steps + 1, total + float(reward)
        if tape is not None:
            tape.reward[steps - 1] = reward
        if terminated or truncated:
            reason = task.failure_reason()
            break
    success, reason = outcome(task.success(), reason)
    episode = None
    if tape is not None and steps > 0:
        known = {"seed": seed, "return": total if math.isfinite(total) else None}
        info = known if reason is None else {**known, "reason": reason}
        episode = tape.episode(steps, observation, instruction, success, info)
    return Rollout(seed=seed, success=success, reason=reason, steps=steps, total_reward=total,
                   instruction=instruction, episode=episode,
                   reel=None if shooting is None else shooting.reel())  # fmt: skip


def outcome(reached: bool | None, reason: str | None) -> tuple[bool | None, str | None]:
    """Success and the reason against it, of an episode that ended with what the task says.

    Without a known goal there is neither, unless the action was no number or a time-out.
    """
    if reached is None:
        return None, reason
    success = bool(reached) and reason != NON_FINITE
    return success, None if success else reason or TIME_OUT


def _checked(action: NDArray[Any], field: Field) -> NDArray[np.float32]:
    out = np.asarray(action, np.float32)
    if out.shape != field.shape:
        raise ValueError(f"the actor's action has shape {out.shape}, expected {field.shape}")
    return out


class _Tape:
    """Room for a longest episode; only the rows that are written take memory."""

    def __init__(self, task: Task, labelled: bool) -> None:
        spec, most = task.data_spec, task.max_steps
        self.labelled = labelled
        self.action = np.empty((most, *spec.action.shape), spec.action.dtype)
        self.reward = np.zeros(most, np.float32)
        self.observation = _room(spec.observation, most)
        self.annotation = _room(recorded_spec(spec, labelled=labelled).annotation, most)

    def before(
        self, step: int, observation: Observation, action: NDArray[np.float32], task: Task,
        label: NDArray[Any] | None,
    ) -> None:  # fmt: skip
        """What is seen, known and about to be done in `step`, and what a teacher would do."""
        for name, room in self.observation.items():
            room[step] = observation[name]
        if self.annotation:
            truth = {**task.annotation(), **({EXECUTED: action} if self.labelled else {})}
            for name, room in self.annotation.items():
                room[step] = truth[name]
        self.action[step] = action if label is None else label

    def episode(
        self, steps: int, final: Observation, instruction: str, success: bool | None,
        info: dict[str, Any],
    ) -> Episode:  # fmt: skip
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
