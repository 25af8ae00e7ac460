"""Made-up observations on which an exported policy is compared with the agent.

Shape letters as in `models/base.py`; T steps of history, D components of a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.models.agent import Agent, RawPrediction

Arrays = dict[str, NDArray[Any]]
SPREAD = 2.0
"""Half the width of the made-up values, in scales of the codec: training data and a good deal
around them, as a policy meets that strays."""


def made_up(agent: Agent, count: int, seed: int = 0) -> Arrays:
    """So many raw observations: vector fields (count, D), or (count, T, D) with a history, images
    (count, H, W, C) uint8 noise of any brightness, and `prompt` (count, L) word indices."""
    random = np.random.default_rng(seed)
    lead = (count, agent.history) if agent.history > 1 else (count,)
    affine, start = agent.codec.proprioception, 0
    out: Arrays = {}
    for name in agent.spec.vectors:
        field = agent.spec.observation[name]
        values = np.zeros((*lead, *field.shape))
        for part, where in field.slices().items():
            classes = next(len(p.classes) for p in field.parts if p.name == part)
            if classes:
                values[..., where] = random.integers(0, classes, (*lead, 1))
        columns = field.columns(labels=False)
        own = slice(start, start + len(columns))
        spread = random.uniform(-SPREAD, SPREAD, (*lead, len(columns)))
        values[..., columns] = affine.offset[own] + affine.scale[own] * spread
        out[name], start = values.astype(field.dtype), own.stop
    for name in agent.view.cameras:
        shape = agent.spec.observation[name].shape
        noise = random.integers(0, 256, (count, *shape), dtype=np.uint8)
        brightness = random.integers(1, 257, (count, 1, 1, 1), dtype=np.uint16)
        out[name] = (noise * brightness >> 8).astype(np.uint8)
    out["prompt"] = random.integers(0, agent.vocabulary.size, (count, agent.vocabulary.length))
    return out


def encoded(agent: Agent, observations: Mapping[str, NDArray[Any]]) -> Arrays:
    """`made_up` observations as the agent hands them to its model."""
    vectors = {name: observations[name] for name in agent.spec.vectors}
    felt = agent.codec.encode_observation(vectors)
    batch: Arrays = {
        "proprioception": felt.reshape(len(felt), -1),
        "prompt": observations["prompt"],
    }
    if agent.view.cameras:
        batch["image"] = agent.view.of(observations)
    return batch


def told_by(agent: Agent, observations: Mapping[str, NDArray[Any]]) -> RawPrediction:
    """What the agent itself says to `made_up` observations, by its own code."""
    return agent.predict(encoded(agent, observations))


def rows(observations: Mapping[str, NDArray[Any]], which: slice) -> Arrays:
    """Some of the observations."""
    return {name: array[which] for name, array in observations.items()}
