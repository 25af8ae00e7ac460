"""Many copies of a task stepped together, each episode bit for bit what the task itself plays.

A task's `Config` may offer `batched(n, threads=1) -> BatchTask`. Arrays have a first axis of
copies; copies whose episode is over stay as they are until the next `reset`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bydemo.core.fields import Spec
from bydemo.sim.task import Observation


class BatchActor(Protocol):
    """Acts in all copies at once."""

    def act(self, observations: Observation) -> NDArray[np.float32]:
        """The actions (k, A) for observations name -> (k, ...): row i as one actor alone gives."""
        ...


class BatchTask(Protocol):
    """Up to n copies of one task. Observations are the caller's to keep."""

    data_spec: Spec
    instruction: str
    """The goal of every copy, in words."""
    max_steps: int

    def reset(self, seeds: Sequence[int]) -> Observation:
        """Begin episode `seeds[i]` in copy i, as `Task.reset` would; at most n seeds."""
        ...

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_]]:
        """Observations, rewards (k,), and which episodes are over (k,), after actions (k, A)."""
        ...

    def success(self) -> NDArray[np.bool_] | None:
        """(k,) was the goal reached; None: the environment knows no goal."""
        ...

    def failure_reasons(self) -> list[str | None]:
        """One of `FAILURES` for each episode that has ended without success, otherwise None."""
        ...

    def expert(self, rngs: Sequence[np.random.Generator]) -> BatchActor:
        """Demonstrators of the episodes just begun by `reset`: copy i acts as
        `Task.expert(rngs[i])` after its own `reset` does."""
        ...

    def close(self) -> None:
        """Free what is held: threads, memory."""
