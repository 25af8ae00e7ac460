"""Who may act: picklable descriptions that a worker process turns into actors.

Each is a frozen dataclass with `build(task)`; what it builds is a pure function of the seed given
to `reset`, so that results do not depend on which worker plays an episode.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, is_dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bydemo.core.actor import Actor, Observation
from bydemo.core.config import to_plain
from bydemo.core.errors import ExpertError, InputError
from bydemo.core.fields import Field, check_match
from bydemo.evaluation.events import neutral_class
from bydemo.sim.task import Task

_EXPERT_STREAM, _RANDOM_STREAM = 1, 2
"""Keep the actor's dice apart from the task's, which are thrown with the bare seed, and from those
of `teaching`: 3 and 4."""


class ActorFactory(Protocol):
    """Describes an actor; importable, picklable and hashable.

    One whose actors have a `label` (see `Actor`) has a property `labels` that is True.
    """

    def build(self, task: Task) -> Actor:
        """The actor, ready to `reset`; `task` is the one that it will act in."""
        ...


@dataclass(frozen=True, kw_only=True)
class ExpertActor:
    """The task's own demonstrator."""

    def build(self, task: Task) -> Actor:
        """A new expert each episode, with dice of its own."""
        return _Expert(task)


@dataclass(frozen=True, kw_only=True)
class RandomActor:
    """Uniform within the action's limits: the floor under every success rate."""

    def build(self, task: Task) -> Actor:
        """Numbers within the limits (1 where there is none), classes with equal chance."""
        return _Random(task.data_spec.action)


@dataclass(frozen=True, kw_only=True)
class StillActor:
    """Does nothing: zeros, and the neutral class of a label (or its first)."""

    def build(self, task: Task) -> Actor:
        """The same action at every step."""
        return _Still(task.data_spec.action)


@dataclass(frozen=True, kw_only=True)
class SavedPolicy:
    """A trained policy in a run or model folder.

    execute: steps of each predicted chunk that are carried out before looking again;
    ensemble_decay: average what recent chunks say about the present step instead.
    """

    path: str
    execute: int = 1
    ensemble_decay: float | None = None
    deterministic: bool = True

    def build(self, task: Task) -> Actor:
        """Loads it; MismatchError if it was trained on other fields than the task's."""
        # torch, only where a network acts
        from bydemo.models.agent import Agent
        from bydemo.models.chunking import RecedingHorizon, TemporalEnsemble

        agent = Agent.from_pretrained(self.path, deterministic=self.deterministic)
        check_match(agent.spec, task.data_spec, ours_name=self.path, theirs_name="the task")
        if self.ensemble_decay is not None:
            return TemporalEnsemble(agent, self.ensemble_decay)
        return agent if self.execute == 1 else RecedingHorizon(agent, self.execute)


EXPERT, STILL = "expert", "still"
REFERENCES: dict[str, ActorFactory] = {
    EXPERT: ExpertActor(), "random": RandomActor(), STILL: StillActor(),
}  # fmt: skip
"""Actors that a policy's success rate is shown beside."""


def labels(factory: ActorFactory) -> bool:
    """Do its actors say what a teacher would have done, where they did something else?"""
    return bool(getattr(factory, "labels", False))


def described(factory: ActorFactory) -> dict[str, Any]:
    """Who acts, as plain values: the name and the settings, those of actors inside it too."""
    own: tuple[dataclasses.Field[Any], ...] = (
        dataclasses.fields(factory) if is_dataclass(factory) else ()
    )
    names = [f.name for f in own if f.repr]
    values = {name: getattr(factory, name) for name in names}
    plain = {n: described(v) if hasattr(v, "build") else to_plain(v) for n, v in values.items()}
    return {"actor": type(factory).__name__, "actor_config": plain}


def expert_dice(seed: int) -> np.random.Generator:
    """What the expert of the episode with this seed throws."""
    return np.random.default_rng([seed, _EXPERT_STREAM])


def reference_actors(
    names: Iterable[str], expert: ActorFactory | None = None
) -> dict[str, ActorFactory]:
    """Those of `REFERENCES` with these names, with `expert` in place of the task's own;
    InputError for any other name."""
    known = REFERENCES if expert is None else {**REFERENCES, EXPERT: expert}
    chosen = {name: known.get(name) for name in names}
    for name, actor in chosen.items():
        if actor is None:
            raise InputError(f"'{name}' is none of {', '.join(REFERENCES)}", field="references")
    return {name: actor for name, actor in chosen.items() if actor is not None}


class _Expert:
    def __init__(self, task: Task) -> None:
        self._task = task
        self._expert: Actor | None = None

    def reset(self, seed: int, instruction: str) -> None:
        try:
            self._expert = self._task.expert(expert_dice(seed))
        except InputError as error:  # this task has none: no episode will go better
            raise ExpertError(error.problem, field=error.field) from error
        self._expert.reset(seed, instruction)

    def act(self, observation: Observation) -> NDArray[np.float32]:
        assert self._expert is not None, "reset() comes before act()"
        return self._expert.act(observation)


class _Random:
    def __init__(self, field: Field) -> None:
        self._field = field

    def reset(self, seed: int, instruction: str) -> None:
        self._rng = np.random.default_rng([seed, _RANDOM_STREAM])

    def act(self, observation: Observation) -> NDArray[np.float32]:
        drawn = []
        for part in self._field.parts:
            if part.classes:
                drawn.append(self._rng.integers(len(part.classes), size=1).astype(np.float64))
            else:
                low = -1.0 if part.low is None else part.low
                high = 1.0 if part.high is None else part.high
                drawn.append(self._rng.uniform(low, high, part.size))
        return np.concatenate(drawn).astype(np.float32)


class _Still:
    def __init__(self, field: Field) -> None:
        values = []
        for part in field.parts:
            still = 0.0 if not part.classes else float(neutral_class(part) or 0)
            values += [np.clip(still, part.low, part.high)] * part.size
        self._action = np.array(values, np.float32)

    def reset(self, seed: int, instruction: str) -> None:
        pass

    def act(self, observation: Observation) -> NDArray[np.float32]:
        return self._action.copy()
