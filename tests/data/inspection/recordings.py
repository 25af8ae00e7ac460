"""Datasets with planted flaws, small enough to be looked through by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bydemo.core.episode import Episode
from bydemo.core.fields import Field, Part, Spec
from bydemo.data.source import Dataset
from bydemo.data.store import DatasetWriter

SPEC = Spec(
    observation={
        "top": Field.image(60, 80),
        "state": Field.vector(Part(name="joint", size=3, unit="rad")),
    },
    action=Field.vector(
        Part(name="velocity", size=2, unit="m/s", low=-1.0, high=1.0),
        Part(name="gripper", size=1, classes=("open", "stay", "close")),
    ),
    control_rate=10.0,
)


def arrays(seed: int, steps: int) -> dict[str, Any]:
    """Unsuspicious arrays of one episode: noise pictures, a wandering state, busy commands."""
    rng = np.random.default_rng(seed)
    action = rng.uniform(-0.9, 0.9, (steps, 3))
    action[:, 2] = np.arange(steps) * 3 // steps
    return {
        "top": rng.integers(0, 256, (steps, 60, 80, 3), np.uint8),
        "state": np.cumsum(rng.normal(size=(steps, 3)), axis=0).astype(np.float32),
        "action": action.astype(np.float32),
        "reward": None,
        "instruction": "stack the blocks",
        "info": {},
    }


def write(
    path: Path, episodes: Sequence[dict[str, Any]], spec: Spec = SPEC, **source: Any
) -> Dataset:
    """A finished dataset of such episodes, opened; `timestamp` becomes an annotation."""
    with DatasetWriter(path, spec, source={"format": "test", **source}) as writer:
        for made in episodes:
            writer.add(
                Episode(
                    observation={n: made[n] for n in spec.observation},
                    action=made["action"],
                    reward=made["reward"],
                    instruction=made["instruction"],
                    info=made["info"],
                    annotation={n: made[n] for n in spec.annotation},
                )
            )
    return Dataset.open(path)
