"""Demonstrators that follow a plan with a human touch.

A plan maps the present state of the world to a `Motion`: where the tool should go, what the
gripper should do, and the name of the phase. It remembers nothing, so that a policy which sees
the same state can learn the same answer. `PlanFollower` turns motions into actions the way a
person with a joystick does: each axis is pushed fully over until its error is small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.jaco_play import SPEED_LIMIT

Vector = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Motion:
    """What to do now: `error` (3,) [m] still to go along each axis, gripper label, phase name."""

    phase: str
    error: Vector
    label: int


@dataclass(frozen=True, kw_only=True)
class Touch:
    """How a person's hand differs from a controller. Distances in metres, speeds in m/s."""

    full_error: float = 0.022
    """Axes further off than this are pushed fully over."""
    still_error: float = 0.003
    """Axes nearer than this are left alone."""
    speed_noise: float = 0.008
    """Standard deviation of the speed of a moving axis."""
    pause_chance: float = 0.008
    """A step begins a pause with this probability."""
    pause_steps: int = 3
    aim_noise: float = 0.004
    """Standard deviation of where the person thinks the goal is, drawn once an episode."""
    slip_chance: float = 0.06
    """An episode begins with a bad aim with this probability."""
    slip_aim: float = 0.028
    """How far a bad aim is off, until the first failed grasp."""


PERFECT = Touch(speed_noise=0.0, pause_chance=0.0, aim_noise=0.0, slip_chance=0.0)
"""A controller without human habits, for tests of the plan."""


class PlanFollower:
    """An actor that follows `plan()`; it looks at the world through the plan, not at observations.

    `plan(aim)` gives the present motion for a goal misjudged by `aim` (3,) [m].
    """

    def __init__(
        self,
        plan: Callable[[Vector], Motion],
        rng: np.random.Generator,
        touch: Touch,
        free_phases: frozenset[str] = frozenset(),
        recovery_phase: str = "",
    ) -> None:
        self._plan = plan
        self._seed = int(rng.integers(2**31))
        self._touch = touch
        self._free = free_phases
        self._recovery = recovery_phase
        self.reset(0, "")

    def reset(self, seed: int, instruction: str) -> None:
        """Begin an episode: draw this episode's habits."""
        self._rng = np.random.default_rng((self._seed, seed))
        touch = self._touch
        self._aim = np.zeros(3)
        self._aim[:2] = self._rng.normal(0.0, 1.0, 2).clip(-1.5, 1.5) * touch.aim_noise
        self._slip = np.zeros(3)
        if self._rng.random() < touch.slip_chance:
            turn = self._rng.uniform(0, 2 * np.pi)
            self._slip[:2] = touch.slip_aim * np.array([np.cos(turn), np.sin(turn)])
        self._pause = 0

    def act(self, observation: Mapping[str, Any]) -> NDArray[np.float32]:
        """The action (4,) for the present state: velocity [m/s] and gripper label."""
        motion = self._plan(self._aim + self._slip)
        if motion.phase == self._recovery:
            self._slip[:] = 0.0
        begins = self._rng.random() < self._touch.pause_chance
        if begins and self._pause == 0 and motion.phase in self._free:
            self._pause = int(self._rng.integers(1, self._touch.pause_steps + 1))
        velocity = self._velocity(motion.error)
        if self._pause > 0:
            self._pause -= 1
            velocity[:] = 0.0
        return np.append(velocity, motion.label).astype(np.float32)

    def _velocity(self, error: Vector) -> Vector:
        touch = self._touch
        size = np.abs(error)
        speed = SPEED_LIMIT * np.clip(size / touch.full_error, 0.0, 1.0)
        speed += self._rng.normal(0.0, 1.0, 3) * touch.speed_noise
        velocity = np.where(size < touch.still_error, 0.0, np.sign(error) * speed)
        return velocity.clip(-SPEED_LIMIT, SPEED_LIMIT)
