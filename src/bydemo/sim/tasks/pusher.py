"""Push an object to a goal with a seven-jointed arm: Gymnasium's Pusher-v5, judged by return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bydemo.core.gymnasium_spec import OBSERVATION
from bydemo.core.pusher import ENVIRONMENT
from bydemo.sim.gymnasium_task import GymnasiumTask
from bydemo.sim.pusher_batch import INSTRUCTION, PusherBatch, reached
from bydemo.sim.pusher_expert import PusherExpert


@dataclass(frozen=True, kw_only=True)
class Config:
    """How the expert acts; episodes are those of the environment."""

    stochastic: bool = False
    """The expert acts with the noise that it was trained with."""
    weights: str = ""
    """A file of `scripts/train_pusher_expert.py`; empty: the shipped expert."""

    def build(self) -> Pusher:
        """The environment."""
        return Pusher(self)

    def batched(self, n: int, threads: int = 1) -> PusherBatch:
        """`n` copies stepped together, on so many threads."""
        return PusherBatch(n, threads=threads, stochastic=self.stochastic, weights=self.weights)


class Pusher(GymnasiumTask):
    """Gymnasium's environment as it is: 100 steps, torques, 23 numbers seen."""

    view: ClassVar[Mapping[str, Any]] = {
        "lookat": (0.35, -0.15, -0.25), "distance": 1.6, "azimuth": 150.0, "elevation": -40.0,
    }  # fmt: skip
    """The table's part in which things happen."""

    def __init__(self, config: Config) -> None:
        super().__init__(ENVIRONMENT, instruction=INSTRUCTION)
        self.config = config

    def success(self) -> bool:
        """The object stands at the goal now, and the physics can be trusted."""
        if self.faulty:
            return False
        return bool(reached(self._seen[OBSERVATION][None])[0])

    def expert(self, rng: np.random.Generator) -> PusherExpert:
        """See `bydemo.sim.pusher_expert`."""
        return PusherExpert(rng, stochastic=self.config.stochastic, weights=self.config.weights)
