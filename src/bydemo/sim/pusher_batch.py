"""Many copies of Gymnasium's Pusher-v5 stepped together, each bit for bit as it is alone.

`mujoco.rollout` would step them as fast, but starts the contact solver of every step from nothing
(it does not hand back the last step's accelerations), which changes positions by 1e-12. So each
copy has a state of its own, stepped by `mj_step` outside of Python's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError, SimulationError
from bydemo.core.gymnasium_spec import (
    OBSERVATION,
    control_rate_of,
    environment_spec,
    make_environment,
)
from bydemo.core.pusher import ENVIRONMENT, REACHED
from bydemo.core.pusher import OBSERVATION as FIELD
from bydemo.sim.physics_warnings import warning_count
from bydemo.sim.pusher_expert import Dice, PusherExperts
from bydemo.sim.task import Observation

INSTRUCTION: Final = "push the object to the goal"
_BODIES: Final = ("tips_arm", "object", "goal")
_PARTS: Final = FIELD.slices()
_NEAR_WEIGHT, _CONTROL_WEIGHT = 0.5, 0.1
"""Of the environment's reward; the object's distance to the goal has weight 1."""


def reached(observation: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(k,) is the object at the goal, in (k, 23)?"""
    way = observation[:, _PARTS["object"]] - observation[:, _PARTS["goal"]]
    near: NDArray[np.bool_] = _length(way) < REACHED
    return near


def rewards(observation: NDArray[np.float64], action: NDArray[np.float32]) -> NDArray[np.float64]:
    """(k,) the environment's reward, added up in its order; it charges the unclipped action."""
    thing = observation[:, _PARTS["object"]]
    near = -_length(thing - observation[:, _PARTS["fingertip"]]) * _NEAR_WEIGHT
    away = -_length(thing - observation[:, _PARTS["goal"]])
    effort = -np.square(action).sum(axis=1) * _CONTROL_WEIGHT
    total: NDArray[np.float64] = away + effort + near
    return total


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) of (k, 3): the same sum as `np.linalg.norm` of each alone."""
    length: NDArray[np.float64] = np.sqrt(np.vecdot(vectors, vectors))
    return length


class PusherBatch:
    """Up to `n` episodes at once on `threads` threads; a `BatchTask`."""

    def __init__(
        self, n: int, *, threads: int = 1, stochastic: bool = False, weights: str = ""
    ) -> None:
        for name, count in (("n", n), ("threads", threads)):
            if count < 1:
                raise InputError(f"is {count}, expected 1 or more", field=name)
        self._one = make_environment(ENVIRONMENT, disable_env_checker=True)
        inner: Any = self._one.unwrapped
        self._model, self._frame_skip = inner.model, int(inner.frame_skip)
        self._copies = [mujoco.MjData(self._model) for _ in range(n)]
        self._controls = [data.ctrl for data in self._copies]
        bodies = [self._model.body(name).id for name in _BODIES]
        joints = _PARTS["joint_position"].stop
        self._seen = [  # of each copy what is observed, in order: views into its state
            (data.qpos[:joints], data.qvel[:joints], *(data.xpos[body] for body in bodies))
            for data in self._copies
        ]
        self.data_spec = environment_spec(
            ENVIRONMENT, self._one.observation_space, self._one.action_space,
            control_rate_of(self._one),
        )  # fmt: skip
        assert self._one.spec is not None
        self.max_steps = int(self._one.spec.max_episode_steps or 0)
        self.instruction = INSTRUCTION
        self._stochastic, self._weights = stochastic, weights
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._seeds: tuple[int, ...] = ()
        self._steps = 0

    def reset(self, seeds: Sequence[int]) -> Observation:
        """Begin episode `seeds[i]` in copy i."""
        if not 1 <= len(seeds) <= len(self._copies):
            raise InputError(f"{len(seeds)} of them, expected 1 to {len(self._copies)}",
                             field="seeds")  # fmt: skip
        self._seeds, self._steps = tuple(seeds), 0
        inner: Any = self._one.unwrapped
        for seed, data in zip(self._seeds, self._copies, strict=False):
            self._one.reset(seed=seed)
            mujoco.mj_copyData(data, self._model, inner.data)
        return {OBSERVATION: self._observe()}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_]]:
        """One step of every copy, under torques (k, 7) [N m]."""
        if not self._seeds or self._steps >= self.max_steps:
            raise SimulationError("the episodes are over: call reset() before step()")
        torques = np.asarray(actions, np.float32)
        expected = (len(self._seeds), *self.data_spec.action.shape)
        if torques.shape != expected:
            raise InputError(f"have shape {torques.shape}, expected {expected}", field="actions")
        for control, torque in zip(self._controls, torques, strict=False):
            control[:] = torque
        self._advance()
        self._steps += 1
        seen = self._observe()
        over = np.full(len(torques), self._steps >= self.max_steps)
        return {OBSERVATION: seen}, rewards(seen, torques), over

    def success(self) -> NDArray[np.bool_]:
        """(k,) the object stands at the goal now, and the physics can be trusted."""
        return reached(self._observe()) & ~self._warned()

    def failure_reasons(self) -> list[str | None]:
        """Why episodes ended without success."""
        if self._steps < self.max_steps:
            return [None] * len(self._seeds)
        return [
            "physics warning" if warned else None if there else "goal missed"
            for warned, there in zip(self._warned(), reached(self._observe()), strict=True)
        ]

    def expert(self, rngs: Sequence[np.random.Generator]) -> PusherExperts:
        """The experts of the episodes just begun."""
        if not self._stochastic:
            return PusherExperts(weights=self._weights)
        dice = [Dice(rng) for rng in rngs]
        for one, seed in zip(dice, self._seeds, strict=True):
            one.begin(seed)
        return PusherExperts(dice, weights=self._weights)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
        self._one.close()

    def _observe(self) -> NDArray[np.float64]:
        """(k, 23) a new array."""
        views = [view for seen in self._seen[: len(self._seeds)] for view in seen]
        return np.concatenate(views).reshape(len(self._seeds), -1)

    def _warned(self) -> NDArray[np.bool_]:
        return np.array([warning_count(d) > 0 for d in self._copies[: len(self._seeds)]])

    def _advance(self) -> None:
        count = len(self._seeds)
        if self._pool is None:
            self._step_copies(0, count)
            return
        edges = np.linspace(0, count, self._threads + 1).astype(int).tolist()
        for _ in self._pool.map(self._step_copies, edges[:-1], edges[1:]):
            pass

    def _step_copies(self, first: int, end: int) -> None:
        for data in self._copies[first:end]:
            mujoco.mj_step(self._model, data, self._frame_skip)
