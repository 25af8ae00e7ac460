"""Untrained agents of several kinds, for every export to take or to refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bydemo.core.codec import Codec, Scaling
from bydemo.core.fields import Field, Part, Spec
from bydemo.core.images import View
from bydemo.core.language import Vocabulary
from bydemo.models import model_config
from bydemo.models.acting import ActingOptions
from bydemo.models.agent import Agent
from bydemo.models.base import Policy
from bydemo.models.folder import shapes_for

VOCABULARY = Vocabulary.of(["push the object to the goal"])
NO_CAMERA = View(cameras=())

STATE = Spec(
    observation={
        "observation": Field.vector(Part(name="joint", size=7), Part(name="goal", size=3),
                                    dtype="float64")
    },
    action=Field.vector(Part(name="torque", size=4, low=-2.0, high=2.0)),
    control_rate=20.0,
)  # fmt: skip
"""Ten float64 numbers and four torques, as a Gymnasium environment gives and takes them."""

MIXED = Spec(
    observation={
        "front": Field.image(16, 16),
        "side": Field.image(16, 16),
        "arm.place": Field.vector(
            Part(name="position", size=3),
            Part(name="time", size=1, used=False),
            Part(name="hand", size=1, classes=("open", "shut")),
            Part(name="speed", size=2),
        ),
        "force": Field.vector(Part(name="force", size=2), dtype="float64"),
    },
    action=Field.vector(
        Part(name="gripper", size=1, classes=("open", "stay", "close")),
        Part(name="velocity", size=3, low=-0.2, high=0.2),
        Part(name="spare", size=1, used=False),
        Part(name="lamp", size=1, classes=("off", "on")),
        Part(name="lift", size=1),
    ),
    control_rate=10.0,
)
"""Two cameras, fields with unused and labelled components, labels on both sides of numbers."""


def codec(spec: Spec, scaling: Scaling = "standardise") -> Codec:
    """Fitted on made-up data, one component of which hardly moves."""
    random = np.random.default_rng(0)
    observations = {}
    for name in spec.vectors:
        rows = random.normal(5.0, 2.0, (60, spec.observation[name].shape[0]))
        rows[:, 0] = 5.0
        observations[name] = [rows]
    actions = random.normal(0.3, 1.5, (60, spec.action.shape[0]))
    return Codec.fit(spec, observations, [actions], observation_scaling=scaling,
                     action_scaling=scaling)  # fmt: skip


def agent(
    spec: Spec = STATE,
    model: str = "proprioception",
    *,
    view: View = NO_CAMERA,
    chunk: int = 1,
    history: int = 1,
    scaling: Scaling = "standardise",
    options: ActingOptions | None = None,
    **values: Any,
) -> Agent:
    """A freshly initialised agent; `values` are options of its model."""
    small = {"widths": (32, 32)} if model == "proprioception" else {}
    config, fitted = model_config(model, small | values), codec(spec, scaling)
    torch.manual_seed(0)
    built = config.build(shapes_for(fitted, view, VOCABULARY, chunk, history))
    assert isinstance(built, Policy)
    return Agent(
        model=built, config=config, codec=fitted, view=view, vocabulary=VOCABULARY, chunk=chunk,
        history=history, options=options or ActingOptions(),
    )  # fmt: skip


def observation(spec: Spec = STATE, seed: int = 0) -> dict[str, Any]:
    """One raw observation, somewhere around the made-up data."""
    random = np.random.default_rng(seed)
    return {
        name: random.integers(0, 256, field.shape, dtype=np.uint8)
        if field.kind == "image"
        else random.normal(5.0, 3.0, field.shape).astype(field.dtype)
        for name, field in spec.observation.items()
    }
