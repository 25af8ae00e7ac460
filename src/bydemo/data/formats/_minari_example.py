"""A tiny dataset with the fields of Gymnasium's Pusher: random, but well formed; for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from bydemo.core import pusher
from bydemo.core.episode import Episode
from bydemo.core.fields import Spec
from bydemo.data.source import Dataset
from bydemo.data.store import DatasetWriter

LENGTHS: Final = (5, 4, 6, 3)
"""[steps]"""
RATE: Final = 20.0
"""[Hz] what Pusher says of itself."""
FIRST_SEED: Final = 123


def example_dataset(path: Path) -> Dataset:
    """Write and open it at `path`."""
    rng = np.random.Generator(np.random.Philox(key=[0, 0]))
    name = "observation"
    spec = Spec(observation={name: pusher.OBSERVATION}, action=pusher.ACTION, control_rate=RATE)
    with DatasetWriter(path, spec, source={"format": "example"}) as writer:
        for number, steps in enumerate(LENGTHS):
            seen = rng.standard_normal((steps + 1, *pusher.OBSERVATION.shape))
            limit = pusher.TORQUE_LIMIT
            action = rng.uniform(-limit, limit, (steps, *pusher.ACTION.shape))
            writer.add(
                Episode(
                    observation={name: seen[:-1]},
                    final_observation={name: seen[-1]},
                    action=action.astype(np.float32),
                    reward=rng.standard_normal(steps, np.float32),
                    info={"seed": FIRST_SEED + number},
                )
            )
    return Dataset.open(path)
