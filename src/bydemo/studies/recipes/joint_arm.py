"""An arm that reports its joints and is commanded by joint velocities, seen by any cameras.

Made for recordings of real arms (`bydemo convert lerobot`), and for any data with continuous
actions, a vector of measurements and, but for `joints_only`, a camera.
"""

from __future__ import annotations

from bydemo.core.errors import InputError
from bydemo.core.fields import Spec
from bydemo.core.images import View
from bydemo.models import motion_policy
from bydemo.studies.experiment import DataConfig, Experiment
from bydemo.studies.views import all_cameras
from bydemo.training.config import TrainingConfig

STEPS = 4
"""Steps of proprioception: three changes tell speed, its change and that one's change, and a
fourth adds nothing (docs/real_arm.md)."""
AHEAD = 0.5
"""[s] how far `ahead` looks: long enough that momentum no longer carries the arm there."""


def history(spec: Spec) -> Experiment:
    """All cameras at 32 pixels and the joints of the last four steps."""
    return _experiment(spec, all_cameras(spec, size=32, colour=True))


def joints_only(spec: Spec) -> Experiment:
    """The same without pictures: what the arm's own motion gives away."""
    return _experiment(spec, View(cameras=()))


def present(spec: Spec) -> Experiment:
    """The same with the joints of the present step alone, so that no speed is told."""
    return history(spec).changed({"data.history": 1})


def ahead(spec: Spec) -> Experiment:
    """The same, asked for the action half a second later, which momentum does not give away."""
    steps = max(1, round(AHEAD * spec.control_rate))
    return history(spec).changed({"data.target_offset": steps})


def _experiment(spec: Spec, view: View) -> Experiment:
    if not spec.vectors:
        raise InputError("the dataset has no vector of measurements", field="observation")
    return Experiment(
        model=motion_policy.Config(),
        data=DataConfig(view=view, history=STEPS, action_scaling="standardise"),
        training=TrainingConfig(
            epochs=12, batch_size=64, learning_rate=2e-3, schedule="cosine", warmup=200,
            optimiser="adamw", weight_decay=0.1, clip=1.0, ema=0.995,
        ),
    )  # fmt: skip
