"""All of a dataset's own facts in one dictionary of plain JSON values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bydemo.data.inspection.episodes import describe_episodes
from bydemo.data.inspection.frames import describe_cameras
from bydemo.data.inspection.motion import describe_motion
from bydemo.data.inspection.samples import chosen_episodes, paths, trajectories
from bydemo.data.inspection.values import describe_labels, describe_values
from bydemo.data.jaco_reference import compare_with_jaco_play
from bydemo.data.source import Dataset

SCHEMA = "bydemo.inspection/1"


def survey_dataset(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Everything that can be said without fitting anything; progress counts camera frames."""
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "dataset": _identity(dataset),
        "episodes": describe_episodes(dataset),
        "values": describe_values(dataset),
        "labels": describe_labels(dataset),
        "motion": describe_motion(dataset),
        "cameras": describe_cameras(dataset, progress),
        "trajectories": trajectories(dataset, chosen_episodes(dataset, 3)),
        "paths": paths(dataset),
    }
    compared = compare_with_jaco_play(dataset, facts)
    return facts | ({"jaco_play": compared} if compared else {})


def _identity(dataset: Dataset) -> dict[str, Any]:
    parts = {
        name: {
            "episodes": len(indices),
            "steps": int(dataset.lengths[np.array(indices, np.int64)].sum()),
        }
        for name, indices in dataset.splits.items()
    }
    return {
        "path": str(dataset.path),
        "name": dataset.path.resolve().name,
        "fingerprint": dataset.fingerprint(),
        "complete": bool(dataset.manifest["complete"]),
        "episodes": len(dataset.episodes),
        "steps": dataset.steps,
        "seconds": dataset.steps / dataset.spec.control_rate,
        "control_rate": dataset.spec.control_rate,
        "cameras": {n: list(dataset.spec.observation[n].shape) for n in dataset.spec.cameras},
        "vectors": {n: dataset.spec.observation[n].shape[0] for n in dataset.spec.vectors},
        "action": dataset.spec.action.shape[0],
        "source": dict(dataset.manifest.get("source", {})),
        "rendering": dataset.manifest.get("rendering"),
        "split": {"kind": dataset.split_kind, "parts": parts},
    }
