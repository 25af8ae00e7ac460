"""Small well-formed episodes and datasets of any spec, for tests."""

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
        "front": Field.image(8, 8),
        "wrist": Field.image(8, 8),
        "pose": Field.vector(Part(name="position", size=3, unit="m")),
        "joints": Field.vector(
            Part(name="arm", size=2, unit="rad", used=False), Part(name="finger", size=1)
        ),
    },
    action=Field.vector(
        Part(name="velocity", size=2, unit="m/s"),
        Part(name="gripper", size=1, classes=("open", "stay", "close")),
    ),
    control_rate=10.0,
    annotation={"phase": Field.vector(Part(name="phase", size=1, classes=("reach", "grasp")))},
)


def episode(seed: int, steps: int, spec: Spec = SPEC, **more: Any) -> Episode:
    """A random episode of `steps` steps; `more` goes to Episode."""
    rng = np.random.Generator(np.random.Philox(key=[seed, steps]))

    def values(field: Field) -> np.ndarray:
        if field.kind == "image":
            return rng.integers(0, 256, (steps, *field.shape), np.uint8)
        out = rng.uniform(-0.2, 0.2, (steps, *field.shape)).astype(field.dtype)
        slices = field.slices()
        for part in field.labels:
            out[:, slices[part.name].start] = rng.integers(0, len(part.classes), steps)
        return out

    return Episode(
        observation={n: values(f) for n, f in spec.observation.items()},
        action=values(spec.action),
        annotation={n: values(f) for n, f in spec.annotation.items()},
        **{"instruction": f"pick up the thing {seed}", "info": {"seed": seed}, **more},
    )


def write_dataset(
    path: Path, lengths: Sequence[int] = (5, 3, 7), spec: Spec = SPEC, **more: Any
) -> Dataset:
    """A finished dataset of random episodes, opened."""
    with DatasetWriter(path, spec, source={"kind": "test"}) as writer:
        for seed, steps in enumerate(lengths):
            writer.add(episode(seed, steps, spec, **more))
    return Dataset.open(path)


def assert_same_episode(found: Episode, expected: Episode) -> None:
    """Every array and every word equal."""
    assert found.instruction == expected.instruction
    assert found.success == expected.success
    assert dict(found.info) == dict(expected.info)
    for a, b in ((found.observation, expected.observation), (found.annotation, expected.annotation),
                 (found.final_observation or {}, expected.final_observation or {})):  # fmt: skip
        assert set(a) == set(b)
        for name in a:
            assert a[name].dtype == b[name].dtype
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    np.testing.assert_array_equal(found.action, expected.action)
    assert (found.reward is None) == (expected.reward is None)
    if found.reward is not None:
        np.testing.assert_array_equal(found.reward, expected.reward)
