"""Teachers: anything that says what to do as an actor, and actors that let one correct them.

`NoisyActor` is DART (Laskey et al., 2017), `MixedActor` the roll-in of DAgger (Ross et al., 2011):
both carry out something else than the teacher's action, and keep the teacher's as the label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bydemo.core.actor import Actor, Observation
from bydemo.core.errors import InputError
from bydemo.core.fields import Field
from bydemo.evaluation.actors import ActorFactory
from bydemo.evaluation.callables import CallableActor, as_factory, checked_action
from bydemo.sim.task import Task

__all__ = ["CallableActor", "MixedActor", "Noise", "NoisyActor", "as_factory"]

_NOISE_STREAM, _MIX_STREAM = 3, 4
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class NoisyActor:
    """DART: carries out the teacher's action with Gaussian noise, and says what was meant.

    sigma: standard deviation on every continuous component [its raw unit]; the sum is cut to the
    action's limits. label: what a recording holds as the action, the teacher's (`clean`, with
    `executed_action` beside it) or the noisy one (`executed`).
    """

    teacher: ActorFactory
    sigma: float
    label: Literal["clean", "executed"] = "clean"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma) and self.sigma >= 0):
            raise InputError(f"is {self.sigma:g}, expected 0 or more", field="noise")
        if self.label not in ("clean", "executed"):
            raise InputError(f"is '{self.label}', expected clean or executed", field="noise_label")

    @property
    def labels(self) -> bool:
        """Whether its actors have a `label`."""
        return self.label == "clean"

    def build(self, task: Task) -> Actor:
        """InputError where the action has no continuous component that noise could be added to."""
        noise = Noise(task.data_spec.action, self.sigma)
        teacher = _Teacher(self.teacher.build(task), task.data_spec.action)
        return _Labelled(teacher, noise) if self.labels else _Noisy(teacher, noise)


@dataclass(frozen=True)
class MixedActor:
    """DAgger's roll-in: at each step the teacher's action with probability `beta`, else the
    learner's; the label is always the teacher's."""

    learner: ActorFactory
    teacher: ActorFactory
    beta: float

    labels = True

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 1:
            raise InputError(f"is {self.beta:g}, expected 0 to 1", field="beta")

    def build(self, task: Task) -> Actor:
        """The learner is built only if it may act."""
        teacher = _Teacher(self.teacher.build(task), task.data_spec.action)
        return _Mixed(self.learner.build(task) if self.beta < 1 else None, teacher, self.beta)


def taught(seed: int, steps: int, beta: float) -> NDArray[np.bool_]:
    """(steps,) in which steps of the episode with this seed a `MixedActor` follows its teacher."""
    return np.random.default_rng([seed, _MIX_STREAM]).random(steps) < beta


class Noise:
    """Gaussian noise on the continuous components of an action."""

    def __init__(self, field: Field, sigma: float) -> None:
        self._columns = field.columns(labels=False)
        if not len(self._columns):
            raise InputError("the action has no continuous component to add it to", field="noise")
        low = [-np.inf if p.low is None else p.low for p in field.parts for _ in range(p.size)]
        high = [np.inf if p.high is None else p.high for p in field.parts for _ in range(p.size)]
        self._low = np.array(low, np.float32)[self._columns]
        self._high = np.array(high, np.float32)[self._columns]
        self._sigma = sigma

    def drawn(self, seed: int, steps: int) -> NDArray[np.float64]:
        """(steps, C) for the episode with this seed; fewer steps are the beginning of more."""
        generator = np.random.default_rng([seed, _NOISE_STREAM])
        return self._sigma * generator.standard_normal((steps, len(self._columns)))

    def added(self, action: Vector, noise: NDArray[np.float64]) -> Vector:
        """(..., A) actions with (..., C) noise on them, within the action's limits."""
        out = action.copy()
        noisy = (action[..., self._columns] + noise).astype(np.float32)
        out[..., self._columns] = np.clip(noisy, self._low, self._high)
        return out


class _Teacher:
    """Refuses to pass on what is no action: it would end up in a dataset."""

    def __init__(self, actor: Actor, field: Field) -> None:
        self._actor, self._field = actor, field

    def reset(self, seed: int, instruction: str) -> None:
        self._actor.reset(seed, instruction)

    def act(self, observation: Observation) -> Vector:
        return checked_action(self._actor.act(observation), self._field)


class _Noisy:
    """Carries out the noisy action, which is then the recorded one."""

    def __init__(self, teacher: _Teacher, noise: Noise) -> None:
        self._teacher, self._noise = teacher, noise

    def reset(self, seed: int, instruction: str) -> None:
        self._teacher.reset(seed, instruction)
        self._seed, self._step = seed, 0
        self._drawn = self._noise.drawn(seed, _AHEAD)

    def act(self, observation: Observation) -> Vector:
        return self._noise.added(self._teacher.act(observation), self._next())

    def _next(self) -> NDArray[np.float64]:
        if self._step == len(self._drawn):
            self._drawn = self._noise.drawn(self._seed, 2 * self._step)
        self._step += 1
        row: NDArray[np.float64] = self._drawn[self._step - 1]
        return row


_AHEAD = 64
"""Steps whose noise is drawn at once."""


class _Labelled(_Noisy):
    """Carries out the noisy action; the recorded one is the teacher's."""

    label: Vector | None = None

    def act(self, observation: Observation) -> Vector:
        self.label = self._teacher.act(observation)
        return self._noise.added(self.label, self._next())


class _Mixed:
    label: Vector | None = None

    def __init__(self, learner: Actor | None, teacher: _Teacher, beta: float) -> None:
        self._learner, self._teacher, self._beta = learner, teacher, beta

    def reset(self, seed: int, instruction: str) -> None:
        self._dice = np.random.default_rng([seed, _MIX_STREAM])
        self._teacher.reset(seed, instruction)
        if self._learner is not None:
            self._learner.reset(seed, instruction)

    def act(self, observation: Observation) -> Vector:
        self.label = self._teacher.act(observation)
        taught = self._dice.random() < self._beta
        if self._learner is None:
            return self.label
        own = self._learner.act(observation)  # always: it may keep count of what it has seen
        return self.label if taught else own
