"""What a task is: a Gymnasium environment that also knows its spec, its goal and its expert."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from bydemo.core.actor import Actor
from bydemo.core.fields import Field, Spec

Observation = dict[str, NDArray[Any]]
Annotation = dict[str, NDArray[Any]]

FAILURES = (
    "never reached", "missed grasp", "dropped", "wrong object", "wrong place", "goal missed",
    "time-out", "physics warning", "non-finite action",
)  # fmt: skip
"""Every reason that `failure_reason` may give."""


class Task(gymnasium.Env[Observation, NDArray[np.float32]], abc.ABC):  # type: ignore[misc]
    """An environment that judges itself.

    `reset(seed=...)` draws the whole episode from the seed: the same seed gives the same
    observations, bit for bit. One that can draw has Gymnasium's `render()`, an RGB array, whether
    or not its spec has a camera.
    """

    judged_by: ClassVar[Literal["success", "return"]] = "success"
    """What evaluation shows first; recording keeps episodes that are no success only where the
    return is what counts."""
    data_spec: Spec
    """Fields of the observation, action and annotation (`spec` belongs to Gymnasium's registry)."""
    instruction: str
    """The goal of the present episode, in words."""
    max_steps: int

    @abc.abstractmethod
    def success(self) -> bool | None:
        """Was the goal reached, as physics has it? None: the environment knows no goal."""

    @abc.abstractmethod
    def failure_reason(self) -> str | None:
        """One of `FAILURES` once the episode has ended without success, otherwise None."""

    @abc.abstractmethod
    def expert(self, rng: np.random.Generator) -> Actor:
        """A demonstrator of this very environment, which it may look into."""

    @abc.abstractmethod
    def annotation(self) -> Annotation:
        """Privileged truth about the present step, as in `spec.annotation`."""


def space_of(fields: Mapping[str, Field]) -> gymnasium.spaces.Dict:
    """The Gymnasium space of an observation."""
    return gymnasium.spaces.Dict({name: _box(field) for name, field in fields.items()})


def _box(field: Field) -> gymnasium.spaces.Box:
    if field.kind == "image":
        return gymnasium.spaces.Box(0, 255, field.shape, np.uint8)
    return gymnasium.spaces.Box(-np.inf, np.inf, field.shape, np.dtype(field.dtype).type)


def action_space_of(field: Field) -> gymnasium.spaces.Box:
    """The Gymnasium space of an action: limits of each part, a label from 0 to its last class."""
    low, high = [], []
    for part in field.parts:
        if part.classes:
            bounds = 0.0, float(len(part.classes) - 1)
        else:
            bounds = (
                -np.inf if part.low is None else part.low,
                np.inf if part.high is None else part.high,
            )
        low += [bounds[0]] * part.size
        high += [bounds[1]] * part.size
    return gymnasium.spaces.Box(
        np.array(low, np.float32), np.array(high, np.float32), dtype=np.float32
    )
