"""Made-up samples of the shape that a model was built for, with something in them to learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bydemo.core.codec import Codec
from bydemo.core.images import View
from bydemo.core.jaco_play import jaco_play_spec
from bydemo.core.language import Vocabulary
from bydemo.models.agent import Agent
from bydemo.models.base import ModelConfig, Policy, Shapes
from bydemo.models.folder import shapes_for

CAMERAS = ("front_cam", "mount_cam")
VOCABULARY = Vocabulary.of(["pick up the apple fruit", "place the green cup in the sink"])


def grey_view(size: int = 224) -> View:
    """Both cameras, grey, as the reference models see them."""
    return View(cameras=CAMERAS, colour=False, size=size)


def reference_shapes() -> Shapes:
    """What the reference models were built for: 2 x 224 x 224 grey and 15 numbers."""
    return Shapes(
        view=grey_view(),
        proprioception=("ee_position",) * 7 + ("ee_velocity",) * 6 + ("joint_position",) * 2,
        continuous=3,
        classes=(3,),
    )


class Samples:
    """A `BatchSource` of random samples whose targets follow from the proprioception, seen in
    pictures that are bright on the left; `later` distances ahead are given too, and without
    `actions` nothing that is known from them."""

    def __init__(
        self, shapes: Shapes, count: int, seed: int = 0, *, later: int = 0, actions: bool = True
    ) -> None:
        random = np.random.default_rng(seed)
        width, steps = len(shapes.proprioception), shapes.chunk
        felt = random.normal(size=(count, width)).astype(np.float32)
        told = np.tanh(felt[:, None, :1]) * np.ones((1, steps, shapes.continuous), np.float32)
        labels = [np.digitize(felt[:, :1], np.linspace(-1, 1, n + 1)[1:-1]) for n in shapes.classes]
        stacked = np.stack(labels, -1) if labels else np.zeros((count, 1, 0))
        self.arrays: dict[str, NDArray[Any]] = {
            "proprioception": felt,
            "prompt": random.integers(0, shapes.vocabulary, (count, shapes.prompt_length)),
            "continuous": told.astype(np.float32),
            "labels": np.broadcast_to(stacked, (count, steps, len(shapes.classes))).astype(int),
            "valid": np.arange(steps) <= random.integers(0, steps, (count, 1)),
            "keyframe": felt + 0.1,
            "keyframe_steps": random.integers(0, 9, count).astype(np.float32),
        }
        view = shapes.view
        if view.cameras:
            size = (count, view.size, view.size, view.channels)
            noise = random.integers(0, 256, size, dtype=np.uint8)
            bright = (np.arange(view.size) < view.size // 2)[:, None] * np.uint8(192)
            self.arrays["image"] = noise // 4 + bright  # noise alone could not be reconstructed
        if not actions:
            for name in ("continuous", "labels", "valid"):
                del self.arrays[name]
        if later:
            now = felt[:, None, -width // shapes.history :]
            self.arrays["later_proprioception"] = now + 0.1 * np.ones((later, 1), np.float32)
            self.arrays["later_valid"] = np.arange(count)[:, None] % 4 != np.full(later, 3)
            self.arrays["later_image"] = self.arrays["image"][::-1].copy()

    def __len__(self) -> int:
        return len(self.arrays["proprioception"])

    def gather(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The samples `rows`."""
        return {name: array[rows] for name, array in self.arrays.items()}

    def batch(self, count: int | None = None) -> dict[str, torch.Tensor]:
        """The first `count` samples as tensors."""
        rows = np.arange(len(self) if count is None else count)
        return {name: torch.from_numpy(array) for name, array in self.gather(rows).items()}


def jaco_observation(seed: int = 0) -> dict[str, NDArray[Any]]:
    """One raw observation of the Jaco spec."""
    random = np.random.default_rng(seed)
    out: dict[str, NDArray[Any]] = {}
    for name, field in jaco_play_spec().observation.items():
        if field.kind == "image":
            out[name] = random.integers(0, 256, field.shape, dtype=np.uint8)
        else:
            out[name] = random.normal(size=field.shape).astype(np.float32)
    return out


def jaco_codec() -> Codec:
    """A codec fitted on made-up Jaco data."""
    spec, random = jaco_play_spec(), np.random.default_rng(0)
    observations = {
        name: [random.normal(1.0, 2.0, (50, *spec.observation[name].shape))]
        for name in spec.vectors
    }
    actions = np.concatenate(
        [random.uniform(-0.2, 0.2, (50, 3)), random.integers(0, 3, (50, 1))], axis=1
    )
    return Codec.fit(spec, observations, [actions])


def jaco_agent(config: ModelConfig, *, view: View, chunk: int = 1) -> Agent:
    """An untrained agent of the Jaco spec."""
    codec = jaco_codec()
    torch.manual_seed(0)
    model = config.build(shapes_for(codec, view, VOCABULARY, chunk))
    assert isinstance(model, Policy)
    return Agent(
        model=model, config=config, codec=codec, view=view, vocabulary=VOCABULARY, chunk=chunk
    )
