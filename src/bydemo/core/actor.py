"""Whoever acts: an expert, a replay, a random actor and a learned agent are all the same thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Observation = Mapping[str, NDArray[Any]]
"""One step's observation: field name -> array of the field's shape, raw units, images uint8."""


class Actor(Protocol):
    """Acts one episode at a time; the same seed gives the same actions.

    An actor may have an attribute `label`: after each `act()` the action (A,) float32 that a
    teacher would take where this actor took another one. It is then what a recording holds as the
    action, with what was carried out beside it as the annotation `executed_action`.
    """

    def reset(self, seed: int, instruction: str) -> None:
        """Begin an episode, forgetting the last one."""

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Return the action (A,) float32 in the spec's raw units."""
        ...
