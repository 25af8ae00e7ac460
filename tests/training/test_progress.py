"""The loop states how far training is; nothing of it has to be remembered."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from tests.models.samples import Samples
from tests.training.toy import SHAPES, config, same_weights

from bydemo.models.base import Batch, Losses, Shapes
from bydemo.models.proprioception import Config, ProprioceptionPolicy
from bydemo.training.loop import Update, train


class Watching(ProprioceptionPolicy):
    """A policy whose loss weighs what it learns by the progress, and notes it."""

    def __init__(self, shapes: Shapes) -> None:
        torch.manual_seed(0)
        super().__init__(Config(widths=(8,)), shapes)
        self.stated: list[float] = []

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        losses = super().loss(batch, generator)
        if not self.training:
            return losses
        self.stated.append(self.progress)
        return Losses(total=losses.total * self.progress, count=losses.count, parts=losses.parts)


def test_progress_is_a_function_of_the_step_and_survives_a_kill(tmp_path: Path) -> None:
    samples, settings = Samples(SHAPES, 37), config(epochs=2)
    straight = Watching(SHAPES)
    assert straight.progress == 1.0
    train(straight, samples, Samples(SHAPES, 5), settings, tmp_path / "a")
    assert straight.stated == [step / 10 for step in range(10)]

    def leave(update: Update) -> None:
        if update.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    cut, resumed = Watching(SHAPES), Watching(SHAPES)
    with pytest.raises(SystemExit):
        train(cut, samples, Samples(SHAPES, 5), settings, tmp_path / "b", on_update=leave)
    train(resumed, samples, Samples(SHAPES, 5), settings, tmp_path / "b", resume=True)
    assert cut.stated + resumed.stated == straight.stated
    assert same_weights(resumed, straight)
