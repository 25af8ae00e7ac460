"""A policy that trains in milliseconds, with dropout so that random state matters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tests.models.samples import Samples, reference_shapes

from bydemo.core.images import View
from bydemo.core.results import read_lines
from bydemo.models.base import Shapes
from bydemo.models.proprioception import Config, ProprioceptionPolicy
from bydemo.training.loop import TrainingConfig, TrainingResult, train

SHAPES: Shapes = replace(reference_shapes(), view=View(cameras=()))


def policy(seed: int = 0) -> ProprioceptionPolicy:
    """A freshly initialised one."""
    torch.manual_seed(seed)
    return Config(widths=(16, 16), dropout=0.3).build(SHAPES)


def config(**changes: Any) -> TrainingConfig:
    """Two epochs of five steps over 37 samples, the last step of an epoch a short one."""
    return replace(TrainingConfig(epochs=2, batch_size=8, learning_rate=1e-2, device="cpu"),
                   **changes)  # fmt: skip


def run(
    path: Path, model: ProprioceptionPolicy | None = None, *, settings: TrainingConfig,
    **options: Any,
) -> tuple[ProprioceptionPolicy, TrainingResult]:  # fmt: skip
    """Train on 37 samples, validate on 11."""
    model = model if model is not None else policy()
    samples, held_out = Samples(SHAPES, 37), Samples(SHAPES, 11, seed=1)
    return model, train(model, samples, held_out, settings, path, **options)


def rows(path: Path, kind: str) -> list[dict]:
    """Rows of `metrics.jsonl` of one kind."""
    return [row for row in read_lines(path / "metrics.jsonl") if row["kind"] == kind]


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    """Bit for bit."""
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)
