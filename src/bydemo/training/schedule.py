"""The learning rate and the random state of a step, as pure functions of the step.

Because nothing here has a memory, resuming needs to restore none of it.
"""

from __future__ import annotations

import math
import random

import numpy as np
import torch

from bydemo.training.config import TrainingConfig

TRAIN, VALIDATION = 0, 1


def learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """The rate for optimiser step `step` of `steps` (from 0)."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / (config.warmup + 1)
    if config.schedule == "constant":
        return config.learning_rate
    share = (step - config.warmup) / max(steps - config.warmup, 1)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def seed_step(seed: int, step: int, rank: int, stream: int, generator: torch.Generator) -> None:
    """Set all random state that a step may use (dropout's, a model's own) from its arguments."""
    value = int(np.random.SeedSequence((seed, stream, step, rank)).generate_state(1, np.uint64)[0])
    # `torch.manual_seed` would do, but formats a stack trace for every backend that is not there.
    torch.default_generator.manual_seed(value % 2**63)
    if generator.device.type == "cuda":
        torch.cuda.manual_seed_all(value % 2**63)
    generator.manual_seed(value % 2**63)
    random.seed(value)
