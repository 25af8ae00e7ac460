"""Executing action chunks: a wrapper around an agent, never part of a policy.

Shape letters: K chunk steps, A action components.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bydemo.core.actor import Observation
from bydemo.core.errors import InputError
from bydemo.core.fields import Spec


class ChunkActor(Protocol):
    """An actor that also foresees: `act_chunk` gives the actions (K, A) from now on."""

    @property
    def spec(self) -> Spec: ...

    @property
    def chunk(self) -> int: ...

    def reset(self, seed: int, instruction: str) -> None: ...

    def act_chunk(self, observation: Observation) -> NDArray[np.float32]: ...

    def see(self, observation: Observation) -> None: ...


class RecedingHorizon:
    """Acts on the first `execute` actions of a chunk, then looks and predicts again."""

    def __init__(self, agent: ChunkActor, execute: int) -> None:
        if not 1 <= execute <= agent.chunk:
            raise InputError(
                f"{execute}, expected 1..{agent.chunk}, the steps of a chunk", field="execute"
            )
        self.agent, self.execute, self.spec = agent, execute, agent.spec
        self._queue: deque[NDArray[np.float32]] = deque()

    def reset(self, seed: int, instruction: str) -> None:
        """Begin an episode, forgetting what was planned."""
        self.agent.reset(seed, instruction)
        self._queue.clear()

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """The next action (A,); until the plan is used up, the observation is only remembered."""
        if self._queue:
            self.agent.see(observation)
        else:
            self._queue.extend(self.agent.act_chunk(observation)[: self.execute])
        return self._queue.popleft()


class TemporalEnsemble:
    """Predicts at every step and averages what all recent chunks said about this step.

    Weights are exp(-decay * age), normalised, with age 0 for the *oldest* chunk (Zhao et al.,
    2023, ACT): a larger decay trusts older predictions more. Label components are voted on with
    the same weights; a tie goes to the lower class index.
    """

    def __init__(self, agent: ChunkActor, decay: float = 0.01) -> None:
        self.agent, self.decay, self.spec = agent, decay, agent.spec
        self._chunks: deque[NDArray[np.float32]] = deque(maxlen=agent.chunk)
        self._labels = agent.spec.action.columns(labels=True)

    def reset(self, seed: int, instruction: str) -> None:
        """Begin an episode, forgetting what was predicted."""
        self.agent.reset(seed, instruction)
        self._chunks.clear()

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """The ensemble's action (A,)."""
        self._chunks.append(self.agent.act_chunk(observation))
        newest = len(self._chunks) - 1
        said = np.stack([chunk[newest - i] for i, chunk in enumerate(self._chunks)])
        weights = np.exp(-self.decay * np.arange(len(said)))
        weights /= weights.sum()
        action: NDArray[np.float32] = (weights @ said).astype(np.float32)
        for column in self._labels:
            votes = np.bincount(said[:, column].astype(np.int64), weights=weights)
            action[column] = votes.argmax()
        return action
