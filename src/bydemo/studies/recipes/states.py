"""Cloning from measured states: any data without cameras, or whose cameras may be left out.

`docs/pusher.md` shows the ablations behind the numbers.
"""

from __future__ import annotations

from bydemo.core.errors import InputError
from bydemo.core.fields import Spec
from bydemo.core.images import View
from bydemo.models import proprioception
from bydemo.studies.experiment import DataConfig, Experiment
from bydemo.training.config import TrainingConfig

STEPS = 10_000
"""Enough for 10 demonstrations and for 1,000; half a minute on one core."""


def homework(spec: Spec) -> Experiment:
    """The usual recipe: ReLU 256x2, Adam 1e-3 at a constant rate, the last weights."""
    return _experiment(
        spec,
        proprioception.Config(widths=(256, 256)),
        TrainingConfig(steps=STEPS, batch_size=256, choose="last"),
    )


def cloning(spec: Spec) -> Experiment:
    """The same size, smooth, for a fixed number of steps under a rate that falls to nothing."""
    return _experiment(
        spec,
        proprioception.Config(widths=(256, 256), activation="tanh"),
        TrainingConfig(
            steps=STEPS, batch_size=256, learning_rate=3e-3, schedule="cosine", warmup=500,
            choose="last",
        ),
    )  # fmt: skip


def _experiment(spec: Spec, model: proprioception.Config, training: TrainingConfig) -> Experiment:
    if not spec.vectors:
        raise InputError("the dataset has no vector of measurements", field="observation")
    return Experiment(
        model=model,
        data=DataConfig(view=View(cameras=()), action_scaling="standardise"),
        training=training,
    )
