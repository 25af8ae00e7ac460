"""Episodes whose truth is known: a smooth state, labels that follow from it, and latents that hold
the state, or have nothing to do with it."""

from __future__ import annotations

import numpy as np

from bydemo.evaluation.latent.steps import LatentSteps, Target

CLASSES = ("open", "stay", "close")
LATENT, NOISE = "latent", "unrelated"


def smooth(generator: np.random.Generator, episodes: int, length: int, size: int) -> np.ndarray:
    """(episodes * length, size) random walks that are drawn to 0, each episode from a new start."""
    out = np.zeros((episodes, length, size))
    out[:, 0] = generator.normal(size=(episodes, size))
    for t in range(1, length):
        out[:, t] = 0.9 * out[:, t - 1] + np.sqrt(0.19) * generator.normal(size=(episodes, size))
    return out.reshape(-1, size)


def made(*, episodes: int = 40, length: int = 25, seed: int = 0, width: int = 8) -> LatentSteps:
    """`latent` mixes the state linearly; `unrelated` is as smooth and says nothing. Targets: the
    `state`, the `gripper` (from the state's first component), a `skill` drawn for each episode."""
    generator = np.random.default_rng(seed)
    state = smooth(generator, episodes, length, 3)
    mixed = state @ generator.normal(size=(3, width)) + 5.0
    gripper = np.digitize(state[:, 0], [-0.5, 0.5])
    skill = np.repeat(generator.integers(0, 3, episodes), length)
    return LatentSteps(
        episode=np.repeat(np.arange(episodes), length) * 3 + 7,
        step=np.tile(np.arange(length), episodes),
        representations={
            LATENT: mixed.astype(np.float32),
            NOISE: smooth(generator, episodes, length, width).astype(np.float32),
        },
        targets=(
            Target(name="state", values=state, unit="m"),
            Target(name="gripper", values=gripper, classes=CLASSES),
            Target(name="skill", values=skill, classes=("pick", "place", "wave"), probed=False),
        ),
    )


def halves(steps: LatentSteps) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Episode indices: two thirds to learn from, a third to judge on."""
    ids = [int(i) for i in np.unique(steps.episode)]
    cut = 2 * len(ids) // 3
    return tuple(ids[:cut]), tuple(ids[cut:])
