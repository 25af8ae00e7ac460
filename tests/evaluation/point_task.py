"""A stand-in task that needs no physics: a point on a plane walks to a goal and closes its hand.

Importable by spawned workers, as the real tasks are.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bydemo.core.errors import UnknownNameError
from bydemo.core.fields import Field, Part, Spec
from bydemo.sim.task import Task, action_space_of, space_of

SPEC = Spec(
    observation={
        "camera": Field.image(16, 16),
        "position": Field.vector(Part(name="position", size=2, unit="m")),
        "goal": Field.vector(Part(name="goal", size=2, unit="m")),
    },
    action=Field.vector(
        Part(name="velocity", size=2, unit="m/s", low=-0.1, high=0.1),
        Part(name="gripper", size=1, classes=("open", "stay", "close")),
    ),
    control_rate=10.0,
    annotation={
        "phase": Field.vector(Part(name="phase", size=1, classes=("walk", "grasp"))),
        "distance": Field.vector(Part(name="distance", size=1, unit="m")),
    },
)
REACH = 0.1


@dataclass(frozen=True, kw_only=True)
class Config:
    max_steps: int = 40
    trouble: str = ""
    """crash, kill, hang or diverge in the third step of the seeds below."""
    trouble_seeds: tuple[int, ...] = ()
    once: str = ""
    """A file: trouble comes only while it does not exist, and makes it."""
    pace: float = 0.0
    """[s] a step."""

    def build(self) -> PointTask:
        return PointTask(self)


class PointTask(Task):
    metadata = {"render_modes": [], "render_fps": 10}  # noqa: RUF012  # as Gymnasium declares it
    rendering = {"profile": "none"}  # noqa: RUF012

    def __init__(self, config: Config) -> None:
        self.config, self.max_steps, self.data_spec = config, config.max_steps, SPEC
        self.observation_space = space_of(SPEC.observation)
        self.action_space = action_space_of(SPEC.action)
        self.instruction = ""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.position = self.np_random.uniform(-1, 1, 2)
        self.goal = self.np_random.uniform(-1, 1, 2)
        side = "left" if self.goal[0] < 0 else "right"
        self.instruction = f"walk to the {side} goal"
        self.seed, self.steps, self.closed, self.failed = seed, 0, False, None
        return self._observe(), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        if self.steps == 3:
            self._trouble()
        time.sleep(self.config.pace)
        velocity = np.clip(action[:2], -0.1, 0.1)
        self.position = self.position + velocity
        self.closed = self.closed or int(action[2]) == 2
        done = self.closed
        out = self.steps >= self.max_steps and not done
        if not self.success() and self.failed is None and (done or out):
            self.failed = "missed grasp" if done else "time-out"
        return self._observe(), float(self.success()), done or self.failed is not None, out, {}

    def success(self) -> bool:
        return self.closed and self.failed is None and self._distance() < REACH

    def failure_reason(self) -> str | None:
        return self.failed

    def expert(self, rng: np.random.Generator) -> Walker:
        return Walker(self, rng)

    def annotation(self) -> Any:
        near = self._distance() < REACH
        return {
            "phase": np.array([float(near)], np.float32),
            "distance": np.array([self._distance()], np.float32),
        }

    def _distance(self) -> float:
        return float(np.linalg.norm(self.goal - self.position))

    def _observe(self) -> dict[str, Any]:
        image = np.zeros((16, 16, 3), np.uint8)
        for channel, point in enumerate((self.position, self.goal)):
            column, row = np.clip((point + 1) * 8, 0, 15).astype(int)
            image[row, column, channel] = 255
        return {
            "camera": image,
            "position": self.position.astype(np.float32),
            "goal": self.goal.astype(np.float32),
        }

    def _trouble(self) -> None:
        if self.seed not in self.config.trouble_seeds:
            return
        if self.config.once:
            if Path(self.config.once).exists():
                return
            Path(self.config.once).touch()
        if self.config.trouble == "crash":
            raise RuntimeError("the simulator fell over")
        if self.config.trouble == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.config.trouble == "hang":
            time.sleep(1000)
        if self.config.trouble == "diverge":
            self.failed = "physics warning"


class Walker:
    """Walks straight, with a little noise; one time in four it closes its hand too early."""

    def __init__(self, task: PointTask, rng: np.random.Generator) -> None:
        self.task, self.rng = task, rng
        self.hasty = rng.random() < 0.25

    def reset(self, seed: int, instruction: str) -> None:
        pass

    def act(self, observation: Any) -> Any:
        gap = observation["goal"].astype(float) - observation["position"]
        velocity = np.clip(gap + self.rng.normal(0, 0.01, 2), -0.1, 0.1)
        near = np.linalg.norm(gap) < (0.5 if self.hasty else REACH / 2)
        return np.array([*velocity, 2.0 if near else 1.0], np.float32)


@dataclass(frozen=True, kw_only=True)
class GreedyActor:
    """A learned policy's stand-in: walks towards the goal, and misbehaves if asked."""

    gain: float = 1.0
    not_a_number: bool = False
    fail_to_build: bool = False

    def build(self, task: Task) -> Greedy:
        if self.fail_to_build:
            raise RuntimeError("no such weights")
        return Greedy(self)


class Greedy:
    def __init__(self, config: GreedyActor) -> None:
        self.config = config

    def reset(self, seed: int, instruction: str) -> None:
        self.steps = 0

    def act(self, observation: Any) -> Any:
        self.steps += 1
        gap = observation["goal"] - observation["position"]
        label = 2.0 if np.linalg.norm(gap) < 0.08 else 1.0
        velocity = np.clip(self.config.gain * gap, -0.1, 0.1)
        if self.config.not_a_number and self.steps == 4:
            velocity = velocity * np.nan
        return np.array([*velocity, label], np.float32)


@dataclass(frozen=True, kw_only=True)
class Unbuildable:
    """A task that cannot be built, or whose process dies in the attempt."""

    die: bool = False

    def build(self) -> PointTask:
        if self.die:
            os.kill(os.getpid(), signal.SIGKILL)
        raise UnknownNameError("template", "pikc", ["pick", "place"])


@dataclass(frozen=True, kw_only=True)
class ThreadReporter:
    """Fails with what it sees of the environment."""

    def build(self, task: Task) -> Any:
        class Reporter(Greedy):
            def act(self, observation: Any) -> Any:
                raise ValueError(f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS')}")

        return Reporter(GreedyActor())


@dataclass(frozen=True, kw_only=True)
class OtherRobot:
    """The same task with an action of another name."""

    def build(self) -> PointTask:
        task = PointTask(Config())
        parts = (replace(SPEC.action.parts[0], name="speed"), *SPEC.action.parts[1:])
        task.data_spec = replace(SPEC, action=replace(SPEC.action, parts=parts))
        return task
