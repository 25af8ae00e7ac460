"""A demonstrator of Gymnasium's InvertedPendulum: a linear law that keeps the pole upright."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bydemo.core.gymnasium_spec import OBSERVATION

_FORCE_LIMIT: Final = 3.0
_GAINS: Final = np.array([0.5, 12.0, 1.0, 2.0])
"""On cart position [m], pole angle [rad] and their rates; signs as the environment observes."""


class PendulumExpert:
    """The force (1,) on the cart."""

    def reset(self, seed: int, instruction: str) -> None:
        """It remembers nothing."""

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Linear in the state, within the limits."""
        force = _GAINS @ observation[OBSERVATION]
        return np.array([np.clip(force, -_FORCE_LIMIT, _FORCE_LIMIT)], np.float32)
