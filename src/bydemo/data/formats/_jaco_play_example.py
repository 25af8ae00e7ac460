"""A tiny dataset with the fields of Jaco Play: random, but well formed; for tests and tries."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bydemo.core.episode import Episode
from bydemo.core.jaco_play import OBJECTS, SPEED_LIMIT, jaco_play_spec
from bydemo.data.source import Dataset
from bydemo.data.store import DatasetWriter

LENGTHS: Final = (3, 2, 4, 2)
"""[steps]"""


def example_dataset(path: Path) -> Dataset:
    """Write and open it at `path`."""
    rng = np.random.Generator(np.random.Philox(key=[0, 0]))
    with DatasetWriter(path, jaco_play_spec(), source={"format": "example"}) as writer:
        for steps, thing in zip(LENGTHS, OBJECTS, strict=False):
            writer.add(_episode(rng, steps, f"pick up the {thing}"))
    return Dataset.open(path)


def _episode(rng: np.random.Generator, steps: int, prompt: str) -> Episode:
    observation: dict[str, NDArray[Any]] = {}
    for name, field in jaco_play_spec().observation.items():
        shape = (steps, *field.shape)
        if field.kind == "image":
            observation[name] = rng.integers(0, 256, shape, np.uint8)
        else:
            observation[name] = rng.standard_normal(shape, np.float32)
    action = rng.uniform(-SPEED_LIMIT, SPEED_LIMIT, (steps, 4)).astype(np.float32)
    action[:, 3] = rng.integers(0, 3, steps)
    return Episode(observation=observation, action=action, instruction=prompt, success=True)
