"""A stand-in task judged by return, without cameras: two points on lines walk to their goals.

It draws itself, and can be played many at once: a law that real batched tasks must keep too is
tested on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Part, Spec
from bydemo.sim.task import Task, action_space_of, space_of

SPEC = Spec(
    observation={"gap": Field.vector(Part(name="gap", size=2, unit="m"), dtype="float64")},
    action=Field.vector(
        Part(name="velocity", size=2, unit="m/s", low=-0.1, high=0.1),
        Part(name="hand", size=1, classes=("open", "closed")),
    ),
    control_rate=10.0,
)
LABELS_ONLY = Field.vector(Part(name="hand", size=1, classes=("open", "closed")))


@dataclass(frozen=True, kw_only=True)
class Config:
    max_steps: int = 8
    knows_goal: bool = True
    early: bool = False
    """An episode ends as soon as the goal is reached."""
    has_expert: bool = True
    draws: bool = True
    trouble: str = ""
    """crash or nan (the expert's action) in the third step of the seeds below."""
    trouble_seeds: tuple[int, ...] = ()
    labels_only: bool = False

    def build(self) -> Line:
        return Line(self)

    def befalls(self, trouble: str, seed: int | None) -> bool:
        return self.trouble == trouble and seed in self.trouble_seeds


@dataclass(frozen=True, kw_only=True)
class BatchedConfig(Config):
    def batched(self, n: int, threads: int = 1) -> Lines:
        return Lines(self, n)


class Line(Task):
    judged_by: ClassVar[Literal["success", "return"]] = "return"
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, config: Config) -> None:
        self.config, self.max_steps = config, config.max_steps
        spec = Spec(observation=SPEC.observation, control_rate=10.0, action=LABELS_ONLY)
        self.data_spec = spec if config.labels_only else SPEC
        self.observation_space = space_of(SPEC.observation)
        self.action_space = action_space_of(self.data_spec.action)
        self.instruction = "walk"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.gap = self.np_random.uniform(-1, 1, 2)
        self.seed, self.steps = seed, 0
        return {"gap": self.gap.copy()}, {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        self.gap, reward = _moved(self.gap, action)
        if self.steps == 3 and self.config.befalls("crash", self.seed):
            raise RuntimeError("the line broke")
        done = self.config.early and bool(_near(self.gap))
        return {"gap": self.gap.copy()}, float(reward), done, self.steps >= self.max_steps, {}

    def success(self) -> bool | None:
        return bool(_near(self.gap)) if self.config.knows_goal else None

    def failure_reason(self) -> str | None:
        return None if not self.config.knows_goal or _near(self.gap) else "goal missed"

    def expert(self, rng: np.random.Generator) -> Any:
        if not self.config.has_expert:
            raise InputError("there is none: give one with --expert", field="expert")
        return LineExpert(self.config, rng)

    def annotation(self) -> Any:
        return {}

    def render(self) -> Any:
        if not self.config.draws:
            raise NotImplementedError
        picture = np.zeros((641, 480, 3), np.uint8)
        picture[:, : 240 + int(self.gap[0] * 100)] = 200
        return picture


def _moved(gap: Any, action: Any) -> Any:
    velocity = np.clip(action[..., :2].astype(np.float64), -0.1, 0.1)
    after = gap - velocity
    effort = action[..., 0].astype(np.float64) ** 2 + action[..., 1].astype(np.float64) ** 2
    return after, -np.abs(after[..., 0]) - np.abs(after[..., 1]) - effort


def _near(gap: Any) -> Any:
    return np.abs(gap).max(axis=-1) < 0.1


class LineExpert:
    """Walks straight, with dice of its own."""

    def __init__(self, config: Config, rng: np.random.Generator) -> None:
        self.config, self.rng = config, rng

    def reset(self, seed: int, instruction: str) -> None:
        self.seed, self.steps = seed, 0

    def act(self, observation: Any) -> Any:
        self.steps += 1
        wanted = np.clip(observation["gap"], -0.1, 0.1) + 0.01 * self.rng.standard_normal(2)
        if self.steps == 3 and self.config.befalls("nan", self.seed):
            wanted = wanted * np.nan
        return np.array([*wanted, float(self.steps % 2)], np.float32)


class Lines:
    """Many lines at once."""

    made: ClassVar[list[int]] = []
    """How many copies were asked for, each time."""

    def __init__(self, config: Config, n: int) -> None:
        self.made.append(n)
        self.config, self.max_steps, self.instruction = config, config.max_steps, "walk"
        self.data_spec = SPEC

    def reset(self, seeds: Sequence[int]) -> Any:
        self.seeds = list(seeds)
        starts = [Line(self.config).reset(seed=seed)[0]["gap"] for seed in seeds]
        self.gap = np.stack(starts)
        self.over = np.zeros(len(self.seeds), bool)
        self.steps = 0
        return {"gap": self.gap.copy()}

    def step(self, actions: Any) -> Any:
        self.steps += 1
        after, rewards = _moved(self.gap, actions)
        self.gap = np.where(self.over[:, None], self.gap, after)
        if self.steps == 3 and any(self.config.befalls("crash", seed) for seed in self.seeds):
            raise RuntimeError("the line broke")
        done = _near(self.gap) if self.config.early else np.zeros(len(self.seeds), bool)
        self.over = self.over | done | (self.steps >= self.max_steps)
        return {"gap": self.gap.copy()}, rewards, self.over.copy()

    def success(self) -> Any:
        return _near(self.gap) if self.config.knows_goal else None

    def failure_reasons(self) -> list[str | None]:
        known = self.config.knows_goal
        return [None if not known or near else "goal missed" for near in _near(self.gap)]

    def expert(self, rngs: Sequence[np.random.Generator]) -> LineExperts:
        actors = [Line(self.config).expert(rng) for rng in rngs]
        for actor, seed in zip(actors, self.seeds, strict=True):
            actor.reset(seed, "walk")
        return LineExperts(actors)

    def close(self) -> None:
        pass


class LineExperts:
    def __init__(self, actors: Sequence[LineExpert]) -> None:
        self.actors = actors

    def act(self, observations: Any) -> Any:
        rows = zip(self.actors, observations["gap"], strict=True)
        return np.stack([actor.act({"gap": gap}) for actor, gap in rows])


def towards(observation: Any) -> Any:
    """A plain callable as expert: what it says is no array yet."""
    return [*np.clip(observation["gap"], -0.1, 0.1), 1.0]


def too_wide(observation: Any) -> Any:
    return np.zeros(4)


def not_finite(observation: Any) -> Any:
    return [np.inf, 0.0, 0.0]


def a_pair(observation: Any) -> Any:
    return np.zeros(3), None


def a_wrong_class(observation: Any) -> Any:
    return [0.0, 0.0, 2.0]


class Steady:
    """An actor as a user would write one."""

    def reset(self, seed: int, instruction: str) -> None:
        self.seed = seed

    def act(self, observation: Any) -> Any:
        return np.array([0.05, 0.0, 0.0], np.float32)


@dataclass(frozen=True)
class SteadyFactory:
    def build(self, task: Task) -> Steady:
        return Steady()


STEADY = Steady()
NOT_AN_ACTOR = 3
